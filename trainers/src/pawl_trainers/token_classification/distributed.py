"""The same training by Ray Train: a worker that dies is started again and goes on after the last whole epoch.

Nodes of a cluster share no files, so checkpoints and the model travel through Ray, to a keeper on the head.
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchConfig, TorchTrainer

from pawl_trainers.token_classification.fitting import Epoch
from pawl_trainers.token_classification.keeper import Kept, keeper_of
from pawl_trainers.token_classification.lesson import Lesson, learn
from pawl_trainers.trainer import Report, TrainingError

RESOURCE = "trainer"
SHARE = 0.5
"""Of the resource; the task that calls this already holds a part of it."""
FAILURES = 3
_MODEL, _REFUSAL = "model/", "refusal"
_LOOK_SECONDS = 0.5
_HEALTH_CHECK = "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"


def learn_on_worker(lesson: Lesson, directory: Path, workspace: Path, report: Report) -> None:
    """Write the model into `directory`; raises TrainingError where the lesson is refused or workers keep dying.

    Called inside a Ray cluster. If this process dies too, the one that takes its place goes on from the same keeper.
    """
    # Ray Train takes a report only when it looks, every 2 s by default, and the worker waits for it.
    os.environ.setdefault(_HEALTH_CHECK, "0.2")
    with keeper_of(lesson) as kept:
        kept.release()
        with _relayed(kept, report):
            _run(lesson, kept, workspace)
        if (refusal := kept.load(_REFUSAL)) is not None:
            raise TrainingError(refusal.decode())
        directory.mkdir(parents=True, exist_ok=True)
        for name in kept.names(_MODEL):
            (directory / name.removeprefix(_MODEL)).write_bytes(kept.load(name) or b"")


def _run(lesson: Lesson, kept: Kept, workspace: Path) -> None:
    trainer = TorchTrainer(
        _work,
        train_loop_config={"lesson": lesson, "kept": kept},
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=1, use_gpu=False, resources_per_worker={"CPU": 1, RESOURCE: SHARE}),
        run_config=RunConfig(
            name="token-classification",
            storage_path=str(workspace / "ray"),
            failure_config=FailureConfig(max_failures=FAILURES),
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        remedy = "look at the worker's log; if it was out of memory, raise its memory limit"
        raise TrainingError(f"engine: training failed {FAILURES + 1} times: {error}; {remedy}") from error


def _work(config: dict[str, Any]) -> None:
    """Run on the worker."""
    lesson: Lesson = config["lesson"]
    kept: Kept = config["kept"]
    kept.reserve()

    def told(epoch: Epoch) -> None:
        kept.say(epoch.number / lesson.settings.epochs, epoch.sentence())
        ray.train.report(asdict(epoch))

    with tempfile.TemporaryDirectory(prefix="pawl-model-") as folder:
        try:
            learnt = learn(lesson, Path(folder), kept, told)
        except TrainingError as error:
            # Told, not raised: Ray Train would try again what can only be refused again.
            kept.store(_REFUSAL, str(error).encode())
            return
        kept.say(1.0, learnt.sentence())
        for path in Path(folder).iterdir():
            kept.store(_MODEL + path.name, path.read_bytes())


@contextmanager
def _relayed(kept: Kept, report: Report) -> Iterator[None]:
    """Pass on what the worker says, from a thread: Ray Train does not return before its end."""
    over = threading.Event()

    def relay() -> None:
        while not over.wait(_LOOK_SECONDS):
            kept.tell(report)

    thread = threading.Thread(target=relay)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        kept.tell(report)
