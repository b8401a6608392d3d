"""Lets the trainer learn on a Ray worker, and again from the start where the worker dies."""

import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pawl_trainers.harness.fitting import Assignment
from pawl_trainers.trainer import Report, TrainingError

RESOURCE = "trainer"
SHARE = 0.01
"""Of the resource, so that workers that the trainer itself starts find the rest of it free."""
RETRIES = 3
START_SECONDS = 900.0
LOOK_SECONDS = 1.0


def fit_on_worker(assignment: Assignment, workspace: Path, report: Report) -> Path:
    """Return the directory, in `workspace`, of the model that a worker with the resource `trainer` learnt.

    The cluster's address is RAY_ADDRESS, which Ray sets for its jobs. A worker that dies is replaced up to RETRIES
    times. Raises TrainingError where no worker comes, all die, or the trainer refuses.
    """
    ray.init(address="auto", log_to_driver=False, logging_level=logging.WARNING)
    try:
        return _written(_result(assignment, report), workspace / "model")
    finally:
        ray.shutdown()


class _Relay:
    """Carries progress to the driver; it lives beside the driver, so it outlives every worker."""

    def __init__(self) -> None:
        self._said: list[tuple[float, str]] = []

    def put(self, part: float, message: str) -> None:
        self._said.append((part, message))

    def take(self) -> list[tuple[float, str]]:
        said, self._said = self._said, []
        return said


def _learn(assignment: Assignment, relay: Any) -> dict[str, bytes]:  # noqa: ANN401  a handle of Ray has no type
    """Run on the worker: its disk is not the driver's, so the files come back as bytes."""
    relay.put.remote(0.0, "a worker has begun")
    with tempfile.TemporaryDirectory(prefix="pawl-fit-") as folder:
        directory = assignment.fit(Path(folder), relay.put.remote)
        files = (path for path in directory.rglob("*") if path.is_file())
        return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def _result(assignment: Assignment, report: Report) -> dict[str, bytes]:
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    relay = ray.remote(num_cpus=0)(_Relay).options(scheduling_strategy=here).remote()
    task = ray.remote(num_cpus=0, resources={RESOURCE: SHARE}, max_retries=RETRIES)(_learn)
    report(0.0, f"waiting for a Ray worker with resource {RESOURCE!r}")
    pending = task.remote(ray.put(assignment), relay)
    _follow(pending, relay, report)
    try:
        found: dict[str, bytes] = ray.get(pending)
    except RayTaskError as error:
        raise _cause(error) from error
    except RayError as error:
        remedy = "look at the worker's pod; if it was out of memory, raise its memory limit"
        raise TrainingError(f"engine: the Ray worker died {RETRIES + 1} times: {error}; {remedy}") from error
    return found


def _follow(pending: Any, relay: Any, report: Report) -> None:  # noqa: ANN401
    deadline, begun, done = time.monotonic() + START_SECONDS, False, False
    while not done:
        done = bool(ray.wait([pending], timeout=LOOK_SECONDS)[0])
        for part, message in ray.get(relay.take.remote()):
            begun = True
            report(part, message)
        if not done and not begun and time.monotonic() > deadline:
            ray.cancel(pending)
            raise TrainingError(
                f"engine: no Ray worker offers resource {RESOURCE!r} within {START_SECONDS:g} s; "
                f"start one with --resources='{{\"{RESOURCE}\": 1}}'"
            )


def _cause(error: RayTaskError) -> Exception:
    cause = error.cause
    return cause if isinstance(cause, TrainingError) else TrainingError(f"trainer: failed with {cause!r}")


def _written(files: dict[str, bytes], directory: Path) -> Path:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory
