"""The operator is killed after every single action and before every status write: the end is always the same."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from rollout_world import RolloutWorld, spec

DAY = timedelta(days=1)
HOLD = timedelta(hours=2)
STEPS = [{"setWeight": weight, "hold": "2h"} for weight in (10, 50, 100)]


class Killed(RolloutWorld):
    """A world whose operator dies in pass number `fatal` after `survived` actions, and starts again with the old
    status.
    """

    fatal = -1
    survived = 0
    passes = 0

    def reconcile(self, stop_after: int | None = None):
        self.passes += 1
        if self.passes == self.fatal:
            super().reconcile(stop_after=self.survived)
            # The next process begins with a pass over everything, so soon that nothing has settled meanwhile.
            self.advance(timedelta(seconds=2))
        return super().reconcile(stop_after)


def harmless(world: RolloutWorld) -> None:
    world.run(lambda w: w.status.release.state == "Promoted" and w.status.phase == "Healthy", 20 * DAY)


def harmful(world: RolloutWorld) -> None:
    world.run(lambda w: w.status.release.step == 2 and w.status.release.step_started_at is not None, 20 * DAY)
    world.accuracy[world.revision("new")] = 0.2
    world.run(lambda w: w.status.release.state == "RolledBack", 20 * DAY)


def harmful_at_the_end(world: RolloutWorld) -> None:
    world.run(lambda w: w.status.release.state == "Baking" and w.places == (100, 0), 20 * DAY)
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack" and w.places == (1, 999_999), 20 * DAY)


def superseded(world: RolloutWorld) -> None:
    world.run(lambda w: w.status.release.step == 1 and w.status.release.step_started_at is not None, 20 * DAY)
    world.candidate("newer")
    world.run(lambda w: w.status.release.number == 2 and w.candidate_weight == 10, 20 * DAY)


def deleted(world: RolloutWorld) -> None:
    world.run(lambda w: w.status.release.step == 1 and w.status.release.step_started_at is not None, 20 * DAY)
    world.delete()
    world.run(lambda w: w.gone, DAY)


STORIES = [harmless, harmful, harmful_at_the_end, superseded, deleted]


def play(
    story: Callable[[RolloutWorld], None], programs_after: timedelta, fatal: int = -1, survived: int = 0
) -> Killed:
    world = Killed(spec(steps=STEPS, bake={"duration": "1h"}), users_per_hour=2000.0)
    world.programs_after = programs_after
    world.fatal, world.survived = fatal, survived
    world.run(lambda w: w.status.stable is not None, DAY)
    world.cold_starts.clear()
    world.candidate("new")
    world.settle()
    story(world)
    if not world.gone:
        world.stay(timedelta(minutes=2))
    return world


def outcome(world: RolloutWorld) -> tuple[object, ...]:
    status = world.status
    release = status.release
    return (
        [weight for _, weight in world.weights],
        release.number,
        release.state,
        release.cause,
        status.stable.revision,
        sorted(world.pods),
        [(r.revision, r.reason, r.release) for r in status.rejected],
        [(h.release, h.outcome) for h in status.history],
        [(b.arm, b.revision, b.weight) for b in world.backends],
        world.gone,
    )


def raised(world: RolloutWorld) -> list[tuple[datetime, int]]:
    return [(at, weight) for at, weight in world.weights if weight]


@pytest.mark.parametrize("gateway", [timedelta(0), timedelta(seconds=1)], ids=["confirms at once", "confirms later"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_kill_anywhere_changes_nothing_in_the_end(story, gateway):
    calm = play(story, gateway)
    wanted = outcome(calm)
    kills = [
        (number, survived)
        for number, plan in enumerate(calm.plans, 1)
        for survived in range(len(plan.actions) + 1)
        if plan.actions or survived or _changed(calm, number)
    ]
    assert len(kills) > 15
    for fatal, survived in kills:
        world = play(story, gateway, fatal, survived)
        assert outcome(world) == wanted, f"killed in pass {fatal} after {survived} actions"
        assert world.cold_starts == [], f"people met a place that was not warm after a kill in pass {fatal}"
        for (before, _), (after, weight) in pairwise(raised(world)):
            assert after - before >= HOLD or weight == 10, f"weight {weight} came early after a kill in pass {fatal}"


def _changed(world: RolloutWorld, number: int) -> bool:
    now, before = world.plans[number - 1].status, world.plans[max(number - 2, 0)].status
    fields = ("release", "traffic", "stable", "rejected", "history", "rollback", "phase")
    return number < 2 or any(getattr(now, name) != getattr(before, name) for name in fields)
