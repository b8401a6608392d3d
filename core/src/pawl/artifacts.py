"""One digest for a whole model directory, so that what is loaded is what was released."""

import hashlib
from pathlib import Path

from pawl.errors import InvalidArtifact

_CHUNK = 1 << 20


def digest_directory(path: Path) -> str:
    """Digest of all files under `path`: `sha256:<64 hex>`.

    It is the sha256 over the lines `<hex of the file>  <relative posix path>\\n`, sorted by path, so any `sha256sum`
    can reproduce it. Names, times and modes of directories do not count; an empty directory has a digest, too.

    Raises:
        InvalidArtifact: `path` is not a directory, or holds something that is neither a file nor a directory.
    """
    if path.is_symlink() or not path.is_dir():
        raise InvalidArtifact(
            "the artifact must be a directory", field="path", value=str(path), remedy="name its folder"
        )
    lines = [f"{_digest_file(file)}  {name}\n" for name, file in _regular_files(path)]
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def verify_directory(path: Path, digest: str) -> None:
    """Check that a directory is the artifact that `digest` names.

    Raises:
        InvalidArtifact: the digests differ, or the directory cannot be digested.
    """
    found = digest_directory(path)
    if found != digest:
        remedy = f"{path} holds {found}: fetch the artifact again, or release it under its own digest"
        raise InvalidArtifact(
            "the artifact is not the one that was asked for", field="digest", value=digest, remedy=remedy
        )


def _regular_files(root: Path) -> list[tuple[str, Path]]:
    found = []
    for entry in root.rglob("*"):
        # is_dir and is_file follow links: a link could lead out of the artifact, so it is refused first.
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            remedy = "copy the file itself into the artifact"
            raise InvalidArtifact(
                "only regular files may be in an artifact", field="path", value=str(entry), remedy=remedy
            )
        if entry.is_file():
            found.append((entry.relative_to(root).as_posix(), entry))
    return sorted(found)


def _digest_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
