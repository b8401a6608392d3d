"""Looks at the golden set through what is served: F1 with its interval by person, each look written down.

Golden is only ever measured. Whoever looks often enough finds a good number by chance, so every look is kept.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from pawl_examples.app import found, question
from pawl_examples.applog import COMPONENT
from pawl_examples.dataset import GOLDEN
from pawl_trainers.evaluation import evaluate
from pawl_trainers.facts.annotations import AnnotatedMessage, read_annotations
from pawl_trainers.facts.messages import Conversations
from pawl_trainers.facts.spans import Fact

LOOKS = "golden-looks.jsonl"
AT_ONCE, SECONDS = 4, 30.0
Json = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """One look: what was asked, and what came out."""

    model: str
    revision: str
    score: Json


def golden_messages() -> list[AnnotatedMessage]:
    """The frozen set."""
    return read_annotations(GOLDEN, Conversations.read())


def look(url: str, model: str, revision: str, messages: Sequence[AnnotatedMessage], folder: Path) -> Look:
    """Ask the Service at `url` (past the gateway, so that nothing is logged) about every message, and note the look.

    Raises httpx.HTTPError where it does not answer.
    """
    answers = ask(url, [one.text for one in messages])
    facts = {one.text: facts_in(answer) for one, answer in zip(messages, answers, strict=True)}
    score = asdict(evaluate(lambda text: facts[text], messages))
    entry = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "model": model, "revision": revision, **score}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOOKS).open("a", encoding="utf-8") as looks:
        looks.write(json.dumps(entry) + "\n")
    return Look(model, revision, score)


def ask(url: str, texts: Sequence[str]) -> list[list[Json]]:
    """What the model at `url` finds in each text, in order."""
    with httpx.Client(timeout=SECONDS) as client, ThreadPoolExecutor(AT_ONCE) as pool:

        def one(text: str) -> list[Json]:
            reply = client.post(f"{url}/v2/models/{COMPONENT}/infer", json=question(text))
            reply.raise_for_status()
            return found(reply)

        return list(pool.map(one, texts))


def facts_in(answer: Sequence[Json]) -> frozenset[Fact]:
    """The facts of an answer without values and confidences."""
    return frozenset(Fact(int(one["start"]), int(one["end"]), str(one["slot"])) for one in answer)
