"""Releases whose operator is killed after its k-th write and started again; what must hold whatever k was."""

import signal
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import killed_operator
from polling import wait_until
from rollout_objects import export_evidence, rollout, version
from stage import Stage

from pawl_operator.lease import LOST_EXIT_CODE

WEIGHTS = (20, 60, 100)
HOLD = 1.0
LONG = 60.0
KEPT, ALL = 1, 999_999
WARM = timedelta(seconds=4.5)
"""Five seconds, less what the player needs to look."""
KILLED = (str(Path(killed_operator.__file__).resolve()),)


def promote_through_kill(stage: Stage, kill_after: int) -> bool:
    """Release v2 with a kill after the k-th write; False when the release needed fewer writes than that."""
    _prepare(stage, HOLD)
    killed = _run_until_killed(stage, kill_after)
    wait_until(lambda: bool(stage.status().get("history")), 60, stage.explain)
    status = stage.wait_phase("Healthy")
    assert status["stable"]["digest"] == version("v2")["digest"], stage.explain()
    assert [(h["release"], h["outcome"]) for h in status["history"]] == [(1, "Promoted")]
    wait_until(lambda: stage.player.places[-1][1] == _resting(status["stable"]["service"]), 40, stage.explain)
    _no_place_was_used_cold(stage)
    assert _steps(stage) == [0, *WEIGHTS], stage.explain()
    _holds_were_kept(stage)
    _one_workload_is_left(stage)
    return killed


def roll_back_through_kill(stage: Stage, kill_after: int) -> bool:
    """Roll v2 back on proven harm, with a kill after the k-th write from the harm on."""
    # No step may be left before the operator is killed, however slow the machine is.
    _prepare(stage, LONG)
    stable = stage.status()["stable"]
    stage.start()
    stage.release_candidate(version("v2"))
    wait_until(lambda: stage.status().get("traffic", {}).get("verified") == WEIGHTS[0], 40, stage.explain)
    assert stage.operator is not None
    stage.operator.kill()
    uid = stage.rollout()["metadata"]["uid"]
    export_evidence(stage.prometheus, uid, 1, range(1, 2), users=400, stable=0.8, candidate=0.4)
    killed = _run_until_killed(stage, kill_after, candidate=False)
    wait_until(lambda: stage.status().get("rollback", {}).get("t2") is not None, 40, stage.explain)
    status = stage.wait_phase("Degraded")
    assert status["stable"] == stable
    assert [(h["release"], h["outcome"]) for h in status["history"]] == [(1, "RolledBack")], stage.explain()
    assert len(status["rejected"]) == 1
    wait_until(lambda: stage.backends() == [(stable["service"], 100)], 20, stage.explain)
    assert max(stage.player.shares()) == WEIGHTS[0]
    _one_workload_is_left(stage)
    return killed


def roll_back_from_full_through_kill(stage: Stage, kill_after: int) -> bool:
    """Roll v2 back when it has all traffic and bakes, with a kill after the k-th write from the harm on."""
    _prepare(stage, HOLD, bake=LONG)
    stable = stage.status()["stable"]
    first = stage.start()
    stage.release_candidate(version("v2"))
    wait_until(lambda: _written(stage) == [100, 0] and stage.status()["phase"] == "Baking", 60, stage.explain)
    first.kill()
    stage.player.restarts[stage.status()["release"]["revision"]] = 3
    killed = _run_until_killed(stage, kill_after, candidate=False)
    wait_until(lambda: stage.status().get("rollback", {}).get("t2") is not None, 40, stage.explain)
    status = stage.wait_phase("Degraded")
    assert status["stable"] == stable
    assert [(h["release"], h["outcome"]) for h in status["history"]] == [(1, "RolledBack")], stage.explain()
    wait_until(lambda: stage.player.places[-1][1] == _resting(stable["service"]), 40, stage.explain)
    _no_place_was_used_cold(stage)
    _one_workload_is_left(stage)
    return killed


def _prepare(stage: Stage, hold: float, bake: float = HOLD) -> None:
    first = stage.start()
    stage.settle(rollout(stage.namespace, weights=WEIGHTS, hold=f"{hold:g}s", bake={"duration": f"{bake:g}s"}))
    uid = stage.rollout()["metadata"]["uid"]
    export_evidence(stage.prometheus, uid, 1, range(1, len(WEIGHTS) + 1))
    first.kill()


def _run_until_killed(stage: Stage, kill_after: int, *, candidate: bool = True) -> bool:
    if candidate:
        stage.release_candidate(version("v2"))
    doomed = stage.start(KILLED, wait=False, KILL_AFTER=str(kill_after))

    def over() -> bool:
        return doomed.process.poll() is not None or _at_rest(stage)

    wait_until(over, 60, stage.explain)
    ended = doomed.process.poll()
    assert ended != LOST_EXIT_CODE, f"it lost its lease before write {kill_after}, nobody killed it: {doomed.tail()}"
    assert ended in (None, -signal.SIGKILL), f"it ended with {ended}: {doomed.tail()}"
    doomed.kill()
    stage.start()
    return ended is not None


def _at_rest(stage: Stage) -> bool:
    """Whether the release has ended and everything was tidied up, so that no write is left to do."""
    tidy = len(stage.server.list("apps/v1", "Deployment", stage.namespace)) == 1
    resting = tidy and _written(stage) == [KEPT, ALL]
    return bool(stage.status().get("history")) and resting and not stage.rollout()["metadata"].get("finalizers")


def _written(stage: Stage) -> list[int]:
    return [weight for _, weight in stage.player.places[-1][1]]


def _resting(service: str) -> tuple[tuple[str, int], ...]:
    return ((service, KEPT), (service, ALL))


def _no_place_was_used_cold(stage: Stage) -> None:
    """Whatever begins to get traffic had been on the route for the time that a gateway needs."""
    warm_since: dict[int, datetime] = {}
    served: set[int] = set()
    for at, places in stage.player.places:
        weights = [weight for _, weight in places]
        warm_since = {place: warm_since.get(place, at) for place, weight in enumerate(weights) if weight}
        serves = {place for place, weight in enumerate(weights) if weight > KEPT}
        for place in serves - served if served else ():
            assert at - warm_since[place] >= WARM, stage.player.places
        served = serves


def _steps(stage: Stage) -> list[int]:
    """The candidate's shares in order, up to full."""
    shares = stage.player.shares()
    return shares[: shares.index(WEIGHTS[-1]) + 1]


def _holds_were_kept(stage: Stage) -> None:
    times = [(entries[0][1], at) for at, entries in stage.player.weights if len(entries) > 1]
    firsts = {weight: min(at for w, at in times if w == weight) for weight, _ in times}
    ordered = [firsts[weight] for weight in WEIGHTS]
    for earlier, later in pairwise(ordered):
        # The player writes a weight down before it says that it took it over, and with that the hold begins.
        assert (later - earlier).total_seconds() >= HOLD


def _one_workload_is_left(stage: Stage) -> None:
    wait_until(lambda: len(stage.server.list("apps/v1", "Deployment", stage.namespace)) == 1, 30, stage.explain)
