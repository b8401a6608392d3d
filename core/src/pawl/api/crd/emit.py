"""Writes plain data as block YAML; the core needs no YAML library for the few shapes that a CRD has."""

import json
import re
from collections.abc import Iterator

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "none"}


def to_yaml(value: object) -> str:
    """A document that every YAML reader takes; strings that could be misread are quoted as in JSON."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _entry(f"{_scalar(key)}:", child)
    elif isinstance(value, list) and value:
        for child in value:
            yield from _item(child)
    else:
        yield _scalar(value)


def _entry(head: str, child: object) -> Iterator[str]:
    if isinstance(child, dict | list) and child:
        yield head
        indent = "  " if isinstance(child, dict) else ""
        for line in _lines(child):
            yield indent + line
    else:
        yield f"{head} {_scalar(child)}"


def _item(child: object) -> Iterator[str]:
    lines = list(_lines(child))
    yield f"- {lines[0]}"
    for line in lines[1:]:
        yield f"  {line}"


def _scalar(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
