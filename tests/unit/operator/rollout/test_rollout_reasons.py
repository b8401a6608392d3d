"""One list of reasons: in the code, in the judge, and in the documentation."""

import ast
import re
from pathlib import Path

import pytest

from pawl.evidence import Flaw
from pawl_operator.kinds.rollout.reasons import VERDICT_REASONS, Reason

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "docs/reference/reasons.md").read_text()
SECTION = TEXT.partition("# Reasons of a Rollout\n")[2].partition("\n# ")[0]
DOCUMENTED = re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)
VERDICTS = {"Fail", "Pass", "Inconclusive", "NoData", "Unavailable"}


def test_every_reason_is_documented_once_and_none_too_many():
    assert sorted(DOCUMENTED) == sorted(reason.value for reason in Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_used(reason):
    folder = ROOT / "operator/src/pawl_operator/kinds/rollout"
    code = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "reasons.py")
    assert f"Reason.{reason.name}" in code or reason in VERDICT_REASONS


def test_the_judge_gives_no_other_reasons():
    said = {flaw.value for flaw in Flaw}
    for name in ("verdicts.py", "comparison.py", "hard_limits.py"):
        tree = ast.parse((ROOT / "core/src/pawl" / name).read_text())
        words = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        said |= {word for word in words if re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]+)+|Latency", word)}
    said -= VERDICTS | {"NoHarm", "NonInferior", "NoData"}
    assert said == {reason.value for reason in VERDICT_REASONS}
