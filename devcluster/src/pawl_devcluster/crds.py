"""Custom resource definitions generated from the Go types of the projects that own them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pawl_devcluster import shell, waiting
from pawl_devcluster.gobuild import environment
from pawl_devcluster.kubectl import Kubectl
from pawl_devcluster.tools import Tools


@dataclass(frozen=True)
class CrdSource:
    """Definitions from Go: the module of ours that pins the types, their packages, and annotations to add.

    embedded_metadata: pod templates keep their labels and annotations, as the project's own definitions let them.
    """

    name: str
    module: str
    packages: Sequence[str]
    annotations: Sequence[str] = ()
    embedded_metadata: bool = False

    @property
    def options(self) -> str:
        """The generator's options; descriptions are left out, for with them no client may apply a definition."""
        embedded = ",generateEmbeddedObjectMeta=true" if self.embedded_metadata else ""
        return f"crd:maxDescLen=0,allowDangerousTypes=true{embedded}"


def generate(tools: Tools, source: CrdSource) -> Path:
    """Return a folder with one file per definition, generated once."""
    target = tools.cache.root / "crds" / source.name

    def make(out: Path) -> None:
        # Only who holds the lock may write the module's files: another process may be reading them.
        generator = tools.program("controller-gen")
        folder = tools.builder.module(source.module)
        command: list[shell.Argument] = [
            generator,
            source.options,
            f"paths={';'.join(source.packages)}",
            f"output:crd:dir={out}",
        ]
        try:
            shell.run(command, cwd=folder, env={**environment(), "GOFLAGS": "-mod=mod -tags=deps"})
        except BaseException:
            shutil.rmtree(out, ignore_errors=True)
            raise
        for file in out.glob("*.yaml"):
            file.write_text(annotated(file.read_text(), source.annotations))

    return tools.cache.ensure(target, f"definitions of {source.name}", make)


def established(kubectl: Kubectl, names: Sequence[str]) -> None:
    """Wait until definitions are served.

    It is asked anew: right after a definition was applied its conditions are null, and `kubectl wait` gives up on that.
    """
    wait = ("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{name}" for name in names))
    waiting.until(f"the definitions {', '.join(names)}", lambda: kubectl.succeeds(*wait))


def annotated(manifest: str, annotations: Sequence[str]) -> str:
    """Return the generated manifest with further `key: value` annotations."""
    heading = "  annotations:\n"
    return manifest.replace(heading, heading + "".join(f"    {line}\n" for line in annotations), 1)


def joined(folder: Path, names: Sequence[str] = ("",)) -> str:
    """Return all definitions of a folder whose file name has one of these parts, as one text."""
    files = [f for f in sorted(folder.glob("*.yaml")) if any(name in f.name for name in names)]
    return "\n---\n".join(f.read_text() for f in files)
