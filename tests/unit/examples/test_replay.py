"""The replay says each message at most once, keeps to its pace, and lets only prove people's labels count."""

from itertools import islice

import pytest

from pawl_examples.dataset import Material, load_material
from pawl_examples.replay import Pace, Said, labelled_people, people_between, replay


@pytest.fixture(scope="module")
def material() -> Material:
    return load_material()


PACE = Pace(rate=30, seconds=120)


def identity(said: Said) -> tuple[str, int, int]:
    return said.message.conversation, said.message.turn, said.message.index


def test_the_split_is_the_one_that_was_decided(material: Material) -> None:
    assert (len(material.learners), len(material.provers), material.people) == (284, 193, 1315)
    assert not material.learners & material.provers
    assert not (material.learners | material.provers) & set(material.others)


def test_each_message_is_said_at_most_once_and_in_order_of_time(material: Material) -> None:
    said = list(replay(material, PACE))
    assert len({identity(one) for one in said}) == len(said)
    assert [one.at for one in said] == sorted(one.at for one in said)
    assert len(said) > 100_000


def test_every_prove_label_is_said_within_the_replay_and_counts_no_learn_label_does(material: Material) -> None:
    said = [one for one in islice(replay(material, PACE), 8000) if one.facts is not None]
    assert {identity(one) for one in said if one.evidence} == {
        (one.message.conversation, one.message.turn, one.message.index) for one in material.prove
    }
    assert {one.message.sender for one in said if one.evidence} == material.provers
    assert {one.message.sender for one in said if not one.evidence} <= material.learners
    assert max(one.at for one in said) < PACE.seconds


def test_a_persons_messages_keep_their_order(material: Material) -> None:
    spoken: dict[str, list[Said]] = {}
    for one in islice(replay(material, PACE), 8000):
        spoken.setdefault(one.message.sender, []).append(one)
    for own in spoken.values():
        times = [one.message.time for one in own]
        assert times == sorted(times)


def test_the_rate_holds_while_annotated_messages_last_and_after(material: Material) -> None:
    said = list(islice(replay(material, PACE), 6000))
    for start in (0, 50, 100, 140):
        within = sum(1 for one in said if start <= one.at < start + 20)
        assert within == pytest.approx(PACE.rate * 20, rel=0.1)


def test_skip_leaves_out_what_was_said_before_of_the_others_only(material: Material) -> None:
    first = [one for one in islice(replay(material, PACE), 3000) if one.facts is None]
    later = [one for one in islice(replay(material, PACE, skip=len(first)), 3000) if one.facts is None]
    assert not {identity(one) for one in first} & {identity(one) for one in later}


def test_people_are_counted_as_they_are_replayed(material: Material) -> None:
    said = list(islice(replay(material, PACE), 6000))
    within = [one for one in said if 30 <= one.at < 42]
    assert people_between(material, PACE, 30, 12) == len({one.message.sender for one in within})
    telling = {one.message.sender for one in within if one.evidence and one.facts}
    assert labelled_people(material, PACE, 30, 12) == len(telling)


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"seconds": 0}, {"learn_share": 1.5}])
def test_an_impossible_pace_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="pace"):
        Pace(**{"rate": 1, "seconds": 1, **wrong})
