"""Validation rules written once: the CEL text for the API server and the same check for Python, side by side."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MAX_COUNT = 2**53
"""The largest whole number that every JSON reader keeps exactly."""
WHOLE_TOLERANCE = 1e-9
RULE_BROKEN = "rule"
"""Type of the errors below in pydantic's list."""


def broken(message: str, field: str = "") -> PydanticCustomError:
    """The error for a broken rule; `message` reads `problem: remedy`, or is a remedy only."""
    return PydanticCustomError(RULE_BROKEN, "{message}", {"message": message, "field": field})


@dataclass(frozen=True, slots=True)
class Cel:
    """One rule of an object: `rule` is evaluated by the API server, `check` by Python.

    `message` reads `problem: remedy`, or says only what to do.
    `check` is None for a rule about a change (`oldSelf`), which only the API server can see. `field` is the wire name
    of the field to blame, empty for the object itself.
    """

    rule: str
    message: str
    check: Callable[[Any], bool] | None = None
    field: str = ""

    def json_schema(self) -> dict[str, str]:
        """The entry for `x-kubernetes-validations`."""
        entry = {"rule": self.rule, "message": self.message}
        # A CRD's rules may not point into metadata, although they may read its name.
        return entry | ({"fieldPath": f".{self.field}"} if self.field and self.field != "metadata.name" else {})

    def verify(self, value: object) -> None:
        """Raise the error that the API server would give."""
        if self.check is not None and not self.check(value):
            raise broken(self.message, self.field)

    def checked(self, value: object) -> object:
        """The value, verified."""
        self.verify(value)
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As an annotation of a field: check the value after its own validation."""
        return core_schema.no_info_after_validator_function(self.checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As an annotation of a field: add the rule to its schema."""
        found = handler(schema)
        return found | {"x-kubernetes-validations": [*found.get("x-kubernetes-validations", ()), self.json_schema()]}


def exactly_one_of(first: str, second: str, remedy: str) -> Cel:
    """Of two optional fields (wire names) exactly one is set."""
    return Cel(
        f"has(self.{first}) != has(self.{second})",
        f"exactly one of {first} and {second} must be set: {remedy}",
        lambda value: _has(value, first) != _has(value, second),
    )


def at_most_one_of(first: str, second: str, remedy: str) -> Cel:
    """Of two optional fields at most one is set."""
    return Cel(
        f"!(has(self.{first}) && has(self.{second}))",
        f"{first} and {second} exclude each other: {remedy}",
        lambda value: not (_has(value, first) and _has(value, second)),
    )


def immutable(field: str, remedy: str, *, optional: bool = False) -> Cel:
    """A field that keeps its first value; an optional one may neither appear nor vanish later."""
    same = f"self.{field} == oldSelf.{field}"
    if optional:
        same = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {same})"
    return Cel(same, f"{field} is immutable: {remedy}", field=field)


def set_once(field: str, remedy: str) -> Cel:
    """An optional field that, once set, keeps its value."""
    rule = f"!has(oldSelf.{field}) || (has(self.{field}) && self.{field} == oldSelf.{field})"
    return Cel(rule, f"{field} cannot change once it is set: {remedy}", field=field)


@dataclass(frozen=True, slots=True)
class Shape:
    """Text that matches a pattern; both sides answer with the hint, not with the pattern.

    `pattern` is anchored and keeps to what Python's `re` and RE2 read alike.
    """

    pattern: str
    hint: str
    longest: int
    shortest: int = 1

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the length, then the pattern."""
        rule = Cel("", self.hint, lambda text: re.fullmatch(self.pattern, text, re.ASCII) is not None)
        text = core_schema.str_schema(min_length=self.shortest or None, max_length=self.longest)
        return core_schema.no_info_after_validator_function(rule.checked, text)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Length and rule; no `pattern`, because its error would show only the expression."""
        rule = {"rule": f"self.matches(r'{self.pattern}')", "message": self.hint}
        return handler(schema) | {"x-kubernetes-validations": [rule]}


def whole(value: object) -> object:
    """A number that the API server takes for a whole one, as an int: 5.0, and 1e6 as Helm writes it.

    The API server compares with a relative tolerance of 1e-9; so does this.
    """
    if isinstance(value, float) and abs(value) < MAX_COUNT:
        nearest = int(value)
        if value == nearest or abs(value - nearest) < WHOLE_TOLERANCE * (abs(value) + abs(nearest)):
            return nearest
    return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds; text and truth values are none.

    `ruled` says that a CEL rule reads the field: there the API server refuses 5.0, which it takes elsewhere.
    """

    least: int
    largest: int
    ruled: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take what the API server takes, then check the bounds."""
        number = core_schema.int_schema(strict=True, ge=self.least, le=self.largest)
        return number if self.ruled else core_schema.no_info_before_validator_function(whole, number)


@dataclass(frozen=True, slots=True)
class ListMap:
    """A list of objects in which `key` (wire name) is unique, merged by key in server-side apply."""

    key: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse two items with one key, as the API server does."""

        def check(items: tuple[object, ...]) -> tuple[object, ...]:
            keys = [_get(item, self.key) for item in items]
            for key in keys:
                if keys.count(key) > 1:
                    raise broken(f"{self.key} {key!r} appears twice: give each item its own {self.key}")
            return items

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Mark the list for the API server."""
        found = handler(schema)
        return found | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}


@dataclass(frozen=True, eq=False, slots=True)
class SchemaNote:
    """Extra keys for a field's schema, such as `x-kubernetes-preserve-unknown-fields`."""

    keys: Mapping[str, object]
    replace: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Merge the keys, or put them in the place of what pydantic found."""
        return dict(self.keys) if self.replace else handler(schema) | dict(self.keys)


def _get(value: object, wire: str) -> object:
    return getattr(value, "".join(f"_{c.lower()}" if c.isupper() else c for c in wire))


def _has(value: object, wire: str) -> bool:
    return _get(value, wire) is not None
