"""`pawl lint` and `pawl version`: what they print and how they end."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawl_cli.main import app

ROOT = Path(__file__).resolve().parents[3]
GOOD = """
apiVersion: pawl.dev/v1alpha1
kind: Component
metadata: {name: facts}
spec: {}
"""
WRONG = GOOD.replace("spec: {}", "spec: {score: f1}")
FOREIGN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"


def lint(*files: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["lint", *map(str, files)])
    return result.exit_code, result.output


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "file.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_good_manifests_end_well(tmp_path: Path) -> None:
    assert lint(write(tmp_path, GOOD)) == (0, "1 checked, 0 wrong\n")


def test_problems_name_field_value_problem_and_remedy(tmp_path: Path) -> None:
    path = write(tmp_path, WRONG)
    code, output = lint(path)
    assert code == 1
    assert output.splitlines() == [
        f"{path}: Component facts: spec.score",
        '  value    "f1"',
        "  problem  has the wrong form",
        "  remedy   write span-f1, exact, squared-error, judged or python:module:function",
        "1 checked, 1 wrong",
    ]


def test_all_documents_are_read_and_those_of_others_passed_over(tmp_path: Path) -> None:
    code, output = lint(write(tmp_path, f"---\n{GOOD}---\n{FOREIGN}---\n{WRONG}---\n"))
    assert (code, output.splitlines()[-1]) == (1, "2 checked, 1 wrong")


def test_all_files_are_read(tmp_path: Path) -> None:
    first = write(tmp_path, WRONG)
    (tmp_path / "other").mkdir()
    code, output = lint(first, write(tmp_path / "other", GOOD))
    assert (code, output.splitlines()[-1]) == (1, "2 checked, 1 wrong")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [", "line 1 is not YAML"),
        ("a: 1\nb: 2\na: 3\n", "key 'a' stands twice"),
        (b"\x80bad", "is not YAML"),
        ("just text", "is not an object"),
        ("a: !!python/object/apply:os.system [ls]", "is not YAML"),
    ],
)
def test_what_is_no_manifest_is_one_problem(tmp_path: Path, content: str | bytes, words: str) -> None:
    code, output = lint(write(tmp_path, content))
    assert code == 1
    assert words in output
    assert "Traceback" not in output


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    code, output = lint(tmp_path / "missing.yaml")
    assert code == 1
    assert "cannot be read" in output


def test_version_names_the_api() -> None:
    result = CliRunner().invoke(app, ["version"])
    assert result.exit_code == 0
    assert "pawl.dev/v1alpha1" in result.output


def test_every_wrong_example_is_found() -> None:
    files = sorted((ROOT / "examples" / "bad").glob("*.yaml"))
    code, output = lint(*files)
    assert (code, output.splitlines()[-1]) == (1, f"{len(files)} checked, {len(files)} wrong")
