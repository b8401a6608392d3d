"""The promise of the judge over many simulated releases, printed as figures; run by `make prove` (minutes).

The naive column looks at the same releases with an ordinary 95 % interval at every batch: what most tools do.
"""

from dataclasses import replace
from math import sqrt
from random import Random

import pytest
from evidence_simulation import Setting, ever_failed, ever_safe, looks

from pawl.estimate import Question, estimate

RUNS = 1500
ASK = Question(harm_alpha=0.05, safe_alpha=0.05, expected=1000)
# Where pairs are possible two intervals may decide, and each gets half of alpha.
PAIRS = replace(ASK, harm_alpha=0.025, safe_alpha=0.025, expected=400, paired_from=30)
ALLOWED = 0.05 + 2.5 * sqrt(0.05 * 0.95 / RUNS)
BOUNDARY = {
    "one interaction": Setting(candidate=0.85, interactions=1, icc=0.3),
    "two, ICC 0.3": Setting(candidate=0.85),
    "five, ICC 0.1": Setting(candidate=0.85, interactions=5, icc=0.1),
    "five, ICC 0.3": Setting(candidate=0.85, interactions=5, icc=0.3),
    "ramp with a trend": Setting(candidate=0.85, shares=(0.1, 0.25, 0.5, 0.75), drift=0.03),
    "ten, ICC 0.5, five steps": Setting(
        candidate=0.85, interactions=10, icc=0.5, shares=(0.5, 0.6, 0.7, 0.8, 0.9), people=300
    ),
    "rare errors": Setting(stable=0.99, candidate=0.94),
    "pairs": Setting(candidate=0.85, paired=True, people=200),
}


@pytest.mark.parametrize("name", BOUNDARY)
@pytest.mark.timeout(900)
def test_false_rollbacks_at_the_margin(name, figure):
    setting = BOUNDARY[name]
    ask = PAIRS if setting.paired else ASK
    ours = sum(ever_failed(setting, 0.05, ask, seed) is not None for seed in range(RUNS)) / RUNS
    naive = sum(_naive(setting, 0.05, seed, ask) for seed in range(RUNS // 3)) / (RUNS // 3)
    figure(f"false rollback at the margin, {name}: {100 * ours:.1f} % of 5; naively {100 * naive:.1f} %")
    assert ours <= ALLOWED


@pytest.mark.parametrize("name", ["two, ICC 0.3", "ramp with a trend", "pairs"])
@pytest.mark.timeout(900)
def test_false_promotions_at_the_margin(name, figure):
    setting = BOUNDARY[name]
    ask = PAIRS if setting.paired else ASK
    ours = sum(ever_safe(setting, 0.05, ask, seed) for seed in range(RUNS)) / RUNS
    figure(f"falsely called non-inferior at the margin, {name}: {100 * ours:.1f} % (alpha 5 %)")
    assert ours <= ALLOWED


@pytest.mark.timeout(900)
def test_power(figure):
    rows = []
    for drop in (0.15, 0.2, 0.3):
        for paired in (False, True):
            setting = Setting(candidate=0.9 - drop, paired=paired, people=200)
            found = [ever_failed(setting, 0.05, PAIRS if paired else ASK, seed) for seed in range(300)]
            rows.append((drop, paired, sum(look is not None for look in found) / 300))
    for drop, paired, power in rows:
        figure(f"200 people, {100 * drop:.0f} points worse, {'pairs' if paired else 'arms'}: {100 * power:.0f} %")
    assert all(power > 0.9 for drop, paired, power in rows if paired and drop >= 0.2)


def _naive(setting: Setting, margin: float, seed: int, ask: Question) -> bool:
    for groups in looks(setting, Random(seed)):
        found = estimate(groups, ask)
        if found is not None and found.users >= 30 and found.estimate + 1.645 * found.standard_error < -margin:
            return True
    return False
