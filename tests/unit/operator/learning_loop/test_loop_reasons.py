"""One list of reasons: in the code and in the documentation."""

import re
from pathlib import Path

import pytest

from pawl.evidence import Flaw
from pawl_operator.kinds.learning_loop.reasons import FLAWS, Reason

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "docs/reference/reasons.md").read_text()
SECTION = TEXT.partition("# Reasons of a LearningLoop\n")[2].partition("\n# ")[0]


def test_every_reason_is_documented_once_and_none_too_many() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)
    assert sorted(documented) == sorted(reason.value for reason in Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_used(reason: Reason) -> None:
    folder = ROOT / "operator/src/pawl_operator/kinds/learning_loop"
    code = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "reasons.py")
    assert f"Reason.{reason.name}" in code or reason in FLAWS


def test_a_count_has_no_other_flaw_than_these() -> None:
    # Two batches cannot be told apart in a count that has none.
    assert {flaw.value for flaw in Flaw} - {"TwoBatches"} == {reason.value for reason in FLAWS}
