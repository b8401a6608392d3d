"""Token classification: learns, gives the same bytes again, is served without torch as it was trained, exact spans."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from pawl.artifacts import digest_directory
from pawl_trainers.facts.examples import LabelledText
from pawl_trainers.facts.spans import Fact
from pawl_trainers.harness.export import checked_export
from pawl_trainers.registry import trainer_named
from pawl_trainers.serving.entry import load as load_any
from pawl_trainers.serving.token_classification import load
from pawl_trainers.token_classification import artifact, export
from pawl_trainers.token_classification.base import RANDOM, base_of
from pawl_trainers.token_classification.examples import IGNORED, batches, chosen, classes_of, prepared
from pawl_trainers.token_classification.fitting import Fitting, probabilities_of
from pawl_trainers.token_classification.keeper import digest_of
from pawl_trainers.token_classification.lesson import Lesson, NoCheckpoints, learn
from pawl_trainers.token_classification.pieces import facts_in, pieces_of
from pawl_trainers.token_classification.settings import Settings, settings_from
from pawl_trainers.trainer import Example, TrainingError, TrainingJob

PARAMETERS = {"epochs": "6", "learningRate": "0.01", "maxTokens": "32"}
SETTINGS = settings_from(PARAMETERS)
SOME_TEXTS = st.text(alphabet=st.sampled_from(list("aI ,.'\u2019\U0001f600\u00e9\u4e2d\ud800\n\tProvo")), max_size=60)


@pytest.fixture(scope="module")
def texts(corpus):
    return [LabelledText(message.person, message.text, message.facts) for message in corpus.read()]


@pytest.fixture(scope="module")
def lesson(texts):
    held = {"person-0", "person-1"}
    return Lesson(
        train=[text for text in texts if text.person not in held],
        validation=[text for text in texts if text.person in held],
        base_model=RANDOM,
        settings=SETTINGS,
        seed=7,
    )


class Fitted:
    """A network after two epochs, the later ones still to come, with its export."""

    def __init__(self, lesson, folder):
        self.lesson, self.folder = lesson, folder
        self.classes = classes_of(lesson.train)
        self.base = self.new_base()
        self.train = [prepared(text, self.base.tokenizer, self.classes) for text in lesson.train]
        self.checked = [prepared(text, self.base.tokenizer, self.classes) for text in lesson.validation]
        self.fitting = self.new_fitting(self.base)
        self.losses = [self.fitting.next_epoch(self.train).loss for _ in range(2)]
        self.parity = export.export(self.base.network, self.base.tokenizer, self.classes, 0.5, self.checked, folder)

    def new_base(self):
        return base_of(RANDOM, len(self.classes), [text.text for text in self.lesson.train], 7, 32)

    def new_fitting(self, base):
        return Fitting(base.network, self.classes, SETTINGS, 7)

    def find(self, text):
        """What torch itself finds."""
        pieces = pieces_of(self.base.tokenizer, text)
        (found,) = probabilities_of(
            self.base.network, [prepared(LabelledText("", text, frozenset()), self.base.tokenizer, self.classes)]
        )
        return facts_in(pieces, found, self.classes, 0.5)


@pytest.fixture(scope="module")
def fitted(lesson, tmp_path_factory):
    return Fitted(lesson, tmp_path_factory.mktemp("fitted"))


@pytest.fixture(scope="module")
def predictor(fitted):
    return load(fitted.folder)


@pytest.fixture(scope="module")
def learnt(lesson, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learnt")
    epochs = []
    return folder, learn(lesson, folder, NoCheckpoints(), epochs.append), epochs


def test_it_learns_what_the_corpus_says(lesson, learnt):
    folder, found, epochs = learnt

    assert found.f1 > 0.9
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[-1].loss < epochs[0].loss / 4
    (fact,) = load(folder).facts_of("I live in Boston now.")
    assert (fact["slot"], fact["start"], fact["end"], fact["value"]) == ("LOCATION", 10, 16, "Boston")
    assert 0 < fact["confidence"] <= 1


def test_the_same_lesson_gives_the_same_bytes_and_another_seed_another_model(lesson, learnt, tmp_path):
    learn(lesson, tmp_path / "again", NoCheckpoints(), lambda epoch: None)
    other = Lesson(lesson.train, lesson.validation, RANDOM, SETTINGS, seed=8)
    learn(other, tmp_path / "other", NoCheckpoints(), lambda epoch: None)

    assert digest_directory(tmp_path / "again") == digest_directory(learnt[0])
    assert digest_directory(tmp_path / "other") != digest_directory(learnt[0])


def test_who_goes_on_from_a_checkpoint_ends_where_the_lost_one_would_have(fitted):
    lost = fitted.new_fitting(fitted.new_base())
    whole = [lost.next_epoch(fitted.train).loss for _ in range(2)]
    saved = lost.checkpoint()
    whole.append(lost.next_epoch(fitted.train).loss)
    base = fitted.new_base()
    heir = fitted.new_fitting(base)
    heir.restore(saved)

    assert whole[:2] == fitted.losses
    assert heir.epoch == 2
    assert heir.next_epoch(fitted.train).loss == whole[2]
    assert heir.checkpoint() == lost.checkpoint()


def test_the_graph_gives_the_networks_probabilities(fitted):
    served = artifact.read(fitted.folder)

    assert fitted.parity < export.LARGEST_DIFFERENCE
    assert export.largest_difference(served, fitted.base.network, fitted.train) < export.LARGEST_DIFFERENCE
    assert json.loads((fitted.folder / artifact.MODEL).read_text())["parity"] == fitted.parity


def test_a_graph_that_differs_is_not_exported(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "LARGEST_DIFFERENCE", 0.0)

    with pytest.raises(TrainingError, match="differ by"):
        export.export(fitted.base.network, fitted.base.tokenizer, fitted.classes, 0.5, fitted.checked, tmp_path)
    assert not (tmp_path / artifact.MODEL).exists()


@settings(max_examples=100, deadline=None)
@given(SOME_TEXTS)
@example("")
@example("   \n ")
@example("  I live in Provo  ")
@example("I'm Provo\u2019s \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 fan")
@example("I live in Provo now. " * 60)
def test_serving_finds_exactly_what_torch_finds_and_no_span_has_blank_ends(fitted, predictor, text):
    served = predictor.facts_of(text)
    expected = fitted.find(text)

    assert [(one["slot"], one["start"], one["end"]) for one in served] == [
        (found.fact.slot, found.fact.start, found.fact.end) for found in expected
    ]
    assert [one["confidence"] for one in served] == pytest.approx([found.confidence for found in expected], abs=1e-3)
    for one in served:
        assert one["value"] == text[one["start"] : one["end"]] == one["value"].strip() != ""


def test_the_predictor_is_what_the_common_entry_point_loads(fitted):
    answers = load_any(fitted.folder).predict({"text": ["I live in Provo now.", ""]})["facts"]

    assert json.loads(answers[0]) == load(fitted.folder).facts_of("I live in Provo now.")
    assert json.loads(answers[1]) == []


@pytest.mark.parametrize("inputs", [{}, {"text": [1]}, {"texts": ["hello"]}])
def test_inputs_it_cannot_use_are_named(predictor, inputs):
    with pytest.raises(ValueError, match="tensor 'text'"):
        predictor.predict(inputs)


def test_a_text_beyond_the_limit_is_read_up_to_it(fitted):
    pieces = pieces_of(fitted.base.tokenizer, "word " * 500)

    assert (len(pieces.ids), len(pieces.words)) == (32, 30)


def test_serving_imports_no_training_library(fitted):
    code = (
        "import sys; from pathlib import Path; from pawl_trainers.serving.entry import load;"
        f"load(Path({str(fitted.folder)!r})).predict({{'text': ['I live in Provo']}});"
        "print([name for name in ('torch', 'transformers', 'onnx', 'sklearn', 'ray') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert shown.strip() == "[]"


def test_as_a_trainer_it_takes_interactions_and_gives_files_that_may_leave(texts, tmp_path):
    examples = [
        Example(
            row_id=str(number),
            person=text.person,
            time=datetime(2026, 1, 1, tzinfo=UTC),
            input={"text": text.text},
            truth={"facts": [{"slot": fact.slot, "start": fact.start, "end": fact.end} for fact in text.facts]},
        )
        for number, text in enumerate(texts)
    ]
    broken = Example("broken", "person-2", datetime(2026, 1, 1, tzinfo=UTC), {"text": 5}, [])
    said = []
    job = TrainingJob(
        train=[*examples[32:], broken],
        validation=examples[:32],
        base_model=RANDOM,
        parameters={**PARAMETERS, "epochs": "1"},
        seed=0,
        workspace=tmp_path,
        distributed=False,
        report=lambda part, message: said.append((part, message)),
    )
    folder = trainer_named("token-classification").fit(job)

    assert checked_export(folder).startswith("sha256:")
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.onnx", "tokenizer.json"]
    assert json.loads((folder / "model.json").read_text())["format"] == "token-classification"
    assert said[0] == (0.0, "1 examples hold no text or no spans of it and are left out")
    assert "epoch 1: loss" in said[1][1]
    assert "torch and ONNX differ by" in said[-1][1]


def test_without_a_fact_there_is_nothing_to_learn(lesson, tmp_path):
    silent = [text for text in lesson.train if not text.facts]

    with pytest.raises(TrainingError, match="none holds a fact"):
        learn(Lesson(silent, [], RANDOM, SETTINGS, 0), tmp_path, NoCheckpoints(), lambda epoch: None)


def test_an_unknown_base_model_is_named(lesson, tmp_path):
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(TrainingError, match=r"baseModel: .* cannot be loaded"):
        base_of(str(tmp_path), 2, [], 0, 32)


def test_the_packaged_encoder_is_the_default():
    base = base_of(None, 3, [], 0, 128)

    assert base.network.config.num_hidden_layers == 6
    assert base.network.config.num_labels == 3
    words = pieces_of(base.tokenizer, "I'm antidisestablishmentarianistically fond of Pro\u00a0vo").words
    assert [word.text for word in words] == [
        "I", "'", "m", "antidisestablishmentarianistically", "fond", "of", "Pro", "vo",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"epoch": "3"}, "parameters: 'epoch' is not known; use one of epochs, batchSize"),
        ({"epochs": "two"}, "parameters.epochs: 'two' is not a number; use one from 1 to 100"),
        ({"epochs": "2.5"}, "parameters.epochs: '2.5' is not a number"),
        ({"epochs": "0"}, "parameters.epochs: 0 is not between 1 and 100"),
        ({"outsideWeight": "nan"}, "parameters.outsideWeight: nan is not between"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(parameters, words):
    with pytest.raises(TrainingError) as refused:
        settings_from(parameters)

    assert words in str(refused.value)


def test_parameters_are_read_as_numbers():
    assert settings_from({}) == Settings()
    assert settings_from({"epochs": "3", "outsideWeight": "0.5"}) == Settings(epochs=3, outside_weight=0.5)


def test_every_message_with_a_fact_and_a_share_of_the_empty_ones_is_learned_from(texts):
    taken = chosen(texts, 0.5, seed=1)
    empty = [text for text in taken if not text.facts]

    assert [text for text in taken if text.facts] == [text for text in texts if text.facts]
    assert len(empty) == len([text for text in texts if not text.facts]) // 2
    assert taken == chosen(texts, 0.5, seed=1) != chosen(texts, 0.5, seed=2)


def test_an_epoch_shows_each_example_once_and_the_labels_fit(fitted):
    todo = batches(fitted.train, 16, seed=3)
    rows = [tuple(row[mask == 1].tolist()) for batch in todo for row, mask in zip(batch.ids, batch.mask, strict=True)]

    assert sorted(rows) == sorted(tuple(each.pieces.ids) for each in fitted.train)
    for batch in todo:
        assert ((batch.labels == IGNORED) | (batch.mask == 1)).all()


def test_a_token_has_the_class_of_the_fact_that_its_word_overlaps(fitted):
    text = LabelledText("", "I live in Provo now", frozenset({Fact(10, 15, "LOCATION")}))
    labels = prepared(text, fitted.base.tokenizer, ("O", "HOBBY", "LOCATION")).labels

    assert labels == [IGNORED, 0, 0, 0, 2, 0, IGNORED]


def test_a_slot_that_nobody_taught_is_left_out_of_the_loss(fitted):
    text = LabelledText("", "I live in Provo now", frozenset({Fact(10, 15, "LOCATION")}))
    labels = prepared(text, fitted.base.tokenizer, ("O", "HOBBY")).labels

    assert labels == [IGNORED, 0, 0, 0, IGNORED, 0, IGNORED]


def test_tokens_that_split_a_character_are_one_word():
    """As in models with a byte-level vocabulary: an emoji is four tokens with the same span."""
    names = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({name: at for at, name in enumerate(names)}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    pieces = pieces_of(tokenizer, "in Provo \U0001f600!")

    assert [word.text for word in pieces.words] == ["in", "Provo", "\U0001f600", "!"]
    assert [len(positions) for positions in pieces.members][2] >= 4


def test_a_word_that_carries_its_blank_or_its_full_stop_loses_it():
    """As in models with a sentence-piece vocabulary: only blanks part words."""
    pieces = {"\u2581I": 0, "\u2581live": 1, "\u2581in": 2, "\u2581Pro": 3, "vo": 4, ".": 5, "?": 6}
    vocabulary = [(name, -float(at + 1)) for name, at in pieces.items()]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=6))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    words = pieces_of(tokenizer, "I live in Provo.").words

    assert [(word.text, word.start, word.end) for word in words][-2:] == [("Provo", 10, 15), (".", 15, 16)]


def test_a_words_probability_is_the_mean_of_its_tokens():
    names = ["[UNK]", "pro", "##vo", "in"]
    tokenizer = Tokenizer(models.WordPiece({name: at for at, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces = pieces_of(tokenizer, "in provo")
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    (found,) = facts_in(pieces, probabilities, ("O", "LOCATION"), threshold=0.6)

    assert found.fact == Fact(3, 8, "LOCATION")
    assert found.confidence == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (artifact.MODEL, b"{}", "format is not token-classification 1"),
        (artifact.MODEL, b"not json", "model.json: cannot be read"),
        (artifact.GRAPH, b"", "cannot be read as a token classifier"),
        (artifact.TOKENIZER, b"{}", "cannot be read as a token classifier"),
    ],
)
def test_a_broken_export_is_refused_by_file(fitted, tmp_path, name, content, words):
    _copied(fitted.folder, tmp_path)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(artifact.ArtifactError, match=words):
        load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": 1.0}, "threshold 1.0 is not between"),
        ({"classes": ["O", "HOBBY"]}, "does not fit 2 classes"),
        ({"classes": ["HOBBY", "O", "LOCATION"]}, "must begin with 'O'"),
        ({"classes": ["O", "HOBBY", "HOBBY"]}, "and differ"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(fitted, tmp_path, changes, words):
    _copied(fitted.folder, tmp_path)
    described = json.loads((fitted.folder / artifact.MODEL).read_text())
    (tmp_path / artifact.MODEL).write_text(json.dumps(described | changes))

    with pytest.raises(artifact.ArtifactError, match=words):
        load(tmp_path)


def test_a_lesson_has_one_name_in_every_process(lesson):
    """The number was computed under another PYTHONHASHSEED, so under another order of every set."""
    facts = frozenset(Fact(at, at + 1, slot) for at, slot in enumerate("ABCDEFG"))
    same = Lesson([LabelledText("p", "abcdefgh", facts)], [], None, Settings(), 1)

    assert digest_of(same) == "1bad378c12775cf5" != digest_of(lesson)


def _copied(source: Path, target: Path) -> None:
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
