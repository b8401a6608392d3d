"""Sums over users: equal to a computation by hand in any order and any batches, and to the reference numbers."""

from dataclasses import replace
from math import exp, isfinite, log

import pytest
from evidence_oracle import brute_pair, mean
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc, betaln

from pawl.evidence import CANDIDATE, PAIRED, STABLE
from pawl.scoring.values import squared_error
from pawl.stats.ratio import paired_difference, sums_of
from pawl_services.monitor.accumulate import Group, Questions
from pawl_services.monitor.ledger import batch_of, entries_of
from pawl_services.monitor.moments import Moments
from pawl_services.monitor.totals import Totals, UserScore

counts = st.integers(0, 20)
ratios = st.tuples(counts, st.integers(1, 20)).map(lambda pair: (float(pair[0]), float(pair[1])))
quads = st.tuples(ratios, ratios).map(lambda both: (*both[0], *both[1]))


def scored(number: int, arm: str, sums: tuple[float, float], pair: object = None) -> UserScore:
    samples = {arm: number % 5, PAIRED: number % 3}
    return UserScore(f"u{number}", number, number + 10, arm, {arm: sums}, pair, samples)  # type: ignore[arg-type]


@st.composite
def batches(draw: st.DrawFn) -> list[list[UserScore]]:
    users = draw(
        st.lists(st.tuples(st.sampled_from([STABLE, CANDIDATE]), ratios, st.none() | quads), min_size=1, max_size=30)
    )
    scores = [scored(number, *user) for number, user in enumerate(users)]
    cuts = sorted(draw(st.lists(st.integers(0, len(scores)), max_size=5)))
    return [scores[a:b] for a, b in zip([0, *cuts], [*cuts, len(scores)], strict=True)]


@given(batches(), st.randoms())
def test_batches_and_their_order_do_not_matter(parts: list[list[UserScore]], random: object) -> None:
    users = [user for part in parts for user in part]
    group = Group.new()
    random.shuffle(parts)  # type: ignore[attr-defined]
    for part in parts:
        group, batch = group.close(part, Questions(signs=True, candidate_share=50))
        assert batch_of(entries_of(batch)) == batch
    assert Group.from_json(group.to_json()) == group
    assert group.batch == len(parts)
    for arm in (STABLE, CANDIDATE, PAIRED):
        assert group.totals.samples[arm] == sum(user.samples.get(arm, 0) for user in users)
    for arm in (STABLE, CANDIDATE):
        pairs = [user.arms[arm] for user in users if arm in user.arms]
        sums, wanted = group.totals.arm(arm), sums_of(pairs)
        assert sums.users == wanted.users == len(pairs)
        if pairs:
            s, n = [p[0] for p in pairs], [p[1] for p in pairs]
            products = sum((x - mean(s)) * (y - mean(n)) for x, y in zip(s, n, strict=True))
            assert (sums.mean, sums.denominator_mean) == pytest.approx((mean(s), mean(n)))
            assert sums.m2 == pytest.approx(sum((x - mean(s)) ** 2 for x in s), abs=1e-9)
            assert sums.comoment == pytest.approx(products, abs=1e-9)
            assert sums.influence_m2 == pytest.approx(wanted.influence_m2, abs=1e-9)


@given(st.lists(quads, min_size=1, max_size=30), st.integers(0, 30))
def test_pairs_are_exact_at_any_time(pairs: list[tuple[float, float, float, float]], cut: int) -> None:
    users = [UserScore(str(n), n, n, STABLE, {}, pair) for n, pair in enumerate(pairs)]
    found = Totals.of(users[:cut]).merge(Totals.of(users[cut:])).paired()
    assert found is not None
    assert (found.mean, found.m2) == pytest.approx(brute_pair(pairs), abs=1e-8)
    reference = paired_difference([((p[0], p[1]), (p[2], p[3])) for p in pairs])
    assert (found.users, found.mean) == (reference.users, pytest.approx(reference.mean, abs=1e-12))
    assert found.m2 == pytest.approx(reference.m2, abs=1e-8)


@pytest.mark.reference
def test_ratio_vector() -> None:
    s, n = [3, 5, 2, 8, 4, 0, 6], [4, 5, 3, 10, 4, 1, 6]
    users = [scored(i, STABLE, (float(a), float(b))) for i, (a, b) in enumerate(zip(s, n, strict=True))]
    sums = Totals.of(users[:3]).merge(Totals.of(users[3:])).arm(STABLE)
    assert sums.ratio == pytest.approx(0.8484848, abs=1e-7)
    assert sums.standard_error == pytest.approx(0.0583254, abs=1e-7)


