"""Every rule of the five kinds, one change at a time: the field it blames and what it says to do."""

import copy
from typing import Any

import pytest
from manifests import SMALLEST

from pawl.api.kinds import KINDS
from pawl.api.problems import Problem, problems_of
from pawl.stats.asymptotic_cs import one_sided_width

API = "pawl.dev/v1alpha1"
DIGEST = "sha256:" + "ab" * 32
TREATMENT = {"name": "b", "role": "Treatment", "source": "none"}

# kind, what is laid over the valid spec (None removes), the field to blame, a word of the remedy
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("Rollout", {"routeRef": None}, "spec", "set routeRef"),
    ("Rollout", {"flag": {"key": "facts"}}, "spec", "else flag"),
    ("Rollout", {"serve": None}, "spec", "set serve"),
    ("Rollout", {"services": {"stable": "a", "candidate": "b"}}, "spec", "keep serve"),
    ("Rollout", {"serve": None, "services": {"stable": "a", "candidate": "a"}}, "spec.services.candidate", "second"),
    (
        "Rollout",
        {
            "serve": None,
            "services": {"stable": "a", "candidate": "b"},
            "candidate": {"source": "none", "serve": {"image": "x"}},
        },
        "spec",
        "set spec.serve",
    ),
    ("Rollout", {"candidate": {"source": "models:/facts/7"}}, "spec.candidate.digest", "sha256"),
    ("Rollout", {"candidate": {"source": "none", "digest": DIGEST}}, "spec.candidate.digest", "sha256"),
    ("Rollout", {"candidate": {"source": "s3:/facts", "digest": DIGEST}}, "spec.candidate.source", "s3://"),
    ("Rollout", {"serve": {"image": "a", "probe": "http"}}, "spec.serve.probePath", "both or neither"),
    ("Rollout", {"serve": {"image": "a", "probePath": "/x"}}, "spec.serve.probePath", "both or neither"),
    (
        "Rollout",
        {"serve": {"image": "a", "replicas": 1, "autoscaling": {"maxReplicas": 2}}},
        "spec.serve",
        "remove one",
    ),
    (
        "Rollout",
        {"serve": {"image": "a", "autoscaling": {"minReplicas": 3, "maxReplicas": 2}}},
        "spec.serve.autoscaling.maxReplicas",
        "raise maxReplicas",
    ),
    (
        "Rollout",
        {
            "serve": {
                "image": "a",
                "env": [{"name": "A", "value": "", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            }
        },
        "spec.serve.env[0]",
        "remove one",
    ),
    (
        "Rollout",
        {"serve": {"image": "a", "env": [{"name": "A", "valueFrom": {}}]}},
        "spec.serve.env[0].valueFrom",
        "one key",
    ),
    ("Rollout", {"serve": {"image": "a", "env": [{"name": "A"}, {"name": "A"}]}}, "spec.serve.env", "its own name"),
    (
        "Rollout",
        {"serve": {"image": "a", "resources": {"limits": {"memory": "much"}}}},
        "spec.serve.resources.limits.memory",
        "2Gi",
    ),
    ("Rollout", {"steps": [{"setWeight": 50}, {"setWeight": 50}, {"setWeight": 100}]}, "spec.steps", "once"),
    ("Rollout", {"steps": [{"setWeight": 50}]}, "spec.steps", "add such a step"),
    ("Rollout", {"steps": []}, "spec.steps", "at least 1"),
    (
        "Rollout",
        {"steps": [{"setWeight": 100, "hold": "2h", "maxDuration": "119m"}]},
        "spec.steps[0].maxDuration",
        "shorten hold",
    ),
    ("Rollout", {"steps": [{"setWeight": 100, "minUsers": 3}]}, "spec.steps[0].minUsers", "10 or more"),
    ("Rollout", {"stepWindows": [{"cron": "daily", "duration": "1h"}]}, "spec.stepWindows[0].cron", "five fields"),
    ("Rollout", {"analysis": {"onStall": "Rollback"}}, "spec.analysis.onStall", "add it"),
    ("Rollout", {"analysis": {"interval": "500ms"}}, "spec.analysis.interval", "1s"),
    ("Rollout", {"analysis": {"alpha": "1.5"}}, "spec.analysis.alpha", "below 0.5"),
    ("Rollout", {"analysis": {"alpha": "0.95"}}, "spec.analysis.alpha", "below 0.5"),
    ("Rollout", {"analysis": {"alpha": "0.5"}}, "spec.analysis.alpha", "below 0.5"),
    ("Rollout", {"analysis": {"alpha": "0.0"}}, "spec.analysis.alpha", "above 0"),
    ("Experiment", {"analysis": {"shipAlpha": "0.95"}}, "spec.analysis.shipAlpha", "below 0.5"),
    (
        "Rollout",
        {"routeRef": None, "flag": {"key": "f"}, "analysis": {"pairing": {"mode": "Mirror"}}},
        "spec.analysis.pairing.mode",
        "Replay",
    ),
    (
        "Rollout",
        {"analysis": {"metrics": [{"name": "a", "role": "Primary"}, {"name": "b", "role": "Primary"}]}},
        "spec.analysis.metrics",
        "decides",
    ),
    (
        "Rollout",
        {"analysis": {"metrics": [{"name": "a", "role": "Primary", "margin": {"relative": "0.0%"}}]}},
        "spec.analysis.metrics[0].margin.relative",
        "such as 5%",
    ),
    (
        "Rollout",
        {"analysis": {"metrics": [{"name": "a", "role": "Primary", "margin": {}}]}},
        "spec.analysis.metrics[0].margin",
        "relative: 30%",
    ),
    (
        "Rollout",
        {"analysis": {"hardLimits": {"errorRate": {"limit": "101%"}}}},
        "spec.analysis.hardLimits.errorRate.limit",
        "at most 100%",
    ),
    ("Rollout", {"bake": {"stableShare": 11}}, "spec.bake.stableShare", "10 or less"),
    ("Rollout", {"notify": [{"name": "a"}]}, "spec.notify[0]", "secretRef"),
    ("Rollout", {"action": {"verb": "Abort", "release": 1, "step": 1}}, "spec.action.step", "leave it out"),
    ("Rollout", {"suspend": "yes"}, "spec.suspend", "without quotes"),
    ("Rollout", {"component": None}, "spec.component", "name of the Component"),
    ("Rollout", {"candidat": {}}, "spec.candidat", "did you mean candidate"),
    ("Rollout", {"nonsense": {}}, "spec.nonsense", "use one of"),
    ("Rollout", {"serve": "facts:1"}, "spec.serve", "name: value"),
    ("Rollout", {"steps": 100}, "spec.steps", "write a list"),
    ("Rollout", {"serve": {"image": 7}}, "spec.serve.image", "write text"),
    ("Rollout", {"progressDeadline": "a" * 33}, "spec.progressDeadline", "at most 32"),
    ("Component", {"score": "f1"}, "spec.score", "span-f1"),
    ("Component", {"features": "module.function"}, "spec.features", "package.module:function"),
    ("Component", {"goldenSets": [{"uri": "s3://x", "sha256": "z" * 64}]}, "spec.goldenSets[0].sha256", "hex"),
    ("Component", {"metrics": []}, "spec.metrics", "at least 1"),
    ("Component", {"confidence": "facts/0"}, "spec.confidence", "JSON pointer"),
    ("Experiment", {"rolloutRef": None}, "spec", "name the Rollout"),
    ("Experiment", {"assignmentOnly": True}, "spec", "name the Rollout"),
    ("Experiment", {"rolloutRef": None, "assignmentOnly": True, "mode": "Shadow"}, "spec.mode", "mode Live"),
    (
        "Experiment",
        {"variants": [{"name": "a", "role": "Control"}, {"name": "b", "role": "Treatment"}]},
        "spec.variants",
        "set source",
    ),
    (
        "Experiment",
        {"variants": [{"name": "a", "role": "Control", "weight": 5}, TREATMENT]},
        "spec.variants[0].role",
        "remove",
    ),
    ("Experiment", {"variants": [TREATMENT, TREATMENT | {"name": "c"}]}, "spec.variants", "what is live"),
    (
        "Experiment",
        {"variants": [{"name": "a", "role": "Control"}, TREATMENT | {"weight": 95}, TREATMENT | {"name": "c"}]},
        "spec.variants",
        "lower them",
    ),
    ("Experiment", {"metrics": [{"name": "accuracy"}]}, "spec.metrics", "decides"),
    ("TrainingRun", {"trainer": "custom"}, "spec.image", "name the image"),
    ("TrainingRun", {"engine": {}}, "spec.engine", "where the training runs"),
    ("TrainingRun", {"engine": {"job": {}, "rayAddress": "ray://h:1"}}, "spec.engine", "where the training runs"),
    (
        "TrainingRun",
        {"dataset": {"window": "28d", "snapshot": {"uri": "s3://x", "digest": DIGEST}}},
        "spec.dataset",
        "remove one",
    ),
    ("TrainingRun", {"managedBy": "me"}, "spec.managedBy", "domain/name"),
    ("LearningLoop", {"trainingTemplate": None}, "spec.trainingTemplate", "both or neither"),
    ("LearningLoop", {"stage": "Live"}, "spec.experimentTemplate", "stage None"),
    (
        "LearningLoop",
        {"source": {"type": "Registry"}, "trainingTemplate": None},
        "spec.source.registry",
        "both or neither",
    ),
    ("LearningLoop", {"minNewExamples": 10, "floor": 20}, "spec.floor", "lower floor"),
]


def manifest(kind: str, change: dict[str, Any] | None = None) -> dict[str, Any]:
    spec = copy.deepcopy(SMALLEST[kind]) | (change or {})
    spec = {key: value for key, value in spec.items() if value is not None}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": "facts"}, "spec": spec}


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_the_smallest_object_is_valid(kind: str) -> None:
    assert problems_of(manifest(kind)) == ()


@pytest.mark.parametrize(("kind", "change", "field", "remedy"), WRONG, ids=lambda value: str(value)[:60])
def test_one_change_gives_one_problem(kind: str, change: dict[str, Any], field: str, remedy: str) -> None:
    (found,) = problems_of(manifest(kind, change))
    assert found.field == field
    assert remedy in found.remedy


@pytest.mark.parametrize("name", ["a" * 41, "1a", "A", "a_b", "a-", "", "ä"])
def test_names_that_leave_no_room_are_refused(name: str) -> None:
    document = manifest("Rollout") | {"metadata": {"name": name}}
    (found,) = problems_of(document)
    assert found.field == "metadata.name"


@pytest.mark.parametrize("alpha", ["0.05", "0.000001", "0.499999", "0.1", "0.0499999"])
def test_every_alpha_that_is_accepted_can_be_computed_with(alpha: str) -> None:
    assert problems_of(manifest("Rollout", {"analysis": {"alpha": alpha}})) == ()
    assert one_sided_width(100, 1.0, alpha=float(alpha), expected=2000) > 0


def test_a_null_is_an_absent_field() -> None:
    document = manifest("Rollout")
    document["spec"] |= {"candidate": None, "suspend": None, "stickiness": None}
    assert problems_of(document) == ()


def test_several_problems_are_told_together() -> None:
    found = problems_of(manifest("Rollout", {"suspend": 1, "deletionPolicy": "Keep", "nonsense": 1}))
    assert {item.field for item in found} == {"spec.suspend", "spec.deletionPolicy", "spec.nonsense"}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"apiVersion": "pawl.dev/v1", "kind": "Rollout"}, "apiVersion"),
        ({"apiVersion": API, "kind": "Rolout"}, "kind"),
        ([], ""),
        ("text", ""),
    ],
)
def test_what_is_no_object_of_ours(document: object, field: str) -> None:
    (found,) = problems_of(document)
    assert found.field == field
    assert found.remedy


def test_a_long_value_is_cut() -> None:
    (found,) = problems_of(manifest("Rollout", {"serve": {"image": "a" * 600}}))
    assert found == Problem("spec.serve.image", '"' + "a" * 78 + "…", "is too long", "use at most 512 characters")
