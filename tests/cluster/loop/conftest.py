"""An open Experiment on what the demo's second act left."""

from collections.abc import Iterator
from typing import Any

import pytest
import watched_experiment
from watched_experiment import Watched

from pawl_examples.bringup import Stand

Json = dict[str, Any]


@pytest.fixture(scope="module")
def watched(stand: Stand, report: Json) -> Iterator[Watched]:
    """It is there until the tests of one file have ended, or have deleted it."""
    assert report["loop"]["problems"] == []
    try:
        yield watched_experiment.begin(stand)
    finally:
        watched_experiment.end(stand)
