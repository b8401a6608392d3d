"""One list of an Experiment's reasons: in the code, in the judge, and in the documentation."""

import ast
import re
from pathlib import Path

import pytest

from pawl_operator.kinds.experiment.reasons import Reason
from pawl_operator.kinds.rollout.reasons import VERDICT_REASONS

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "docs/reference/reasons.md").read_text()
SECTION = TEXT.partition("# Reasons of an Experiment\n")[2].partition("\n# ")[0]
DOCUMENTED = re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)
DECISIONS = {"Ship", "Reject", "KeepControl", "Extend", "Invalid"}
JUDGED = {"Pass", "Fail", "Inconclusive", "NoData", "Unavailable", "EvidencePasses", "NotYetBetter"}
ROLES = {"Primary", "Guardrail", "Secondary", "Lower"}


def test_every_reason_is_documented_once_and_none_too_many():
    assert sorted(DOCUMENTED) == sorted(reason.value for reason in Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_used(reason):
    code = "".join(path.read_text() for path in (ROOT / "operator/src/pawl_operator/kinds/experiment").glob("*.py"))
    judge = (ROOT / "core/src/pawl/decisions.py").read_text()
    assert f"Reason.{reason.name}" in code or f'"{reason.value}"' in judge


def test_the_judge_gives_no_other_reasons():
    tree = ast.parse((ROOT / "core/src/pawl/decisions.py").read_text())
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    said = {word for word in words if re.fullmatch(r"([A-Z][a-z]+)+", word)} - DECISIONS - JUDGED - ROLES
    assert said <= {reason.value for reason in Reason} | {reason.value for reason in VERDICT_REASONS}
