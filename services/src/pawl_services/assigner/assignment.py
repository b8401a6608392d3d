"""Who gets which arm of one Experiment, as read from a Rollout's plain body. What cannot be read assigns nobody."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pawl.assignment import FINE_BUCKETS, fine_bucket

USER_HEADER = "x-user-id"
_NAME = re.compile(r"[ -~]{1,256}")
_HEADER_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_HEADER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,126}[a-z0-9])?")


class UnusableAssignmentError(ValueError):
    """The assignment cannot be carried out; the message names field and value."""


@dataclass(frozen=True, slots=True)
class Arm:
    """The users of one variant: fine buckets from `start` up to, not including, `end`."""

    variant: str
    revision: str
    header: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Assigned:
    """One Experiment's users; `arms` do not overlap, and buckets between them are nobody's."""

    experiment: str
    uid: str
    component: str
    key: str
    generation: int
    arms: tuple[Arm, ...]

    def arm_of(self, user: str) -> Arm | None:
        """The user's arm; None for one who is in no range."""
        bucket = fine_bucket(user, self.key)
        for arm in self.arms:
            if arm.start <= bucket < arm.end:
                return arm
        return None


@dataclass(frozen=True, slots=True)
class Seen:
    """A Rollout as far as users are concerned. `problem` says why its assignment is left out; empty: it is not."""

    namespace: str
    name: str
    component: str
    user_header: bytes
    assigned: Assigned | None
    problem: str = ""


def read_rollout(body: Mapping[str, Any]) -> Seen:
    """What a Rollout says; never raises, for one bad object must not stop the others."""
    metadata, spec = _mapping(body.get("metadata")), _mapping(body.get("spec"))
    status = _mapping(body.get("status"))
    namespace, name = str(metadata.get("namespace") or "default"), str(metadata.get("name") or "")
    component = str(spec.get("component") or "")
    try:
        header = _user_header(spec, status)
        written = _mapping(status.get("traffic")).get("assignment")
        assigned = None if written is None else read_assignment(written)
    except UnusableAssignmentError as error:
        return Seen(namespace, name, component, USER_HEADER.encode(), None, str(error))
    return Seen(namespace, name, component, header, assigned)


def read_assignment(written: object) -> Assigned:
    """The assignment in a Rollout's status.traffic. Raises UnusableAssignmentError."""
    body = _mapping(written)
    key = _text(body, "key")
    if ":" in key:
        raise UnusableAssignmentError(f"key is {key!r}; it must not contain ':'")
    entries = body.get("ranges")
    if not isinstance(entries, list) or not entries:
        raise UnusableAssignmentError("ranges is missing or empty; it must be a list of ranges")
    arms = tuple(sorted((_arm(_mapping(entry), place) for place, entry in enumerate(entries)), key=_start))
    for one, other in pairwise(arms):
        if other.start < one.end:
            raise UnusableAssignmentError(f"ranges {one.variant!r} and {other.variant!r} overlap at {other.start}")
    return Assigned(
        experiment=_text(body, "experiment"),
        uid=_text(body, "uid"),
        component=_text(body, "component"),
        key=key,
        generation=_whole(body, "generation", 2**53),
        arms=arms,
    )


def _arm(entry: Mapping[str, Any], place: int) -> Arm:
    where = f"ranges[{place}]."
    start, end = (_whole(entry, name, FINE_BUCKETS, where) for name in ("start", "end"))
    if start > end:
        raise UnusableAssignmentError(f"{where}end is {end}, before its start {start}")
    header = _text(entry, "header", where)
    # It becomes a header of the request that the gateway sends on: nothing but a plain token may.
    if not _HEADER_VALUE.fullmatch(header):
        raise UnusableAssignmentError(f"{where}header is {header!r}; it must be letters, digits, '.', '_' and '-'")
    return Arm(_text(entry, "variant", where), _text(entry, "revision", where), header.encode(), start, end)


def _start(arm: Arm) -> tuple[int, int]:
    return arm.start, arm.end


def _user_header(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bytes:
    """The header that was frozen when the Experiment got the traffic: that one the gateway sends. Else the spec's."""
    frozen = _mapping(status.get("trial")).get("header")
    name = frozen or _mapping(spec.get("stickiness")).get("header") or USER_HEADER
    if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
        raise UnusableAssignmentError(f"the user's header is {name!r}; it must be a header's name in lower case")
    return name.encode()


def _text(body: Mapping[str, Any], field: str, where: str = "") -> str:
    value = body.get(field)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UnusableAssignmentError(f"{where}{field} is {value!r}; it must be a short text")
    return value


def _whole(body: Mapping[str, Any], field: str, most: int, where: str = "") -> int:
    value = body.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise UnusableAssignmentError(f"{where}{field} is {value!r}; it must be a whole number from 0 to {most}")
    return value


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
