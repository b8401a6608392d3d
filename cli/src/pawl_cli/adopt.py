"""Turns a route and the Service behind it into the Rollout that adopts them: pure, nothing is read or written here.

The Rollout names the running Service as the stable arm of `spec.services`. Pawl then marks that backend and keeps all
weight on it; pods stay with whoever runs them.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pawl.api.meta import API_VERSION
from pawl.api.problems import problems_of
from pawl.errors import InvalidSpec

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asks for; `rule` may be empty where the route has one rule, the others follow from the rest."""

    component: str
    rule: str = ""
    name: str = ""
    candidate: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """The backend that has all weight of a rule."""

    route: str
    namespace: str
    rule: str
    service: str
    port: int


def live_backend(route: Object, rule: str) -> Live:
    """Return the backend that has all weight of the rule.

    Raises:
        InvalidSpec: the rule is not there or has no name, or its weight is not on exactly one Service of the namespace.
    """
    metadata = route["metadata"]
    index, found = _rule(route, rule)
    field = f"spec.rules[{index}].backendRefs"
    entries = found.get("backendRefs") or []
    loaded = [entry for entry in entries if int(entry.get("weight", 1)) > 0]
    if len(loaded) != 1:
        problem = "several backends have weight" if loaded else "no backend has weight"
        remedy = "which one is stable is yours to say: move all weight to one Service (weight 0 on the others)"
        raise InvalidSpec(problem, field=field, value=_shares(entries), remedy=remedy)
    entry, place = loaded[0], entries.index(loaded[0])
    if (entry.get("kind", "Service"), entry.get("group", "")) != ("Service", ""):
        raise InvalidSpec(
            "the backend is no Service",
            field=f"{field}[{place}].kind",
            value=entry.get("kind"),
            remedy="put a Service in front of it",
        )
    if entry.get("namespace", metadata["namespace"]) != metadata["namespace"]:
        raise InvalidSpec(
            "the Service lies in another namespace than the route",
            field=f"{field}[{place}].namespace",
            value=entry["namespace"],
            remedy=f"make the route in {entry['namespace']}, or a Service in {metadata['namespace']}",
        )
    return Live(metadata["name"], metadata["namespace"], found["name"], entry["name"], int(entry.get("port") or 80))


def rollout_for(live: Live, service: Object, wish: Wish) -> dict[str, Any]:
    """Return the Rollout that adopts the live Service; it passes `pawl lint`.

    Raises:
        InvalidSpec: the Service cannot be an arm, or a name that was asked for is not one.
    """
    if service["spec"].get("type") == "ExternalName":
        raise InvalidSpec(
            f"Service {live.service} has no endpoints by which Pawl could see it ready",
            field="spec.type",
            value="ExternalName",
            remedy="put a Service with endpoints behind the route",
        )
    candidate = wish.candidate or f"{live.service}-candidate"
    body = {
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "metadata": {"name": wish.name or wish.component, "namespace": live.namespace},
        "spec": {
            "component": wish.component,
            "routeRef": {"name": live.route, "ruleName": live.rule},
            "initialStable": {"source": "none"},
            "services": {"stable": live.service, "candidate": candidate},
            "deletionPolicy": "Orphan",
        },
    }
    for problem in problems_of(body):
        option = _OPTIONS.get(problem.field, "")
        remedy = f"{problem.remedy} ({option})" if option else problem.remedy
        raise InvalidSpec(problem.problem, field=problem.field, value=_value(body, problem.field), remedy=remedy)
    return body


def render(rollout: Object, live: Live, service: Object, deployments: Sequence[Object]) -> str:
    """Return the Rollout as YAML, below what the reader should know before applying it."""
    behind = ", ".join(_behind(service, deployments)) or "no Deployment matches its selector"
    candidate = rollout["spec"]["services"]["candidate"]
    notes = (
        f"Adopts what runs on HTTPRoute {live.route}, rule {live.rule}: Service {live.service} ({behind}) keeps all",
        "traffic and its pods stay yours. Steps, analysis and bake have their defaults; add what you want otherwise.",
        f"A release needs Service {candidate} with ready pods on port {live.port}, and spec.candidate with source and",
        "digest. To apply: pipe this to kubectl apply -f -",
    )
    header = "".join(f"# {note}\n" for note in notes)
    return header + yaml.safe_dump(dict(rollout), sort_keys=False)


_OPTIONS = {
    "metadata.name": "option --name",
    "spec.component": "option --component",
    "spec.services.candidate": "option --candidate-service",
}


def _rule(route: Object, wanted: str) -> tuple[int, Object]:
    rules = (route.get("spec") or {}).get("rules") or []
    names = [rule.get("name", "") for rule in rules]
    if wanted and wanted in names:
        return names.index(wanted), rules[names.index(wanted)]
    if not wanted and len(rules) == 1 and names[0]:
        return 0, rules[0]
    naming = _naming(route, wanted or "infer")
    if wanted:
        known = ", ".join(filter(None, names))
        remedy = f"choose one of {known}, or {naming}" if known else naming
        raise InvalidSpec("the route has no rule of this name", field="--rule", value=wanted, remedy=remedy)
    if len(rules) == 1:
        raise InvalidSpec(
            "the rule has no name, and Pawl owns rules by name", field="spec.rules[0].name", remedy=naming
        )
    shown = ", ".join(name or f"rule {index} without a name" for index, name in enumerate(names))
    remedy = "say which with --rule" + ("" if all(names) else f"; if it has no name, {naming}")
    raise InvalidSpec(f"the route has {len(rules)} rules", field="spec.rules", value=shown, remedy=remedy)


def _naming(route: Object, name: str) -> str:
    metadata, count = route["metadata"], len(route["spec"].get("rules") or [])
    patch = json.dumps([{"op": "add", "path": "/spec/rules/0/name", "value": name}])
    target = f"httproute {metadata['name']} -n {metadata['namespace']}"
    more = " (0 is the first rule: write the place of the one you mean)" if count > 1 else ""
    return f"name it: kubectl patch {target} --type json -p {shlex.quote(patch)}{more}"


def _shares(entries: Sequence[Object]) -> str:
    return ", ".join(f"{entry['name']} {entry.get('weight', 1)}" for entry in entries)


def _behind(service: Object, deployments: Sequence[Object]) -> list[str]:
    selector = service["spec"].get("selector") or {}
    if not selector:
        return []
    found = []
    for deployment in deployments:
        labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
        if selector.items() <= labels.items():
            found.append(f"Deployment {deployment['metadata']['name']}")
    return sorted(found)


def _value(body: object, path: str) -> object:
    for key in path.split("."):
        body = body.get(key) if isinstance(body, Mapping) else None
    return body
