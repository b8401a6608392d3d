"""Trainer and operator understand each other: the plan that one writes the other reads, and so with the report."""

from datetime import UTC, datetime

import pytest
from training_world import DIGEST, TrainingWorld, spec

from pawl.api.training_run import DatasetStatus
from pawl_operator.kinds.training_run.report import contradiction, read
from pawl_operator.kinds.training_run.snapshot import Champion
from pawl_operator.kinds.training_run.trainer_plan import build_plan
from pawl_trainers.harness.plan import read_plan
from pawl_trainers.harness.report import EXIT_CODES, Counts, GateFinding, Registered, Report, progress_line

UNTIL = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
COUNTS = Counts(DIGEST, 700, 100, 200, 1000, 1000)
GATE = GateFinding(True, 0.25, 0.125, 0.5, "passed: better")


@pytest.mark.parametrize("engine", [{"job": {}}, {"kubeRay": {}}, {"rayAddress": "http://ray:8265"}])
@pytest.mark.parametrize("champion", [None, Champion("0123456789", "http://facts-0123456789.demo.svc/v2/models/facts")])
def test_the_operators_plan_is_read(engine, champion):
    version = {"source": "models:/demo.facts/3", "digest": DIGEST}
    gate = {"champion": version if champion else None, "floor": "0.1", "alpha": "0.05"}
    world = TrainingWorld(wire=spec(engine=engine, gate=gate, parameters={"folds": "$(HOME)"}), champion=champion)
    plan = read_plan(build_plan(world.snapshot(), 2, DatasetStatus(until=UNTIL)))

    assert (plan.run.uid, plan.run.attempt, plan.model) == ("uid-run-1", 2, "demo.facts")
    assert plan.dataset.until == UNTIL
    assert plan.distributed == ("job" not in engine)
    assert plan.parameters == {"folds": "$(HOME)"}
    assert (plan.gate.champion is not None) == (champion is not None)


@pytest.mark.parametrize("outcome", EXIT_CODES)
def test_the_trainers_report_is_heard(outcome):
    good = outcome == "Succeeded"
    registered = Registered("models:/demo.facts/7", DIGEST) if good else None
    said = Report(outcome, "so it was", COUNTS, {"champion-f1-lower": 0.1}, GATE, registered)
    log = read("\n".join(["noise", progress_line("register", 0.5, "registering"), said.line()]))

    assert log.progress is not None
    assert (log.progress.stage, log.progress.percent) == ("register", 97)
    assert log.report is not None
    assert (log.report.outcome, log.report.message) == (outcome, "so it was")
    assert log.report.dataset is not None
    assert (log.report.dataset.digest, log.report.dataset.have) == (DIGEST, 1000)
    assert log.report.metrics[0].value == 0.1
    assert contradiction(log.report, model="demo.facts", register=True) == ""


def test_a_report_of_little_is_heard_too():
    assert read(Report("Failed", "no plan").line()).report is not None
