"""Sets the second act up on a stand: traffic of its own, and eyes on everything that the loop makes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pawl_examples import install
from pawl_examples.app import Settings
from pawl_examples.applog import LogSettings
from pawl_examples.bringup import Stand
from pawl_examples.dataset import Material
from pawl_examples.follow import Follower
from pawl_examples.history import Transition
from pawl_examples.loop.act import Act
from pawl_examples.loop.looks import Looks
from pawl_examples.loop.objects import Objects
from pawl_examples.loop.proving import Proving
from pawl_examples.loop.setting import HOST, LoopTimes, clear
from pawl_examples.loop.talk import proof
from pawl_examples.loop.turn import LoopResult
from pawl_examples.replay import Pace
from pawl_examples.traffic import Traffic

Tell = Callable[[Transition], None]


class Runs(Protocol):
    """Whatever is started and stopped."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


@contextmanager
def opened(
    stand: Stand, material: Material, folder: Path, result: LoopResult, tell: Tell, say: Callable[[str], None]
) -> Iterator[Act]:
    """Take away what an earlier act left, and give the next one, with everything that it needs running.

    `tell` hears of every object's change, `say` gets a line now and then; golden looks go into `folder`.
    """
    # Before anybody follows: what an earlier run left must not be taken for news.
    clear(stand.kube)
    traffic = _open_traffic(stand)
    follower = Follower(stand.kube, install.LEARN, install.ROLLOUT, tell)
    objects = Objects(stand.kube, install.LEARN, tell)
    with running(follower), running(objects), running(traffic):
        times, looks = LoopTimes(), Looks(stand.kube, follower, stand.tracking, folder)
        proving = Proving(traffic, follower, objects, proof(material, times.proof, times.beside))
        yield Act(stand.kube, material, times, looks, proving, stand.trained.directory, say, result)


def _open_traffic(stand: Stand) -> Traffic:
    """The reference application on the second act's host, with nothing to say yet."""
    key = install.api_key(stand.kube, install.LEARN)
    settings, log = Settings(stand.gateway, HOST), LogSettings(stand.collector, key)
    return Traffic(settings, log, Material((), (), {}), Pace(1.0, 1.0))


@contextmanager
def running(one: Runs) -> Iterator[None]:
    """Start something, and stop it whatever happens."""
    one.start()
    try:
        yield
    finally:
        one.stop()
