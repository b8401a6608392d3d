"""From a pydantic model to a structural OpenAPI v3 schema as the API server wants it.

pydantic's JSON Schema has references, titles, null branches and defaults that a structural schema may not have; they
are resolved, dropped and turned here. Every list gets a list type; strings, lists and maps must be bounded.
"""

from typing import Any

from pawl.api.meta import ApiModel

Schema = dict[str, Any]
_KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
)
_IDENTITY = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
_TYPES = {str: "string", bool: "boolean", int: "integer"}


def structural_schema(model: type[ApiModel]) -> Schema:
    """The `openAPIV3Schema` of a kind: spec, status, and the identity that every object has.

    Raises:
        ValueError: a type has no structural form (a union, a number with fractions, an unbounded string or list).
    """
    source = model.model_json_schema(by_alias=True, mode="validation")
    own = source | {"properties": {name: source["properties"][name] for name in ("spec", "status")}}
    root = _Structural(source.get("$defs", {})).convert(own, model.__name__)
    root["properties"]["status"].pop("default", None)
    root["properties"] = _IDENTITY | root["properties"]
    return root | {"required": ["spec"]}


class _Structural:
    """Converts one document; `path` is only for messages."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def convert(self, node: Schema, path: str) -> Schema:
        """One node, with everything below it."""
        node = self._resolve(node)
        if node.get("x-kubernetes-int-or-string") or node.get("x-kubernetes-preserve-unknown-fields"):
            return {key: value for key, value in node.items() if key != "default" or value}
        if "anyOf" in node:
            raise ValueError(f"{path}: a union has no structural form")
        found = {key: node[key] for key in _KEPT if key in node}
        found |= {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}
        self._constant(node, found)
        self._object(node, found, path)
        self._list(node, found, path)
        self._default(node, found)
        _check_bounds(found, path)
        return found

    def _resolve(self, node: Schema) -> Schema:
        """Follow a reference and drop a null branch; what stands beside it wins."""
        beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf", "title")}
        branches = [branch for branch in node.get("anyOf", []) if branch.get("type") != "null"]
        if "$ref" in node:
            return self._resolve(self._definitions[node["$ref"].rsplit("/", 1)[1]]) | beside
        if len(branches) == 1:
            if beside.get("default", ...) is None:
                del beside["default"]
            return self._resolve(branches[0]) | beside
        return beside | ({"anyOf": branches} if branches else {})

    def _constant(self, node: Schema, found: Schema) -> None:
        if "const" in node:
            found["enum"] = [node["const"]]
            found["type"] = _TYPES[type(node["const"])]

    def _object(self, node: Schema, found: Schema, path: str) -> None:
        if "properties" in node:
            properties = node["properties"].items()
            found["properties"] = {name: self.convert(child, f"{path}.{name}") for name, child in properties}
        values = node.get("additionalProperties")
        if isinstance(values, dict):
            found["additionalProperties"] = self.convert(values, f"{path}.*")

    def _list(self, node: Schema, found: Schema, path: str) -> None:
        if found.get("type") == "array":
            found["items"] = self.convert(node["items"], f"{path}[]")
            found.setdefault("x-kubernetes-list-type", "atomic")

    def _default(self, node: Schema, found: Schema) -> None:
        """A default, unless it is as good as absence.

        The API server checks the rules against the default as written, so an object's default spells out its fields.
        """
        default = _trimmed(node.get("default"), found)
        if default not in (None, "", [], {}):
            found["default"] = default


def _trimmed(value: object, schema: Schema) -> object:
    """A default without nulls and without empty strings, lists and maps."""
    if isinstance(value, list):
        return [_trimmed(item, schema["items"]) for item in value]
    properties = schema.get("properties")
    if not isinstance(value, dict) or properties is None:
        return value
    kept = {key: _trimmed(item, properties[key]) for key, item in value.items() if item is not None}
    return {key: item for key, item in kept.items() if item not in ("", [], {}) or "properties" in properties[key]}


def _check_bounds(node: Schema, path: str) -> None:
    kind = node.get("type")
    if kind == "number":
        raise ValueError(f"{path}: no fractions in an API; use a string with a pattern")
    if kind == "string" and not ({"maxLength", "enum", "format"} & node.keys()):
        raise ValueError(f"{path}: a string needs maxLength")
    if kind == "array" and "maxItems" not in node:
        raise ValueError(f"{path}: a list needs maxItems")
    if "additionalProperties" in node and "maxProperties" not in node:
        raise ValueError(f"{path}: a map needs maxProperties")
