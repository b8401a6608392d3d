"""The monitor against a real API server: Pawl's own CRDs listed, a Lease held by one of two, roles that suffice."""

from pathlib import Path
from typing import Any

import pytest
from kube_client import ApiError
from monitor_objects import component, experiment, release, rollout, version
from monitor_process import monitor_process
from polling import wait_until

from apiserver import ApiServer
from pawl.leases import LeaseTimes
from pawl_services.kube.settings import ApiServerSettings
from pawl_services.monitor.kube import KubeApi, KubeError
from pawl_services.monitor.leader import Leader
from pawl_services.monitor.sighting import sight

STARTED = "2026-01-01T10:00:00Z"


def put_rollout(apiserver: ApiServer, namespace: str, **changes: Any) -> dict[str, Any]:
    """A Component and a Rollout whose status says that a release is live; the Rollout as stored."""
    apiserver.create(component(namespace))
    created = apiserver.create({k: v for k, v in rollout(namespace, uid=None).items() if k != "status"})
    status = {"stable": {**version("a"), "since": STARTED}, "release": release(**changes)}
    return apiserver.replace(created | {"status": status}, subresource="status")


@pytest.fixture
def api_settings(apiserver: ApiServer, tmp_path: Path) -> ApiServerSettings:
    token = tmp_path / "admin-token"
    token.write_text(apiserver.token)
    return ApiServerSettings(apiserver.url, token, apiserver.ca)


async def test_releases_are_found_as_the_api_server_stores_them(
    apiserver: ApiServer, namespace: str, api_settings: ApiServerSettings
) -> None:
    stored = put_rollout(apiserver, namespace)
    api = KubeApi(api_settings)
    try:
        found = sight(await api.list_all("rollouts", (namespace,)), await api.list_all("components", (namespace,)))
        everywhere = await api.list_all("rollouts", ())
    finally:
        await api.close()
    assert stored["metadata"]["uid"] in {item["metadata"]["uid"] for item in everywhere}
    assert found.unknown == frozenset()
    assert [(live.uid, live.number) for live in found.live] == [(stored["metadata"]["uid"], 3)]
    assert found.live[0].weights == (10, 50, 100)


async def test_a_running_experiment_is_found_as_the_api_server_stores_it(
    apiserver: ApiServer, namespace: str, api_settings: ApiServerSettings
) -> None:
    put_rollout(apiserver, namespace, state="Promoted")
    wanted = experiment(namespace, uid=None)
    created = apiserver.create({key: value for key, value in wanted.items() if key != "status"})
    stored = apiserver.replace(created | {"status": wanted["status"]}, subresource="status")
    api = KubeApi(api_settings)
    try:
        lists = [await api.list_all(kind, (namespace,)) for kind in ("rollouts", "components", "experiments")]
    finally:
        await api.close()
    found = sight(*lists)
    assert found.unknown == frozenset()
    assert [(live.uid, live.number) for live in found.live] == [(stored["metadata"]["uid"], 1)]
    assert (found.live[0].candidate, found.live[0].stable, found.live[0].weights) == ("b" * 10, "a" * 10, (20,))


async def test_one_of_two_holds_the_lease(
    apiserver: ApiServer, namespace: str, api_settings: ApiServerSettings
) -> None:
    clock = [0.0]
    api = KubeApi(api_settings)
    times = LeaseTimes(15.0, 10.0, 2.0)
    try:
        one, two = (Leader(api, namespace, "pawl-monitor", name, times, lambda: clock[0]) for name in ("m0", "m1"))
        await two.look()
        await one.look()
        assert (one.leading(), two.leading()) == (False, True)
        lease = apiserver.get("coordination.k8s.io/v1", "Lease", "pawl-monitor", namespace)
        assert lease["spec"]["holderIdentity"] == "m1"
        clock[0] = 16.0
        await one.look()
        assert (one.leading(), two.leading()) == (True, False)
        lease = apiserver.get("coordination.k8s.io/v1", "Lease", "pawl-monitor", namespace)
        assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("m0", 1)
        await two.look()
        assert not two.leading()
    finally:
        await api.close()


async def test_a_refused_call_names_the_right_that_is_missing(
    apiserver: ApiServer, namespace: str, tmp_path: Path
) -> None:
    token = tmp_path / "nobody"
    token.write_text("not-a-token")
    api = KubeApi(ApiServerSettings(apiserver.url, token, apiserver.ca))
    try:
        with pytest.raises(KubeError, match="rollouts: 401"):
            await api.list_all("rollouts", (namespace,))
    finally:
        await api.close()
    with pytest.raises(ApiError):
        apiserver.get("coordination.k8s.io/v1", "Lease", "none", namespace)


def test_the_process_exports_a_release_of_the_api_server(apiserver: ApiServer, namespace: str, tmp_path: Path) -> None:
    stored = put_rollout(apiserver, namespace)
    (tmp_path / "api-token").write_text(apiserver.token)
    settings = {
        "PAWL_API_TOKEN_FILE": str(tmp_path / "api-token"),
        "PAWL_API_CA_FILE": str(apiserver.ca),
        "PAWL_NAMESPACES": namespace,
        "PAWL_LEASE_NAMESPACE": namespace,
    }
    url = f"sqlite:///{tmp_path / 'pawl.db'}"
    with monitor_process(url, apiserver.url, tmp_path, "m0", settings) as monitor:
        wait_until(lambda: stored["metadata"]["uid"] in monitor.evidence(), 60, monitor.metrics)
    lease = apiserver.get("coordination.k8s.io/v1", "Lease", "pawl-monitor", namespace)
    # It was given back: the next monitor need not wait.
    assert lease["spec"].get("holderIdentity", "") == ""
