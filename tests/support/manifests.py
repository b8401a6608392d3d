"""Hypothesis strategies for manifests of Pawl's kinds: from scratch by the schema, and with one field made wrong."""

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from pawl.api.crd.schema import structural_schema
from pawl.api.kinds import Kind

Json = Any
Schema = dict[str, Any]
Draw = Callable[..., Any]

# Fields of which one excludes the others; True where one of them has to be there.
EXCLUSIVE = (
    (("relative", "absolute"), True),
    (("url", "secretRef"), True),
    (("routeRef", "flag"), True),
    (("serve", "services"), True),
    (("kubeRay", "rayAddress", "job"), True),
    (("secretKeyRef", "configMapKeyRef"), True),
    (("value", "valueFrom"), False),
    (("replicas", "autoscaling"), False),
    (("window", "snapshot"), False),
)
OPTIONAL_SHARE = 3
AS_FLOAT_SHARE = 40

SMALLEST: dict[str, Json] = {
    "Component": {},
    "Rollout": {
        "component": "facts",
        "routeRef": {"name": "facts", "ruleName": "infer"},
        "initialStable": {"source": "none"},
        "serve": {"image": "facts:1"},
    },
    "Experiment": {
        "rolloutRef": {"name": "facts"},
        "metrics": [{"name": "accuracy", "role": "Primary"}],
        "variants": [{"name": "a", "role": "Control"}, {"name": "b", "role": "Treatment", "source": "none"}],
    },
    "TrainingRun": {"component": "facts", "trainer": "policy"},
    "LearningLoop": {
        "component": "facts",
        "rolloutRef": {"name": "facts"},
        "trainingTemplate": {"spec": {"trainer": "policy"}},
        "stage": "None",
    },
}
"""The smallest valid spec of each kind."""


@cache
def schema_of(kind: Kind) -> Schema:
    """The kind's structural schema, made once."""
    return structural_schema(kind.model)


def pattern_of(schema: Schema) -> str:
    """The regular expression of a string, which stands in its first rule."""
    rules = [rule["rule"] for rule in schema.get("x-kubernetes-validations", ())]
    start = "self.matches(r'"
    return next((rule[len(start) : -2] for rule in rules if rule.startswith(start)), "")


def manifests(kind: Kind) -> st.SearchStrategy[Json]:
    """Objects of one kind: of the right shape, and most of them keeping the rules."""
    schema = schema_of(kind)
    return _objects(kind, schema["properties"]["spec"])


@st.composite
def _objects(draw: Draw, kind: Kind, spec_schema: Schema) -> Json:
    name = draw(st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True))
    spec = _value(draw, spec_schema, "spec")
    return {"apiVersion": "pawl.dev/v1alpha1", "kind": kind.name, "metadata": {"name": name}, "spec": spec}


def statuses(kind: Kind) -> st.SearchStrategy[Json]:
    """Statuses of one kind of the right shape."""
    return _statuses(schema_of(kind)["properties"]["status"])


@st.composite
def _statuses(draw: Draw, schema: Schema) -> Json:
    return _value(draw, schema, "status")


def _value(draw: Draw, schema: Schema, name: str) -> Json:
    if name == "steps":
        return _steps(draw, schema)
    if schema.get("x-kubernetes-int-or-string"):
        return draw(st.one_of(st.integers(0, 64), st.sampled_from(["500m", "2Gi", "1.5", "0"])))
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return draw(
            st.dictionaries(st.sampled_from(["a", "b", "spec"]), st.sampled_from([1, "x", 2.5, None]), max_size=2)
        )
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    return _BY_TYPE[schema["type"]](draw, schema, name)


