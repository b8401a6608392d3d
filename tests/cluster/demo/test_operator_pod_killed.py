"""An operator that is killed in mid-step or in a rollback loses nothing: same end, no step twice or early."""

import threading
from datetime import datetime
from itertools import pairwise

from demo_scene import Scene

from pawl_examples.history import History
from pawl_examples.scenarios import scenarios

OPERATOR = ("-n", "pawl-system", "delete", "pod", "-l", "app.kubernetes.io/component=operator")


def kill_when(scene: Scene, state: str, step: int) -> threading.Thread:
    """Kill the operator's pod, as SIGKILL does, once a live release is in that state and at least at that step."""
    before = max(scene.follower.history.releases, default=0)

    def reached(history: History) -> bool:
        release = (history.latest.get("status") or {}).get("release") or {}
        started = bool(release.get("stepStartedAt"))
        return (
            release.get("number", 0) > before
            and release.get("state") == state
            and release.get("step", 0) >= step
            and started
        )

    def kill() -> None:
        if scene.follower.until(reached, 300):
            scene.releases.kube.run(*OPERATOR, "--grace-period=0", "--force", seconds=60)

    thread = threading.Thread(target=kill, name="killer")
    thread.start()
    return thread


def test_killed_in_mid_step_no_step_comes_twice_or_early(scene: Scene) -> None:
    # The demo promoted the twin, so the first image is the new candidate: the same harmless change, backwards.
    [twin, *_] = scenarios("localhost/pawl/fact-extractor:dev")
    killer = kill_when(scene, "Progressing", 2)
    outcome = scene.releases.run(type(twin)(twin.key, twin.title, "Promoted", twin.serve))
    killer.join()
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


def test_killed_in_a_rollback_it_still_ends_at_stable(scene: Scene) -> None:
    wrong = next(one for one in scenarios("") if one.key == "d")
    # Another order of fields is another revision: the demo's own one is rejected by now.
    wrong = type(wrong)(
        wrong.key,
        wrong.title,
        wrong.ending,
        {**wrong.serve, "args": []} | {"env": [*wrong.serve["env"], {"name": "AGAIN", "value": "1"}]},
    )
    killer = kill_when(scene, "RollingBack", 1)
    outcome = scene.releases.run(wrong)
    killer.join()
    assert outcome.record is not None
    assert outcome.record.state == "RolledBack"
    assert outcome.problems == ()
