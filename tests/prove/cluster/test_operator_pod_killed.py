"""An operator that is killed in mid-step or in a rollback loses nothing: same end, no step twice or early."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from demo_scene import Scene
from pod_killer import Container, kill_container

from pawl_examples import install
from pawl_examples.bringup import Stand
from pawl_examples.checks import timing
from pawl_examples.history import History
from pawl_examples.kube import Kube
from pawl_examples.scenarios import scenarios

KILLED = 137
ROUTE = ("httproute", "fact-extraction", "-n", install.NAMESPACE)
NOBODY = "nobody"


def coming(scene: Scene, state: str, step: int) -> Callable[[History], bool]:
    """Whether a release that is yet to come is in that state, at least at that step, and the step has begun."""
    before = max(scene.follower.history.releases, default=0)

    def reached(history: History) -> bool:
        release = (history.latest.get("status") or {}).get("release") or {}
        place = release.get("number", 0) > before and release.get("step", 0) >= step
        return place and release.get("state") == state and bool(release.get("stepStartedAt"))

    return reached


def kill_operator(stand: Stand) -> Container:
    return kill_container(stand.cluster, install.SYSTEM, "app.kubernetes.io/component=operator", "pawl_operator")


def kill_once(scene: Scene, stand: Stand, reached: Callable[[History], bool]) -> Container:
    """Kill the operator when the release is there, and wait until it is back."""
    assert scene.follower.until(reached, 300), "the release never came to where the operator was to be killed"
    return kill_operator(stand)


@contextmanager
def a_parent_that_never_answers(kube: Kube) -> Iterator[None]:
    """A second gateway for the route, which does not exist: no change of the route is confirmed while it is named.

    The real gateway goes on with its proxies as ever. Without its controller they would take the way back late, after
    it had been confirmed: they connect again after up to 30 s.
    """
    add = [{"op": "add", "path": "/spec/parentRefs/-", "value": {"name": NOBODY}}]
    remove = [
        {"op": "test", "path": "/spec/parentRefs/1/name", "value": NOBODY},
        {"op": "remove", "path": "/spec/parentRefs/1"},
    ]
    kube.run("patch", *ROUTE, "--type=json", "-p", json.dumps(add))
    try:
        yield
    finally:
        kube.run("patch", *ROUTE, "--type=json", "-p", json.dumps(remove))


def kill_in_rollback(
    scene: Scene, stand: Stand, first_step: Callable[[History], bool], back: Callable[[History], bool]
) -> Container:
    """Kill the operator in a rollback that cannot end yet; it must still be one when the operator is back."""
    assert scene.follower.until(first_step, 300), "the release never began its first step"
    with a_parent_that_never_answers(stand.kube):
        restarted = kill_once(scene, stand, back)
        status = stand.kube.get("rollouts.pawl.dev", install.ROLLOUT, "-n", install.NAMESPACE)["status"]
        assert status["release"]["state"] == "RollingBack"
        assert status["rollback"].get("t2") is None
    return restarted


def test_killed_in_mid_step_no_step_comes_twice_or_early(scene: Scene, stand: Stand) -> None:
    [twin, *_] = scenarios("localhost/pawl/fact-extractor:twin")
    with ThreadPoolExecutor(1, "killer") as pool:
        killing = pool.submit(kill_once, scene, stand, coming(scene, "Progressing", 2))
        outcome = scene.releases.run(type(twin)(twin.key, twin.title, "Promoted", twin.serve))
    assert killing.result().exit_code == KILLED
    assert outcome.problems == ()
    assert outcome.record is not None
    assert outcome.record.state == "Promoted"
    number = outcome.record.number
    starts = {step: times for (release, step), times in scene.started.items() if release == number}
    assert sorted(starts) == [1, 2, 3, 4, 5]
    assert all(len(times) == 1 for times in starts.values())
    began = [datetime.fromisoformat(next(iter(starts[step]))) for step in sorted(starts)]
    hold = scene.releases.times.hold
    assert all((later - earlier).total_seconds() >= hold for earlier, later in pairwise(began))


def test_killed_in_a_rollback_it_still_ends_at_stable(
    scene: Scene, stand: Stand, figure: Callable[[str], None]
) -> None:
    # How long it takes is the test's own doing: nothing is confirmed before it lets go, and the kubelet waits longer
    # before each further start of a container that was killed again.
    wrong = replace(next(one for one in scenarios("") if one.key == "d"), bounded="")
    places = coming(scene, "Progressing", 1), coming(scene, "RollingBack", 1)
    with ThreadPoolExecutor(1, "killer") as pool:
        killing = pool.submit(kill_in_rollback, scene, stand, *places)
        outcome = scene.releases.run(wrong)
    assert killing.result().exit_code == KILLED
    assert outcome.record is not None
    figure(f"operator killed in a rollback: at stable {timing(outcome.record)['t2-t1']} s after the first evidence")
    assert outcome.record.state == "RolledBack"
    assert outcome.problems == ()
