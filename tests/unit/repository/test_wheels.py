"""Every distribution of the workspace can be built, and none requires a `pawl*` name that belongs to somebody else."""

import email.parser
import re
import shutil
import subprocess
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILD_SECONDS = 300


def _owned() -> set[str]:
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    return {tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]["name"] for member in members}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, tuple[Path, Message]]:
    """Every wheel of the workspace with its metadata, by distribution name."""
    uv = ROOT / ".tools" / "bin" / "uv"
    program = str(uv) if uv.exists() else shutil.which("uv")
    assert program, "uv is needed: `make setup` installs it"
    out = tmp_path_factory.mktemp("wheels")
    command = [program, "build", "--all-packages", "--wheel", "--out-dir", str(out)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert built.returncode == 0, built.stderr
    found = {}
    for path in out.glob("*.whl"):
        with zipfile.ZipFile(path) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            metadata = email.parser.Parser().parsestr(archive.read(name).decode())
        found[_normal(metadata["Name"])] = (path, metadata)
    return found


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_every_member_of_the_workspace_makes_a_wheel(wheels):
    assert set(wheels) == _owned()


def test_no_wheel_requires_a_name_that_the_workspace_does_not_own(wheels):
    foreign = {
        f"{name} requires {requirement}"
        for name, (_, metadata) in wheels.items()
        for requirement in metadata.get_all("Requires-Dist") or []
        if (required := _normal(re.match(r"[\w.-]+", requirement).group())).startswith("pawl")
        and required not in _owned()
    }

    assert foreign == set()


def test_a_wheel_holds_its_own_package_typed_and_nothing_else(wheels):
    for name, (path, _) in wheels.items():
        with zipfile.ZipFile(path) as archive:
            tops = {entry.split("/")[0] for entry in archive.namelist() if ".dist-info/" not in entry}
            entries = archive.namelist()
        (top,) = tops

        assert top == "pawl" or top.startswith("pawl_"), f"{name} would shadow another package: {top}"
        assert f"{top}/py.typed" in entries
