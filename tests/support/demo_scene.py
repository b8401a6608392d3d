"""The demo's traffic and an eye on its Rollout, for tests that do to a release what the demo does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pawl_examples import install
from pawl_examples.app import Settings
from pawl_examples.applog import LogSettings
from pawl_examples.bringup import Stand
from pawl_examples.dataset import Material
from pawl_examples.follow import Follower
from pawl_examples.history import Transition
from pawl_examples.pace import Times
from pawl_examples.releases import Candidate, Releases
from pawl_examples.traffic import Traffic


@dataclass
class Scene:
    """Traffic on the cluster and an eye on the Rollout; `started` holds every start of a step that was seen."""

    releases: Releases
    follower: Follower
    traffic: Traffic
    started: dict[tuple[int, int], set[str]] = field(default_factory=dict)

    def notice(self, _: Transition) -> None:
        release = (self.follower.history.latest.get("status") or {}).get("release") or {}
        if release.get("step") and release.get("stepStartedAt"):
            self.started.setdefault((release["number"], release["step"]), set()).add(release["stepStartedAt"])


@contextmanager
def open_scene(stand: Stand, material: Material) -> Iterator[Scene]:
    times = Times()
    log = LogSettings(stand.collector, stand.token)
    traffic = Traffic(Settings(stand.gateway, install.HOST), log, material, times.pace)
    follower = Follower(stand.kube, install.NAMESPACE, install.ROLLOUT, lambda transition: scene.notice(transition))
    candidate = Candidate(install.NAMESPACE, install.ROLLOUT, install.source(), stand.trained.digest)
    scene = Scene(Releases(stand.kube, follower, traffic, candidate, times, print), follower, traffic)
    traffic.start()
    traffic.begin("before", annotated=False)
    follower.start()
    try:
        yield scene
    finally:
        follower.stop()
        traffic.stop()
