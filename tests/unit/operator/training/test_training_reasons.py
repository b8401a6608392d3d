"""One list of reasons: in the code and in the documentation."""

import re
from pathlib import Path

import pytest

from pawl_operator.kinds.training_run.reasons import FINAL, REPORTED, SUCCESSES, Reason

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "docs/reference/reasons.md").read_text()
SECTION = TEXT.partition("# Reasons of a TrainingRun\n")[2].partition("\n# ")[0]


def test_every_reason_is_documented_once_and_none_too_many() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)
    assert sorted(documented) == sorted(reason.value for reason in Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_used(reason: Reason) -> None:
    folder = ROOT / "operator/src/pawl_operator/kinds/training_run"
    code = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "reasons.py")
    assert f"Reason.{reason.name}" in code


def test_successes_are_final_and_told_by_a_report() -> None:
    assert SUCCESSES <= FINAL
    assert SUCCESSES <= REPORTED