def test_large_values_keep_their_variance() -> None:
    users = [scored(i, STABLE, (1e9 + i % 2, 1.0)) for i in range(1000)]
    total = Totals.none()
    for start in range(0, 1000, 7):
        total = total.merge(Totals.of(users[start : start + 7]))
    assert total.arm(STABLE).m2 == pytest.approx(250.0, rel=1e-6)


def test_moments_of_nothing_are_neutral() -> None:
    some = Moments.of([(1.0, 2.0), (3.0, 5.0)], 2)
    assert Moments.none(2).merge(some) == some.merge(Moments.none(2)) == some
    assert some.product(0, 1) == some.product(1, 0) == 3.0


def test_state_from_before_samples_were_counted_is_read_and_goes_on() -> None:
    old, batch = Group.new().close([scored(4, STABLE, (1.0, 2.0))], Questions())
    stored, rows = old.to_json(), entries_of(batch)
    del stored["totals"]["samples"]
    for row in rows:
        row.sums.pop("samples", None)
    none = {STABLE: 0, CANDIDATE: 0, PAIRED: 0}
    assert batch_of(rows) == replace(batch, samples=none)
    read = Group.from_json(stored)
    assert read == replace(old, totals=replace(old.totals, samples=none))
    new, _ = read.close([scored(8, STABLE, (1.0, 2.0))], Questions())
    assert new.totals.samples == {STABLE: 3, CANDIDATE: 0, PAIRED: 2}


def test_pair_without_any_denominator_is_no_pair() -> None:
    assert Totals.of([UserScore("a", 0, 1, STABLE, {}, (0.0, 0.0, 2.0, 2.0))]).paired() is None
    assert Totals.none().paired() is None


def discordant(worse: int, better: int, ties: int) -> list[UserScore]:
    rows = [(0.0, 1.0, 1.0, 1.0)] * worse + [(1.0, 1.0, 0.0, 1.0)] * better + [(1.0, 1.0, 1.0, 1.0)] * ties
    return [UserScore(str(i), i, i, STABLE, {}, row) for i, row in enumerate(rows)]


@pytest.mark.reference
@pytest.mark.parametrize(("worse", "better", "e"), [(30, 12, 9.249328), (20, 5, 24.29052), (12, 12, 0.2481694)])
def test_sign_vector(worse: int, better: int, e: float) -> None:
    group = Group.new()
    users = discordant(worse, better, 9)
    for start in range(0, len(users), 4):
        group, _ = group.close(users[start : start + 4], Questions(signs=True))
    assert (group.totals.worse, group.totals.better) == (worse, better)
    # One-sided: the mixture keeps to the half on which the candidate is worse.
    one_sided = log(2 * (1 - betainc(1 + worse, 1 + better, 0.5)))
    assert group.log_e["harm"] == pytest.approx(log(e) + one_sided, abs=1e-6)


def test_one_user_is_one_sign_however_many_answers_differ() -> None:
    users = [UserScore("a", 0, 1, STABLE, {}, (0.0, 40.0, 40.0, 40.0)), *discordant(0, 1, 0)]
    group, _ = Group.new().close(users, Questions(signs=True))
    assert (group.totals.worse, group.totals.better) == (1, 1)


@pytest.mark.reference
def test_sample_ratio_counts_everybody_with_or_without_labels() -> None:
    users = [UserScore(str(i), i, i, CANDIDATE if i < 520 else STABLE) for i in range(1000)]
    group, _ = Group.new().close(users[:300], Questions(candidate_share=50))
    group, _ = group.close(users[300:], Questions(candidate_share=50))
    strength = 1000
    wanted = betaln(strength / 2 + 480, strength / 2 + 520) - betaln(strength / 2, strength / 2) + 1000 * log(2)
    assert group.log_e["srm"] == pytest.approx(float(wanted))
    assert exp(group.log_e["srm"]) < 20
    assert group.totals.labelled == 0


def test_what_diverged_can_still_be_added_up() -> None:
    huge = squared_error(1e149, 0).numerator
    assert isfinite(Moments.of([(huge, 1.0)] * 9 + [(0.0, 1.0)], 2).products[0])
