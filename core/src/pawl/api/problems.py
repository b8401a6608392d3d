"""What is wrong with a manifest, field by field, with what to do about it; the words behind `pawl lint`."""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pawl.api.crd.schema import Schema, structural_schema
from pawl.api.kinds import KINDS, Kind
from pawl.api.meta import API_VERSION, GROUP
from pawl.api.rules import RULE_BROKEN

_SHOWN = 80
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `value` is what stands there, as JSON, empty if nothing does."""

    field: str
    value: str
    problem: str
    remedy: str


def is_ours(document: object) -> bool:
    """Whether a document claims to be one of Pawl's objects."""
    return isinstance(document, Mapping) and str(document.get("apiVersion", "")).split("/")[0] == GROUP


def problems_of(document: object) -> tuple[Problem, ...]:
    """All problems of one of Pawl's objects, in the order of its fields; empty if the API server would take it."""
    if not isinstance(document, Mapping):
        return (Problem("", _show(document), "is not an object", "write apiVersion, kind, metadata and spec"),)
    kind = _kind_of(document)
    if isinstance(kind, Problem):
        return (kind,)
    try:
        kind.model.model_validate(document)
    except ValidationError as error:
        errors = [item for item in error.errors(include_url=False) if not _follows(item)]
        return tuple(_explain(item, document, kind) for item in errors)
    return ()


def _kind_of(document: Mapping[str, Any]) -> Kind | Problem:
    version, name = document.get("apiVersion"), document.get("kind")
    if version != API_VERSION:
        return Problem("apiVersion", _show(version), "is not a version of Pawl's API", f"write {API_VERSION}")
    known = {kind.name: kind for kind in KINDS}
    if name not in known:
        return Problem("kind", _show(name), "is not a kind of Pawl", _choose(str(name), list(known)))
    return known[name]


def _follows(error: ErrorDetails) -> bool:
    """A list that seems too short because its wrong items do not count; those are reported themselves."""
    return error["type"] == "too_short" and len(error["input"]) > error["ctx"]["actual_length"]


def _explain(error: ErrorDetails, document: Mapping[str, Any], kind: Kind) -> Problem:
    location, context = error["loc"], error.get("ctx", {})
    if error["type"] == RULE_BROKEN:
        location = (*location, *filter(None, context["field"].split(".")))
        problem, separator, remedy = context["message"].partition(": ")
        words = (problem, remedy) if separator else ("has the wrong form", problem)
    elif error["type"] == "extra_forbidden":
        words = ("is not a field here", _choose(str(location[-1]), _fields_beside(kind, location)))
    elif error["type"] == "missing":
        words = ("is missing", f"set it: {_description(kind, location)}")
    else:
        words = _plain(error, context)
    return Problem(_path(location), _show(_value_at(document, location)), *words)


def _plain(error: ErrorDetails, context: Mapping[str, Any]) -> tuple[str, str]:
    """Errors of one value by itself."""
    for prefix, explain in _PLAIN.items():
        if error["type"].startswith(prefix):
            return explain(context)
    return (error["msg"][:1].lower() + error["msg"][1:], "see `kubectl explain` for the field")


_PLAIN: dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "literal_error": lambda ctx: ("is not one of the words allowed here", f"use {ctx['expected']}"),
    "string_type": lambda _: ("is not text", "write text; put numbers and yes or no in quotes"),
    "string_too_long": lambda ctx: ("is too long", f"use at most {ctx['max_length']} characters"),
    "string_too_short": lambda ctx: ("is too short", f"use at least {ctx['min_length']} characters"),
    "too_long": lambda ctx: ("has too many entries", f"use at most {ctx['max_length']}"),
    "too_short": lambda ctx: ("has too few entries", f"use at least {ctx['min_length']}"),
    "greater_than_equal": lambda ctx: ("is too small", f"use {ctx['ge']} or more"),
    "less_than_equal": lambda ctx: ("is too large", f"use {ctx['le']} or less"),
    "int_": lambda _: ("is not a whole number", "write a whole number without quotes"),
    "bool_": lambda _: ("is not true or false", "write true or false without quotes"),
    "tuple_type": lambda _: ("is not a list", "write a list, each item after '- '"),
    "model_": lambda _: ("is not an object", "write fields, one per line, each as name: value"),
    "dict_type": lambda _: ("is not an object", "write entries, one per line, each as name: value"),
}


def _choose(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"remove it, or use one of {', '.join(known)}"


@cache
def _schema_of(kind: Kind) -> Schema:
    return structural_schema(kind.model)


def _node(kind: Kind, location: Sequence[str | int]) -> Schema:
    """The schema of a field; empty where there is none."""
    node = _schema_of(kind)
    for part in location:
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    return node


def _fields_beside(kind: Kind, location: Sequence[str | int]) -> list[str]:
    return list(_node(kind, location[:-1]).get("properties", ()))


def _description(kind: Kind, location: Sequence[str | int]) -> str:
    text = str(_node(kind, location).get("description", f"{location[-1]} is required"))
    return " ".join(text.split()).rstrip(".")


def _path(location: Sequence[str | int]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".")


def _value_at(document: object, location: Sequence[str | int]) -> object:
    for part in location:
        try:
            document = document[part]  # type: ignore[index]
        except (LookupError, TypeError):
            return _ABSENT
    return document


def _show(value: object) -> str:
    if value is _ABSENT:
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
