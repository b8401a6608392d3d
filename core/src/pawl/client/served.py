"""Reads which revision and arm answered, from the headers the gateway puts on every answer."""

from collections.abc import Mapping
from typing import TypedDict


class Served(TypedDict, total=False):
    """What an answer says of its origin; only what it says is there."""

    rollout: str
    revision: str
    arm: str
    release: int
    step: int


def served_by(headers: Mapping[str, str]) -> Served:
    """The origin by `x-pawl-rollout`, `-revision`, `-arm`, `-release` and `-step`, for `log_interaction`.

    `headers` are looked up in lower case, as httpx, requests and aiohttp allow. A number that is none is left out.
    """
    served: Served = {}
    if rollout := headers.get("x-pawl-rollout"):
        served["rollout"] = rollout
    if revision := headers.get("x-pawl-revision"):
        served["revision"] = revision
    if arm := headers.get("x-pawl-arm"):
        served["arm"] = arm
    release, step = headers.get("x-pawl-release", ""), headers.get("x-pawl-step", "")
    if _is_number(release):
        served["release"] = int(release)
    if _is_number(step):
        served["step"] = int(step)
    return served


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9
