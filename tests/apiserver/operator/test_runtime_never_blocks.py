"""The whole runtime in one loop under blockbuster: a release from start to end without one blocking call."""

import asyncio
from collections.abc import Callable

from blockbuster import blockbuster_ctx
from cluster_player import playing
from fake_prometheus import running_prometheus
from kube_client import KubeClient
from rollout_objects import component, export_evidence, rollout, route, version

from apiserver import ApiServer
from pawl_operator.health import Health
from pawl_operator.kube.aiohttp_port import AiohttpKube
from pawl_operator.kube.credentials import from_kubeconfig
from pawl_operator.kube.resources import LABELLED, OWNED_LABEL, ROLLOUTS, WATCHED, Ref
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.runtime import Runtime, build_runtime
from pawl_operator.settings import read_settings


async def pump(runtime: Runtime, kube: AiohttpKube, namespace: str) -> None:
    """Stand in for the watches: show the runtime what the API server has, ten times a second."""
    while True:
        for resource in filter(runtime.watches.served, WATCHED):
            selector = OWNED_LABEL if resource in LABELLED else ""
            for body in (await kube.list(resource, namespace, selector=selector)).items:
                runtime.watches.event(resource, "MODIFIED", body)
        await asyncio.sleep(0.1)


async def until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)


def internal_errors(metrics: OperatorMetrics) -> list[str]:
    """The kinds whose passes failed by a bug: a blocking call within a pass is caught there, logged and retried."""
    samples = [sample for family in metrics.reconcile_errors.collect() for sample in family.samples]
    return [sample.labels["kind"] for sample in samples if sample.labels["error"] == "InternalError"]


async def test_a_whole_release_without_a_blocking_call(apiserver: ApiServer, namespace: str) -> None:
    own = KubeClient(url=apiserver.url, ca=apiserver.ca, token=apiserver.token)
    with own.http, playing(own, namespace), running_prometheus() as prometheus:
        for body in (route(namespace), component(namespace), rollout(namespace, weights=(20, 100))):
            apiserver.create(body)
        env = {"PAWL_PROMETHEUS_URL": prometheus.url, "PAWL_NAMESPACES": namespace, "PAWL_SCRAPE_INTERVAL": "1s"}
        kube, metrics = AiohttpKube(from_kubeconfig(apiserver.kubeconfig), rate=500, burst=500), OperatorMetrics()
        runtime = build_runtime(read_settings(env), kube, metrics, Health())
        ref = Ref(ROLLOUTS, namespace, "chat")

        def status(field: str) -> object:
            return ((runtime.store.get(ref) or {}).get("status") or {}).get(field)

        with blockbuster_ctx():
            tasks = [asyncio.create_task(runtime.work()), asyncio.create_task(pump(runtime, kube, namespace))]
            await until(lambda: status("phase") == "Healthy", 30)
            body = await kube.get(ref)
            assert body is not None
            export_evidence(prometheus, body["metadata"]["uid"], 1, range(1, 3))
            change = [{"op": "add", "path": "/spec/candidate", "value": version("v2")}]
            await kube.json_patch(ref, change, manager="tests")
            await until(lambda: bool(status("history")), 60)
            await until(lambda: runtime.queue.depth() == 0, 60)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
        assert internal_errors(metrics) == []
        await kube.close()
