"""The digest of a model directory: what changes it, what does not, what is refused."""

import hashlib
import os
from pathlib import Path

import pytest

from pawl.artifacts import digest_directory, verify_directory
from pawl.errors import InvalidArtifact


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "b").mkdir(parents=True)
    (root / "a.json").write_text("{}")
    (root / "b" / "weights.bin").write_bytes(b"\0" * 3_000_000)
    return root


def test_it_is_the_digest_of_the_list_that_sha256sum_prints(artifact: Path) -> None:
    names = ["a.json", "b/weights.bin"]
    lines = [f"{hashlib.sha256((artifact / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    assert digest_directory(artifact) == "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def test_order_of_paths_is_that_of_the_whole_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/z", "a-b", "a.b"):
        (tmp_path / name).write_text(name)
    names = sorted(["a/z", "a-b", "a.b"])
    lines = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in names]
    assert digest_directory(tmp_path) == "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def test_times_modes_and_empty_folders_do_not_count(artifact: Path) -> None:
    before = digest_directory(artifact)
    (artifact / "empty").mkdir()
    (artifact / "a.json").chmod(0o600)
    os.utime(artifact / "a.json", (1, 1))
    assert digest_directory(artifact) == before


def test_names_and_content_count(artifact: Path) -> None:
    before = digest_directory(artifact)
    (artifact / "a.json").rename(artifact / "c.json")
    renamed = digest_directory(artifact)
    (artifact / "c.json").write_text("{ }")
    assert len({before, renamed, digest_directory(artifact)}) == 3


@pytest.mark.parametrize("target", ["a.json", "/etc/hostname", "missing", "b"])
def test_links_are_refused(artifact: Path, target: str) -> None:
    (artifact / "link").symlink_to(target)
    with pytest.raises(InvalidArtifact, match="only regular files"):
        digest_directory(artifact)


def test_a_link_to_a_directory_is_no_artifact(artifact: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(artifact)
    with pytest.raises(InvalidArtifact, match="must be a directory"):
        digest_directory(link)


def test_a_pipe_is_refused(artifact: Path) -> None:
    os.mkfifo(artifact / "pipe")
    with pytest.raises(InvalidArtifact, match="only regular files"):
        digest_directory(artifact)


def test_a_file_is_no_artifact(artifact: Path) -> None:
    with pytest.raises(InvalidArtifact, match="must be a directory"):
        digest_directory(artifact / "a.json")


def test_verification_names_both_digests(artifact: Path) -> None:
    verify_directory(artifact, digest_directory(artifact))
    with pytest.raises(InvalidArtifact, match="not the one that was asked for") as wrong:
        verify_directory(artifact, "sha256:" + "0" * 64)
    assert digest_directory(artifact) in str(wrong.value)
    assert "0" * 64 in str(wrong.value)
