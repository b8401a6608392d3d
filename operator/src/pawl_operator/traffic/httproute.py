"""One rule of an HTTPRoute: read what it says, build what it shall say, and the JSON Patch between the two. Pure.

People own the route. We touch two fields of one rule, `backendRefs` and (for mirrors) `filters`, under a `test` of
the resource version; other rules, unknown backends and their filters stay. Our backends keep their order, candidate
first: on that rests that a user enters the candidate once and leaves it only by a rollback.

There are always two of them. A gateway keeps one cluster per backendRef, named by its place, and drops it at weight 0;
a cluster that is made while a route already leads to it answers nothing for a moment (ADR 0010). So a place is kept
warm, at one part in a million, before and after it has traffic: the shares 0 and 100 are written as 1 : 999999, and
outside a release stable stands in both places. Only a candidate that has had all traffic for a while gets a plain
100 : 0.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any

from pawl_operator.kinds.rollout.actions import PatchRoute
from pawl_operator.kinds.rollout.snapshot import CANDIDATE, STABLE, RouteBackend, RouteMirror, RouteState
from pawl_operator.traffic.filters import Mark, marked, mirror, mirror_target, read_marks, unmarked, without_mirrors

WEIGHT_LIMIT = 1_000_000
FULL = 100
KEPT = 1
NEGLIGIBLE = 10_000
"""An arm with less than one part in this many has no traffic: it is only kept warm."""
Route = Mapping[str, Any]
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ownership:
    """Which Services are arms of this Rollout: its workloads `<rollout>-<revision>`, and those of `spec.services`."""

    rollout: str
    services: tuple[str, ...] = ()
    port: int = 80
    uid: str = ""
    """Of the Rollout: what it calls its own on every backendRef."""

    def owns(self, entry: Mapping[str, Any]) -> bool:
        """Return whether a backendRef is one of ours."""
        if entry.get("kind", "Service") != "Service" or entry.get("group", "") != "" or "namespace" in entry:
            return False
        return self.names(str(entry["name"])) or "arm" in read_marks(entry.get("filters") or [])

    def names(self, service: str) -> bool:
        """Return whether a Service is an arm of this Rollout by its name."""
        return service in self.services or bool(re.fullmatch(rf"{re.escape(self.rollout)}-[0-9a-f]{{10}}", service))


def rule_index(route: Route, rule_name: str) -> int | None:
    """Return the place of the named rule, None where there is none."""
    for index, rule in enumerate((route.get("spec") or {}).get("rules") or []):
        if rule.get("name") == rule_name:
            return index
    return None


def read_state(route: Route, rule_name: str, ownership: Ownership) -> RouteState | None:
    """Return what the rule and its gateways say; None where the rule is not there."""
    index = rule_index(route, rule_name)
    if index is None:
        return None
    rule, metadata = route["spec"]["rules"][index], route["metadata"]
    generation = int(metadata.get("generation") or 0)
    entries = rule.get("backendRefs") or []
    ours = [entry for entry in entries if ownership.owns(entry)]
    strangers = [entry for entry in entries if not ownership.owns(entry)]
    accepted, resolved, observed, parents, message = _verify(route, generation)
    return RouteState(
        generation=generation,
        resource_version=str(metadata.get("resourceVersion", "")),
        backends=_backends(entries, ownership),
        mirrors=tuple(
            RouteMirror(*target)
            for entry in rule.get("filters") or []
            if (target := mirror_target(entry)) is not None and ownership.names(target[0])
        ),
        places=tuple(_weight(entry) for entry in ours),
        warmable=_widest(ours, strangers)[0] >= NEGLIGIBLE,
        accepted=accepted,
        resolved=resolved,
        observed=observed,
        parents=parents,
        message=message,
    )


def patch_for(route: Route, rule_name: str, wanted: PatchRoute, ownership: Ownership) -> list[dict[str, Any]]:
    """Return the JSON Patch that makes the rule carry `wanted`; empty where it does.

    Raises:
        LookupError: the rule is not there.
    """
    index = rule_index(route, rule_name)
    if index is None:
        raise LookupError(f"the route has no rule named {rule_name!r}")
    rule = route["spec"]["rules"][index]
    changes = []
    backends = _wanted_backends(rule.get("backendRefs") or [], wanted, ownership)
    if backends != (rule.get("backendRefs") or []):
        changes.append({"op": "add", "path": f"/spec/rules/{index}/backendRefs", "value": backends})
    # Our arms stand first, and win over a stranger of the same name.
    ports = {str(entry["name"]): int(entry.get("port") or ownership.port) for entry in reversed(backends)}
    filters = _wanted_filters(rule.get("filters") or [], wanted, ownership, ports)
    if filters != (rule.get("filters") or []):
        path = f"/spec/rules/{index}/filters"
        changes.append({"op": "add", "path": path, "value": filters} if filters else {"op": "remove", "path": path})
    if not changes:
        return []
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": route["metadata"]["resourceVersion"]}
    return [version, {"op": "test", "path": f"/spec/rules/{index}/name", "value": rule_name}, *changes]


def _wanted_backends(entries: Sequence[Entry], wanted: PatchRoute, ownership: Ownership) -> list[Entry]:
    ours = [entry for entry in entries if ownership.owns(entry)]
    strangers = [entry for entry in entries if not ownership.owns(entry)]
    first, second, factor = _weights(ours, strangers, wanted)
    model = _stable_entry(ours, wanted)
    base = unmarked(model.get("filters") or [])
    leading = (STABLE, wanted.stable) if wanted.candidate is None else (CANDIDATE, wanted.candidate)
    arms = [(*leading, first), (STABLE, wanted.stable, second)]
    result = []
    for arm, backend, weight in arms:
        held = next((entry for entry in ours if entry["name"] == backend.service), None)
        own = unmarked(held.get("filters") or []) if held is not None else base
        mark = Mark(ownership.uid, arm, backend.revision, wanted.release, wanted.step)
        # The Services of a pair stand for each other, so a new one answers on the port of the other.
        known = held if held is not None else model if backend.service in ownership.services else {}
        port = int(known.get("port") or ownership.port)
        reference: Entry = {"group": "", "kind": "Service", "name": backend.service, "port": port, "weight": weight}
        result.append(reference | {"filters": marked(own, mark)})
    return result + [entry | {"weight": _weight(entry) * factor} if factor > 1 else entry for entry in strangers]


def _stable_entry(ours: Sequence[Entry], wanted: PatchRoute) -> Entry:
    # A new arm inherits what people put on the arm that serves today.
    for entry in ours:
        if entry["name"] == wanted.stable.service:
            return entry
    return ours[-1] if ours else {}


def _weights(ours: Sequence[Entry], strangers: Sequence[Entry], wanted: PatchRoute) -> tuple[int, int, int]:
    """Return the weights of our two backends and the factor for strangers, such that no share of theirs moves."""
    percent, (total, factor) = wanted.weight, _scale(ours, strangers)
    if 0 < percent < FULL or wanted.plain:
        first = total * percent // FULL
        return first, total - first, factor
    total, factor = _widest(ours, strangers)
    # Strangers may have so much of the rule that one part is not negligible; then the arm goes cold.
    kept = KEPT if total >= NEGLIGIBLE else 0
    return (kept, total - kept, factor) if percent == 0 else (total - kept, kept, factor)


def _widest(ours: Sequence[Entry], strangers: Sequence[Entry]) -> tuple[int, int]:
    """Return the largest sum of weights that ours may have with the same shares, and the factor for strangers."""
    total, factor = _scale(ours, strangers)
    more = WEIGHT_LIMIT // max([total, *(_weight(entry) * factor for entry in strangers)])
    return total * more, factor * more


def _scale(ours: Sequence[Entry], strangers: Sequence[Entry]) -> tuple[int, int]:
    """Return our sum of weights and the factor for strangers: whole percents fit and no share of theirs moves."""
    total = sum(_weight(entry) for entry in ours)
    if total == 0 or not any(_weight(entry) for entry in strangers):
        return FULL, 1
    factor = FULL // gcd(total, FULL)
    largest = max(total, *(_weight(entry) for entry in strangers)) * factor
    if largest <= WEIGHT_LIMIT:
        return total * factor, factor
    # As near as whole percents and the API's limit allow; 999,999 is a number that we write ourselves.
    return min(max(round(total / FULL), 1) * FULL, WEIGHT_LIMIT), 1


def _wanted_filters(
    filters: Sequence[Entry], wanted: PatchRoute, ownership: Ownership, ports: Mapping[str, int]
) -> list[Entry]:
    ours = {
        target[0] for entry in filters if (target := mirror_target(entry)) is not None and ownership.names(target[0])
    }
    kept = without_mirrors(filters, ours)
    if wanted.mirror_percent == 0 or wanted.candidate is None:
        return kept
    arms = (wanted.candidate.service, wanted.stable.service)
    return kept + [mirror(service, ports[service], wanted.mirror_percent) for service in arms]


def _backends(entries: Sequence[Entry], ownership: Ownership) -> tuple[RouteBackend, ...]:
    """Return the backends as they are meant: no traffic where it is negligible, and stable once."""
    found = [_backend(entry, ownership) for entry in entries]
    total = sum(backend.weight for backend in found if backend.ours)
    meant: list[RouteBackend] = []
    for backend in found:
        if backend.ours and backend.weight * NEGLIGIBLE <= total:
            backend = replace(backend, weight=0)
        if meant and backend.ours and replace(backend, weight=0) == replace(meant[-1], weight=0):
            meant[-1] = replace(backend, weight=backend.weight + meant[-1].weight)
        else:
            meant.append(backend)
    return tuple(meant)


def _backend(entry: Mapping[str, Any], ownership: Ownership) -> RouteBackend:
    marks = read_marks(entry.get("filters") or [])
    return RouteBackend(
        service=str(entry["name"]),
        weight=_weight(entry),
        ours=ownership.owns(entry),
        arm=marks.get("arm"),
        revision=marks.get("revision"),
        release=_number(marks.get("release")),
        step=_number(marks.get("step")),
        own_mark=marks.get("rollout", "") == ownership.uid,
    )


def _verify(route: Route, generation: int) -> tuple[bool, bool, bool, int, str]:
    parents = (route.get("status") or {}).get("parents") or []
    found = {kind: [_condition(parent, kind) for parent in parents] for kind in ("Accepted", "ResolvedRefs")}
    every = found["Accepted"] + found["ResolvedRefs"]
    true = {kind: bool(parents) and all(c.get("status") == "True" for c in list_) for kind, list_ in found.items()}
    observed = bool(parents) and all(c.get("observedGeneration") == generation for c in every)
    bad = [c for c in every if c.get("status") != "True"]
    message = str(bad[0].get("message") or bad[0].get("reason") or "no condition yet") if bad else ""
    asked = len((route.get("spec") or {}).get("parentRefs") or [])
    if len(parents) < asked:
        return False, False, False, len(parents), f"{len(parents)} of {asked} parents of the route have answered"
    return true["Accepted"], true["ResolvedRefs"], observed, len(parents), message[:512]


def _condition(parent: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((item for item in parent.get("conditions") or [] if item.get("type") == kind), {})


def _weight(entry: Mapping[str, Any]) -> int:
    return int(entry.get("weight", 1))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
