"""GETs from one server within one deadline and one budget of bytes; what may pass is tried again, with jitter."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import httpx

from pawl.errors import DeadlineExceeded, DependencyUnavailable, InvalidArtifact, NotFound, PermissionDenied

ATTEMPTS, FIRST_PAUSE, LAST_PAUSE = 6, 0.5, 10.0
CALL_SECONDS = 15.0
MAX_ANSWER_BYTES = 8 * 2**20
_CHUNK = 2**16
# A server that encodes what it sends could unpack into more than any budget.
_HEADERS = {"accept-encoding": "identity"}
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
Answer = TypeVar("Answer")


class _PassingError(Exception):
    """An answer that another try may change."""


class Download:
    """One download of several files; blocks. Not for several threads, except for `stopping`, which ends it early."""

    def __init__(
        self,
        http: httpx.Client,
        seconds: float,
        max_bytes: int,
        stopping: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._seconds, self._max_bytes = seconds, max_bytes
        self._stopping, self._clock = stopping, clock
        self._until, self._bytes = clock() + seconds, 0

    def object(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """The JSON object at `path`.

        Raises:
            NotFound, PermissionDenied: the server says so.
            DependencyUnavailable: it did not answer, or with something else.
            DeadlineExceeded: the time is over.
        """
        body = self._again(path, lambda: self._small(path, query))
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise DependencyUnavailable(f"GET {path}: the answer is no JSON object", remedy="is this address MLflow's?")
        return found

    def file(self, path: str, into: Path) -> None:
        """Write what is at `path` into a file; raises as `object` does, and InvalidArtifact past the budget."""
        self._bytes += self._again(path, lambda: self._write(path, into))

    def _small(self, path: str, query: Mapping[str, str]) -> bytes:
        body = b""
        with self._get(path, query) as answer:
            for chunk in self._chunks(answer):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise DependencyUnavailable(f"GET {path}: the answer is larger than {MAX_ANSWER_BYTES} bytes")
        return body

    def _write(self, path: str, into: Path) -> int:
        written = 0
        with self._get(path, {}) as answer, into.open("wb") as file:
            for chunk in self._chunks(answer):
                written += len(chunk)
                if self._bytes + written > self._max_bytes:
                    remedy = "raise it if the model may be so large, and give the pod the room"
                    what = "the model is larger than it may be"
                    raise InvalidArtifact(what, field="PAWL_MAX_MODEL_BYTES", value=self._max_bytes, remedy=remedy)
                file.write(chunk)
        return written

    @contextmanager
    def _get(self, path: str, query: Mapping[str, str]) -> Iterator[httpx.Response]:
        with self._http.stream("GET", path, params=dict(query), headers=_HEADERS, timeout=CALL_SECONDS) as answer:
            _judge(path, answer.status_code)
            yield answer

    def _chunks(self, answer: httpx.Response) -> Iterator[bytes]:
        for chunk in answer.iter_raw(_CHUNK):
            self._check()
            yield chunk

    def _again(self, path: str, once: Callable[[], Answer]) -> Answer:
        pause = FIRST_PAUSE
        for left in reversed(range(ATTEMPTS)):
            self._check()
            try:
                return once()
            except (httpx.TransportError, _PassingError) as error:
                if left == 0:
                    why = str(error) or type(error).__name__
                    remedy = f"{ATTEMPTS} attempts were made; look at the server of MLFLOW_TRACKING_URI"
                    raise DependencyUnavailable(f"GET {path}: {why}", remedy=remedy) from error
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
            pause = min(2 * pause, LAST_PAUSE)
        raise AssertionError("the last attempt returns or raises")

    def _check(self) -> None:
        if self._stopping.is_set():
            raise DeadlineExceeded("this process was told to end before its model was there")
        if self._clock() > self._until:
            remedy = "raise it, or look why the server of MLFLOW_TRACKING_URI is slow"
            what = "the model was not there in time"
            raise DeadlineExceeded(what, field="PAWL_DOWNLOAD_SECONDS", value=self._seconds, remedy=remedy)


def _judge(path: str, status: int) -> None:
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _PassingError(f"the server answered {status}")
    if status == HTTPStatus.NOT_FOUND:
        raise NotFound(f"GET {path}: the server has no such thing", remedy="correct the source, or register it first")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise PermissionDenied(f"GET {path}: the server answered {status}", remedy="let this pod read from it")
    if not httpx.codes.is_success(status):
        raise DependencyUnavailable(f"GET {path}: the server answered {status}", remedy="is this address MLflow's?")
