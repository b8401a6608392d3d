"""Building images: by name, only after a change, with the host's certificates, and with the log's end on failure."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from pawl_devcluster import base_image, cache, images
from pawl_devcluster.base_image import DEBIAN, PYTHON
from pawl_devcluster.cache import Cache
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.image_engines import Buildah, Docker, find_engine, host_certificates, shortened
from pawl_devcluster.image_table import INPUTS_LABEL, RECIPES, commit_of, full_name, inputs_digest, workspace
from pawl_devcluster.images import ImageBuilder

OPERATOR = "localhost/pawl/operator:dev"
TORCH = "localhost/pawl/trainer-torch:dev"
TORCH_CPU = "localhost/pawl/trainer-torch-cpu:dev"


class FakeEngine:
    """Keeps labels like an engine; every build makes another image."""

    name = "fake"

    def __init__(self) -> None:
        self.images: dict[str, tuple[str, dict[str, str]]] = {}
        self.built = []
        self.removed: list[str] = []

    def build(self, build, report) -> None:
        report("STEP 1")
        self.built.append(build)
        self.images[build.name] = (f"id-{len(self.built)}", dict(build.labels))

    def label(self, name: str, label: str) -> str:
        return self.images.get(name, ("", {}))[1].get(label, "")

    def identity(self, name: str) -> str:
        return self.images.get(name, ("", {}))[0]

    def size(self, name: str) -> int:
        return 200_000_000

    def export(self, name: str, target: Path) -> None:
        target.write_text(self.identity(name))

    def remove(self, image: str) -> None:
        self.removed.append(image)

    def sweep(self) -> None:
        self.removed.append("stages")


@pytest.fixture
def root(tmp_path) -> Path:
    """A workspace with what the operator's image is made from."""
    place = tmp_path / "workspace"
    for room in ("core", "operator"):
        (place / room / "src" / room).mkdir(parents=True)
        (place / room / "src" / room / "a.py").write_text("x = 1\n")
        shutil.copy(workspace() / room / "pyproject.toml", place / room)
    (place / "operator" / "Dockerfile").write_text("FROM scratch\n")
    (place / "uv.lock").write_text("")
    (place / "pyproject.toml").write_text("")
    return place


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def ensure(engine, root, tmp_path, lines):
    def run(name: str = OPERATOR) -> None:
        ImageBuilder(engine, root, Cache(tmp_path / "cache", lines.append), lines.append).ensure(name)

    return run


def test_an_image_is_built_once_and_again_only_after_a_change(ensure, engine, root, lines):
    ensure()
    ensure()
    assert len(engine.built) == 1
    assert "up to date (200 MB)" in lines[-1]

    (root / "core" / "src" / "core" / "a.py").write_text("x = 2\n")
    ensure()
    assert len(engine.built) == 2
    assert engine.removed == ["id-1"], "a build does not leave its predecessor behind"


@pytest.mark.parametrize("changed", ["uv.lock", "pyproject.toml", "core/pyproject.toml", "operator/Dockerfile"])
def test_every_input_counts(root, changed):
    recipe = RECIPES[OPERATOR]
    before = inputs_digest(recipe, root, "base")
    (root / changed).write_text("changed")

    assert inputs_digest(recipe, root, "base") != before


def test_what_does_not_go_in_does_not_count(root):
    recipe = RECIPES[OPERATOR]
    before = inputs_digest(recipe, root, "base")
    (root / "core" / "src" / "core" / "__pycache__").mkdir()
    (root / "core" / "src" / "core" / "__pycache__" / "a.pyc").write_bytes(b"1")
    (root / "README.md").write_text("words")

    assert inputs_digest(recipe, root, "base") == before
    assert inputs_digest(recipe, root, "another base") != before


def test_a_new_file_and_a_new_name_count(root):
    recipe = RECIPES[OPERATOR]
    before = inputs_digest(recipe, root, "base")
    file = root / "core" / "src" / "core" / "a.py"
    file.rename(file.with_name("b.py"))

    assert inputs_digest(recipe, root, "base") != before


def test_the_twin_has_the_same_content_under_another_label():
    dev, twin = RECIPES["localhost/pawl/fact-extractor:dev"], RECIPES["localhost/pawl/fact-extractor:twin"]

    assert (dev.dockerfile, dev.rooms, dev.target) == (twin.dockerfile, twin.rooms, twin.target)
    assert dev.labels != twin.labels
    assert inputs_digest(dev, workspace(), "base") != inputs_digest(twin, workspace(), "base")


@pytest.mark.parametrize("name", ["operator", "operator:dev", OPERATOR])
def test_an_image_has_short_names(name):
    assert full_name(name) == OPERATOR


@pytest.mark.parametrize("name", ["nobody", "operator:twin", "docker.io/pawl/operator", ""])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(DevclusterError, match=r"operator:dev.*fact-extractor:twin"):
        full_name(name)


def test_the_hosts_certificates_go_along_as_a_secret(ensure, engine, tmp_path, monkeypatch):
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert host_certificates(os.environ) is None
    trusted = tmp_path / "ca.pem"
    trusted.write_text("-----BEGIN CERTIFICATE-----")
    monkeypatch.setenv("PIP_CERT", str(trusted))
    ensure()
    options = engine.built[0].options()

    assert f"id=ca,src={trusted}" in options
    assert engine.built[0].arguments == {}, "docker takes the Dockerfile's own base"
    assert f"{INPUTS_LABEL}={engine.built[0].labels[INPUTS_LABEL]}" in options


def test_certificates_that_are_not_there_are_not_passed(tmp_path):
    assert host_certificates({"SSL_CERT_FILE": str(tmp_path / "absent")}) is None