def _string(draw: Draw, schema: Schema, name: str) -> str:
    shortest, longest = schema.get("minLength", 0), min(schema.get("maxLength", 40), 40)
    if schema.get("format") == "date-time":
        return str(draw(st.sampled_from(["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123456Z"])))
    pattern = pattern_of(schema)
    if not pattern:
        return str(draw(st.text(st.characters(codec="utf-8"), min_size=shortest, max_size=longest)))
    words = [word for word in _WORDS.get(name, ()) if re.search(pattern, word)]
    if words:
        return str(draw(st.sampled_from(words)))
    strategy = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    return str(draw(strategy.filter(lambda text: shortest <= len(text) <= schema["maxLength"])))


def _integer(draw: Draw, schema: Schema, name: str) -> int | float:
    number = int(draw(st.integers(schema.get("minimum", 0), schema.get("maximum", 2**53))))
    return number if draw(st.integers(0, AS_FLOAT_SHARE - 1)) else float(number)


def _boolean(draw: Draw, schema: Schema, name: str) -> bool:
    return bool(draw(st.booleans()))


def _array(draw: Draw, schema: Schema, name: str) -> list[Json]:
    least = schema.get("minItems", 0)
    size = draw(st.integers(least, min(schema["maxItems"], least + 2)))
    items = [_value(draw, schema["items"], f"{name}[]") for _ in range(size)]
    if "role" in schema["items"].get("properties", {}):
        _lead(items)
    keys = schema.get("x-kubernetes-list-map-keys")
    unique = list({str([item[key] for key in keys]): item for item in items}.values()) if keys else items
    if len(unique) < least and keys == ["name"]:
        return [item | {"name": f"n{index}"} for index, item in enumerate(items)]
    return unique


def _lead(items: list[Json]) -> None:
    """Of one role there must be exactly one; Control names no model, and treatments leave it some users."""
    variants = any(item.get("role") in ("Control", "Treatment") for item in items)
    for index, item in enumerate(items):
        item["role"] = ("Treatment" if index else "Control") if variants else ("Guardrail" if index else "Primary")
        if variants:
            item.pop("weight", None)
        if item["role"] == "Control":
            for name in ("source", "digest", "serve"):
                item.pop(name, None)


def _object(draw: Draw, schema: Schema, name: str) -> Json:
    if "additionalProperties" in schema:
        names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
        return {key: _value(draw, schema["additionalProperties"], "*") for key in draw(st.sets(names, max_size=2))}
    required = set(schema.get("required", ()))
    chosen = {key for key in schema["properties"] if key in required or not draw(st.integers(0, OPTIONAL_SHARE - 1))}
    _choose_exclusive(draw, chosen, schema)
    found = {key: _value(draw, child, key) for key, child in schema["properties"].items() if key in chosen}
    return _keep_rules(draw, found, schema)


def _choose_exclusive(draw: Draw, chosen: set[str], schema: Schema) -> None:
    for group, needed in EXCLUSIVE:
        if set(group) <= schema["properties"].keys():
            one = draw(st.sampled_from(group))
            keep = {one} if needed or chosen & set(group) else set()
            chosen -= set(group) - keep
            chosen |= keep


def _keep_rules(draw: Draw, found: Json, schema: Schema) -> Json:
    """Most of the time make the fields fit each other, so that objects deep enough to matter are accepted."""
    if not draw(st.integers(0, 15)):
        return found
    properties = schema["properties"]
    if {"source", "digest"} <= properties.keys():
        found.pop("digest", None)
        if found.get("source", "none") != "none":
            found["digest"] = "sha256:" + "ab" * 32
    if "probePath" in properties:
        found["probe"] = "http" if "probePath" in found else "oip"
    if {"maxDuration", "hold"} <= properties.keys() and "maxDuration" in found:
        found["maxDuration"] = "900000h"
    if "registry" in properties and "alias" not in properties:
        found["type"] = "Registry" if "registry" in found else "Training"
    if "minReplicas" in properties:
        found["minReplicas"] = 1
    if found.get("trainer") == "custom":
        found["image"] = "trainer:1"
    return _keep_spec_rules(found, properties)


