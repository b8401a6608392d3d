"""The assigner against a real API server: the status as it is stored, the rights of its own role, changes as events."""

from pathlib import Path
from typing import Any

from assigner_objects import assignment
from assigner_process import assigner_process
from helm import objects
from polling import wait_until
from rollout_objects import rollout

from apiserver import ApiServer
from pawl.assignment import fine_bucket

WAIT = 60
Object = dict[str, Any]


def assign(apiserver: ApiServer, stored: Object, assigned: Object | None) -> Object:
    """Write the Rollout's assignment as the operator does, through the status subresource."""
    traffic: Object = {"mode": "HeaderRule"} | ({} if assigned is None else {"assignment": assigned})
    meta = stored["metadata"]
    live = apiserver.get("pawl.dev/v1alpha1", "Rollout", meta["name"], meta["namespace"])
    return apiserver.replace(live | {"status": {"traffic": traffic}}, subresource="status")


def token_of_the_chart(apiserver: ApiServer, namespace: str) -> str:
    """A token of the service account that the chart makes, with the roles that it gives it and no others."""
    kinds = {"Role", "RoleBinding", "ServiceAccount"}
    scope = ["--set", f"watchNamespaces={{{namespace}}}", "--namespace", namespace]
    for one in objects(*scope):
        mine = one["metadata"]["labels"].get("app.kubernetes.io/component") == "assigner" if one["kind"] in kinds else 0
        if mine:
            apiserver.apply(one)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/pawl-assigner/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(apiserver.request("POST", path, body)["status"]["token"])


def test_an_assignment_arrives_as_the_api_server_stores_it(
    apiserver: ApiServer, namespace: str, tmp_path: Path
) -> None:
    stored = apiserver.create(rollout(namespace))
    (tmp_path / "api-token").write_text(token_of_the_chart(apiserver, namespace))
    settings = {
        "PAWL_API_TOKEN_FILE": str(tmp_path / "api-token"),
        "PAWL_API_CA_FILE": str(apiserver.ca),
        "PAWL_NAMESPACES": namespace,
    }
    here = f"{namespace}/chat"
    with assigner_process(apiserver.url, tmp_path, settings) as assigner:

        def reaches(wanted: dict[str, int]) -> None:
            wait_until(lambda: assigner.generations() == wanted, WAIT, assigner.log.read_text)

        wait_until(assigner.ready, WAIT, assigner.log.read_text)
        assert assigner.variant("user-1", here) is None
        for generation, treatment in ((1, 1000), (2, 5000)):
            assign(apiserver, stored, assignment(generation=generation, treatment=treatment))
            reaches({here: generation})
            for user in map(str, range(50)):
                side = "treatment" if fine_bucket(user, assignment()["key"]) < treatment else "control"
                assert assigner.variant(user, here) == f"0a1b2c3d-{side}"
        assign(apiserver, stored, None)
        reaches({})
        assign(apiserver, stored, assignment(generation=3))
        reaches({here: 3})
        apiserver.delete("pawl.dev/v1alpha1", "Rollout", "chat", namespace)
        reaches({})
        assert "listing anew" not in assigner.log.read_text()


def test_nothing_of_an_assignment_is_lost_in_the_api_server(apiserver: ApiServer, namespace: str) -> None:
    stored = apiserver.create(rollout(namespace))
    kept = assign(apiserver, stored, assignment(generation=7))["status"]["traffic"]["assignment"]
    assert kept == assignment(generation=7)
