"""The images that this package itself puts together for the cluster and its add-ons."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pawl_devcluster import debian, versions
from pawl_devcluster.archive import ImageSpec, shared_libraries, write_archive
from pawl_devcluster.cache import Cache
from pawl_devcluster.gobuild import PROGRAMS, GoBuilder
from pawl_devcluster.wheels import WheelPrograms

PREFIX = "localhost/pawl-devcluster"
PAUSE = f"{PREFIX}/pause:1"
COREDNS = f"{PREFIX}/coredns:{versions.COREDNS}"
ENVOY_GATEWAY = f"{PREFIX}/envoy-gateway:{versions.ENVOY_GATEWAY}"
ENVOY = f"{PREFIX}/envoy:v{versions.ENVOY_WHEEL[1]}"
PROMETHEUS = f"{PREFIX}/prometheus:debian"
ALERTMANAGER = f"{PREFIX}/alertmanager:debian"
DISCOVERY = f"{PREFIX}/discovery:1"
RAY_OPERATOR = f"{PREFIX}/ray-operator:{versions.KUBERAY}"
NOBODY = "65532:65532"
_ALERTMANAGER_TEMPLATES = [f"usr/share/prometheus/alertmanager/{kind}.tmpl" for kind in ("default", "email")]


class OwnImages:
    """Makes each image's archive once; the programs inside are built or downloaded when they are missing."""

    def __init__(self, cache: Cache, builder: GoBuilder, wheels: WheelPrograms) -> None:
        self._cache = cache
        self._builder = builder
        self._wheels = wheels
        self._specs: dict[str, Callable[[], ImageSpec]] = {
            PAUSE: lambda: self._from_go(PAUSE, "pause"),
            COREDNS: lambda: self._from_go(COREDNS, "coredns"),
            ENVOY_GATEWAY: lambda: self._from_go(ENVOY_GATEWAY, "envoy-gateway"),
            DISCOVERY: lambda: self._from_go(DISCOVERY, "discovery", NOBODY),
            RAY_OPERATOR: lambda: self._from_go(RAY_OPERATOR, "ray-operator"),
            ENVOY: lambda: _dynamic(ENVOY, "envoy", self._wheels.envoy(), ""),
            PROMETHEUS: lambda: self._from_debian(PROMETHEUS, "prometheus", "usr/bin/prometheus"),
            ALERTMANAGER: lambda: self._from_debian(
                ALERTMANAGER, "prometheus-alertmanager", "usr/bin/prometheus-alertmanager", _ALERTMANAGER_TEMPLATES
            ),
        }

    def archive(self, name: str) -> Path:
        """Return the archive of one of the names above, making it first when it is missing."""
        target = self._cache.image(name.removeprefix(f"{PREFIX}/").replace(":", "-"))
        return self._cache.ensure(target, f"image {name}", lambda out: write_archive(self._specs[name](), out))

    def _from_go(self, image: str, program: str, user: str = "") -> ImageSpec:
        binary = self._builder.ensure(program)
        inside = f"/usr/local/bin/{PROGRAMS[program].name}"
        return ImageSpec(image, [inside], {inside: binary}, folders=["tmp"], user=user)

    def _from_debian(self, image: str, package: str, path: str, further: Sequence[str] = ()) -> ImageSpec:
        folder = debian.unpacked(self._cache, package)
        spec = _dynamic(image, Path(path).name, folder / path, NOBODY)
        return replace(spec, files={**spec.files, **{name: folder / name for name in further}})


def _dynamic(image: str, name: str, program: Path, user: str) -> ImageSpec:
    inside = f"/usr/local/bin/{name}"
    return ImageSpec(image, [inside], {inside: program, **shared_libraries(program)}, folders=["tmp"], user=user)