def _keep_spec_rules(found: Json, properties: Schema) -> Json:
    if "initialStable" in properties and "serve" not in found:
        for version in ("initialStable", "candidate"):
            found.get(version, {}).pop("serve", None)
    if "flag" in found and found.get("analysis", {}).get("pairing", {}).get("mode") == "Mirror":
        found["analysis"]["pairing"]["mode"] = "Replay"
    if "steps" in properties and found.get("analysis", {}).get("onStall") == "Rollback":
        found["analysis"]["onStall"] = "Hold"
    if "assignmentOnly" in properties:
        found["assignmentOnly"] = "rolloutRef" not in found
        found["mode"] = "Live" if found["assignmentOnly"] else found.get("mode", "Live")
        for arm in found["variants"]:
            if arm["role"] == "Treatment" and "source" not in arm:
                arm["source"] = "none"
    if "minNewExamples" in properties:
        found |= {"floor": 50, "minNewExamples": 100}
        found["stage"] = "Live" if "experimentTemplate" in found else "None"
        training = found.get("source", {}).get("type", "Training") == "Training"
        found |= {"trainingTemplate": {"spec": {"trainer": "policy"}}} if training else {}
        found.pop("trainingTemplate", None) if not training else None
    return found


def _steps(draw: Draw, schema: Schema) -> list[Json]:
    weights = [*sorted(draw(st.sets(st.integers(1, 99), max_size=4))), 100]
    return [_value(draw, schema["items"], "steps[]") | {"setWeight": weight} for weight in weights]


_BY_TYPE: dict[str, Callable[[Draw, Schema, str], Json]] = {
    "string": _string,
    "integer": _integer,
    "boolean": _boolean,
    "array": _array,
    "object": _object,
}
_WORDS = {
    "relative": ["30%", "5%", "0.5%", "12.25%", "0.00%"],
    "absolute": ["0.05", "1", "0.125", "7", "0.0"],
    "limit": ["5%", "100%", "99.5%", "100.5%", "0%", "2s", "1h"],
    "alpha": ["0.05", "0.000001", "0.5"],
    "interval": ["60s", "1s", "5m", "1m30s", "2h", "999ms"],
    "source": ["none", "models:/facts/7", "s3://bucket/facts", "oci://registry/facts:1", "pvc://models/facts"],
    "score": ["exact", "span-f1", "python:my.module:score"],
    "image": ["localhost/model:1", "registry.example/model@sha256:abc"],
    "confidence": ["", "/confidence", "/facts/0/confidence"],
}


@dataclass(frozen=True)
class Mutation:
    """One field made wrong; `apply` returns the object with it."""

    path: str
    what: str
    apply: Callable[[Json], Json]

    def __repr__(self) -> str:
        return f"{self.path} {self.what}"


def status_mutations(kind: Kind, status: Json) -> list[Mutation]:
    """All single-field changes that make a valid status wrong; each takes the whole object."""
    return list(_node(status, schema_of(kind)["properties"]["status"], ("status",)))


def mutations(kind: Kind, manifest: Json) -> list[Mutation]:
    """All single-field changes that make a valid object wrong."""
    schema = schema_of(kind)
    found = list(_node(manifest["spec"], schema["properties"]["spec"], ("spec",)))
    found.append(_set(("metadata", "name"), "a" * 41, "is too long"))
    found.append(_set(("metadata", "name"), "1-starts-with-a-digit", "starts with a digit"))
    found.append(_set(("spec",), None, "is null"))
    found.append(_set(("notAField",), 1, "is unknown"))
    return found


def _node(value: Json, schema: Schema, path: tuple[str | int, ...]) -> Iterator[Mutation]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        yield _set(path, "text", "is text in place of an object")
        return
    if schema.get("x-kubernetes-int-or-string"):
        yield _set(path, "many", "is no quantity")
        yield _set(path, -1, "is negative")
        return
    if "enum" in schema:
        yield _set(path, "NoSuchWord", "is no word of the list")
    yield from _NODES[schema["type"]](value, schema, path)


