"""A promise with a number: a candidate exactly at the margin is rolled back in at most alpha of all releases. Few
runs, fixed seeds.
"""

from math import sqrt

from evidence_simulation import Setting, ever_failed, ever_safe

from pawl.estimate import Question

RUNS = 150
ASK = Question(harm_alpha=0.05, safe_alpha=0.05, expected=1000)
PAIRS = Question(harm_alpha=0.05, safe_alpha=0.05, expected=400, paired_from=30)
ALLOWED = 0.05 + 2 * sqrt(0.05 * 0.95 / RUNS)


def share(hits: int) -> float:
    return hits / RUNS


def test_a_candidate_at_the_margin_is_rarely_rolled_back():
    at_margin = Setting(stable=0.90, candidate=0.85)
    assert share(sum(ever_failed(at_margin, 0.05, ASK, seed) is not None for seed in range(RUNS))) <= ALLOWED


def test_an_equal_candidate_is_hardly_ever_rolled_back():
    assert share(sum(ever_failed(Setting(), 0.05, ASK, seed) is not None for seed in range(RUNS))) <= 0.01


def test_a_candidate_at_the_margin_is_rarely_called_harmless():
    at_margin = Setting(stable=0.90, candidate=0.85)
    assert share(sum(ever_safe(at_margin, 0.05, ASK, seed) for seed in range(RUNS))) <= ALLOWED


def test_pairs_keep_the_promise_too():
    at_margin = Setting(stable=0.90, candidate=0.85, paired=True, people=200)
    assert share(sum(ever_failed(at_margin, 0.05, PAIRS, seed) is not None for seed in range(RUNS // 2))) <= ALLOWED


def test_a_drop_of_thirty_points_is_nearly_always_found():
    harmful = Setting(stable=0.90, candidate=0.60)
    assert sum(ever_failed(harmful, 0.05, ASK, seed) is not None for seed in range(40)) >= 38
