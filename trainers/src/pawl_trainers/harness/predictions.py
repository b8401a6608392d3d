"""Asks the new model, by the code that will serve it, and the champion, where it is served, about the same texts."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from pawl.errors import DependencyUnavailable
from pawl_trainers.harness.retries import Patience, patiently, require_ok
from pawl_trainers.serving.entry import load
from pawl_trainers.serving.facts import INPUT, OUTPUT
from pawl_trainers.trainer import TrainingError

BATCH = 16
Progress = Callable[[float], None]


def answers_of_model(directory: Path, texts: Sequence[str], progress: Progress) -> list[object]:
    """Return the exported model's answer to each text."""
    predictor = load(directory)
    return [
        answer
        for batch in _batches(texts, progress)
        for answer in _decoded(predictor.predict({INPUT: list(batch)}).get(OUTPUT), batch)
    ]


@dataclass(frozen=True)
class ServedModel:
    """A model behind the Open Inference Protocol; one batch after the other, as it answers users meanwhile."""

    url: str
    timeout: httpx.Timeout = field(default_factory=lambda: httpx.Timeout(30.0, connect=5.0))
    patience: Patience = field(default_factory=lambda: Patience(seconds=120.0))
    transport: httpx.BaseTransport | None = None

    def answers(self, texts: Sequence[str], progress: Progress) -> list[object]:
        """Return its answer to each text; raises DependencyUnavailable, PermissionDenied or TrainingError."""
        with httpx.Client(timeout=self.timeout, transport=self.transport) as client:
            return [answer for batch in _batches(texts, progress) for answer in self._asked(client, batch)]

    def _asked(self, client: httpx.Client, batch: Sequence[str]) -> list[object]:
        def once(deadline: float) -> httpx.Response:
            del deadline  # one batch is bounded by the client's time-outs
            try:
                reply = client.post(f"{self.url}/infer", json=_question(batch))
            except httpx.HTTPError as error:
                raise DependencyUnavailable(f"the champion did not answer: {error!r}", field="gate.champion") from error
            require_ok(reply, "the champion")
            return reply

        return _decoded(_facts(patiently(once, self.patience)), batch)


def _question(batch: Sequence[str]) -> dict[str, Any]:
    return {"inputs": [{"name": INPUT, "shape": [len(batch)], "datatype": "BYTES", "data": list(batch)}]}


def _facts(reply: httpx.Response) -> object:
    try:
        tensors = {tensor["name"]: tensor["data"] for tensor in reply.json()["outputs"]}
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"gate.champion: its answer holds no tensors: {error!r}; pin a model that does") from error
    return tensors.get(OUTPUT)


def _batches(texts: Sequence[str], progress: Progress) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), BATCH):
        yield texts[start : start + BATCH]
        progress(min(1.0, (start + BATCH) / len(texts)))


def _decoded(answers: object, batch: Sequence[str]) -> list[object]:
    if not isinstance(answers, list) or len(answers) != len(batch):
        raise TrainingError(f"answers: no tensor {OUTPUT!r} with one value for each of {len(batch)} texts")
    return [_value(answer) for answer in answers]


def _value(answer: object) -> object:
    """What a model wrote as JSON becomes itself; what is no JSON stays text, and the score judges it."""
    if not isinstance(answer, str):
        return answer
    try:
        found: object = json.loads(answer)
    except ValueError:
        return answer
    return found
