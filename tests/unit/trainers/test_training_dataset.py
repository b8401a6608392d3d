"""The dataset: one digest for one content, and no label that the score cannot use."""

import json
from dataclasses import replace
from datetime import timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st
from training_samples import samples

from pawl_trainers.facts.examples import facts_of, labelled_texts, text_of
from pawl_trainers.facts.spans import Fact
from pawl_trainers.harness.dataset import dataset_of, digest_of

ROWS = samples(4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_the_digest_names_the_content_and_nothing_else():
    elsewhere = [replace(row, time=row.time.astimezone(timezone(timedelta(hours=5)))) for row in reversed(ROWS)]

    assert digest_of(elsewhere) == digest_of(ROWS)
    assert digest_of(ROWS[1:]) != digest_of(ROWS)
    assert digest_of([replace(ROWS[0], truth=[]), *ROWS[1:]]) != digest_of(ROWS)


def test_the_digest_is_the_one_that_was_written_down():
    assert digest_of(ROWS[:1]) == "sha256:24f8124454fce3cb13b459e54aae3d366a2cc5ef8b18539f029aaa19a8a7a82a"


@settings(deadline=None)
@given(JSON)
def test_the_order_of_members_does_not_matter(value):
    turned = json.loads(json.dumps(value), object_pairs_hook=lambda pairs: dict(reversed(pairs)))

    assert digest_of([replace(ROWS[0], input=turned)]) == digest_of([replace(ROWS[0], input=value)])


@settings(deadline=None)
@given(st.lists(JSON, max_size=4))
def test_any_label_is_used_or_counted(truths):
    examples = [replace(ROWS[index], truth=truth) for index, truth in enumerate(truths)]
    found = dataset_of(examples, "span-f1")

    assert len(found.examples) + found.unusable == len(examples)


def test_what_is_no_text_or_no_list_of_spans_is_left_out_and_counted():
    odd = [replace(ROWS[0], truth="yes"), replace(ROWS[1], input={"picture": 1}), *ROWS[2:]]
    found = dataset_of(odd, "span-f1")

    assert found.unusable == 2
    assert {row.row_id for row in found.examples} == {row.row_id for row in ROWS[2:]}
    assert found.digest == digest_of(ROWS[2:])


def test_facts_are_read_from_a_list_or_from_the_only_member_of_an_object():
    fact = {"slot": "NAME", "start": 0, "end": 3, "value": "Ann"}

    assert facts_of([fact], "Ann") == facts_of({"facts": [fact]}, "Ann") == {Fact(0, 3, "NAME")}
    for wrong in ({"end": 4}, {"start": True}, {"slot": "O"}, {"start": 3}, {"slot": 3}, {"end": "3"}):
        assert facts_of([fact | wrong], "Ann") is None
    assert facts_of(["Ann"], "Ann") is None


def test_a_text_is_a_string_or_its_member():
    assert (text_of("a"), text_of({"text": "a", "lang": "en"}), text_of({"text": 1}), text_of(None)) == (
        "a",
        "a",
        None,
        None,
    )


def test_a_span_outside_its_text_is_counted_and_not_learned_from():
    outside = replace(ROWS[0], truth=[{"slot": "NAME", "start": 0, "end": 500}])
    texts, unreadable = labelled_texts([outside, *ROWS[1:]])

    assert (len(texts), unreadable) == (len(ROWS) - 1, 1)
