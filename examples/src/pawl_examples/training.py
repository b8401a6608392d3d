"""Trains the stable model and measures it and the rules, in processes of their own: the demo goes on meanwhile."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawl.artifacts import digest_directory
from pawl_examples.dataset import GOLDEN, TRAIN

Json = dict[str, Any]
SECONDS = 900


class TrainingError(RuntimeError):
    """A trainer failed; the message holds what it said."""


@dataclass(frozen=True)
class Trained:
    """The stable model's files and digest, and what was measured of it and of the rules."""

    directory: Path
    digest: str
    models: tuple[Json, ...]


def train(directory: Path) -> Trained:
    """Train on the learn people into `directory`, measure on golden; raises TrainingError."""
    with ThreadPoolExecutor(2) as both:
        rules = both.submit(_trainer, "rules", "--golden", GOLDEN)
        tagger = both.submit(_trainer, "linear-tagger", "--train", TRAIN, "--golden", GOLDEN, "--out", directory)
        models = (tagger.result(), rules.result())
    return Trained(directory, digest_directory(directory), models)


def _trainer(*arguments: str | Path) -> Json:
    command = [sys.executable, "-m", "pawl_trainers", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise TrainingError(f"{arguments[0]}: {done.stderr.strip()[-1500:]}")
    found: Json = json.loads(done.stdout)
    return found
