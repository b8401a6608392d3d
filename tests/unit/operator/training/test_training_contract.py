"""What the operator admits, trainers can do: names of trainers and scores are known on both sides."""

import pytest
from training_world import FACTS, TrainingWorld, spec

from pawl_operator.kinds.training_run.admission import OFFERED, SCORES
from pawl_operator.kinds.training_run.snapshot import ComponentFacts
from pawl_trainers.harness.plan import read_plan
from pawl_trainers.registry import TRAINERS


def test_every_trainer_that_is_offered_is_there_and_the_other_way_round() -> None:
    assert sorted(OFFERED) == sorted(TRAINERS)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("trainer", OFFERED)
def test_a_plan_of_every_offered_trainer_and_score_is_read(trainer: str, score: str) -> None:
    world = TrainingWorld(spec(trainer=trainer), component=ComponentFacts(score, FACTS.labels))
    world.settle()
    plan = read_plan(world.started[0].plan)
    assert (plan.trainer, plan.score, plan.labels) == (trainer, score, dict(FACTS.labels))
    assert plan.dataset.until == world.started[0].until
