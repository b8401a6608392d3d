"""The port behind which a cluster comes from somewhere, and the choice between the ways."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pawl_devcluster import shell
from pawl_devcluster.settings import Settings, Size

EXISTING, KIND, NATIVE = "existing", "kind", "native"


class Provider(Protocol):
    """A source of clusters; every method may be called again after an interruption."""

    @property
    def name(self) -> str:
        """One of `existing`, `kind`, `native`."""
        ...

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        ...

    def check(self, size: Size) -> None:
        """Raise DevclusterError, in one sentence, where no cluster of that size can run; builds and changes nothing."""
        ...

    def up(self, size: Size) -> None:
        """Bring up a cluster of at least that size, or complete the one that is there."""
        ...

    def down(self) -> None:
        """Remove the cluster and all that belongs to it."""
        ...

    def load_archive(self, archive: Path, nodes: Sequence[str]) -> None:
        """Put the image of an archive on these nodes (none named: on all)."""
        ...

    def cpu_nodes(self) -> list[str]:
        """Return the names of the nodes that add-ons run on."""
        ...

    def gpu_nodes(self) -> list[str]:
        """Return the names of the nodes that play GPU nodes; the others' pods are kept off them by a taint."""
        ...

    def node_address(self) -> str:
        """Return an address at which this machine reaches NodePorts."""
        ...

    def status(self) -> str:
        """Return lines for people."""
        ...

    def add_process(self, name: str, command: Sequence[str]) -> None:
        """Run a program beside the control plane for as long as the cluster lives."""
        ...


def choose(settings: Settings, *, docker_answers: bool) -> str:
    """Return the provider's name: an existing cluster that is named, else kind where an engine answers, else native."""
    if settings.kubeconfig is not None:
        return EXISTING
    return KIND if docker_answers else NATIVE


def docker_answers() -> bool:
    """Say whether a docker engine answers."""
    return shell.succeeds(["docker", "info"], timeout=10)
