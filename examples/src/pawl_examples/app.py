"""The reference application: people's messages go to the fact extractor, and what came of it is logged.

It stands for a product with memory. A message is sent as its author would send it, the facts that come back are logged
with the revision and arm that the gateway names, and where the truth is known the user confirms or corrects them.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from pawl.client import PawlClient, new_interaction_id, served_by
from pawl_examples.applog import COMPONENT, log_shown
from pawl_examples.ledger import Ledger, Row
from pawl_examples.replay import Said
from pawl_examples.truth import answer
from pawl_trainers.serving.linear_tagger import INPUT, OUTPUT


@dataclass(frozen=True)
class Settings:
    """`gateway`: base URL of the Gateway; `host`: host name of the route; `timeout` in seconds for a whole call.

    At most `concurrency` messages are on their way; when that many are, the next ones wait and are late.
    """

    gateway: str
    host: str
    timeout: float = 5.0
    concurrency: int = 64


@dataclass
class Scenario:
    """What is replayed now; `said` counts the messages that were sent from it, `others` those nobody annotated."""

    name: str
    messages: Iterator[Said]
    began: float = field(default_factory=time.monotonic)
    said: int = 0
    others: int = 0


class Application:
    """Sends what the scenario says, at its pace, until it is stopped."""

    def __init__(self, settings: Settings, log: PawlClient, ledger: Ledger) -> None:
        self._settings, self._log, self._ledger = settings, log, ledger
        self._scenario = Scenario("idle", iter(()))
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._changed = asyncio.Event()

    def begin(self, name: str, messages: Iterable[Said]) -> Scenario:
        """Replay `messages` from now on, in place of what was replayed; call it from the application's own loop."""
        self._scenario = Scenario(name, iter(messages))
        self._changed.set()
        return self._scenario

    async def run(self) -> None:
        """Send until cancelled; then wait for the answers that are on their way, at most the time-out of a call."""
        limits = httpx.Limits(max_connections=self._settings.concurrency)
        async with httpx.AsyncClient(timeout=self._settings.timeout, limits=limits) as client:
            pending: set[asyncio.Task[None]] = set()
            try:
                while True:
                    await self._next(client, pending)
            finally:
                if pending:
                    await asyncio.wait(pending, timeout=self._settings.timeout)

    async def _next(self, client: httpx.AsyncClient, pending: set[asyncio.Task[None]]) -> None:
        scenario = self._scenario
        self._changed.clear()
        said = next(scenario.messages, None)
        wait = None if said is None else scenario.began + said.at - time.monotonic()
        if wait is None or wait > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)
        if said is None or scenario is not self._scenario:
            return
        await self._slots.acquire()
        scenario.said += 1
        scenario.others += said.facts is None
        task = asyncio.create_task(self._say(client, scenario.name, said))
        pending.add(task)
        task.add_done_callback(pending.discard)

    async def _say(self, client: httpx.AsyncClient, scenario: str, said: Said) -> None:
        try:
            interaction = new_interaction_id()
            row, facts = await self._ask(client, scenario, said, interaction)
            self._ledger.add(row)
            if row.status == httpx.codes.OK:
                self._tell(said, row, facts, interaction)
        finally:
            self._slots.release()

    async def _ask(
        self, client: httpx.AsyncClient, scenario: str, said: Said, interaction: str
    ) -> tuple[Row, list[dict[str, Any]]]:
        user, sent = said.message.sender, time.time()
        headers = {"host": self._settings.host, "x-user-id": user, "x-pawl-interaction-id": interaction}
        url = f"{self._settings.gateway}/v2/models/{COMPONENT}/infer"
        try:
            reply = await client.post(url, json=question(said.message.text), headers=headers)
            facts = found(reply) if reply.status_code == httpx.codes.OK else []
        except (httpx.HTTPError, ValueError) as error:
            return Row(scenario, user, sent, time.time(), 0, error=repr(error)), []
        return row_of(reply, scenario, user, sent), facts

    def _tell(self, said: Said, row: Row, facts: list[dict[str, Any]], interaction: str) -> None:
        # Whoever proves teaches nothing: what is learned must not have seen whom it is judged by.
        log_shown(self._log, interaction, row, said.message.text, facts, training=not said.evidence)
        reaction = answer(said, facts)
        if reaction is not None:
            self._log.feedback(interaction, reaction.kind, reaction.value)


def question(text: str) -> dict[str, Any]:
    """The body of an OIP v2 inference request about one message."""
    return {"inputs": [{"name": INPUT, "shape": [1], "datatype": "BYTES", "data": [text]}]}


def found(reply: httpx.Response) -> list[dict[str, Any]]:
    """The facts in an OIP v2 answer; raises ValueError where the answer holds none of the expected shape."""
    try:
        tensors = {one["name"]: one["data"] for one in reply.json()["outputs"]}
        facts: list[dict[str, Any]] = json.loads(tensors[OUTPUT][0])
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"answer: no tensor {OUTPUT!r} with one JSON list: {error!r}") from error
    return facts


def row_of(reply: httpx.Response, scenario: str, user: str, sent: float) -> Row:
    """What the gateway's headers say about who answered."""
    return Row(
        scenario=scenario,
        user=user,
        sent=sent,
        ended=time.time(),
        status=reply.status_code,
        error="" if reply.status_code == httpx.codes.OK else reply.text[:200],
        **served_by(reply.headers),
    )
