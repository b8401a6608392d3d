"""Everything that can be built or downloaded, put together once for one command."""

import os
from dataclasses import dataclass
from pathlib import Path

from pawl_devcluster.cache import Cache
from pawl_devcluster.gobuild import GoBuilder
from pawl_devcluster.own_images import OwnImages
from pawl_devcluster.report import Report
from pawl_devcluster.settings import Settings
from pawl_devcluster.wheels import WheelPrograms

_ASSETS = ("kube-apiserver", "etcd", "kubectl")
_FROM_WHEELS = ("kubectl", "helm", "envoy")


@dataclass(frozen=True)
class Tools:
    """The ways to programs and images, with the settings they follow."""

    settings: Settings
    report: Report
    cache: Cache
    builder: GoBuilder
    wheels: WheelPrograms
    images: OwnImages

    def program(self, name: str) -> Path:
        """Return a program: from KUBEBUILDER_ASSETS where it is there, else from the cache, made when it is missing."""
        given = self.settings.assets / name if self.settings.assets and name in _ASSETS else None
        if given is not None and given.exists():
            return given
        if name in _FROM_WHEELS:
            return {"kubectl": self.wheels.kubectl, "helm": self.wheels.helm, "envoy": self.wheels.envoy}[name]()
        return self.builder.ensure(name)

    def on_path(self) -> Path:
        """Return a folder in which kubectl and helm lie under their plain names, for the PATH of a shell."""
        folder = self.cache.root / "path"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("kubectl", "helm"):
            temporary = folder / f".{name}.{os.getpid()}"
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(self.program(name))
            temporary.replace(folder / name)
        return folder


def make_tools(settings: Settings, report: Report) -> Tools:
    """Wire the builders to the cache of the settings."""
    cache = Cache(settings.cache, report)
    builder = GoBuilder(cache)
    wheels = WheelPrograms(cache, builder)
    return Tools(settings, report, cache, builder, wheels, OwnImages(cache, builder, wheels))
