"""Reads the labelled interactions of a component from the collector, as a stream with bounds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from pawl.errors import DependencyUnavailable
from pawl_trainers.harness.plan import Plan
from pawl_trainers.harness.retries import Patience, patiently, require_ok
from pawl_trainers.trainer import Example, TrainingError

PATH = "/v1/examples"
UNTIL = "x-pawl-until"
_MIB = 1024 * 1024


@dataclass(frozen=True)
class ExamplesSource:
    """The collector; the key is read anew at every attempt, as it may have been rotated. Timeouts in seconds."""

    url: str
    token_file: Path
    max_bytes: int = 512 * _MIB
    timeout: httpx.Timeout = field(default_factory=lambda: httpx.Timeout(60.0, connect=5.0))
    patience: Patience = field(default_factory=Patience)
    transport: httpx.BaseTransport | None = None

    def read(self, plan: Plan) -> list[Example]:
        """Return all examples of the plan's window, oldest label first, each interaction once.

        A stream that breaks off is read again from its beginning: a part of a dataset is none. Raises
        DependencyUnavailable, PermissionDenied, or TrainingError for an answer that cannot be used.
        """
        return patiently(lambda deadline: self._read(plan, deadline), self.patience)

    def _read(self, plan: Plan, deadline: float) -> list[Example]:
        headers = {"authorization": f"Bearer {self.token_file.read_text(encoding='utf-8').strip()}"}
        try:
            with (
                httpx.Client(timeout=self.timeout, transport=self.transport) as client,
                client.stream("GET", self.url + PATH, params=_query(plan), headers=headers) as reply,
            ):
                if not reply.is_success:
                    reply.read()
                require_ok(reply, "the collector")
                _require_whole(reply, plan)
                rows = (_example(line) for line in self._lines(reply, deadline) if line)
                return list({row.row_id: row for row in rows}.values())
        except httpx.HTTPError as error:
            raise DependencyUnavailable(f"the collector's examples broke off: {error!r}", field="examples") from error

    def _lines(self, reply: httpx.Response, deadline: float) -> Iterator[bytes]:
        size, rest = 0, b""
        for chunk in reply.iter_bytes():
            size += len(chunk)
            if size > self.max_bytes:
                raise TrainingError(f"dataset: is larger than {self.max_bytes} bytes; set a shorter dataset.window")
            if self.patience.clock() > deadline:
                raise DependencyUnavailable(f"the collector sent {size} bytes and was not done in time")
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
        yield rest


def _require_whole(reply: httpx.Response, plan: Plan) -> None:
    """Until the database's clock has passed the window's end labels may join it: two attempts would differ."""
    reached = reply.headers.get(UNTIL, "")
    if not reached or _moment(reached) < plan.dataset.until:
        remedy = "let the clocks of operator and database agree"
        raise DependencyUnavailable(
            f"the collector has examples until {reached or 'nowhere'} only", field="dataset.until", remedy=remedy
        )


def _query(plan: Plan) -> dict[str, str]:
    window = {"after": plan.dataset.after, "until": plan.dataset.until}
    times = {name: moment.isoformat() for name, moment in window.items() if moment is not None}
    return {"component": plan.component, "labels": plan.label_rules, **times}


def _example(line: bytes) -> Example:
    try:
        row: dict[str, Any] = json.loads(line)
        return Example(
            row_id=str(row["interaction"]),
            person=str(row["user"]),
            time=_moment(row["time"]),
            input=row["input"],
            truth=row["truth"],
        )
    except (ValueError, KeyError, TypeError) as error:
        remedy = "use a collector and a trainer of one release"
        raise TrainingError(f"examples: a line cannot be read: {error!r}; {remedy}") from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return moment
