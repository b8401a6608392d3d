"""What may leave a trainer and what may be served: plain data under a format of the list."""

import json
from pathlib import Path

import numpy as np
import pytest

from pawl.artifacts import digest_directory
from pawl.errors import InvalidArtifact
from pawl_trainers.harness.export import checked_export
from pawl_trainers.registry import TRAINERS, trainer_named
from pawl_trainers.serving import rules
from pawl_trainers.serving.entry import LOADERS, UnknownModelError, load
from pawl_trainers.trainer import TrainingError


@pytest.fixture
def exported(tmp_path):
    rules.write(tmp_path / "model")
    return tmp_path / "model"


def test_the_digest_is_that_of_the_folder(exported):
    assert checked_export(exported) == digest_directory(exported)


@pytest.mark.parametrize("name", ["weights.pkl", "weights.pt", "model.py", "weights.bin", "deep/er.joblib", "noname"])
def test_a_file_that_could_hold_code_does_not_leave(exported, name):
    (exported / name).parent.mkdir(exist_ok=True)
    (exported / name).write_bytes(b"")

    with pytest.raises(TrainingError, match=Path(name).name):
        checked_export(exported)


def test_an_array_that_needs_pickle_does_not_leave(exported):
    np.savez(exported / "weights.npz", weights=np.array([{"code": "runs"}], dtype=object))

    with pytest.raises(TrainingError, match="pickle"):
        checked_export(exported)


def test_a_link_does_not_leave(exported):
    (exported / "more.json").symlink_to(exported / "model.json")

    with pytest.raises(InvalidArtifact):
        checked_export(exported)


def test_an_export_without_its_format_does_not_leave(exported):
    (exported / "model.json").unlink()

    with pytest.raises(TrainingError, match=r"model\.json: is not in the export"):
        checked_export(exported)


def test_the_rules_are_served_like_any_model(exported):
    predictor = load(exported)
    (answer,) = predictor.predict({"text": ["I am 32 years old"]})["facts"]

    assert json.loads(answer) == [{"slot": "AGE", "start": 5, "end": 7, "value": "32"}]
    assert predictor.signature()["outputs"][0]["name"] == "facts"


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"format": "os:system"}', '{"format": ["rules"]}'])
def test_a_model_cannot_name_code_of_its_own(exported, content):
    (exported / "model.json").write_text(content)

    with pytest.raises(UnknownModelError, match=r"model\.json"):
        load(exported)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UnknownModelError, match="cannot be read"):
        load(tmp_path)


def test_every_trainers_model_can_be_served():
    assert set(TRAINERS) <= set(LOADERS)


def test_a_trainer_is_known_by_name_or_refused():
    assert hasattr(trainer_named("linear-tagger"), "fit")
    with pytest.raises(TrainingError, match="'oracle' is not known; use one of linear-tagger"):
        trainer_named("oracle")
