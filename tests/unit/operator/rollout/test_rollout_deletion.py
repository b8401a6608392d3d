"""Deleted in mid-release: back to stable, verified, gone; never blocked for longer than five minutes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_world import RolloutWorld, adopted

from pawl_operator.kinds.rollout.actions import FINALIZER

DAY = timedelta(days=1)


def started(state: str, **changes) -> RolloutWorld:
    world = adopted(**changes)
    world.candidate("new")
    world.run(lambda w: w.status.release is not None and w.status.release.state == state, 20 * DAY)
    world.settle()
    return world


def test_the_finalizer_is_there_only_while_a_release_is_on_its_way():
    world = adopted()
    assert FINALIZER not in world.finalizers
    world.candidate("new")
    world.run(lambda w: w.candidate_weight == 10, timedelta(hours=1))
    assert FINALIZER in world.finalizers
    world.run(lambda w: w.status.release.state == "Promoted", 20 * DAY)
    world.settle()
    assert FINALIZER not in world.finalizers


@pytest.mark.parametrize("state", ["Preparing", "Progressing", "Baking"])
def test_traffic_is_verified_at_stable_before_the_object_goes(state):
    world = started(state)
    stable = world.status.stable.revision
    world.delete()
    world.gateway_up = False
    world.advance(timedelta(seconds=30))
    world.settle()
    held = FINALIZER in world.finalizers
    assert [(b.revision, b.weight) for b in world.backends] == [(stable, 100)]
    assert held == (state != "Preparing") or not world.gone
    world.gateway_up = True
    world.run(lambda w: w.gone, timedelta(minutes=1))


def test_a_dead_gateway_blocks_for_five_minutes_at_most():
    world = started("Progressing")
    world.gateway_up = False
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=7))
    assert world.now - world.deleting_since >= timedelta(minutes=5)
    assert world.candidate_weight == 0


@pytest.mark.parametrize(("policy", "owned"), [("Orphan", False), ("Delete", True)])
def test_orphan_leaves_stable_serving(policy, owned):
    world = started("Progressing", deletionPolicy=policy)
    assert world.pods[world.revision("old")].wanted.owned is owned
    assert world.pods[world.revision("new")].wanted.owned is True
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=1))


def test_after_a_promotion_the_new_stable_is_the_one_that_stays():
    world = started("Baking")
    world.stay(timedelta(minutes=1))
    new = world.revision("new")
    assert world.pods[new].wanted.owned is False
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=1))
    assert list(world.pods) == [new]


def test_a_stable_that_still_has_an_owner_is_not_left_to_garbage_collection():
    world = adopted()
    new = world.candidate("new")
    world.run(lambda w: w.status.release is not None and w.status.traffic.verified == 100, 20 * DAY)
    while world.status.release.state != "Baking":
        world.advance(timedelta(minutes=30))
        world.reconcile()
    assert world.pods[new].wanted.owned, "promoted in this very pass"
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=1))
    assert list(world.pods) == [new]
    assert not world.pods[new].wanted.owned


def test_a_stable_that_cannot_be_handed_over_is_waited_for_no_longer_than_for_the_gateway(monkeypatch):
    world = started("Progressing")
    old = world.pods[world.revision("old")]
    monkeypatch.setattr(world, "_ensure", lambda _: None)
    old.wanted = replace(old.wanted, owned=True)
    world.delete()
    world.stay(timedelta(minutes=4))
    assert not world.gone
    assert "has no owner" in world.status.message
    world.run(lambda w: w.gone, timedelta(minutes=2))
    assert [note.reason for note in world.events][-1] == "DeletionTimedOut"


def test_without_a_release_nothing_is_waited_for():
    world = adopted()
    world.delete()
    world.settle()
    assert world.plans[-1].actions == ()
