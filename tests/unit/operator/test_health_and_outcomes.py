"""Probes that mean something, and what an error means for the object that was being reconciled."""

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from pawl.errors import Conflict, DependencyUnavailable, InvalidSpec, NotFound, PermissionDenied
from pawl_operator.health import Health, build_app, watch_lag
from pawl_operator.kinds.outcome import outcome_of
from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import ROLLOUTS, Ref
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.queue import RunCutError
from pawl_operator.reconcile import Reconciler
from pawl_operator.runtime import build_runtime
from pawl_operator.settings import read_settings
from pawl_operator.store import ObjectStore

REF = Ref(ROLLOUTS, "demo", "chat")


def leading(**changes: Any) -> Health:
    return Health(standing_by=False, primed=True, **changes)


@pytest.mark.parametrize(
    ("health", "alive", "ready"),
    [
        (Health(), True, True),
        (Health(standing_by=False), True, False),
        (leading(), True, True),
        (leading(watchers_needed=10, watchers=lambda: 9), True, False),
        (leading(watchers_needed=10, watchers=lambda: 10), True, True),
        (leading(oldest_work=lambda: 500.0), False, True),
        (Health(oldest_work=lambda: 500.0), True, True),
        (leading(lag=9.0), False, True),
        (Health(lease_age=lambda: 99.0), False, True),
        (leading(resync_failures=1), True, True),
        (leading(resync_failures=2), False, True),
    ],
)
async def test_liveness_is_progress_and_readiness_is_watching(health: Health, alive: bool, ready: bool) -> None:
    async with TestClient(TestServer(build_app(health, OperatorMetrics()))) as client:
        answers = [await client.get(path) for path in ("/livez", "/readyz")]
        assert [answer.status == 200 for answer in answers] == [alive, ready]
        for answer in answers:
            if answer.status != 200:
                assert answer.content_type == "application/problem+json"
                assert {"title", "status", "detail", "remedy"} <= set(await answer.json())


async def test_metrics_are_prometheus_text_without_release_labels() -> None:
    metrics = OperatorMetrics()
    metrics.weight_desired.labels("demo", "chat").set(10)
    metrics.rollbacks.labels("demo", "chat", "HarmProven").inc()
    async with TestClient(TestServer(build_app(Health(), metrics))) as client:
        text = await (await client.get("/metrics")).text()
    assert 'pawl_rollout_weight_desired{object="chat",object_namespace="demo"} 10.0' in text
    assert 'pawl_rollout_rollback_total{cause="HarmProven",object="chat",object_namespace="demo"} 1.0' in text
    assert "revision=" not in text
    assert "release=" not in text
    metrics.forget("demo", "chat")
    metrics.forget("demo", "never seen")
    assert b'weight_desired{object="chat"' not in metrics.render()


async def test_lag_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawl_operator.health.TICK", 0.01)
    health = Health()
    task = asyncio.create_task(watch_lag(health, OperatorMetrics()))
    await asyncio.sleep(0.05)
    task.cancel()
    assert 0 <= health.lag < 5


class Told:
    """A controller that raises what it was told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def reconcile(self, ref: Ref) -> float | None:
        if self.error is not None:
            raise self.error
        return 7.0


class OneObject:
    """A port that holds one object and remembers what was written."""

    def __init__(self, body: Object) -> None:
        self.body = body
        self.statuses: list[Object] = []

    async def get(self, ref: Ref, *, urgent: bool = False) -> Object | None:
        return self.body

    async def replace_status(self, ref: Ref, body: Object) -> Object:
        self.statuses.append(body["status"])
        version = str(int(body["metadata"]["resourceVersion"]) + 1)
        return body | {"metadata": body["metadata"] | {"resourceVersion": version}}


def reconciler(error: Exception | None) -> tuple[Reconciler, OneObject, ObjectStore, OperatorMetrics]:
    meta = {"name": "chat", "namespace": "demo", "uid": "u", "resourceVersion": "4", "generation": 3}
    kube, store, metrics = OneObject({"metadata": meta | {"resourceVersion": "9"}}), ObjectStore(), OperatorMetrics()
    store.put(ROLLOUTS, {"metadata": meta})
    return Reconciler(kube, store, {ROLLOUTS: Told(error)}, metrics), kube, store, metrics  # type: ignore[arg-type]


async def test_a_good_pass_says_when_to_come_back() -> None:
    found, kube, _, metrics = reconciler(None)
    assert await found(REF) == 7.0
    assert kube.statuses == []
    assert b"pawl_operator_reconcile_seconds_count" in metrics.render()


async def test_a_conflict_is_decided_again_at_once_on_a_fresh_copy() -> None:
    found, _, store, _ = reconciler(Conflict("changed"))
    assert await found(REF) == 0.0
    assert store.get(REF)["metadata"]["resourceVersion"] == "9"  # type: ignore[index]


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (InvalidSpec("bad", field="spec.x"), "Accepted", "InvalidSpec"),
        (PermissionDenied("no"), "Reconciled", "Forbidden"),
        (NotFound("gone"), "Reconciled", "NotFound"),
        (RuntimeError("password=hunter2"), "Reconciled", "InternalError"),
    ],
)
async def test_the_object_is_told_what_is_wrong_and_the_queue_backs_off(
    error: Exception, kind: str, reason: str
) -> None:
    found, kube, _, metrics = reconciler(error)
    with pytest.raises(type(error)):
        await found(REF)
    condition = kube.statuses[0]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == (kind, "False", reason)
    assert condition["observedGeneration"] == 3
    assert "hunter2" not in condition["message"]
    assert f'error="{reason}"'.encode() in metrics.render()


async def test_an_unavailable_api_writes_nothing() -> None:
    found, kube, _, _ = reconciler(DependencyUnavailable("503"))
    with pytest.raises(DependencyUnavailable):
        await found(REF)
    assert kube.statuses == []
    assert outcome_of(TimeoutError()).name == "Unavailable"


async def test_a_pass_that_is_cut_is_logged_and_counted_and_other_failures_not_twice() -> None:
    found, _, _, metrics = reconciler(None)
    with capture_logs() as logs:
        found.cut(REF, RunCutError("not finished within 60 s"))
        found.cut(REF, DependencyUnavailable("503"))
    assert [(entry["event"], entry["object"]) for entry in logs] == [("pass cut", str(REF))]
    counted = b'pawl_operator_reconcile_errors_total{error="DeadlineExceeded",kind="Rollout"} 1.0'
    assert counted in metrics.render()


async def test_the_running_operator_hears_of_passes_that_are_cut() -> None:
    settings = read_settings({"PAWL_POD_NAME": "me"})
    runtime = build_runtime(settings, OneObject({"metadata": {}}), OperatorMetrics(), Health())  # type: ignore[arg-type]
    with capture_logs() as logs:
        runtime.queue._failed(REF, RunCutError("not finished within 60 s"))
    assert "pass cut" in [entry["event"] for entry in logs]
