"""What comes from Debian: system tools that must be installed, and programs taken out of packages."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pawl_devcluster import shell
from pawl_devcluster.cache import Cache, hold
from pawl_devcluster.errors import DevclusterError

NODE_TOOLS = {  # what must be there -> the package that has it
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "socat": "socat",
}
_APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120")  # another program's installation is waited for
BASE_TOOLS = {"ip": "iproute2", "openssl": "openssl", "nsenter": "util-linux", "mount": "mount"}


def missing_packages(tools: Mapping[str, str]) -> list[str]:
    """Return the packages whose tool is absent, sorted."""
    return sorted({package for tool, package in tools.items() if not _present(tool)})


def install_tools(tools: Mapping[str, str], cache: Cache) -> None:
    """Install what is absent; raises DevclusterError with the list where there is no apt-get."""
    if not missing_packages(tools):
        return
    with _apt_alone(cache):
        packages = missing_packages(tools)  # without those that the one before us has installed
        if packages and shutil.which("apt-get") is None:
            raise DevclusterError(
                f"These packages are missing: {' '.join(packages)}. Install them with your system's package manager."
            )
        if packages:
            cache.report(f"installing Debian packages: {' '.join(packages)}")
            _install(packages)


def _install(packages: Sequence[str]) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    install = [*_APT, "install", "-y", "--no-install-recommends", *packages]
    if shell.attempt(install, env=quiet).returncode:
        shell.run([*_APT, "update"], env=quiet)
        shell.run(install, env=quiet)


def unpacked(cache: Cache, package: str) -> Path:
    """Return a folder with the files of a Debian package, which is not installed."""
    target = cache.root / "debian" / package
    return cache.ensure(target, f"Debian package {package} (download)", lambda out: _unpack(package, out, cache))


def _unpack(package: str, out: Path, cache: Cache) -> None:
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        download = [*_APT, "-o", "APT::Sandbox::User=root", "download", package]
        with _apt_alone(cache):
            if shell.attempt(download, cwd=Path(name)).returncode:
                shell.run([*_APT, "update"])
                shell.run(download, cwd=Path(name))
        shell.run(["dpkg-deb", "-x", next(Path(name).glob("*.deb")), out])


@contextmanager
def _apt_alone(cache: Cache) -> Iterator[None]:
    """Let one thread or process at a time use apt: of two, the second would find its files locked and give up."""
    with hold(cache.root / "locks" / "apt", lambda: cache.report("waiting for another use of apt-get")):
        yield


def _present(tool: str) -> bool:
    return Path(tool).exists() if tool.startswith("/") else shutil.which(tool) is not None
