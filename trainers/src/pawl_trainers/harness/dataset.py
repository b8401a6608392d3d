"""The examples of one run: what can be scored of them, under a digest of their content."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

from pawl.scoring.registry import SCORERS
from pawl.scoring.types import TruthError
from pawl_trainers.facts.examples import text_of
from pawl_trainers.trainer import Example


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples in the order of their digest; `unusable` counts those without a text or a truth to score by."""

    examples: tuple[Example, ...]
    unusable: int
    digest: str


def dataset_of(examples: Iterable[Example], score: str) -> Dataset:
    """Return the dataset that `examples` make for a component with this score."""
    ordered = sorted(examples, key=lambda example: example.row_id)
    usable = tuple(example for example in ordered if _usable(example, score))
    return Dataset(usable, len(ordered) - len(usable), digest_of(usable))


def digest_of(examples: Iterable[Example]) -> str:
    """Digest of the examples' content, `sha256:<64 hex>`: the same in any order, and without when it was read.

    It is the sha256 over one line of canonical JSON (sorted members, no spaces, UTF-8) per example, sorted by
    identifier.
    """
    digest = hashlib.sha256()
    for example in sorted(examples, key=lambda one: one.row_id):
        digest.update(_line(example).encode("utf-8", "surrogatepass"))
    return f"sha256:{digest.hexdigest()}"


def _line(example: Example) -> str:
    row = {
        "interaction": example.row_id,
        "user": example.person,
        "time": example.time.astimezone(UTC).isoformat(timespec="microseconds"),
        "input": example.input,
        "truth": example.truth,
    }
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"


def _usable(example: Example, score: str) -> bool:
    """Whether a model can be asked and its answer scored; the truth itself, as an answer, is always an answer."""
    if text_of(example.input) is None:
        return False
    try:
        SCORERS[score].score(example.truth, example.truth)
    except TruthError:
        return False
    return True
