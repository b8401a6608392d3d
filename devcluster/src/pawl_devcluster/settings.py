"""Where things are kept and what the environment asks for; read once, at the start."""

import enum
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pawl_devcluster.errors import DevclusterError

_NAME = re.compile(r"[a-z][a-z0-9]{0,9}")
_INTERVAL = re.compile(r"[1-9][0-9]*(ms|s|m)")
CHECKOUT = Path(__file__).resolve().parents[3]


class Size(enum.StrEnum):
    """How much of a cluster: the control plane alone, with one node, or with a second node that plays the GPU node."""

    API = "api"
    NODE = "node"
    GPU = "gpu"

    def covers(self, other: "Size") -> bool:
        """Say whether a cluster of this size has all that `other` has."""
        order = list(Size)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Settings:
    """Everything that a caller can choose from outside.

    name: tells clusters on one machine apart; cache: builds and downloads, kept; state_root: a folder per running
    cluster; kubeconfig: an existing cluster to use instead; assets: a folder with kube-apiserver, etcd and kubectl;
    scrape_interval: Prometheus' own; checkout: the copy of the repository that this code runs from.
    """

    name: str
    cache: Path
    state_root: Path
    kubeconfig: Path | None
    assets: Path | None
    scrape_interval: str
    checkout: Path

    @property
    def state(self) -> Path:
        """Folder of this cluster's own files."""
        return self.state_root / self.name


def from_environment(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raises DevclusterError that names the variable, its value and what it may be."""
    env = os.environ if env is None else env
    name = env.get("PAWL_DEVCLUSTER_NAME", "dev")
    if not _NAME.fullmatch(name):
        raise DevclusterError(
            f"PAWL_DEVCLUSTER_NAME is {name!r}: use a letter and up to nine letters or digits, in lower case."
        )
    interval = env.get("PAWL_DEVCLUSTER_SCRAPE_INTERVAL", "1s")
    if not _INTERVAL.fullmatch(interval):
        raise DevclusterError(
            f"PAWL_DEVCLUSTER_SCRAPE_INTERVAL is {interval!r}: use a number and ms, s or m, such as 1s."
        )
    return Settings(
        name=name,
        cache=Path(env.get("PAWL_CACHE") or Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pawl"),
        state_root=Path(env.get("PAWL_DEVCLUSTER_STATE") or _default_state(env)),
        kubeconfig=Path(env["PAWL_KUBECONFIG"]) if env.get("PAWL_KUBECONFIG") else None,
        assets=Path(env["KUBEBUILDER_ASSETS"]) if env.get("KUBEBUILDER_ASSETS") else None,
        scrape_interval=interval,
        checkout=CHECKOUT,
    )


def name_here(prefix: str, checkout: Path = CHECKOUT) -> str:
    """Return a cluster name that only this checkout uses on its machine: up to four letters and six digits."""
    return prefix + hashlib.sha256(str(checkout).encode()).hexdigest()[:6]


def _default_state(env: Mapping[str, str]) -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/pawl-devcluster")
    return Path(env.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "pawl-devcluster"
