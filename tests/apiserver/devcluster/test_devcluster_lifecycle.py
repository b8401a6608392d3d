"""A whole small cluster of this machine's own: up twice, used, down without a trace."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pawl_devcluster import cluster, network
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.settings import Settings, Size, from_environment

NAME = "lifecycle"


@pytest.fixture
def settings() -> Iterator[Settings]:
    found = from_environment({**os.environ, "PAWL_KUBECONFIG": "", "PAWL_DEVCLUSTER_NAME": NAME})
    yield found
    cluster.down(found)


@pytest.mark.timeout(600)
def test_up_is_repeatable_and_down_leaves_nothing(settings: Settings) -> None:
    lines: list[str] = []
    first = cluster.up(Size.API, [], settings, lines.append)
    uid = first.kubectl.get("namespace", "kube-system")["metadata"]["uid"]
    first.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    again = cluster.up(Size.API, [], settings, lines.append)
    assert again.kubectl.get("namespace", "kube-system")["metadata"]["uid"] == uid
    assert again.kubectl.get("configmap", "kept")["data"] == {"a": "b"}
    assert cluster.connect(settings).kubeconfig == first.kubeconfig

    cluster.down(settings, lines.append)
    assert not settings.state.exists()
    assert not [name for name in network.namespaces() if name.startswith(f"pawl-{NAME}-")]
    assert not list(Path("/sys/fs/cgroup").glob(f"*/pawl/{NAME}"))
    with pytest.raises(DevclusterError, match="bring it up"):
        cluster.connect(settings)