def _string_mutations(value: Json, schema: Schema, path: tuple[str | int, ...]) -> Iterator[Mutation]:
    yield _set(path, 7, "is a number in place of text")
    if "maxLength" in schema:
        yield _set(path, "a" * (schema["maxLength"] + 1), "is too long")
    if pattern_of(schema):
        yield _set(path, "not ok\n", "breaks the pattern")
        yield _set(path, f"{value}\n", "ends with a line break")


def _integer_mutations(value: Json, schema: Schema, path: tuple[str | int, ...]) -> Iterator[Mutation]:
    yield _set(path, str(int(value)), "is text in place of a number")
    if value < 1_000_000:  # the API server's tolerance is relative: it takes 250000000.5 for a whole number
        yield _set(path, value + 0.5, "has a fraction")
    yield _set(path, bool(value), "is a truth value in place of a number")
    for bound, step in (("minimum", -1), ("maximum", 1)):
        if bound in schema:
            yield _set(path, schema[bound] + step, f"is beyond its {bound}")


def _boolean_mutations(value: Json, schema: Schema, path: tuple[str | int, ...]) -> Iterator[Mutation]:
    yield _set(path, "true", "is text in place of a truth value")
    yield _set(path, 1, "is a number in place of a truth value")


def _array_mutations(value: Json, schema: Schema, path: tuple[str | int, ...]) -> Iterator[Mutation]:
    yield _set(path, {"a": 1}, "is an object in place of a list")
    if schema.get("minItems"):
        yield _set(path, [], "is empty")
    if value:
        yield _set(path, [value[0]] * (schema["maxItems"] + 1), "has too many items")
    if value and schema.get("x-kubernetes-list-map-keys"):
        yield _set(path, [*value, value[0]], "has a key twice")
    if path[-1] == "steps":
        yield _set(path, [*value, value[-1] | {"setWeight": 99}], "ends below 100")
        yield _set(path, [value[-1], *value], "is out of order")
    for index, item in enumerate(value):
        yield from _node(item, schema["items"], (*path, index))


def _object_mutations(value: Json, schema: Schema, path: tuple[str | int, ...]) -> Iterator[Mutation]:
    yield _set(path, "text", "is text in place of an object")
    if "additionalProperties" in schema:
        for key, item in value.items():
            yield from _node(item, schema["additionalProperties"], (*path, key))
        return
    yield _set((*path, "notAField"), 1, "is unknown")
    for key in schema.get("required", ()):
        yield _remove((*path, key))
    for key, item in value.items():
        yield from _node(item, schema["properties"][key], (*path, key))
    if "relative" in value or "absolute" in value:
        yield _set(path, {"relative": "30%", "absolute": "0.05"}, "has both of a pair")
        yield _set(path, {}, "has none of a pair")


_NODES: dict[str, Callable[..., Iterator[Mutation]]] = {
    "string": _string_mutations,
    "integer": _integer_mutations,
    "boolean": _boolean_mutations,
    "array": _array_mutations,
    "object": _object_mutations,
}


def _set(path: tuple[str | int, ...], value: Json, what: str) -> Mutation:
    def apply(manifest: Json) -> Json:
        changed = copy.deepcopy(manifest)
        _parent(changed, path)[path[-1]] = value
        return changed

    return Mutation(".".join(map(str, path)), f"{what}: {value!r}"[:120], apply)


def _remove(path: tuple[str | int, ...]) -> Mutation:
    def apply(manifest: Json) -> Json:
        changed = copy.deepcopy(manifest)
        del _parent(changed, path)[path[-1]]
        return changed

    return Mutation(".".join(map(str, path)), "is missing", apply)


def _parent(manifest: Json, path: tuple[str | int, ...]) -> Json:
    for key in path[:-1]:
        manifest = manifest[key]
    return manifest
