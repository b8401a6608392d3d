"""The OpenFeature Remote Evaluation Protocol (0.3): a flag is a component, its value the name of the user's variant."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from pawl_services.assigner.assignment import Assigned
from pawl_services.assigner.table import Table
from pawl_services.web.auth import ApiKeys, Caller
from pawl_services.web.body import read_body
from pawl_services.web.problem import Problem, ProblemError

MAX_BODY = 64 * 1024
BODY_SECONDS = 10.0
HOME = "stable"
"""The variant of whoever is asked nothing."""
Flag = dict[str, Any]


class ContextError(ValueError):
    """The sender's context cannot be used; `code` is the protocol's word for it."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code


def ofrep_routes(table: Table, keys: ApiKeys) -> APIRouter:
    """`POST /ofrep/v1/evaluate/flags/{key}` and the bulk route, for the tenant of the caller's key."""
    router = APIRouter(prefix="/ofrep/v1/evaluate")

    @router.post("/flags/{key}", summary="Which variant a user has of one component")
    async def one(request: Request, key: str) -> Response:
        caller = keys.caller(request.headers.get("authorization"))
        flags = flags_of(table, caller)
        try:
            user = read_user(await _body(request))
        except ContextError as error:
            return _answer(400, {"key": key, **_failure(error.code, str(error))})
        if key not in flags:
            details = f"namespace {caller.namespace} has no Rollout of component {key}, or the key is not for it"
            return _answer(404, {"key": key, **_failure("FLAG_NOT_FOUND", details)})
        return _answer(200, evaluate(key, flags[key], user))

    @router.post("/flags", summary="Which variants a user has of all components")
    async def every(request: Request) -> Response:
        flags = flags_of(table, keys.caller(request.headers.get("authorization")))
        try:
            user = read_user(await _body(request))
        except ContextError as error:
            return _answer(400, _failure(error.code, str(error)))
        body = json.dumps({"flags": [evaluate(key, assigned, user) for key, assigned in flags.items()]})
        etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
        if matches(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers={"ETag": etag})
        return Response(body, media_type="application/json", headers={"ETag": etag})

    return router


def flags_of(table: Table, caller: Caller) -> dict[str, Assigned | None]:
    """The flags that a caller may ask for."""
    found = table.flags(caller.namespace)
    return {key: found[key] for key in found if not caller.components or key in caller.components}


def evaluate(key: str, assigned: Assigned | None, user: str) -> Flag:
    """One flag; without a `value` where the user is asked nothing: the application's own default holds."""
    arm = assigned.arm_of(user) if assigned is not None else None
    if assigned is None or arm is None:
        return {"key": key, "reason": "DEFAULT", "variant": HOME}
    metadata = {"experiment": assigned.experiment, "revision": arm.revision}
    return {"key": key, "reason": "SPLIT", "variant": arm.variant, "value": arm.variant, "metadata": metadata}


def read_user(body: bytes) -> str:
    """The targetingKey of `{"context": {"targetingKey": ...}}`. Raises ContextError."""
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ContextError("PARSE_ERROR", "the body is not JSON; send {'context': {'targetingKey': ...}}") from None
    context = content.get("context", {}) if isinstance(content, Mapping) else None
    if not isinstance(context, Mapping):
        raise ContextError("INVALID_CONTEXT", "context is not an object; send {'context': {'targetingKey': ...}}")
    user = context.get("targetingKey")
    if user is None or user == "":
        raise ContextError("TARGETING_KEY_MISSING", "targetingKey is missing; set it to the user's id")
    # A lone surrogate is a str that has no bytes, so no hash.
    if not isinstance(user, str) or any("\ud800" <= character <= "\udfff" for character in user):
        raise ContextError("INVALID_CONTEXT", "targetingKey is no text; set it to the user's id")
    return user


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the client has this representation already; weak tags count, as RFC 9110 wants it here."""
    return any(tag.strip().removeprefix("W/") in {etag, "*"} for tag in if_none_match.split(","))


async def _body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await read_body(request, MAX_BODY)
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_SECONDS:.0f} s"
        raise ProblemError(Problem(408, detail, "send it again", headers={"Connection": "close"})) from None
    except ClientDisconnect:
        raise ProblemError(Problem(400, "the client went away while it sent its body", "send it again")) from None


def _failure(code: str, details: str) -> Flag:
    return {"errorCode": code, "errorDetails": details}


def _answer(status: int, body: Flag) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")
