"""Sends batches to the collector: again after outages, in halves after a refusal, so a bad record harms no other."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from pawl.client.outbox import Item

# The collector may be away or busy, or the key wrong until somebody corrects it: all of these can pass.
_PASSING = frozenset({401, 404, 408, 425, 429, 502, 503, 504})
# One record can be the cause of these and of every other 5xx, so the halves of a batch are tried on their own.
_ONE_MAY_BE_THE_CAUSE = frozenset({400, 403, 413, 422})
ATTEMPTS = 5
FIRST_PAUSE = 0.1
LAST_PAUSE = 10.0


@dataclass(frozen=True)
class ClientStats:
    """Records by fate. `dropped`: no room or no JSON form; `rejected`: the collector will never take them.

    `last_error` is of any kind, also one that passed; `last_rejection` is why a record was rejected last.
    """

    queued: int = 0
    sent: int = 0
    dropped: int = 0
    rejected: int = 0
    retries: int = 0
    last_error: str = ""
    last_rejection: str = ""


@dataclass
class Counts:
    """Counts that several threads change."""

    _stats: ClientStats = ClientStats()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, sent: int = 0, dropped: int = 0, rejected: int = 0, retries: int = 0, error: str = "") -> None:
        """Add to the counts; keep `error` as the last when there is one, and as the reason of what was rejected."""
        with self._lock:
            now = self._stats
            self._stats = replace(
                now,
                sent=now.sent + sent,
                dropped=now.dropped + dropped,
                rejected=now.rejected + rejected,
                retries=now.retries + retries,
                last_error=error or now.last_error,
                last_rejection=error if rejected else now.last_rejection,
            )

    def stats(self, queued: int) -> ClientStats:
        """The counts now."""
        return replace(self._stats, queued=queued)


class Sender:
    """Sends one batch at a time; `pause(seconds)` waits and says True when it is time to give up."""

    def __init__(
        self, http: httpx.Client, url: str, token: str | Path, counts: Counts, pause: Callable[[float], bool]
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._token = token
        self._counts = counts
        self._pause = pause

    def send(self, items: Sequence[Item]) -> None:
        """Send until taken, refused for good, or told to give up. Interactions go before the feedback on them."""
        for kind in ("interactions", "feedback"):
            if of_kind := [item for item in items if item.kind == kind]:
                self._send_kind(kind, of_kind)

    def _send_kind(self, kind: str, items: Sequence[Item], tries: int = 0) -> None:
        """Send until taken or given up; `tries`: doubtful answers to these records so far, in whatever batch."""
        pause = FIRST_PAUSE
        while True:
            answer = self._post(kind, items)
            if answer is not None and answer.status_code == httpx.codes.OK:
                self._counts.add(sent=len(items))
                return
            tries += answer is not None and _is_doubtful(answer.status_code)
            if answer is not None and not _may_pass(answer.status_code, len(items), tries):
                self._refused(kind, items, answer, tries)
                return
            self._counts.add(retries=1)
            if self._pause(max(pause * random.uniform(0.5, 1.0), _retry_after(answer))):  # noqa: S311  jitter
                self._counts.add(dropped=len(items))
                return
            pause = min(pause * 2, LAST_PAUSE)

    def _post(self, kind: str, items: Sequence[Item]) -> httpx.Response | None:
        body = b'{"%b":[%b]}' % (kind.encode(), b",".join(item.body for item in items))
        try:
            headers = {"Authorization": f"Bearer {self._key()}", "Content-Type": "application/json"}
            answer = self._http.post(f"{self._url}/v1/{kind}", content=body, headers=headers)
        except (httpx.HTTPError, OSError, UnicodeError) as error:  # the last: a key file that holds no text
            self._counts.add(error=type(error).__name__)
            return None
        if answer.status_code != httpx.codes.OK:
            self._counts.add(error=_detail(answer))
        return answer

    def _key(self) -> str:
        # Read every time: a mounted secret is replaced under our feet when the key is rotated.
        return self._token.read_text().strip() if isinstance(self._token, Path) else self._token

    def _refused(self, kind: str, items: Sequence[Item], answer: httpx.Response, tries: int) -> None:
        if len(items) == 1 or not _one_may_be_the_cause(answer.status_code):
            self._counts.add(rejected=len(items), error=_detail(answer))
            return
        middle = len(items) // 2
        self._send_kind(kind, items[:middle], tries)
        self._send_kind(kind, items[middle:], tries)


def _may_pass(status: int, count: int, tries: int) -> bool:
    if status == httpx.codes.FORBIDDEN and count > 1:
        return False  # the key is not for one of the components: waiting would hold up the records of the others
    return status in _PASSING or (_is_doubtful(status) and tries < ATTEMPTS)


def _is_doubtful(status: int) -> bool:
    """Whether it may pass or stay, so that `ATTEMPTS` decide: a key without the component, a server's error."""
    return status not in _PASSING and (status == httpx.codes.FORBIDDEN or httpx.codes.is_server_error(status))


def _one_may_be_the_cause(status: int) -> bool:
    return status in _ONE_MAY_BE_THE_CAUSE or httpx.codes.is_server_error(status)


def _retry_after(answer: httpx.Response | None) -> float:
    text = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(float(text), LAST_PAUSE) if text.isascii() and text.isdecimal() else 0.0


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = ""
    return f"{answer.status_code} {detail}".strip()[:300]
