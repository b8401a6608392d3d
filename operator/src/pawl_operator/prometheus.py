"""The questions the operator asks Prometheus, with a deadline, a size limit and no trust in the answer's shape."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp

from pawl.errors import EvidenceUnavailable
from pawl.evidence import Sample
from pawl_operator.tail import read_whole

SIZE_LIMIT = 64 * 1024 * 1024
DATE_RESOLUTION = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class RawSeries:
    """Raw samples of one series with the times at which they were scraped, oldest first."""

    name: str
    labels: dict[str, str]
    samples: tuple[tuple[datetime, float], ...]


class Prometheus:
    """Queries one Prometheus server. Open it inside the loop that uses it."""

    def __init__(self, url: str, *, token_file: str = "", deadline: float = 10.0) -> None:
        self._url = f"{url}/api/v1/query"
        self._token_file = token_file
        self._deadline = deadline
        self._session: aiohttp.ClientSession | None = None
        self.clock_skew = timedelta(0)
        """How far the server's clock is from ours, as far as its one-second Date header can tell."""

    async def instant(self, query: str) -> list[Sample]:
        """Return the newest sample of each series that `query` selects.

        Raises:
            EvidenceUnavailable: no usable answer within the deadline.
        """
        return self._read(await self._ask(query, "vector"), _sample)

    async def at(self, selector: str, when: datetime) -> list[Sample]:
        """Return the sample that each series of `selector` had at `when`: its last one within five minutes before.

        Raises:
            EvidenceUnavailable: no usable answer within the deadline.
        """
        return await self.instant(f"{selector} @ {when.timestamp():.3f}")

    async def raw(self, query: str) -> list[RawSeries]:
        """Return the raw samples of a range selector such as `up[5m]`.

        Raises:
            EvidenceUnavailable: no usable answer within the deadline.
        """
        return self._read(await self._ask(query, "matrix"), _series)

    async def close(self) -> None:
        """Give back connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @staticmethod
    def _read(result: list[Any], parse: Callable[[Any], Any]) -> list[Any]:
        try:
            return [parse(entry) for entry in result]
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise EvidenceUnavailable(f"Prometheus sent a result of another shape: {error!r}") from error

    async def _ask(self, query: str, kind: str) -> list[Any]:
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._post(query)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise EvidenceUnavailable(f"Prometheus gave no answer: {type(error).__name__} {error}"[:300]) from error
        data = answer.get("data")
        if answer.get("status") != "success" or not isinstance(data, dict) or data.get("resultType") != kind:
            raise EvidenceUnavailable(f"Prometheus refused the query: {str(answer.get('error', 'no data'))[:300]}")
        result = data.get("result")
        return result if isinstance(result, list) else []

    async def _post(self, query: str) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, connect=5))
        headers = {}
        if self._token_file:
            token = await asyncio.to_thread(Path(self._token_file).read_text, "utf-8")
            headers["Authorization"] = f"Bearer {token.strip()}"
        sent = datetime.now(UTC)
        async with self._session.post(self._url, data={"query": query}, headers=headers) as got:
            text = await read_whole(got, SIZE_LIMIT)
            self._compare_clocks(got.headers.get("Date"), sent)
        # Thousands of samples take milliseconds to parse, which the loop can do without.
        answer = await asyncio.to_thread(json.loads, text)
        return answer if isinstance(answer, dict) else {}

    def _compare_clocks(self, header: str | None, sent: datetime) -> None:
        try:
            told = parsedate_to_datetime(header) if header else None
        except ValueError:
            told = None
        if told is None or told.tzinfo is None:
            return
        low, high = sent - DATE_RESOLUTION, datetime.now(UTC)
        self.clock_skew = max(low - told, told - high, timedelta(0))


def _sample(entry: Mapping[str, Any]) -> Sample:
    labels = dict(entry["metric"])
    return Sample(name=str(labels.pop("__name__", "")), labels=labels, value=float(entry["value"][1]))


def _series(entry: Mapping[str, Any]) -> RawSeries:
    labels = dict(entry["metric"])
    samples = tuple((datetime.fromtimestamp(float(at), UTC), float(value)) for at, value in entry["values"])
    return RawSeries(name=str(labels.pop("__name__", "")), labels=labels, samples=samples)
