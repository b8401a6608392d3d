"""A whole small cluster of this machine's own: up twice, used, down without a trace."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pawl_devcluster import cluster
from pawl_devcluster.addresses import AddressPlan
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.settings import Settings, Size, from_environment, name_here
from pawl_devcluster.state import StateStore

CGROUPS = Path("/sys/fs/cgroup")
RULE = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PrometheusRule",
    "metadata": {"name": "kept", "namespace": "default"},
    "spec": {"groups": [{"name": "a", "rules": [{"record": "one", "expr": "vector(1)"}]}]},
}


@pytest.fixture
def settings() -> Iterator[Settings]:
    found = from_environment({**os.environ, "PAWL_KUBECONFIG": "", "PAWL_DEVCLUSTER_NAME": name_here("life")})
    cluster.down(found)  # what a run that was killed has left
    yield found
    cluster.down(found)


def lines_of(*command: str) -> set[str]:
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())


def command_lines() -> Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile


def snapshot(settings: Settings) -> dict[str, set[str]]:
    """Everything on the machine that a cluster could leave, by kind, one line each, whoever made it."""
    return {
        "interfaces": lines_of("ip", "-oneline", "link"),
        "routes": lines_of("ip", "route", "show", "table", "all"),
        "network namespaces": lines_of("ip", "netns", "list"),
        "mounts": set(Path("/proc/self/mountinfo").read_text().splitlines()),
        "processes": set(command_lines()),
        # Version 1 has the groups below each controller, version 2 below the root; a hybrid machine may have both.
        "control groups": {str(group) for depth in ("pawl/*", "*/pawl/*") for group in CGROUPS.glob(depth)},
        "files": {str(path) for path in settings.state_root.glob("*")},  # with those whose name begins with a dot
    }


def marks_of(settings: Settings) -> tuple[str, ...]:
    """What a line of a snapshot that is this cluster's has in it: its name, its interface, or one of its addresses."""
    state = StateStore(settings).load()
    assert state is not None
    plan = AddressPlan(state.index)
    return (settings.name, f" pawl{state.index}@", f" pawl{state.index} ", plan.lan, plan.pods, plan.services)


def marked(found: dict[str, set[str]], marks: tuple[str, ...]) -> dict[str, set[str]]:
    return {kind: {line for line in lines if any(mark in line for mark in marks)} for kind, lines in found.items()}


@pytest.mark.timeout(600)
def test_up_is_repeatable_and_down_leaves_nothing(settings: Settings) -> None:
    lines: list[str] = []
    before = snapshot(settings)
    first = cluster.up(Size.API, [], settings, lines.append)
    uid = first.kubectl.get("namespace", "kube-system")["metadata"]["uid"]
    first.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    again = cluster.up(Size.API, ["monitoring"], settings, lines.append)
    assert again.kubectl.get("namespace", "kube-system")["metadata"]["uid"] == uid
    assert again.kubectl.get("configmap", "kept")["data"] == {"a": "b"}
    again.kubectl.apply_data(RULE)
    assert cluster.connect(settings).kubeconfig == first.kubeconfig

    marks = marks_of(settings)
    running = marked(snapshot(settings), marks)
    assert [kind for kind, found in running.items() if not found] == [], "what is not seen now would not be missed"
    cluster.down(settings, lines.append)
    assert marked(snapshot(settings), marks) == marked(before, marks)
    with pytest.raises(DevclusterError, match="bring it up"):
        cluster.connect(settings)
