"""The linear tagger as a trainer: from examples to a model that is served, by parameters that are text."""

from dataclasses import replace

import pytest
from training_samples import samples

from pawl_trainers.harness.export import checked_export
from pawl_trainers.harness.predictions import answers_of_model
from pawl_trainers.linear_tagger.train import Settings
from pawl_trainers.linear_tagger.trainer import LinearTaggerTrainer, settings_of
from pawl_trainers.trainer import TrainingError, TrainingJob

EXAMPLES = samples(12)


def _job(workspace, said, **changes):
    job = TrainingJob(
        train=[one for one in EXAMPLES if one.person < "person-009"],
        validation=[one for one in EXAMPLES if one.person >= "person-009"],
        base_model=None,
        parameters={"folds": "2"},
        seed=1,
        workspace=workspace,
        distributed=False,
        report=lambda part, message: said.append((part, message)),
    )
    return replace(job, **changes)


def test_it_learns_and_exports_what_is_served(tmp_path):
    said = []
    directory = LinearTaggerTrainer().fit(_job(tmp_path, said))
    (answer,) = answers_of_model(directory, ["I live in Boston now."], lambda part: None)

    assert checked_export(directory).startswith("sha256:")
    assert [(fact["slot"], fact["value"]) for fact in answer] == [("LOCATION", "Boston")]
    parts = [part for part, _ in said]
    assert parts == sorted(parts)
    assert parts[-1] == 1


def test_the_same_job_gives_the_same_model(tmp_path):
    first, second = (LinearTaggerTrainer().fit(_job(tmp_path / name, [])) for name in ("one", "two"))

    assert checked_export(first) == checked_export(second)


def test_labels_that_cannot_be_read_are_left_out_and_told(tmp_path):
    said = []
    odd = replace(EXAMPLES[0], truth=[{"slot": "NAME", "start": 0, "end": 500}])
    LinearTaggerTrainer().fit(_job(tmp_path, said, train=[odd, *EXAMPLES[1:]]))

    assert said[0][1].startswith("1 examples hold no text")


def test_too_little_to_learn_from_is_a_training_error(tmp_path):
    with pytest.raises(TrainingError, match="none holds a fact"):
        LinearTaggerTrainer().fit(_job(tmp_path, [], train=[replace(one, truth=[]) for one in EXAMPLES], validation=[]))


def test_parameters_are_read_from_text():
    named = {"folds": "3", "inverse-penalty": "0.5", "min-count": "1", "max-iterations": "50", "tolerance": "0.001"}

    assert settings_of(named, 7) == Settings(0.5, 1, 3, 50, 0.001, 7)
    assert settings_of({}, 0) == Settings()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"depth": "3"}, r"parameters\.depth: is not known; use folds"),
        ({"folds": "many"}, r"parameters\.folds: 'many' is no number; write 5"),
        ({"folds": "1"}, "out of range; use 2 or more"),
        ({"tolerance": "nan"}, "out of range"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(parameters, words):
    with pytest.raises(TrainingError, match=words):
        settings_of(parameters, 0)
