"""The identity of what is served: ten hex digits over the artifact and the serve template."""

import hashlib
import json
from typing import Any

from pawl.api.serving import EnvVar, ServeOverride, ServeSpec

REVISION_LENGTH = 10
_SIZE_FIELDS = {"replicas", "autoscaling"}


def merge_serve(base: ServeSpec, override: ServeOverride | None) -> ServeSpec:
    """The serve template of one revision: the Rollout's, with the revision's fields laid over it."""
    if override is None:
        return base
    changes: dict[str, Any] = {
        name: value
        for name in ("image", "command", "args", "resources")
        if (value := getattr(override, name)) is not None
    }
    if override.env is not None:
        changes["env"] = _merge_env(base.env, override.env)
    if override.overlay is not None:
        changes["overlay"] = _merge_objects(base.overlay, override.overlay)
    return base.model_copy(update=changes)


def revision_of(digest: str, serve: ServeSpec) -> str:
    """Ten hex digits: sha256 of the artifact digest and the canonical JSON of the merged serve template.

    The number of pods is no part of it (scaling is not a release), nor is a field at its default, so that a new
    optional field in a later version of Pawl keeps every revision.
    """
    template = serve.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, exclude=_SIZE_FIELDS
    )
    canonical = json.dumps(template, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{digest}\n{canonical}".encode()).hexdigest()[:REVISION_LENGTH]


def _merge_env(base: tuple[EnvVar, ...], override: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
    merged = {item.name: item for item in base} | {item.name: item for item in override}
    return tuple(merged.values())


def _merge_objects(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in override.items():
        known = merged.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[key] = _merge_objects(known, value)
        else:
            merged[key] = value
    return merged
