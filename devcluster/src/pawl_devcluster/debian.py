"""What comes from Debian: system tools that must be installed, and programs taken out of packages."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pawl_devcluster import shell
from pawl_devcluster.cache import Cache
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.report import Report

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
BASE_TOOLS = {"ip": "iproute2", "openssl": "openssl", "nsenter": "util-linux", "mount": "mount"}


def missing_packages(tools: Mapping[str, str]) -> list[str]:
    """Return the packages whose tool is absent, sorted."""
    return sorted({package for tool, package in tools.items() if not _present(tool)})


def install_tools(tools: Mapping[str, str], report: Report) -> None:
    """Install what is absent; raises DevclusterError with the list where there is no apt-get."""
    packages = missing_packages(tools)
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise DevclusterError(
            f"These packages are missing: {' '.join(packages)}. Install them with your system's package manager."
        )
    report(f"installing Debian packages: {' '.join(packages)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    if shell.attempt(install, env=quiet).returncode:
        shell.run(["apt-get", "update", "-qq"], env=quiet)
        shell.run(install, env=quiet)


def unpacked(cache: Cache, package: str) -> Path:
    """Return a folder with the files of a Debian package, which is not installed."""
    target = cache.root / "debian" / package
    return cache.ensure(target, f"Debian package {package} (download)", lambda out: _unpack(package, out))


def _unpack(package: str, out: Path) -> None:
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-qq", package]
        if shell.attempt(download, cwd=Path(name)).returncode:
            shell.run(["apt-get", "update", "-qq"])
            shell.run(download, cwd=Path(name))
        shell.run(["dpkg-deb", "-x", next(Path(name).glob("*.deb")), out])


def _present(tool: str) -> bool:
    return Path(tool).exists() if tool.startswith("/") else shutil.which(tool) is not None
