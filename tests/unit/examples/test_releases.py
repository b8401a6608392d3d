"""One release after another: the candidate is put to the Rollout, its end awaited, an outage judged by what moved."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pawl_examples.history import History
from pawl_examples.ledger import Ledger
from pawl_examples.pace import Times
from pawl_examples.releases import Candidate, Releases
from pawl_examples.scenarios import Scenario, scenarios
from pawl_examples.weights import Weights

TWIN, SLOW, *_ = scenarios("image:twin")
PLAN = {"steps": [{"setWeight": 10}, {"setWeight": 100}]}
Json = dict[str, Any]


def state(phase: str, release: str, step: int, **conditions: str) -> Json:
    shown = {"number": 1, "state": release, "step": step, "totalSteps": 2, "plan": PLAN, "stepStartedAt": "now"}
    return {
        "status": {
            "phase": phase,
            "release": shown,
            "conditions": [{"type": kind, "status": value} for kind, value in conditions.items()],
        }
    }


class Script:
    """A follower whose history goes on by one state each time somebody waits in vain."""

    def __init__(self, states: list[Json]) -> None:
        self.history, self.weights = History("rollout/x"), Weights()
        self._states: Iterator[Json] = iter(states)

    def until(self, seen: Callable[[History], bool], seconds: float) -> bool:
        while not seen(self.history):
            following = next(self._states, None)
            if following is None:
                return False
            self.history.feed(following, datetime.now(UTC))
        return True


class Cluster:
    def __init__(self) -> None:
        self.applied: list[tuple[Json, str]] = []
        self.ran: list[tuple[str, ...]] = []

    def apply(self, *objects: Json, manager: str = "") -> None:
        self.applied += [(one, manager) for one in objects]

    def run(self, *arguments: str) -> str:
        self.ran.append(arguments)
        return ""


class Quiet:
    def __init__(self) -> None:
        self.ledger = Ledger()
        self.begun: list[str] = []

    def begin(self, name: str, *, annotated: bool) -> None:
        self.begun.append(name)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def releases(cluster: Cluster, states: list[Json]) -> Releases:
    candidate = Candidate("demo", "x", "pvc://models/m", "sha256:1", run="7")
    return Releases(cluster, Script(states), Quiet(), candidate, Times(), lambda _: None)  # type: ignore[arg-type]


def without_outage(scenario: Scenario) -> Scenario:
    return replace(scenario, outage=False)


def test_a_candidate_is_applied_as_the_promoting_manager_with_a_revision_of_its_own(cluster: Cluster) -> None:
    states = [state("Progressing", "Progressing", 1), state("Degraded", "RolledBack", 1)]
    outcome = releases(cluster, states).run(SLOW)
    [(applied, manager)] = cluster.applied
    assert manager == "pawl-promote"
    serve = applied["spec"]["candidate"]["serve"]
    assert [one["name"] for one in serve["env"]] == ["PAWL_ENTRYPOINT", "PAWL_DEMO_RUN"]
    assert outcome.as_said


def test_an_end_other_than_said_is_not_as_said(cluster: Cluster) -> None:
    states = [state("Progressing", "Progressing", 1), state("Degraded", "RolledBack", 1)]
    assert not releases(cluster, states).run(without_outage(TWIN)).as_said


def test_no_release_or_no_end_is_a_problem(cluster: Cluster) -> None:
    assert releases(cluster, []).run(SLOW).problems[0].startswith("no release began")
    stuck = releases(cluster, [state("Progressing", "Progressing", 1)]).run(SLOW)
    assert stuck.problems[0].startswith("did not end")


def test_an_outage_that_moves_nothing_is_right(cluster: Cluster) -> None:
    held = Script([])
    run = releases(cluster, [])
    steady = [
        state("Progressing", "Progressing", 2),
        state("Progressing", "Progressing", 2, MetricsAvailable="False"),
    ]

    def until(seen: Callable[[History], bool], seconds: float) -> bool:
        if not seen(held.history) and steady:
            held.history.feed(steady.pop(0), datetime.now(UTC))
        elif not seen(held.history) and any("--replicas=1" in one for one in cluster.ran):
            held.history.feed(state("Healthy", "Promoted", 2), datetime.now(UTC))
        return seen(held.history)

    held.until = until  # type: ignore[method-assign]
    outcome = replace(run, follower=held).run(TWIN)  # type: ignore[type-var]
    assert outcome.problems == ()
    assert outcome.as_said
    assert [one[-1] for one in cluster.ran] == ["--replicas=0", "--replicas=1"]


def test_an_outage_in_which_something_moved_is_a_problem(cluster: Cluster) -> None:
    states = [
        state("Progressing", "Progressing", 2),
        state("Progressing", "Progressing", 2, MetricsAvailable="False"),
        state("Healthy", "Promoted", 2),
    ]
    outcome = releases(cluster, states).run(TWIN)
    assert outcome.problems[0] == "moved while Prometheus was down"
    assert not outcome.as_said
