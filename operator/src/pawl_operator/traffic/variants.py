"""The rules of a trial: beside our rule of an HTTPRoute one more for each arm, which matches a header that only the
assigner can set. Read, built and patched. Pure.

A variant's rule is our rule with one more header to match and one backend: it follows what people change in our rule
(matches, filters, timeouts). A request without the header never meets it, so whatever happens to the assigner, the
rule itself is where all users are at home.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pawl_operator.kinds.rollout.actions import PatchVariants, Variant
from pawl_operator.kinds.rollout.snapshot import VariantState
from pawl_operator.traffic.filters import Mark, marked, mirror, mirror_target, read_marks, unmarked, without_mirrors
from pawl_operator.traffic.httproute import Ownership, rule_index

HEADER = "x-pawl-variant"
_INHERITED = ("timeouts", "retry", "sessionPersistence")
Rule = Mapping[str, Any]


def rule_name_of(rule: str, variant: str) -> str:
    """Return the name of a variant's rule."""
    return f"{rule}-{variant}"


def read_variants(route: Rule, rule_name: str, ownership: Ownership) -> tuple[VariantState, ...]:
    """Return the variants' rules that are on the route, whoever left them there."""
    base = _rule(route, rule_name)
    return tuple(_read(entry, rule_name, base, ownership) for _, entry in _ours(route, rule_name) if base is not None)


def patch_variants(route: Rule, rule_name: str, wanted: PatchVariants, ownership: Ownership) -> list[dict[str, Any]]:
    """Return the JSON Patch after which the route has exactly the wanted variants; empty where it has.

    Raises:
        LookupError: the rule itself is not there.
    """
    base = _rule(route, rule_name)
    if base is None:
        raise LookupError(f"the route has no rule named {rule_name!r}")
    left = {rule_name_of(rule_name, variant.name): variant for variant in wanted.variants}
    changes: list[dict[str, Any]] = []
    gone = []
    for index, entry in _ours(route, rule_name):
        variant = left.pop(str(entry["name"]), None)
        if variant is None:
            gone.append({"op": "remove", "path": f"/spec/rules/{index}"})
        elif (built := build_rule(base, rule_name, variant, ownership)) != entry:
            changes.append({"op": "replace", "path": f"/spec/rules/{index}", "value": built})
    new = [build_rule(base, rule_name, variant, ownership) for variant in left.values()]
    changes += [{"op": "add", "path": "/spec/rules/-", "value": rule} for rule in new]
    # From the end, so that no place moves before it is taken out.
    changes += reversed(gone)
    if not changes:
        return []
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": route["metadata"]["resourceVersion"]}
    return [version, *changes]


def build_rule(base: Rule, rule_name: str, variant: Variant, ownership: Ownership) -> dict[str, Any]:
    """Return a variant's rule as the API server would hold it."""
    held = _held(base, variant.service, ownership)
    port = int(held.get("port") or ownership.port)
    mark = Mark(variant.owner, variant.arm, variant.revision, variant.release, variant.step)
    reference = {"group": "", "kind": "Service", "name": variant.service, "port": port, "weight": 1}
    rule: dict[str, Any] = {
        "name": rule_name_of(rule_name, variant.name),
        "matches": [_with_header(match, variant.header) for match in base.get("matches") or [{}]],
        "backendRefs": [reference | {"filters": marked(unmarked(held.get("filters") or []), mark)}],
    }
    filters = _filters(base, variant, port, ownership)
    if filters:
        rule["filters"] = filters
    return rule | {key: base[key] for key in _INHERITED if key in base}


def _filters(base: Rule, variant: Variant, port: int, ownership: Ownership) -> list[dict[str, Any]]:
    targets = [mirror_target(entry) for entry in base.get("filters") or []]
    ours = {target[0] for target in targets if target is not None and ownership.names(target[0])}
    kept = without_mirrors(base.get("filters") or [], ours)
    if not variant.mirror_percent:
        return kept
    return [*kept, mirror(variant.mirror_service, port, variant.mirror_percent)]


def _with_header(match: Rule, value: str) -> dict[str, Any]:
    path = match.get("path") or {"type": "PathPrefix", "value": "/"}
    header = {"type": "Exact", "name": HEADER, "value": value}
    others = [dict(entry) for entry in match.get("headers") or [] if str(entry.get("name", "")).lower() != HEADER]
    return dict(match) | {"path": path, "headers": [*others, header]}


def _held(base: Rule, service: str, ownership: Ownership) -> Rule:
    """Return our backend of that Service, or the last of ours: a new arm answers like the one that serves today."""
    ours: Sequence[Rule] = [entry for entry in base.get("backendRefs") or [] if ownership.owns(entry)]
    found = [entry for entry in ours if entry["name"] == service]
    return (found or list(ours) or [{}])[-1]


def _read(entry: Rule, rule_name: str, base: Rule, ownership: Ownership) -> VariantState:
    reference = (entry.get("backendRefs") or [{}])[0]
    marks = read_marks(reference.get("filters") or [])
    mirrors = [target for one in entry.get("filters") or [] if (target := mirror_target(one)) is not None]
    copied = next((target for target in mirrors if ownership.names(target[0])), ("", 0))
    read = Variant(
        name=str(entry["name"]).removeprefix(f"{rule_name}-"),
        header=_header_value(entry),
        service=str(reference.get("name", "")),
        revision=marks.get("revision", ""),
        arm=marks.get("arm", ""),
        owner=marks.get("rollout", ""),
        release=_whole(marks.get("release")),
        step=_whole(marks.get("step")),
        mirror_service=copied[0],
        mirror_percent=copied[1],
    )
    return VariantState(read, follows=build_rule(base, rule_name, read, ownership) == entry)


def _header_value(entry: Rule) -> str:
    values = [
        str(header.get("value", ""))
        for match in entry.get("matches") or []
        for header in match.get("headers") or []
        if str(header.get("name", "")).lower() == HEADER
    ]
    return values[0] if values else ""


def _ours(route: Rule, rule_name: str) -> list[tuple[int, Rule]]:
    """Return the variants' rules with their places: named after our rule, and matching the header in every match."""
    rules = enumerate((route.get("spec") or {}).get("rules") or [])
    return [(i, rule) for i, rule in rules if str(rule.get("name", "")).startswith(f"{rule_name}-") and _guarded(rule)]


def _guarded(rule: Rule) -> bool:
    matches = rule.get("matches") or []
    return bool(matches) and all(
        any(str(header.get("name", "")).lower() == HEADER for header in match.get("headers") or []) for match in matches
    )


def _rule(route: Rule, rule_name: str) -> Rule | None:
    index = rule_index(route, rule_name)
    return route["spec"]["rules"][index] if index is not None else None


def _whole(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0
