"""Only who may `update` the virtual subresource `rollouts/promote` sets an action or changes the steps of a Rollout."""

import time
from collections.abc import Iterator

import helm
import pytest
from kube_client import ApiError, Object

from apiserver import ApiServer

API = "pawl.dev/v1alpha1"
STEPS = [{"setWeight": 50}, {"setWeight": 100}]
FASTER = {"spec": {"steps": [{"setWeight": 100, "hold": "1s"}]}}
ABORT = {"spec": {"action": {"verb": "Abort", "release": 1}}}
CANDIDATE = {"spec": {"candidate": {"source": "none"}}}
IN_FORCE_WITHIN = 60.0


@pytest.fixture(scope="module")
def policy(apiserver: ApiServer) -> Iterator[None]:
    """The chart's policy and roles, in force; removed afterwards, because all tests share the API server."""
    rendered = helm.objects(
        "--show-only", "templates/promote-policy.yaml", "--show-only", "templates/access/people.yaml"
    )
    for one in rendered:
        apiserver.apply(one)
    for user, roles in {"editor": ["pawl-edit"], "promoter": ["pawl-edit", "pawl-promote"]}.items():
        for role in roles:
            apiserver.apply(binding(user, role))
    await_in_force(apiserver)
    yield
    for one in rendered:
        apiserver.delete(one["apiVersion"], one["kind"], one["metadata"]["name"])


def binding(user: str, role: str) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{user}-{role}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def rollout(namespace: str, name: str = "facts", **spec: object) -> Object:
    base = {
        "component": "facts",
        "routeRef": {"name": "facts", "ruleName": "infer"},
        "initialStable": {"source": "none"},
        "serve": {"image": "facts:1"},
        "steps": STEPS,
    }
    return {
        "apiVersion": API,
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": namespace},
        "spec": base | spec,
    }


def await_in_force(server: ApiServer) -> None:
    """A new policy takes the API server a moment to compile."""
    probe = rollout("default", "probe", action=ABORT["spec"]["action"])
    deadline = time.monotonic() + IN_FORCE_WITHIN
    while time.monotonic() < deadline:
        try:
            server.create(probe, user="editor", dryRun="All")
        except ApiError as error:
            if "rollouts/promote" in error.message:
                return
        time.sleep(0.1)
    raise AssertionError("the policy did not come into force")


@pytest.fixture
def facts(policy: None, apiserver: ApiServer, namespace: str) -> str:
    apiserver.create(rollout(namespace), user="editor")
    return namespace


@pytest.mark.parametrize(("change", "field"), [(ABORT, "spec.action"), (FASTER, "spec.steps")])
def test_editor_may_neither_act_nor_change_steps(apiserver: ApiServer, facts: str, change: Object, field: str) -> None:
    with pytest.raises(ApiError) as refused:
        apiserver.patch(API, "Rollout", "facts", change, facts, user="editor")
    assert refused.value.status == 403
    assert field in refused.value.message
    assert "editor" in refused.value.message
    assert "rollouts/promote" in refused.value.message


@pytest.mark.parametrize("change", [ABORT, FASTER])
def test_promoter_may(apiserver: ApiServer, facts: str, change: Object) -> None:
    apiserver.patch(API, "Rollout", "facts", change, facts, user="promoter")


def test_editor_may_set_a_candidate_and_keep_an_action_that_stands(apiserver: ApiServer, facts: str) -> None:
    apiserver.patch(API, "Rollout", "facts", ABORT, facts, user="promoter")
    changed = apiserver.patch(API, "Rollout", "facts", CANDIDATE, facts, user="editor")
    assert changed["spec"]["action"]["verb"] == "Abort"


def test_editor_may_take_an_action_away(apiserver: ApiServer, facts: str) -> None:
    apiserver.patch(API, "Rollout", "facts", ABORT, facts, user="promoter")
    changed = apiserver.patch(API, "Rollout", "facts", {"spec": {"action": None}}, facts, user="editor")
    assert "action" not in changed["spec"]


def test_editor_may_not_create_with_an_action(apiserver: ApiServer, policy: None, namespace: str) -> None:
    with pytest.raises(ApiError, match="rollouts/promote"):
        apiserver.create(rollout(namespace, action=ABORT["spec"]["action"]), user="editor")
