"""What Deployments and pods say about a workload, above all since when none of its pods has been ready."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pawl.api.analysis import HardLimits
from pawl.hard_limits import WorkloadHealth, workload_breach
from pawl_operator.kinds.rollout.snapshot import WorkloadState
from pawl_operator.kinds.rollout.upkeep import answers
from pawl_operator.kinds.rollout.workloads import read_workloads

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LABELS = {"pawl.dev/revision": "aaaaaaaaaa"}
Body = dict[str, Any]


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


def deployment(available: str | None = "True", since: str = "", replicas: int = 1, **status: Any) -> Body:
    conditions = [{"type": "Available", "status": available, "lastTransitionTime": since or ago(days=4)}]
    meta = {"name": "facts-aaaaaaaaaa", "labels": LABELS, "generation": 3, "creationTimestamp": ago(days=5)}
    body = {"observedGeneration": 3, "conditions": conditions if available else []}
    return {"metadata": meta, "spec": {"replicas": replicas}, "status": body | status}


def pod(ready: str | None, since: str = "", born: str = "", *, phase: str = "Running", **meta: Any) -> Body:
    conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": since}] if ready is not None else []
    restarts = meta.pop("restarts", 0)
    status = {"phase": phase, "conditions": conditions, "containerStatuses": [{"restartCount": restarts}]}
    return {"metadata": {"labels": LABELS, "creationTimestamp": born or ago(days=4)} | meta, "status": status}


def read(body: Body, *pods: Body) -> WorkloadState:
    return read_workloads([body], list(pods), "uid")["aaaaaaaaaa"]


def breached(state: WorkloadState) -> bool:
    health = WorkloadHealth(1, state.ready, state.restarts, state.last_terminated, state.not_ready_since)
    return workload_breach(HardLimits(), health, NOW) is not None


def test_a_replacement_that_has_said_nothing_yet_is_no_breach_although_the_deployment_was_available_for_days() -> None:
    born = ago(seconds=1)
    state = read(deployment(), pod(None, born=born, phase="Pending"))
    assert state.not_ready_since == datetime.fromisoformat(born)
    assert not breached(state)


def test_an_evicted_pod_of_hours_ago_says_nothing_about_its_successors_blip() -> None:
    evicted = pod("False", ago(hours=3), phase="Failed", restarts=9)
    state = read(deployment("False", ago(seconds=1)), evicted, pod("False", ago(seconds=1)))
    assert state.not_ready_since == datetime.fromisoformat(ago(seconds=1))
    assert state.restarts == 0
    assert not breached(state)


def test_the_last_pod_to_become_unready_counts() -> None:
    stuck = pod("False", ago(hours=1))
    state = read(deployment(replicas=2), stuck, pod("False", ago(seconds=5)))
    assert state.not_ready_since == datetime.fromisoformat(ago(seconds=5))
    assert breached(read(deployment(replicas=2), stuck, pod("False", ago(seconds=31))))


def test_a_newborn_beside_a_stuck_pod_counts_from_its_birth() -> None:
    state = read(deployment("False", ago(hours=1), 2), pod("False", ago(hours=1)), pod(None, born=ago(seconds=2)))
    assert not breached(state)


def test_a_ready_pod_that_is_leaving_was_there_until_now() -> None:
    leaving = pod("True", ago(days=4), deletionTimestamp=ago(seconds=1))
    state = read(deployment(readyReplicas=1), leaving, pod("False", ago(hours=1)))
    assert (state.ready, state.not_ready_since) == (0, None)


def test_counts_that_are_being_renewed_do_not_make_ready_pods_unready() -> None:
    """Right after any change of the Deployment, its controller has not looked at it yet."""
    state = read(deployment(observedGeneration=2, readyReplicas=1), pod("True", ago(days=4)))
    assert (state.ready, state.not_ready_since) == (0, None)
    assert answers(state)
    assert not breached(state)


@pytest.mark.parametrize(
    ("available", "since"), [("False", ago(minutes=9)), ("True", None), (None, ago(days=5))], ids=str
)
def test_without_any_pod_the_deployment_counts_unless_it_still_says_available(
    available: str | None, since: str | None
) -> None:
    state = read(deployment(available, ago(minutes=9)))
    assert state.not_ready_since == (datetime.fromisoformat(since) if since else None)


def test_readiness_that_is_gone_for_good_is_still_a_breach() -> None:
    assert breached(read(deployment("False", ago(minutes=2)), pod("False", ago(minutes=2))))
    assert breached(read(deployment("False", ago(minutes=2))))
    assert not breached(read(deployment(readyReplicas=1), pod("True", ago(days=1))))


def test_restarts_are_those_of_pods_that_are_there() -> None:
    gone = pod("False", ago(hours=1), deletionTimestamp=ago(seconds=1), restarts=7)
    ended = [pod("False", ago(hours=1), phase=phase, restarts=7) for phase in ("Failed", "Succeeded")]
    state = read(deployment(readyReplicas=1), gone, *ended, pod("True", ago(hours=1), restarts=2))
    assert state.restarts == 2


def test_the_full_size_is_read_from_the_workload_and_nonsense_is_not() -> None:
    body = deployment()
    for note, full in (("4", 4), ("", None), ("many", None), ("-1", None)):
        body["metadata"]["annotations"] = {"pawl.dev/replicas": note}
        assert read(body).full == full
