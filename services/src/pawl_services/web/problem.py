"""Answers every error as application/problem+json (RFC 9457) with field, value and remedy where they are known."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
MAX_SHOWN = 120
MAX_ERRORS = 20

_REMEDIES = {
    HTTPStatus.NOT_FOUND: "check the path against the reference",
    HTTPStatus.METHOD_NOT_ALLOWED: "use a method named in the Allow header",
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Problem:
    """One error as its sender should read it. `value` is shortened to `MAX_SHOWN` characters."""

    status: int
    detail: str
    remedy: str
    title: str = ""
    kind: str = "about:blank"
    field: str | None = None
    value: object = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    errors: Sequence[Mapping[str, object]] = ()

    def body(self) -> dict[str, object]:
        """The members of the JSON document."""
        members: dict[str, object] = {
            "type": self.kind,
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "remedy": self.remedy,
        }
        if self.field is not None:
            members |= {"field": self.field, "value": shown(self.value)}
        if self.errors:
            members["errors"] = list(self.errors)
        return members

    def response(self) -> Response:
        """The HTTP answer."""
        content = json.dumps(self.body())
        return Response(content, self.status, media_type=MEDIA_TYPE, headers=dict(self.headers))


class ProblemError(Exception):
    """Raise it anywhere under a route to answer with `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def shown(value: object) -> object:
    """A value that is safe and short enough to be repeated in an answer."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < 2**53:
        return value
    if isinstance(value, dict | list | tuple | set):
        return f"{type(value).__name__} with {len(value)} entries"
    try:
        text = value if isinstance(value, str) else str(value)
    except ValueError:  # an int with more digits than Python is willing to print
        return "a very long number"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def field_path(location: Sequence[str | int]) -> str:
    """`("body", "items", 3, "id")` as `items[3].id`."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "body":
            path += f".{part}" if path else part
    return path or "body"


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The 422 for pydantic's error list; the first error gives field and value, the rest are listed."""
    listed = [{"field": field_path(error["loc"]), "message": str(error["msg"])} for error in errors[:MAX_ERRORS]]
    first = listed[0] if listed else {"field": "body", "message": "the body is not valid"}
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(
        status=422,
        title="The request is not valid",
        detail=f"{first['field']}: {first['message']}{more}",
        field=first["field"],
        value=errors[0].get("input") if errors else None,
        remedy="correct the named field and send the request again",
        errors=listed,
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer its own, the framework's and unexpected errors as problem+json."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101  the framework calls it for nothing else
        return error.problem.response()

    async def on_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return validation_problem(error.errors()).response()

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        remedy = _REMEDIES.get(HTTPStatus(error.status_code), "see detail")
        return Problem(error.status_code, str(error.detail), remedy, headers=error.headers or {}).response()

    async def on_surprise(request: Request, error: Exception) -> Response:
        _log.error("request failed", path=request.url.path, method=request.method, exc_info=error)
        return Problem(500, "an unexpected error; it was logged", "try again; report it if it stays").response()

    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_surprise)
