"""Annotations: joined to their texts, refused where the text is another one, split by person."""

import json
from pathlib import Path

import pytest

from pawl_trainers.facts.annotations import AnnotationError, is_learner, of_learners, read_annotations
from pawl_trainers.facts.messages import Conversations
from pawl_trainers.facts.spans import SLOTS

DATA = Path(__file__).parents[3] / "examples" / "data"


@pytest.fixture(scope="module")
def real() -> Conversations:
    return Conversations.read()


def _changed(corpus, folder, **changes):
    rows = [json.loads(line) for line in corpus.annotations_file.read_text().splitlines()]
    rows[1] |= changes
    path = folder / "changed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_fact_is_the_annotated_piece_of_the_text(corpus):
    first = corpus.read()[0]

    assert [(first.text[fact.start : fact.end], fact.slot) for fact in first.facts] == [("Provo", "LOCATION")]
    assert first.person == "person-0"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 16}, "sha256: the text has"),
        ({"facts": [{"slot": "SHOE", "start": 0, "end": 1}]}, "slot: 'SHOE' is not a known slot"),
        ({"facts": [{"slot": "NAME", "start": 5, "end": 500}]}, "span: [5, 500) is not inside"),
        ({"facts": [{"slot": "NAME", "start": 5, "end": 5}]}, "span: [5, 5) is not inside"),
        ({"message": 999}, "IndexError"),
        ({"conversation": "nobody"}, "nobody"),
    ],
)
def test_a_line_that_does_not_fit_its_text_is_refused_by_its_number(corpus, tmp_path, changes, words):
    with pytest.raises(AnnotationError) as refused:
        read_annotations(_changed(corpus, tmp_path, **changes), corpus.conversations)

    assert "changed.jsonl line 2" in str(refused.value)
    assert words in str(refused.value)


def test_the_split_is_by_person_and_keeps_its_order(corpus):
    learners = of_learners(corpus.read())

    assert {message.person for message in learners} == {
        f"person-{number}" for number in range(12) if is_learner(f"person-{number}")
    }


def test_the_projects_annotations_fit_the_published_data_set(real):
    train = read_annotations(DATA / "chitchat-facts-train.jsonl", real)
    golden = read_annotations(DATA / "chitchat-facts-golden.jsonl", real)
    people = {message.person for message in train}

    assert (len(train), sum(bool(m.facts) for m in train), sum(len(m.facts) for m in train)) == (3769, 784, 1029)
    assert (len(people), len({m.person for m in of_learners(train)})) == (477, 284)
    assert (len(golden), sum(bool(m.facts) for m in golden), sum(len(m.facts) for m in golden)) == (600, 111, 157)
    assert people.isdisjoint(message.person for message in golden)
    assert {fact.slot for message in train for fact in message.facts} == set(SLOTS) - {"AGE"}


def test_a_conversation_is_turns_of_messages_in_order(real):
    first = next(iter(real))
    turns = real[first]

    assert len(real) == 7168
    assert turns[0][0] == real.message(first, 0, 0)
    assert turns[0][0].time <= turns[-1][-1].time
    assert turns[0][0].time.tzinfo is not None
