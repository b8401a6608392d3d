"""The one place where an HTTP answer of the API server becomes a Pawl error."""

from collections.abc import Mapping
from typing import Any

from pawl.errors import Conflict, DependencyUnavailable, InvalidSpec, NotFound, PawlError, PermissionDenied

TOO_MANY = 429
SERVER_ERRORS = 500


def error_of(code: int, body: object, *, what: str, patch: bool = False) -> PawlError:
    """Return the error that answer `code` means; `what` says which call it was, without credentials or bodies.

    A JSON Patch whose `test` does not hold is answered 422 without a cause, unlike an object that fails validation;
    both that and 409 mean the same to us: what we decided on is no longer there.
    """
    message = _message(body)
    text = f"{what}: {message}" if message else what
    if code == 404:
        return NotFound(text)
    if code == 409 or (code == 422 and patch and not _causes(body)):
        return Conflict(text)
    if code in (401, 403):
        return PermissionDenied(text, remedy="grant the operator's role this verb")
    if code == TOO_MANY or code >= SERVER_ERRORS:
        return DependencyUnavailable(f"{text} (answered {code})")
    return InvalidSpec(text)


def _message(body: object) -> str:
    return str(body.get("message", ""))[:1000] if isinstance(body, Mapping) else ""


def _causes(body: object) -> list[Any]:
    details = body.get("details") if isinstance(body, Mapping) else None
    return list(details.get("causes") or []) if isinstance(details, Mapping) else []
