"""A cluster of a name of its own, with Pawl and the demo's application on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pawl_devcluster import cluster
from pawl_examples.bringup import Stand, prepare, set_up
from pawl_examples.dataset import Material
from pawl_examples.pace import Times, numbers
from pawl_examples.phases import Phases

VARIABLE, LOWEST_WEIGHT, TRAINER = "PAWL_DEVCLUSTER_NAME", 10, "linear-tagger"


@contextmanager
def cluster_named(name: str) -> Iterator[None]:
    """Nobody's other cluster is touched within; this one is taken down at the end."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = name
    try:
        try:
            yield
        finally:
            cluster.down()
    finally:
        del os.environ[VARIABLE]
        os.environ.update({} if before is None else {VARIABLE: before})


def make_stand(folder: Path, material: Material) -> Stand:
    """Set everything up, or once more: every step of the bring-up may be repeated."""
    phases, times = Phases(print), Times()
    grounds = prepare(phases, folder, print, (TRAINER,))
    return set_up(phases, grounds, times, numbers(material, times, LOWEST_WEIGHT))
