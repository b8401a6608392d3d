"""Ray's Jobs API, as far as a training needs it: a deadline on every call, bounded answers, no trust in their shape.

A log comes as one JSON string of any length; only its end is kept, and read from the first line break on that stands
in it, behind which no escape can have been cut in two.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, Field, ValidationError

from pawl.errors import DependencyUnavailable, InvalidSpec
from pawl_operator.tail import read_tail

ANSWER_LIMIT = 1 << 20
NOT_FOUND, BAD_REQUEST, SERVER_ERRORS = 404, 400, 500
TAKEN = "use a different submission_id"
LINE_BREAK = b"\\n"


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to be run."""

    entrypoint: str
    identifier: str
    variables: Mapping[str, str]
    metadata: Mapping[str, str] = field(default_factory=dict)


class _Answer(BaseModel):
    """What a Ray cluster says about a job; times in milliseconds since 1970."""

    status: str
    message: str | None = None
    metadata: dict[str, str] | None = None
    start_time: int | None = Field(default=None, ge=0, le=2**42)


@dataclass(frozen=True, slots=True)
class RayJobState:
    """A job of a Ray cluster."""

    status: str
    message: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None


class RayJobs:
    """Calls the Jobs API of any Ray cluster; `url` is a dashboard's, without a path."""

    def __init__(self, *, deadline: float = 10.0) -> None:
        self._deadline = deadline

    async def info(self, url: str, identifier: str) -> RayJobState | None:
        """Return how a job stands; None where there is none.

        Raises:
            DependencyUnavailable: no usable answer within the deadline.
        """
        code, body = await self._call("GET", f"{url}{_path(identifier)}", limit=ANSWER_LIMIT)
        if code == NOT_FOUND:
            return None
        self._expect(code, body, url)
        try:
            found = _Answer.model_validate_json(body)
        except ValidationError as error:
            raise DependencyUnavailable(f"{url} answered with another shape than a job's") from error
        started = datetime.fromtimestamp(found.start_time / 1000, UTC) if found.start_time else None
        return RayJobState(found.status, (found.message or "")[:1024], found.metadata or {}, started)

    async def log(self, url: str, identifier: str, *, limit: int) -> str | None:
        """Return about the last `limit` bytes of a job's log; None where there is none.

        Raises:
            DependencyUnavailable: no usable answer within the deadline.
        """
        code, body = await self._call("GET", f"{url}{_path(identifier)}/logs", limit=limit)
        if code == NOT_FOUND:
            return None
        self._expect(code, body, url)
        return end_of_log(body)

    async def submit(self, url: str, wanted: Submission) -> bool:
        """Submit a job; False where one of that identifier is there already.

        Raises:
            InvalidSpec: the cluster refuses it.
            DependencyUnavailable: no usable answer within the deadline.
        """
        body = {
            "entrypoint": wanted.entrypoint,
            "submission_id": wanted.identifier,
            "runtime_env": {"env_vars": dict(wanted.variables)},
            "metadata": dict(wanted.metadata),
        }
        code, answer = await self._call("POST", f"{url}/api/jobs/", body, limit=ANSWER_LIMIT)
        if code >= BAD_REQUEST and TAKEN in answer.decode(errors="replace"):
            return False
        if BAD_REQUEST <= code < SERVER_ERRORS:
            raise InvalidSpec(f"{url} refuses the job: {_shown(answer)}", field="spec.engine.rayAddress")
        self._expect(code, answer, url)
        return True

    async def stop(self, url: str, identifier: str) -> bool:
        """Ask a job to end; False where there is none, or none that runs.

        Raises:
            DependencyUnavailable: no usable answer within the deadline.
        """
        code, body = await self._call("POST", f"{url}{_path(identifier)}/stop", limit=ANSWER_LIMIT)
        if code == NOT_FOUND:
            return False
        self._expect(code, body, url)
        return b"true" in body

    async def _call(self, method: str, url: str, body: object = None, *, limit: int) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(self._deadline),
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, connect=5)) as session,
                session.request(method, url, json=body) as answer,
            ):
                return answer.status, await read_tail(answer, limit)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise DependencyUnavailable(f"{method} {url}: {type(error).__name__}") from error

    @staticmethod
    def _expect(code: int, body: bytes, url: str) -> None:
        if code >= BAD_REQUEST:
            raise DependencyUnavailable(f"{url} answered {code}: {_shown(body)}")


def end_of_log(body: bytes) -> str:
    """Return the text of `{"logs": "..."}`, or of as much of its end as is there.

    Raises:
        DependencyUnavailable: it is not the end of such an answer.
    """
    whole = _loads(body)
    if isinstance(whole, dict):
        return str(whole.get("logs") or "")
    end = body.rstrip().removesuffix(b"}").rstrip().removesuffix(b'"')
    found = end.find(LINE_BREAK)
    text = _loads(b'"' + end[found + len(LINE_BREAK) :] + b'"') if found >= 0 else ""
    if not isinstance(text, str):
        raise DependencyUnavailable("the end of the log is no JSON")
    return text


def _loads(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _path(identifier: str) -> str:
    return f"/api/jobs/{quote(identifier, safe='')}"


def _shown(body: bytes) -> str:
    return " ".join(body.decode(errors="replace").split())[:300]
