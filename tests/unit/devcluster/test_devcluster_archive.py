"""Image archives: what an engine reads is there, and the same files give the same bytes."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from pawl_devcluster.archive import ImageSpec, shared_libraries, write_archive


@pytest.fixture
def spec(tmp_path: Path) -> ImageSpec:
    program = tmp_path / "program"
    program.write_bytes(b"#!ELF")
    return ImageSpec("localhost/x:1", ["/bin/x"], {"/bin/x": program}, folders=["tmp"], user="65532:65532")


def read(archive: tarfile.TarFile, name: str) -> bytes:
    handle = archive.extractfile(name)
    assert handle is not None
    return handle.read()


def test_archive_holds_manifest_config_and_layer_that_agree(spec: ImageSpec, tmp_path: Path) -> None:
    write_archive(spec, tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as archive:
        (manifest,) = json.loads(read(archive, "manifest.json"))
        layer, config_bytes = read(archive, manifest["Layers"][0]), read(archive, manifest["Config"])
    config = json.loads(config_bytes)
    assert manifest["RepoTags"] == ["localhost/x:1"]
    assert manifest["Config"] == hashlib.sha256(config_bytes).hexdigest() + ".json"
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
    assert config["config"]["Entrypoint"] == ["/bin/x"]
    assert config["config"]["User"] == "65532:65532"


def test_layer_has_executable_files_and_folders_for_all(spec: ImageSpec, tmp_path: Path) -> None:
    write_archive(spec, tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as archive:
        name = next(n for n in archive.getnames() if n.endswith("layer.tar"))
        with tarfile.open(fileobj=archive.extractfile(name)) as layer:
            assert layer.getmember("bin/x").mode == 0o755
            assert layer.getmember("tmp").isdir()
            assert layer.getmember("tmp").mode == 0o1777


def test_same_files_give_same_bytes_and_leave_nothing_beside(spec: ImageSpec, tmp_path: Path) -> None:
    write_archive(spec, tmp_path / "a.tar")
    write_archive(spec, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    assert not list(tmp_path.glob("*.layer"))


def test_libraries_of_a_dynamic_program_include_the_loader() -> None:
    found = shared_libraries(Path("/bin/sh"))
    assert any("libc.so" in name for name in found)
    assert any("ld-linux" in name for name in found)
    assert not any(name.startswith("/") for name in found)
