"""Strategic merge of a person's overlay onto the pod template: objects merge, named lists merge by their key. Pure.

`$patch: delete` in a list's item removes it, `$patch: replace` in an object replaces it; null removes a field.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
"""The lists of a pod template that the API server merges by key; all other lists are replaced."""
DIRECTIVE = "$patch"


def merge_overlay(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `overlay` laid over it; neither is changed."""
    if overlay.get(DIRECTIVE) == "replace":
        return {key: value for key, value in overlay.items() if key != DIRECTIVE}
    merged = dict(base)
    for key, value in overlay.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = merge_overlay(_mapping(merged.get(key)), value)
        elif _keyed(value, MERGE_KEYS.get(key)):
            held = merged.get(key)
            merged[key] = _merge_lists(held if _keyed(held, MERGE_KEYS.get(key)) else [], value, MERGE_KEYS[key])
        else:
            merged[key] = value
    return merged


def _merge_lists(base: Sequence[Mapping[str, Any]], overlay: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    merged = {item[name]: dict(item) for item in base}
    for item in overlay:
        if item.get(DIRECTIVE) == "delete":
            merged.pop(item[name], None)
        else:
            merged[item[name]] = merge_overlay(merged.get(item[name], {}), item)
    return list(merged.values())


def _keyed(items: object, name: str | None) -> TypeGuard[list[Mapping[str, Any]]]:
    # People write overlays by hand: a list of another shape is taken as it is, and the API server has its say.
    return (
        name is not None
        and isinstance(items, list)
        and all(isinstance(item, Mapping) and isinstance(item.get(name), str | int) for item in items)
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
