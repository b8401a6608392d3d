"""A LearningLoop whose operator is killed after its k-th write and started again: one child each, the same end."""

import signal

import pytest
from loop_stage import PARTIAL, count, loop, status_of, train, wait_child, wait_phase, write_status
from polling import wait_until
from rollout_objects import component, rollout, version
from stage import PAWL, Stage

LOOPS = {"RECONCILED": "LearningLoop"}


def prepare(stage: Stage) -> None:
    """A Rollout that is stable, and a loop that has enough new examples."""
    stage.create(component(stage.namespace))
    stage.create(rollout(stage.namespace))
    stable = {"revision": "a" * 10, "service": "chat-1", "since": "2026-01-05T08:00:00Z", **version("v1")}
    write_status(stage, "Rollout", "chat", {"stable": stable})
    stage.create(loop(stage.namespace))
    count(stage, 120)


def killed(stage: Stage, after: int) -> None:
    """Run an operator until it has killed itself, then another one."""
    doomed = stage.start(PARTIAL, wait=False, KILL_AFTER=str(after), **LOOPS)
    wait_until(lambda: doomed.process.poll() is not None, 60, doomed.tail)
    assert doomed.process.poll() == -signal.SIGKILL, doomed.tail()
    stage.start(PARTIAL, **LOOPS)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_one_training_begins_whatever_write_was_the_last(stage: Stage, after: int) -> None:
    prepare(stage)
    killed(stage, after)
    wait_until(lambda: bool((status_of(stage).get("turns") or [{}])[0].get("trainingRun")), 40, stage.explain_log)
    assert [run["metadata"]["name"] for run in stage.server.list(PAWL, "TrainingRun", stage.namespace)] == ["facts-1"]
    [turn] = status_of(stage)["turns"]
    assert (turn["number"], turn["state"], status_of(stage).get("history") or []) == (1, "Training", [])


@pytest.mark.parametrize("after", [1, 2, 3])
def test_one_experiment_begins_whatever_write_was_the_last(stage: Stage, after: int) -> None:
    prepare(stage)
    first = stage.start(PARTIAL, **LOOPS)
    wait_child(stage, "TrainingRun", "facts-1")
    wait_until(lambda: bool((status_of(stage).get("turns") or [{}])[0].get("trainingRun")), 40, stage.explain_log)
    first.kill()
    count(stage, 0)
    train(stage, "facts-1")
    killed(stage, after)
    wait_phase(stage, "Experimenting")
    wait_until(lambda: bool(status_of(stage)["turns"][0].get("experiment")), 40, stage.explain_log)
    for kind in ("TrainingRun", "Experiment"):
        assert [one["metadata"]["name"] for one in stage.server.list(PAWL, kind, stage.namespace)] == ["facts-1"]
    assert (status_of(stage)["turn"], status_of(stage).get("history") or []) == (1, [])
