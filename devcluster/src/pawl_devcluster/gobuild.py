"""Builds programs from Go modules into the cache."""

import os
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pawl_devcluster import shell, versions
from pawl_devcluster.cache import Cache
from pawl_devcluster.errors import DevclusterError

_STAMP = "k8s.io/component-base/version"
_MINOR = versions.KUBERNETES.split(".")[1]
_KUBERNETES_FLAGS = (
    f"-X {_STAMP}.gitVersion={versions.KUBERNETES} -X {_STAMP}.gitMajor=1 -X {_STAMP}.gitMinor={_MINOR} -s -w"
)
_PLAIN_FLAGS = "-s -w"


@dataclass(frozen=True)
class GoProgram:
    """One program: its package, and either the module of ours that pins it or its own version for `go install`."""

    name: str
    version: str
    package: str
    module: str | None = None
    link_flags: str = _PLAIN_FLAGS

    @property
    def file(self) -> str:
        """Name in the cache."""
        return f"{self.name}-{self.version}"


def _kubernetes(name: str, package: str | None = None) -> GoProgram:
    package = package or f"k8s.io/kubernetes/cmd/{name}"
    return GoProgram(name, versions.KUBERNETES, package, "kubernetes", _KUBERNETES_FLAGS)


PROGRAMS = {
    program.name: program
    for program in (
        _kubernetes("etcd", "go.etcd.io/etcd/server/v3"),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        _kubernetes("kubelet"),
        _kubernetes("kube-proxy"),
        _kubernetes("kubectl"),
        GoProgram("coredns", versions.COREDNS, ".", "coredns"),
        GoProgram("pause", "1", ".", "pause"),
        GoProgram("discovery", "1", ".", "discovery"),
        GoProgram(
            "controller-gen", versions.CONTROLLER_GEN, "sigs.k8s.io/controller-tools/cmd/controller-gen", "gateway"
        ),
        GoProgram("envoy-gateway", versions.ENVOY_GATEWAY, "github.com/envoyproxy/gateway/cmd/envoy-gateway"),
        GoProgram("kwok", versions.KWOK, "sigs.k8s.io/kwok/cmd/kwok"),
        GoProgram("kind", versions.KIND, "sigs.k8s.io/kind"),
        GoProgram("helm", versions.HELM, "helm.sh/helm/v3/cmd/helm"),
        GoProgram("ray-operator", versions.KUBERAY, "github.com/ray-project/kuberay/ray-operator", "ray"),
    )
}


class GoBuilder:
    """Makes the programs of the table; each is built once and kept."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def ensure(self, name: str) -> Path:
        """Return the program's file, built first when the cache has none; raises DevclusterError when that fails."""
        program = PROGRAMS[name]
        return self._cache.ensure(
            self._cache.binary(program.file), f"{name} {program.version}", lambda out: self._build(program, out)
        )

    def module(self, name: str) -> Path:
        """Return a writable copy of one of our Go modules (the tool may complete its go.sum)."""
        target = self._cache.root / "go" / name
        source = resources.files("pawl_devcluster") / "go" / name
        with resources.as_file(source) as folder:
            target.mkdir(parents=True, exist_ok=True)
            for file in folder.iterdir():
                shutil.copyfile(file, target / file.name)
        return target

    def _build(self, program: GoProgram, out: Path) -> None:
        if shutil.which("go") is None:
            raise DevclusterError(
                f"{program.name} is built with Go, and there is no `go` on the PATH: install Go 1.26 or newer."
            )
        if program.module is None:
            self._install(program, out)
            return
        folder = self.module(program.module)
        command: list[shell.Argument] = [
            "go",
            "build",
            "-mod=mod",
            "-buildvcs=false",
            "-trimpath",
            "-ldflags",
            program.link_flags,
            "-o",
            out,
            program.package,
        ]
        shell.run(command, cwd=folder, env=environment())

    def _install(self, program: GoProgram, out: Path) -> None:
        folder = out.with_name(f"{out.name}.d")
        shell.run(
            [
                "go",
                "install",
                "-buildvcs=false",
                "-trimpath",
                f"-ldflags={program.link_flags}",
                f"{program.package}@{program.version}",
            ],
            cwd=self._cache.root,
            env={**environment(), "GOBIN": str(folder)},
        )
        (folder / program.package.rsplit("/", 1)[1]).rename(out)
        folder.rmdir()


def environment() -> dict[str, str]:
    """Return the environment of every Go command here: static programs, none of the caller's flags."""
    return {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "auto")}
