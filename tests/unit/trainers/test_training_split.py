"""The split leaks nothing: not by person, not by time, not from one run into the next."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from training_samples import BEGIN, samples

from pawl_trainers.harness.split import split
from pawl_trainers.trainer import Example

EXAMPLES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 50)),
    max_size=120,
).map(
    lambda rows: [
        Example(f"row-{index}", f"person-{person}", BEGIN + timedelta(seconds=at), "", [])
        for index, (person, at) in enumerate(rows)
    ]
)
PERCENT = st.integers(1, 40)
SEED = st.integers(0, 2**31 - 1)


@settings(deadline=None)
@given(EXAMPLES, PERCENT, PERCENT, SEED)
def test_nobody_is_in_two_parts_and_what_is_judged_is_newer_than_what_was_learned(examples, validation, test, seed):
    parts = split(examples, validation, test, seed)
    train, chosen, judged = ({one.person for one in part} for part in (parts.train, parts.validation, parts.test))

    assert not train & chosen
    assert not (train | chosen) & judged
    learned = [one.time for one in (*parts.train, *parts.validation)]
    if learned and parts.test:
        assert max(learned) < min(one.time for one in parts.test)


@settings(deadline=None)
@given(EXAMPLES, PERCENT, PERCENT, SEED)
def test_each_example_is_in_one_part_at_most(examples, validation, test, seed):
    parts = split(examples, validation, test, seed)
    placed = [one.row_id for part in (parts.train, parts.validation, parts.test) for one in part]

    assert len(placed) == len(set(placed))
    assert set(placed) <= {one.row_id for one in examples}


@settings(deadline=None)
@given(EXAMPLES, EXAMPLES, SEED)
def test_whoever_judges_one_run_is_never_learned_from_in_another_with_its_seed(examples, later, seed):
    first, second = split(examples, 10, 20, seed), split([*later], 10, 20, seed)
    learned = {one.person for one in (*second.train, *second.validation)}

    assert not learned & {one.person for one in first.test}


@settings(deadline=None)
@given(st.randoms(use_true_random=False), SEED)
def test_the_order_of_the_examples_does_not_matter(chance, seed):
    examples = samples(10)
    mixed = list(examples)
    chance.shuffle(mixed)

    assert split(mixed, 10, 40, seed) == split(examples, 10, 40, seed)


def test_the_test_part_is_the_newest_third_of_the_test_people():
    examples = samples(40)
    parts = split(examples, 10, 40, 42)
    people = {one.person for one in parts.test}
    theirs = [one for one in examples if one.person in people]

    assert parts.people == len(people)
    assert 0.25 < len(people) / 40 < 0.6
    assert abs(len(parts.test) - len(theirs) / 3) <= 1
    assert {one.row_id for one in parts.test} == {one.row_id for one in theirs[-len(parts.test) :]}


def test_without_test_people_all_others_may_be_learned_from():
    (only,) = split([samples(1)[0]], 1, 1, 5).train

    assert only.person == "person-000"
