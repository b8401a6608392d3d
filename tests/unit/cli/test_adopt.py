"""`pawl adopt`: the Rollout that it prints, and what it says where it cannot."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pawl.api.problems import problems_of
from pawl.errors import DependencyUnavailable, InvalidSpec, NotFound, PawlError, PermissionDenied
from pawl_cli.adopt import Live, Wish, live_backend, render, rollout_for
from pawl_cli.kubectl import failure
from pawl_cli.main import app

Object = dict[str, Any]
LIVE = Live("chat", "demo", "infer", "model", 8080)
SERVICE: Object = {"metadata": {"name": "model"}, "spec": {"selector": {"app": "model"}}}
MODEL = {"name": "model", "port": 8080}
FAKE = """#!{python}
import pathlib, sys
answer = pathlib.Path(__file__).parent / (sys.argv[2].replace("/", "_") + ".json")
if answer.exists():
    print(answer.read_text())
else:
    sys.exit("Error from server (NotFound): " + sys.argv[2] + " not found")
"""


def route(*backends: Object, rule: str = "infer", others: tuple[Object, ...] = ()) -> Object:
    named = {"name": rule} if rule else {}
    rules = [named | {"backendRefs": list(backends)}, *others]
    return {"metadata": {"name": "chat", "namespace": "demo"}, "spec": {"rules": rules}}


def deployment(name: str, **labels: str) -> Object:
    return {"metadata": {"name": name}, "spec": {"template": {"metadata": {"labels": labels}}}}


def refused(body: Object, rule: str = "") -> InvalidSpec:
    with pytest.raises(InvalidSpec) as caught:
        live_backend(body, rule)
    return caught.value


@pytest.mark.parametrize("rule", ["", "infer"])
def test_the_only_backend_is_live_whatever_its_weight(rule: str) -> None:
    assert live_backend(route(MODEL), rule) == LIVE
    assert live_backend(route({"name": "old", "weight": 0}, MODEL | {"weight": 7}), rule) == LIVE


def test_one_of_several_rules_is_chosen_by_name() -> None:
    body = route({"name": "blog"}, rule="web", others=({"name": "infer", "backendRefs": [MODEL]},))
    assert live_backend(body, "infer") == LIVE
    error = refused(body)
    assert (error.field, error.value, error.remedy) == ("spec.rules", "web, infer", "say which with --rule")
    error = refused(body, "chat")
    assert (error.field, error.value) == ("--rule", "chat")
    assert "web, infer" in error.remedy


def test_a_rule_without_a_name_comes_with_the_command_that_names_it() -> None:
    error = refused(route(MODEL, rule=""))
    assert error.field == "spec.rules[0].name"
    patch = """'[{"op": "add", "path": "/spec/rules/0/name", "value": "infer"}]'"""
    assert error.remedy == f"name it: kubectl patch httproute chat -n demo --type json -p {patch}"
    assert '"value": "mine"' in refused(route(MODEL, rule=""), "mine").remedy
    assert "place of the one you mean" in refused(route(MODEL, rule="", others=({"name": "x"},))).remedy


@pytest.mark.parametrize(
    ("backends", "field", "value"),
    [
        (({"name": "a", "weight": 90}, {"name": "b"}), "spec.rules[0].backendRefs", "a 90, b 1"),
        (({"name": "a", "weight": 0},), "spec.rules[0].backendRefs", "a 0"),
        ((), "spec.rules[0].backendRefs", ""),
        (({"name": "a", "weight": 0}, MODEL | {"namespace": "x"}), "spec.rules[0].backendRefs[1].namespace", "x"),
        ((MODEL | {"group": "x.io", "kind": "Bucket"},), "spec.rules[0].backendRefs[0].kind", "Bucket"),
    ],
)
def test_what_cannot_be_stable_is_refused(backends: tuple[Object, ...], field: str, value: str) -> None:
    error = refused(route(*backends))
    assert (error.field, error.value) == (field, value)
    assert error.remedy


def test_the_rollout_names_the_service_as_stable_and_passes_lint() -> None:
    body = rollout_for(LIVE, SERVICE, Wish("facts"))
    assert problems_of(body) == ()
    assert body["metadata"] == {"name": "facts", "namespace": "demo"}
    assert body["spec"] == {
        "component": "facts",
        "routeRef": {"name": "chat", "ruleName": "infer"},
        "initialStable": {"source": "none"},
        "services": {"stable": "model", "candidate": "model-candidate"},
        "deletionPolicy": "Orphan",
    }
    chosen = rollout_for(LIVE, SERVICE, Wish("facts", name="mine", candidate="green"))
    assert (chosen["metadata"]["name"], chosen["spec"]["services"]["candidate"]) == ("mine", "green")


@pytest.mark.parametrize(
    ("wish", "field", "value", "option"),
    [
        (Wish("facts", name="N" * 41), "metadata.name", "N" * 41, "--name"),
        (Wish("Facts", name="n"), "spec.component", "Facts", "--component"),
        (Wish("facts", candidate="model"), "spec.services.candidate", "model", "--candidate-service"),
    ],
)
def test_a_name_that_lint_would_refuse_is_not_printed(wish: Wish, field: str, value: str, option: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        rollout_for(LIVE, SERVICE, wish)
    assert (caught.value.field, caught.value.value) == (field, value)
    assert option in caught.value.remedy


def test_a_service_without_endpoints_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="no endpoints"):
        rollout_for(LIVE, {"spec": {"type": "ExternalName"}}, Wish("facts"))


def test_the_text_is_the_rollout_below_what_runs() -> None:
    body = rollout_for(LIVE, SERVICE, Wish("facts"))
    text = render(body, LIVE, SERVICE, [deployment("blue", app="model", tier="x"), deployment("web", app="web")])
    assert yaml.safe_load(text) == body
    assert "Service model (Deployment blue)" in text
    assert "model-candidate with ready pods on port 8080" in text
    assert "no Deployment" in render(body, LIVE, {"spec": {}}, [deployment("blue")])


@pytest.mark.parametrize(
    ("said", "kind", "remedy"),
    [
        ('Error from server (NotFound): httproutes "x" not found', NotFound, "-n"),
        ("Error from server (Forbidden): no", PermissionDenied, "get and list httproutes"),
        ("error: You must be logged in to the server (Unauthorized)", PermissionDenied, "role"),
        ('error: the server doesn\'t have a resource type "httproutes"', NotFound, "CRDs"),
        ("The connection to the server was refused", DependencyUnavailable, "KUBECONFIG"),
    ],
)
def test_words_of_kubectl_become_errors_with_a_remedy(said: str, kind: type[PawlError], remedy: str) -> None:
    error = failure("httproutes/x", "demo", said)
    assert type(error) is kind
    assert error.field == "httproutes/x"
    assert remedy in error.remedy


def test_of_what_kubectl_logs_only_its_last_word_is_shown() -> None:
    assert failure("services", "", "E1 try\nE2 try\nrefused").message == "kubectl failed: refused"


def run(folder: Path, target: str = "httproute/chat") -> tuple[int, str, str]:
    arguments = ["adopt", target, "-n", "demo", "--component", "facts"]
    result = CliRunner().invoke(app, arguments, env={"PATH": str(folder)})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a kubectl that answers from files."""
    fake = tmp_path / "kubectl"
    fake.write_text(FAKE.format(python=sys.executable))
    fake.chmod(0o755)
    answers: Object = {
        "httproutes.gateway.networking.k8s.io_chat": route(MODEL),
        "services_model": SERVICE,
        "deployments.apps": {"items": [deployment("blue", app="model")]},
    }
    for name, answer in answers.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(answer))
    return tmp_path


def test_the_command_prints_the_rollout_alone(folder: Path) -> None:
    code, out, err = run(folder)
    assert (code, err) == (0, "")
    assert problems_of(yaml.safe_load(out)) == ()


def test_errors_go_to_stderr_with_field_problem_and_remedy(folder: Path) -> None:
    code, out, err = run(folder, "httproute/blog")
    assert (code, out) == (1, "")
    assert err.splitlines()[:2] == [
        "httproute/blog: httproutes.gateway.networking.k8s.io/blog",
        "  problem  is not there in namespace demo",
    ]
    assert "write httproute/NAME" in run(folder, "deployment/chat")[2]
    (folder / "services_model.json").unlink()
    assert "points to a Service that does not exist" in run(folder)[2]


def test_a_missing_kubectl_is_named(tmp_path: Path) -> None:
    code, out, err = run(tmp_path)
    assert (code, out) == (1, "")
    assert "install kubectl" in err
