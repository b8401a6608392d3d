"""The linear tagger: learns, serves what it learnt, is plain data on disk, and refuses what it cannot read."""

import itertools
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl_trainers.evaluation import evaluate, facts_by
from pawl_trainers.facts.spans import Fact
from pawl_trainers.linear_tagger import artifact
from pawl_trainers.linear_tagger.features import Word, features_of, words_of
from pawl_trainers.linear_tagger.model import decode
from pawl_trainers.linear_tagger.train import Settings, train
from pawl_trainers.serving.linear_tagger import load

SETTINGS = Settings(folds=3)


@pytest.fixture(scope="module")
def trained(corpus):
    return train(corpus.read(), SETTINGS)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    artifact.write(trained.tagger, folder)
    return folder


@given(st.text(max_size=80))
def test_words_are_pieces_of_the_text_in_order_without_its_white_space(text):
    words = words_of(text)

    assert [text[word.start : word.end] for word in words] == [word.text for word in words]
    assert all(one.end <= other.start for one, other in itertools.pairwise(words))
    assert "".join("".join(word.text for word in words).split()) == "".join(text.split())
    assert len(features_of(words)) == len(words)


def test_a_span_can_end_before_a_contraction():
    assert [word.text for word in words_of("I'm my cousin\u2019s fan")] == [
        "I", "'m", "my", "cousin", "\u2019s", "fan",
    ]  # fmt: skip


def test_it_learns_what_the_corpus_says(corpus, trained):
    assert trained.cross_validated_f1 > 0.9
    assert evaluate(facts_by(trained.tagger), corpus.read()).f1 > 0.9
    assert (trained.people, trained.messages) == (12, 192)


def test_serving_answers_exactly_what_training_predicts(corpus, trained, exported):
    served = load(exported)
    texts = [message.text for message in corpus.read()]
    answers = served.predict({"text": texts})["facts"]

    for text, answer in zip(texts, answers, strict=True):
        facts = {Fact(fact["start"], fact["end"], fact["slot"]) for fact in json.loads(answer)}
        assert facts == facts_by(trained.tagger)(text)


def test_a_served_fact_carries_its_value_and_a_confidence(exported):
    (fact,) = load(exported).facts_of("I live in Boston now.")

    assert {key: fact[key] for key in ("slot", "start", "end", "value")} == {
        "slot": "LOCATION",
        "start": 10,
        "end": 16,
        "value": "Boston",
    }
    assert 0 < fact["confidence"] <= 1


@pytest.mark.parametrize("text", ["", "   ", "\u2603", "?!" * 200, "word " * 500])
def test_any_message_is_answered(exported, text):
    assert isinstance(load(exported).facts_of(text), list)


def test_it_declares_its_tensors(exported):
    declared = load(exported).signature()

    assert [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in declared["inputs"]] == [
        ("text", "BYTES", [-1])
    ]
    assert declared["outputs"][0]["name"] in load(exported).predict({"text": ["hello"]})


@pytest.mark.parametrize("inputs", [{}, {"text": [1]}, {"texts": ["hello"]}])
def test_inputs_it_cannot_use_are_named(exported, inputs):
    with pytest.raises(ValueError, match="tensor 'text'"):
        load(exported).predict(inputs)


def test_training_again_gives_the_same_bytes(corpus, exported, tmp_path):
    artifact.write(train(corpus.read(), SETTINGS).tagger, tmp_path)

    for name in (artifact.MODEL, artifact.VOCABULARY, artifact.WEIGHTS):
        assert (tmp_path / name).read_bytes() == (exported / name).read_bytes()


def test_the_export_is_plain_arrays_and_json(exported):
    assert sorted(path.name for path in exported.iterdir()) == ["model.json", "vocabulary.json", "weights.npz"]
    with zipfile.ZipFile(exported / artifact.WEIGHTS) as archive:
        assert archive.namelist() == ["weights.npy"]
        assert b"'descr': '<f4'" in archive.read("weights.npy")[:128], "an object array would need pickle"


def test_an_array_that_needs_pickle_is_refused(exported, tmp_path):
    for name in (artifact.MODEL, artifact.VOCABULARY):
        (tmp_path / name).write_bytes((exported / name).read_bytes())
    np.savez(tmp_path / artifact.WEIGHTS, weights=np.array([{"code": "runs"}], dtype=object))

    with pytest.raises(artifact.ArtifactError, match="cannot be read"):
        artifact.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (artifact.MODEL, b"{}", "format is not"),
        (artifact.MODEL, b"not json", "model.json: cannot be read"),
        (artifact.VOCABULARY, b"[]", "does not fit"),
        (artifact.VOCABULARY, b"{}", "not a list"),
        (artifact.WEIGHTS, b"", "cannot be read"),
    ],
)
def test_a_broken_export_is_refused_by_file(exported, tmp_path, name, content, words):
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(content)

    with pytest.raises(artifact.ArtifactError, match=words):
        load(tmp_path)


@pytest.mark.parametrize("threshold", [0.0, 1.0, 2.0])
def test_a_threshold_outside_the_unit_is_refused(exported, tmp_path, threshold):
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    described = json.loads((exported / artifact.MODEL).read_text())
    (tmp_path / artifact.MODEL).write_text(json.dumps(described | {"threshold": threshold}))

    with pytest.raises(artifact.ArtifactError, match="threshold"):
        load(tmp_path)


def test_serving_imports_no_training_library():
    code = "import sys, pawl_trainers.serving.linear_tagger; print('sklearn' in sys.modules, 'scipy' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert shown.split() == ["False", "False"]


def test_neighbouring_words_of_one_slot_are_one_fact_and_a_gap_parts_them():
    words = [Word("a", 0, 1), Word("b", 2, 3), Word("c", 4, 5), Word("d", 6, 7)]
    probabilities = np.array([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.9, 0.05, 0.05], [0.3, 0.2, 0.5]])
    found = decode(words, probabilities, ("O", "NAME", "AGE"), threshold=0.5)

    assert [item.fact for item in found] == [Fact(0, 3, "NAME"), Fact(6, 7, "AGE")]
    assert [item.confidence for item in found] == pytest.approx([0.75, 0.5])


def test_too_few_people_or_no_fact_at_all_are_refused(corpus):
    messages = corpus.read()

    with pytest.raises(ValueError, match="fewer than 3 folds"):
        train([message for message in messages if message.person == "person-1"], SETTINGS)
    with pytest.raises(ValueError, match="none holds a fact"):
        train([message for message in messages if not message.facts], SETTINGS)
