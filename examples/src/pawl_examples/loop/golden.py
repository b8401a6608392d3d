"""Scores what a model answers to the golden set: F1 with its interval by person, each look written down.

Golden is only ever measured. Whoever looks often enough finds a good number by chance, so every look is kept.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from pawl.scoring.types import Score
from pawl_examples.app import found, question
from pawl_examples.applog import COMPONENT
from pawl_examples.dataset import GOLDEN
from pawl_examples.kube import KubeError
from pawl_examples.loop.setting import NAMESPACE
from pawl_trainers.evaluation import evaluate
from pawl_trainers.facts.annotations import AnnotatedMessage, read_annotations
from pawl_trainers.facts.messages import Conversations
from pawl_trainers.facts.scoring import Counts
from pawl_trainers.facts.spans import Fact
from pawl_trainers.harness.gate import ByPerson, Estimate, compare

LOOKS = "golden-looks.jsonl"
AT_ONCE, SECONDS, RETRIES = 4, 30.0, 2
ALPHA, SEED = 0.05, 0
Json = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """One look: what was asked, and what came out; `by_person` is 2TP and 2TP + FP + FN of each person's messages."""

    model: str
    revision: str
    score: Json
    by_person: ByPerson = field(default_factory=dict, repr=False)

    def report(self) -> Json:
        """The look as plain data, without people."""
        return {"model": self.model, "revision": self.revision, "score": self.score}


def golden_messages() -> list[AnnotatedMessage]:
    """The frozen set."""
    return read_annotations(GOLDEN, Conversations.read())


def look(answers: Sequence[Sequence[Json]], model: str, revision: str, folder: Path) -> Look:
    """Score what a model answered to `golden_messages`, in their order, and note the look."""
    messages = golden_messages()
    facts = {one.text: facts_in(answer) for one, answer in zip(messages, answers, strict=True)}
    score = asdict(evaluate(lambda text: facts[text], messages))
    entry = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "model": model, "revision": revision, **score}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOOKS).open("a", encoding="utf-8") as looks:
        looks.write(json.dumps(entry) + "\n")
    return Look(model, revision, score, by_person(facts, messages))


def by_person(facts: Mapping[str, frozenset[Fact]], messages: Sequence[AnnotatedMessage]) -> ByPerson:
    """Each person's 2TP and 2TP + FP + FN, from the facts that were found in each text."""
    counts: dict[str, Counts] = defaultdict(Counts)
    for one in messages:
        counts[one.person] += Counts.of(facts[one.text], one.facts)
    return {
        person: Score(2 * one.true_positive, 2 * one.true_positive + one.false_positive + one.false_negative)
        for person, one in counts.items()
    }


def difference(new: Look, other: Look) -> Estimate:
    """How much more of the golden set's F1 one look has than another, from the same draws of people."""
    found = compare(new.by_person, other.by_person, ALPHA, SEED).difference
    if found is None:
        raise ValueError("golden: a difference needs two looks")
    return found


def ask(url: str, texts: Sequence[str]) -> list[list[Json]]:
    """What the model at `url` (a Service, past the gateway, so that nothing is logged) finds in each text, in order.

    A connection is tried again, an answer is not: raises KubeError where none comes or it is an error.
    """
    transport = httpx.HTTPTransport(retries=RETRIES)
    with httpx.Client(timeout=SECONDS, transport=transport) as client, ThreadPoolExecutor(AT_ONCE) as pool:

        def one(text: str) -> list[Json]:
            return found(client.post(f"{url}/v2/models/{COMPONENT}/infer", json=question(text)).raise_for_status())

        try:
            return list(pool.map(one, texts))
        except httpx.HTTPError as error:
            remedy = f"look at the pods behind it in namespace {NAMESPACE}, and run the demo again"
            raise KubeError(f"what is live at {url} does not answer ({error!r}): {remedy}") from error


def facts_in(answer: Sequence[Json]) -> frozenset[Fact]:
    """The facts of an answer without values and confidences."""
    return frozenset(Fact(int(one["start"]), int(one["end"]), str(one["slot"])) for one in answer)
