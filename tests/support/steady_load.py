"""A bounded load through the gateway from many users, and what became of every request."""

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

import httpx
from polling import wait_until

from pawl_examples.app import question, row_of
from pawl_examples.ledger import Row

PATH = "/v2/models/fact-extraction/infer"
TEXT = "I play soccer"
THREADS, PAUSE, MOST = 4, 0.02, 20_000
JOIN_SECONDS, ANSWER_SECONDS = 30, 60


def ask(client: httpx.Client, user: str, headers: Mapping[str, str] | None = None) -> Row:
    """Send one request as a user; status 0 where no answer came."""
    sent = time.time()
    try:
        reply = client.post(PATH, json=question(TEXT), headers={"x-user-id": user, **(headers or {})})
    except httpx.HTTPError as error:
        return Row("load", user, sent, time.time(), 0, error=repr(error))
    return row_of(reply, "load", user, sent)


def client_of(gateway: str, host: str) -> httpx.Client:
    """A client of a gateway's route."""
    return httpx.Client(base_url=gateway, headers={"host": host}, timeout=10)


class SteadyLoad:
    """Threads that ask as one user after the other until the block ends, at most `MOST` requests in all.

    `headers` go along with every request.
    """

    def __init__(self, gateway: str, host: str, users: Sequence[str], headers: Mapping[str, str] | None = None) -> None:
        self._gateway, self._host, self._headers = gateway, host, dict(headers or {})
        self._turns: Iterator[str] = itertools.islice(itertools.cycle(users), MOST)
        self._lock, self._over = threading.Lock(), threading.Event()
        self._rows: list[Row] = []
        self._threads = [threading.Thread(target=self._run, name=f"load-{n}", daemon=True) for n in range(THREADS)]

    def __enter__(self) -> "SteadyLoad":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        if error is None:
            assert not any(thread.is_alive() for thread in self._threads)
            assert len(self.rows()) < MOST, "the load ended before the block"

    def rows(self, since: float = 0.0) -> list[Row]:
        """What was sent from that moment on, seconds since the epoch, and has been answered by now."""
        with self._lock:
            return [row for row in self._rows if row.sent >= since]

    def answered(self, requests: int, since: float | None = None) -> list[Row]:
        """Wait until so many requests, sent from that moment on (default: from now), were answered; return them."""
        begin = time.time() if since is None else since
        wait_until(lambda: len(self.rows(begin)) >= requests, ANSWER_SECONDS)
        return self.rows(begin)

    def _run(self) -> None:
        with client_of(self._gateway, self._host) as client:
            while not self._over.wait(PAUSE):
                with self._lock:
                    user = next(self._turns, None)
                if user is None:
                    return
                row = ask(client, user, self._headers)
                with self._lock:
                    self._rows.append(row)
