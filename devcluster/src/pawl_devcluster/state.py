"""What is written down about a running cluster, so that every later command finds it, also after ctrl-C."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pawl_devcluster.addresses import first_free
from pawl_devcluster.cache import hold
from pawl_devcluster.report import Report
from pawl_devcluster.settings import Settings, Size


@dataclass(frozen=True)
class ClusterState:
    """One cluster.

    provider: who brought it up; index: its address block; sysctls: the machine's values before it; checkout: the copy
    of the repository that it was brought up from.
    """

    provider: str
    index: int
    size: Size
    addons: tuple[str, ...] = ()
    sysctls: dict[str, str] = field(default_factory=dict)
    checkout: str = ""


class StateStore:
    """Reads and writes the state file of one cluster."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = settings.state / "cluster.json"

    def load(self) -> ClusterState | None:
        """Return what is written down, or None when there is no such cluster."""
        try:
            data = json.loads(self._file.read_text())
        except FileNotFoundError:
            return None
        return ClusterState(**{**data, "size": Size(data["size"]), "addons": tuple(data["addons"])})

    def save(self, state: ClusterState) -> None:
        """Write whole or not at all."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(state), indent=1))
        temporary.rename(self._file)

    def create(self, provider: str, size: Size) -> ClusterState:
        """Write down a new cluster with an address block that no other cluster on this machine has."""
        with hold(self._settings.cache / "locks" / "clusters", lambda: None):
            taken = [json.loads(f.read_text())["index"] for f in self._settings.state_root.glob("[!.]*/cluster.json")]
            state = ClusterState(provider, first_free(taken).index, size, checkout=str(self._settings.checkout))
            self.save(state)
        return state

    def update(self, **changes: object) -> ClusterState:
        """Change fields of the state that is written down, and return it."""
        state = self.load()
        if state is None:
            raise FileNotFoundError(self._file)
        state = replace(state, **changes)  # type: ignore[arg-type]  # names are checked by replace itself
        self.save(state)
        return state

    def other_owner(self) -> str | None:
        """Return the checkout that this cluster belongs to, where that is another one than ours and still there."""
        state = self.load()
        owner = state.checkout if state is not None else ""
        return owner if owner and owner != str(self._settings.checkout) and Path(owner).is_dir() else None

    @contextlib.contextmanager
    def exclusive(self, report: Report) -> Iterator[None]:
        """Let one command at a time change this cluster."""
        lock = self._settings.cache / "locks" / f"cluster-{self._settings.name}"
        with hold(lock, lambda: report(f"waiting for another command on cluster {self._settings.name}")):
            yield