def test_those_with_torch_are_built_only_when_they_are_named(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(ImageBuilder, "ensure", lambda _, name: asked.append(name))
    images.build(report=lambda _: None)
    assert asked == [name for name in RECIPES if name not in (TORCH, TORCH_CPU)]
    images.build(["trainer-torch", "trainer-torch-cpu"], lambda _: None)
    assert asked[-2:] == [TORCH, TORCH_CPU]


def test_a_build_begins_only_where_its_image_fits(root, engine, tmp_path, lines, monkeypatch):
    (root / "trainers" / "src").mkdir(parents=True)
    (root / "trainers" / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * cache.GIB))
    builder = ImageBuilder(engine, root, Cache(tmp_path / "cache", lines.append), lines.append)
    builder.ensure("localhost/pawl/trainer:dev")
    with pytest.raises(DevclusterError, match=f"Building {TORCH} needs 24.0 GiB"):
        builder.ensure(TORCH)
    assert len(engine.built) == 1


class FakeBuildah(FakeEngine, Buildah):
    """Takes bases from its own store."""


def test_an_image_begins_from_the_bases_that_it_names_and_they_count(root, tmp_path, lines, monkeypatch):
    (root / "trainers" / "src").mkdir(parents=True)
    (root / "trainers" / "Dockerfile").write_text("FROM scratch\n")
    engine, asked = FakeBuildah(), []
    monkeypatch.setattr(base_image, "ensure_base", lambda base, *_: asked.append(base) or base.stand_in)

    def ensured(name: str) -> tuple[int, list[base_image.Base]]:
        asked.clear()
        ImageBuilder(engine, root, Cache(tmp_path / "cache", lines.append), lines.append).ensure(name)
        return len(engine.built), list(asked)

    assert ensured(OPERATOR) == (1, [PYTHON])
    assert ensured(TORCH_CPU) == (2, [PYTHON, DEBIAN])
    assert [build.arguments for build in engine.built] == [
        {"PYTHON": PYTHON.stand_in},
        {"PYTHON": PYTHON.stand_in, "DEBIAN": DEBIAN.stand_in, "COMMIT": ""},
    ]
    engine.images[DEBIAN.stand_in] = ("made anew", {})
    assert ensured(OPERATOR) == (2, [PYTHON])
    assert ensured(TORCH_CPU) == (3, [PYTHON, DEBIAN])


def test_a_trainer_is_told_the_commit_and_no_other_image_is(root, engine, tmp_path, lines):
    (root / "trainers" / "src").mkdir(parents=True)
    (root / "trainers" / "Dockerfile").write_text("FROM scratch\n")
    builder = ImageBuilder(engine, root, Cache(tmp_path / "cache", lines.append), lines.append)
    for name in ("localhost/pawl/trainer:dev", OPERATOR):
        builder.ensure(name)
    assert [build.arguments for build in engine.built] == [{"COMMIT": ""}, {}]
    git = shutil.which("git")
    here = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet"], ["add", "."], [*here, "commit", "--quiet", "--no-verify", "--message=m"]):
        subprocess.run([git, *words], cwd=root, check=True)
    assert re.fullmatch(r"[0-9a-f]{40}", commit_of(root))
    (root / "uv.lock").write_text("changed")
    assert re.fullmatch(r"[0-9a-f]{40}-dirty", commit_of(root))


def test_cleaning_removes_every_image_and_what_they_begin_from(engine, monkeypatch, tmp_path):
    monkeypatch.setattr(images, "find_engine", lambda: engine)
    monkeypatch.setattr(images.cache_mounts, "remove", lambda _: None)
    monkeypatch.setenv("PAWL_CACHE", str(tmp_path))
    engine.images = dict.fromkeys((TORCH, OPERATOR, DEBIAN.stand_in, PYTHON.stand_in), ("id", {}))
    images.remove(lambda _: None)
    assert engine.removed == [OPERATOR, TORCH, PYTHON.stand_in, DEBIAN.stand_in, "stages"]


def _program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def programs(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize(("answer", "chosen"), [("exit 0", Docker), ("exit 1", Buildah)])
def test_docker_is_taken_only_where_its_engine_answers(programs, answer, chosen):
    _program(programs, "docker", answer)

    assert isinstance(find_engine(), chosen)


@pytest.mark.parametrize(("engine_type", "program"), [(Docker, "docker"), (Buildah, "buildah")])
def test_a_build_that_fails_shows_the_end_of_its_log(programs, root, tmp_path, lines, engine_type, program):
    _program(programs, program, 'echo "STEP 1: FROM x"; echo "#1 load"; echo "no such package" >&2; exit 3')
    builder = ImageBuilder(FakeEngine(), root, Cache(tmp_path / "cache", lines.append), lines.append)
    build = builder._build(OPERATOR, {})

    with pytest.raises(DevclusterError, match="ended with 3") as failed:
        engine_type().build(build, lines.append)

    assert "no such package" in str(failed.value)
    assert lines, "each step is reported while it runs"


def test_labels_and_ids_of_absent_images_are_empty(programs):
    for program in ("docker", "buildah"):
        _program(programs, program, "exit 1")
    for engine in (Docker(), Buildah()):
        assert engine.label("localhost/pawl/none", INPUTS_LABEL) == ""
        assert engine.identity("localhost/pawl/none") == ""
        assert engine.size("localhost/pawl/none") == 0


def test_buildahs_sizes_are_read_in_its_units(programs):
    _program(programs, "buildah", """echo '[{"size": "212 MB"}]'""")

    assert Buildah().size("x") == 212_000_000


def test_a_long_step_is_shortened():
    assert shortened("a\t b") == "a b"
    assert len(shortened("x" * 500)) == 140
