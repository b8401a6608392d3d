"""The command line as people paste it: a shell gets kubectl, helm and pawl, and kubectl gets all that is behind it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pawl_devcluster import cli, cluster
from pawl_devcluster.image_table import workspace
from pawl_devcluster.settings import from_environment
from pawl_devcluster.tools import Tools, make_tools


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    def program(_: Tools, name: str) -> Path:
        made = tmp_path / f"{name}-v1"
        made.write_text(f"#!/bin/sh\necho {name} of this cluster\n")
        made.chmod(0o755)
        return made

    monkeypatch.setattr(Tools, "program", program)
    return make_tools(from_environment({"PAWL_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)}), lambda _: None)


@pytest.mark.parametrize("program", ["kubectl", "helm"])
def test_env_puts_the_programs_of_the_cluster_on_the_path(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str
) -> None:
    found = SimpleNamespace(environment=lambda: {"KUBECONFIG": "/a place/config"}, tools=tools)
    monkeypatch.setattr(cluster, "connect", lambda: found)
    for _ in range(2):  # a second time it finds its own links
        capsys.readouterr()
        assert cli.main(["env"]) == 0
    script = f'{capsys.readouterr().out}\n{program}\necho "$KUBECONFIG"'
    shell = shutil.which("sh") or "sh"
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{program} of this cluster", "/a place/config"]
    assert f"{Path(sys.executable).parent}:" in script


def test_down_needs_nothing_but_python(tmp_path: Path) -> None:
    """`make clean` may come before `make setup`: without site-packages, then."""
    places = {"PAWL_CACHE": f"{tmp_path}/cache", "PAWL_DEVCLUSTER_STATE": f"{tmp_path}/state", "HOME": str(tmp_path)}
    environment = {**places, "PATH": os.environ["PATH"], "PYTHONPATH": str(workspace() / "devcluster" / "src")}
    command = [sys.executable, "-S", "-B", "-m", "pawl_devcluster", "down"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "there is no cluster dev" in done.stderr) == (0, True), done.stderr


def test_options_behind_kubectl_are_kubectls(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    kubectl = SimpleNamespace(interactive=lambda words: asked.extend(words) or 3)
    monkeypatch.setattr(cluster, "connect", lambda: SimpleNamespace(kubectl=kubectl))
    assert cli.main(["kubectl", "-n", "demo", "get", "--help"]) == 3
    assert asked == ["-n", "demo", "get", "--help"]
