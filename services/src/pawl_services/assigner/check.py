"""Answers a gateway's external authorization: always 200, with the user's arm as a header where there is one.

Plain ASGI in front of the framework, which would cost more than the answer: every request of an Experiment comes by.
The gateway appends the original path to the prefix and keeps the method; both are taken as they come. A user is named
nowhere but in the hash.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawl_services.assigner.metrics import AssignerMetrics, Outcome
from pawl_services.assigner.table import Table
from pawl_services.web.health import Health

PREFIX = "/check/"
VARIANT_HEADER = b"x-pawl-variant"
_EMPTY = (b"content-length", b"0")
_CLOSE = (b"connection", b"close")
_BODY: Message = {"type": "http.response.body", "body": b""}


class Checks:
    """ASGI application: takes what begins with `PREFIX`, passes the rest on."""

    def __init__(self, app: ASGIApp, table: Table, metrics: AssignerMetrics, health: Health) -> None:
        self._app, self._table, self._counts, self._health = app, table, metrics.checks, health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a check, or pass the request on."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        outcome, header = assign(self._table, scope["path"], scope["headers"])
        self._counts[outcome].inc()
        headers = [_EMPTY] if header is None else [_EMPTY, (VARIANT_HEADER, header)]
        if self._health.draining:
            headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send(_BODY)


def assign(table: Table, path: str, headers: Iterable[tuple[bytes, bytes]]) -> tuple[Outcome, bytes | None]:
    """The value of `VARIANT_HEADER` for a request under `PREFIX`, or why there is none."""
    # Namespace and Rollout come first in the path, before anything that a client chose.
    _, _, namespace, rollout, *_ = (*path.split("/", 4), "")
    seen = table.find(namespace, rollout)
    if seen is None:
        return Outcome.UNKNOWN_ROLLOUT, None
    if seen.assigned is None:
        return Outcome.NO_EXPERIMENT, None
    user = user_of(headers, seen.user_header)
    if user is None:
        return Outcome.NO_USER, None
    arm = seen.assigned.arm_of(user)
    return (Outcome.OUTSIDE, None) if arm is None else (Outcome.ASSIGNED, arm.header)


def user_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The user's id as the application sent it; None without one, with two, and where it is no UTF-8."""
    found = [value for key, value in headers if key == name]
    if len(found) != 1:
        return None
    try:
        return found[0].strip(b" \t").decode() or None
    except UnicodeDecodeError:
        return None
