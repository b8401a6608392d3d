"""The repository keeps its own rules: no room shadows the standard library, every file says what it is for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def tracked(pattern: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in names.stdout.splitlines() if (ROOT / name).exists()]


PYTHON_FILES = tracked("*.py")


def test_no_package_shadows_the_standard_library() -> None:
    packages = {path.parent for path in PYTHON_FILES if path.name == "__init__.py"}
    shadowing = {
        p.relative_to(ROOT).as_posix()
        for p in packages
        if p.name in sys.stdlib_module_names and "src" not in p.relative_to(ROOT).parts
    }
    assert shadowing == set()


def test_operator_room_is_no_package_and_holds_no_tests() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not list((ROOT / "operator").rglob("test_*.py"))


@pytest.mark.parametrize(
    "path", [p for p in PYTHON_FILES if "src" in p.parts], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_first_line_says_what_the_file_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{path.relative_to(ROOT)} has no module docstring"


@pytest.mark.parametrize(
    "path", [p for p in PYTHON_FILES if "src" in p.parts], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_test_file_names_are_unique() -> None:
    names = [p.name for p in PYTHON_FILES if p.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_no_utils_module() -> None:
    assert [p for p in PYTHON_FILES if p.stem in {"utils", "util", "helpers", "common"}] == []


def test_nothing_is_pickled() -> None:
    importers = [
        p
        for p in PYTHON_FILES
        if "src" in p.parts
        and any(
            isinstance(n, ast.Import) and any(a.name in {"pickle", "joblib", "dill"} for a in n.names)
            for n in ast.walk(ast.parse(p.read_text()))
        )
    ]
    assert importers == []
