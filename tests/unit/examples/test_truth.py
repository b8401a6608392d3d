"""A user confirms exactly what the annotation says and corrects everything else."""

from datetime import UTC, datetime

from pawl_examples.replay import Said
from pawl_examples.truth import answer, spans
from pawl_trainers.facts.messages import Message
from pawl_trainers.facts.spans import Fact

TEXT = "I play soccer and the piano"
TRUTH = frozenset({Fact(7, 13, "HOBBY"), Fact(22, 27, "HOBBY")})


def said(facts: frozenset[Fact] | None, *, evidence: bool = True) -> Said:
    return Said(0.0, Message("c", 0, 0, "person", datetime(2018, 5, 1, tzinfo=UTC), TEXT), facts, evidence)


def shown(*facts: Fact) -> list[dict[str, object]]:
    return [{"slot": one.slot, "start": one.start, "end": one.end, "confidence": 0.9} for one in facts]


def test_exactly_the_annotation_is_confirmed() -> None:
    given = answer(said(TRUTH), shown(*TRUTH))
    assert given is not None
    assert (given.kind, given.value) == ("confirmation", {})


def test_a_missing_wrong_or_additional_fact_is_corrected_with_the_whole_truth() -> None:
    wrong = [[], shown(Fact(7, 13, "LIKE")), shown(*TRUTH, Fact(0, 1, "NAME"))]
    for facts in wrong:
        given = answer(said(TRUTH), facts)
        assert given is not None
        assert given.kind == "correction"
        assert [one["value"] for one in given.value["truth"]] == ["soccer", "piano"]


def test_nothing_found_where_nothing_is_stated_is_confirmed() -> None:
    given = answer(said(frozenset()), [])
    assert given is not None
    assert given.kind == "confirmation"


def test_people_who_taught_the_model_prove_nothing() -> None:
    for facts in ([], shown(*TRUTH)):
        given = answer(said(TRUTH, evidence=False), facts)
        assert given is not None
        assert given.value["release_evidence"] is False


def test_where_nobody_annotated_nobody_answers() -> None:
    assert answer(said(None), []) is None


def test_the_truth_has_the_shape_of_an_answer() -> None:
    given = answer(said(TRUTH), [])
    assert given is not None
    assert spans(given.value["truth"]) == TRUTH
