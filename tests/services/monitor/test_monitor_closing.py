"""What is counted, when, and once: windows, labels, pairs, latency, first harm, on both databases."""

import pytest
from evidence_oracle import brute_pair
from evidence_world import CANDIDATE_REVISION, RIGHT, SECOND, WRONG, SetClockDatabase, World, make_release, micros

from pawl.evidence import CANDIDATE, STABLE
from pawl_services.monitor.header import Header
from pawl_services.monitor.store import Evidence, load
from pawl_services.monitor.track import Track


def start(database: SetClockDatabase, **changes: object) -> tuple[World, Track]:
    release = make_release(**changes)
    return World(database, release), Track(database, Evidence(Header.new(release)))


def reopened(database: SetClockDatabase, track: Track) -> Track:
    with database.read() as connection:
        evidence = load(connection, *track.header.release.key)
    assert evidence is not None
    return Track(database, evidence)


def advance(track: Track, at: float) -> Track:
    while not track.advance(micros(at)):
        pass
    return track


def test_user_counts_when_window_and_label_delay_are_over(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge(world.say("ada", "candidate", 1, output=WRONG), 2)
    assert (1, "accuracy") not in advance(track, 15.99).groups
    totals = advance(track, 16).groups[1, "accuracy"].totals
    assert totals.arm(CANDIDATE).users == 1
    # One wrong span and one missed: 0 of 2.
    assert (totals.arm(CANDIDATE).mean, totals.arm(CANDIDATE).denominator_mean) == (0, 2)
    assert totals.arm(STABLE).users == 0


def test_interactions_after_the_window_and_labels_after_the_delay_do_not_count(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge(world.say("ada", "stable", 0), 14.99)
    world.judge(world.say("ada", "stable", 9.99, output=WRONG), 15.01)
    world.judge(world.say("ada", "stable", 10, output=WRONG), 11)
    arm = advance(track, 60).groups[1, "accuracy"].totals.arm(STABLE)
    assert (arm.users, arm.mean, arm.denominator_mean) == (1, 2, 2)


def test_user_counts_once_a_step_and_again_in_the_next(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge(world.say("ada", "stable", 0), 1)
    advance(track, 20)
    world.judge(world.say("ada", "stable", 30, output=WRONG), 31)
    world.judge(world.say("ada", "stable", 32, step=2), 33)
    groups = advance(reopened(database, track), 80).groups
    assert groups[1, "accuracy"].totals.arm(STABLE).users == 1
    assert groups[1, "accuracy"].batch == 1
    assert groups[2, "accuracy"].totals.arm(STABLE).users == 1


def test_late_label_changes_nothing_that_was_counted(database: SetClockDatabase) -> None:
    world, track = start(database)
    answer = world.say("ada", "stable", 0)
    world.judge(answer, 1)
    before = advance(track, 20).groups[1, "accuracy"]
    world.judge(answer, 21, truth=WRONG)
    assert advance(track, 60).groups[1, "accuracy"] == before


def test_the_last_word_counts_whatever_came_in_first(database: SetClockDatabase) -> None:
    world, track = start(database)
    answer = world.say("ada", "stable", 1)
    world.judge(answer, 2, truth=RIGHT, time=micros(9))
    world.judge(answer, 3, truth=WRONG, time=micros(4))
    assert advance(track, 60).groups[1, "accuracy"].totals.arm(STABLE).mean == 2


def test_label_may_come_before_its_interaction(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge("7b7d8c2e-0000-4000-8000-000000000001", 0.5)
    advance(track, 1)
    world.say("ada", "candidate", 2, output=WRONG, id="7b7d8c2e-0000-4000-8000-000000000001")
    track = advance(track, 60)
    assert track.groups[1, "accuracy"].totals.arm(CANDIDATE).users == 1
    assert track.header.first_harm == micros(2)


def test_feedback_marked_as_no_evidence_and_users_without_labels_are_left_out(database: SetClockDatabase) -> None:
    world, track = start(database)
    answer = world.say("ada", "stable", 0)
    world.judge(answer, 1, value={"truth": RIGHT, "release_evidence": False})
    world.say("bob", "candidate", 0)
    totals = advance(track, 60).groups[1, "accuracy"].totals
    assert totals.arm(STABLE).users == totals.arm(CANDIDATE).users == 0
    assert totals.assigned == {"stable": 1, "candidate": 1}


def test_users_with_nothing_to_find_and_nothing_found_are_no_evidence(database: SetClockDatabase) -> None:
    world, track = start(database, pairing="Mirror")
    for number in range(9):
        answer = world.say(f"quiet{number}", "stable", 0, output=[])
        world.judge(answer, 1, truth=[])
        world.predict(answer, "candidate", 1, output=[])
    wrong = world.say("loud", "stable", 0, output=[])
    world.judge(wrong, 1, truth=[])
    world.predict(wrong, "candidate", 1, output=WRONG)
    totals = advance(track, 60).groups[1, "accuracy"].totals
    assert totals.arm(STABLE).users == 0
    assert totals.samples == {"stable": 0, "candidate": 0, "paired": 1}
    # One of the pair found what is not there: that tells them apart.
    assert totals.pairs.count == totals.labelled == 1
    assert totals.assigned["stable"] == 10


def test_people_under_another_pseudonym_key_are_not_counted_again(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge(world.say("ada", "stable", 0), 1)
    advance(track, 2)
    world.judge(world.say("ada-again", "stable", 3, key_id="k2"), 4)
    world.say("bob-again", "candidate", 3, key_id="k2")
    track = advance(reopened(database, track), 60)
    assert track.groups[1, "accuracy"].totals.assigned == {"stable": 1, "candidate": 0}
    assert track.header.exposed_requests == 0


def test_confirmation_means_that_what_was_shown_was_right(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge(world.say("ada", "stable", 0, output=WRONG), 1, kind="confirmation", value={})
    arm = advance(track, 60).groups[1, "accuracy"].totals.arm(STABLE)
    assert (arm.mean, arm.denominator_mean) == (2, 2)


def test_answers_of_other_revisions_releases_and_steps_are_nobodys(database: SetClockDatabase) -> None:
    world, track = start(database)
    # After a promotion the route stamps "stable" on what was the candidate.
    world.judge(world.say("ada", "stable", 0, revision=CANDIDATE_REVISION), 1)
    world.judge(world.say("bob", "stable", 0, release=2), 1)
    world.judge(world.say("cyd", "stable", 0, step=5), 1)
    world.judge(world.say("dan", "third", 0), 1)
    track = advance(track, 60)
    assert track.groups == {}
    assert track.header.exposed_requests == 0


def test_mirrored_answer_is_scored_against_the_same_truth_and_nothing_else(database: SetClockDatabase) -> None:
    world, track = start(database, pairing="Mirror", metrics=("accuracy", "latency"))
    for user, arm in (("ada", "stable"), ("bob", "candidate")):
        answer = world.say(user, arm, 0, output=RIGHT if arm == "stable" else WRONG)
        world.judge(answer, 1)
        # Both servers get a copy; the live arm's own is not a second opinion.
        world.predict(answer, "stable", 0.1, output=RIGHT)
        world.predict(answer, "candidate", 0.1, output=WRONG, latency_ms=9_999.0)
    world.predict(world.say("cyd", "stable", 0), "candidate", 0.1, output=WRONG)
    track = advance(track, 60)
    totals = track.groups[1, "accuracy"].totals
    pair = totals.paired()
    assert pair is not None
    assert (pair.users, pair.mean) == (2, -1.0)
    assert (totals.arm(STABLE).users, totals.arm(CANDIDATE).users) == (1, 1)
    assert totals.samples == {"stable": 1, "candidate": 1, "paired": 2}
    assert (track.header.exposed_users, track.header.exposed_requests) == (1, 1)


def test_one_user_in_both_arms_is_a_pair_where_requests_are_assigned(database: SetClockDatabase) -> None:
    world, track = start(database, mode="RequestWeights")
    wanted = []
    for number, (good, bad) in enumerate([(3, 1), (2, 2), (1, 3)]):
        for index in range(good):
            world.judge(world.say(f"u{number}", "stable", index / 10), 5)
        for index in range(bad):
            world.judge(world.say(f"u{number}", "candidate", index / 10, output=WRONG if index % 2 else RIGHT), 5)
        correct = (bad + 1) // 2
        wanted.append((2.0 * correct, 2.0 * bad, 2.0 * good, 2.0 * good))
    world.judge(world.say("only-stable", "stable", 0), 5)
    totals = advance(track, 60).groups[1, "accuracy"].totals
    pair = totals.paired()
    assert pair is not None
    assert (pair.mean, pair.m2) == pytest.approx(brute_pair(wanted))
    assert pair.users == 3
    assert totals.arm(STABLE).users == 4
    assert "srm" not in track.groups[1, "accuracy"].log_e
    assert totals.samples == {"stable": 7, "candidate": 6, "paired": 0}


def test_latency_waits_until_slow_is_known_and_then_counts_everybody(database: SetClockDatabase) -> None:
    world, track = start(database, metrics=("latency", "accuracy"))
    for number in range(49):
        world.say(f"s{number}", "stable", number / 100, latency_ms=100.0 + number)
    world.say("slow", "candidate", 0.5, latency_ms=500.0)
    track = reopened(database, advance(track, 40))
    assert track.header.threshold is None
    assert (1, "latency") not in track.groups
    assert track.groups[1, "accuracy"].totals.assigned == {"stable": 49, "candidate": 1}
    world.say("s49", "stable", 50, latency_ms=149.0)
    track = reopened(database, advance(track, 90))
    # Nearest rank: the 48th of 100..149 is 147.
    assert track.header.threshold == pytest.approx(1.3 * 147)
    totals = track.groups[1, "latency"].totals
    assert (totals.arm(STABLE).users, totals.arm(CANDIDATE).users) == (50, 1)
    assert (totals.arm(CANDIDATE).mean, totals.arm(STABLE).mean) == (1, 0)
    assert totals.samples == {"stable": 50, "candidate": 1, "paired": 0}
    assert track.header.first_harm == micros(0.5)
    assert track.groups[1, "accuracy"].totals.assigned == {"stable": 50, "candidate": 1}


def test_answers_without_a_latency_do_not_wait_for_what_slow_means(database: SetClockDatabase) -> None:
    world, track = start(database, metrics=("latency",))
    for number in range(20):
        world.say(f"u{number}", "candidate", number / 10, latency_ms=None)
    track = advance(track, 60)
    assert track.open_windows == 0
    totals = track.groups[1, "latency"].totals
    assert (totals.assigned["candidate"], totals.arm(CANDIDATE).users) == (20, 0)
    assert track.header.threshold is None


def test_slow_is_frozen_for_the_release(database: SetClockDatabase) -> None:
    world, track = start(database, metrics=("latency",))
    for number in range(50):
        world.say(f"s{number}", "stable", number / 100, latency_ms=100.0)
    frozen = advance(track, 5).header.threshold
    for number in range(200):
        world.say(f"t{number}", "stable", 6 + number / 1000, latency_ms=900.0)
    assert advance(reopened(database, track), 60).header.threshold == frozen == pytest.approx(130.0)


def test_satisfaction_is_thumbs_up_of_those_answered(database: SetClockDatabase) -> None:
    world, track = start(database, metrics=("satisfaction",))
    for up, at in ((True, 0), (False, 1), (True, 2)):
        world.judge(world.say("ada", "candidate", at), at + 0.5, kind="thumbs", value={"up": up})
    world.say("ada", "candidate", 3)
    track = advance(track, 60)
    totals = track.groups[1, "satisfaction"].totals
    arm = totals.arm(CANDIDATE)
    assert (arm.users, arm.mean, arm.denominator_mean) == (1, 2, 3)
    assert totals.samples["candidate"] == 3
    assert track.header.first_harm == micros(1)


def test_first_harm_is_the_earliest_whatever_the_order_of_labels(database: SetClockDatabase) -> None:
    world, track = start(database)
    first = world.say("ada", "candidate", 1, output=WRONG, time=micros(0.7))
    second = world.say("bob", "candidate", 3, output=WRONG)
    world.judge(world.say("cyd", "stable", 0, output=WRONG), 2)
    world.judge(second, 4)
    assert advance(track, 5).header.first_harm == micros(3)
    world.judge(first, 8)
    assert advance(reopened(database, track), 9).header.first_harm == micros(0.7)


def test_exposure_counts_every_request_and_every_user_once(database: SetClockDatabase) -> None:
    world, track = start(database)
    for at in (0, 1, 2):
        world.say("ada", "candidate", at)
        track = reopened(database, advance(track, at + 0.5))
    world.say("ada", "candidate", 3, step=2)
    world.say("bob", "candidate", 3)
    world.say("cyd", "stable", 3)
    header = advance(track, 9).header
    assert (header.exposed_users, header.exposed_requests) == (2, 5)


def test_after_the_end_windows_close_but_no_new_one_opens(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge(world.say("ada", "stable", 0), 1)
    advance(track, 2).end(micros(2))
    world.judge(world.say("bob", "stable", 3), 4)
    track = advance(reopened(database, track), 60)
    assert track.groups[1, "accuracy"].totals.arm(STABLE).users == 1


def test_erased_interaction_is_as_if_it_had_no_label(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge(world.say("ada", "stable", 0, output=WRONG), 1)
    advance(track, 2)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM interactions")
    totals = advance(track, 60).groups[1, "accuracy"].totals
    assert totals.arm(STABLE).users == 0
    assert totals.assigned["stable"] == 1


def test_truth_that_no_score_can_use_is_counted_and_skipped(database: SetClockDatabase) -> None:
    world, track = start(database)
    world.judge(world.say("ada", "stable", 0), 1, truth="Oslo")
    track = advance(track, 60)
    assert track.groups[1, "accuracy"].totals.arm(STABLE).users == 0
    assert track.skipped["truth"] == 1


def test_sample_ratio_is_tested_where_users_are_pinned(database: SetClockDatabase) -> None:
    world, track = start(database)
    for number in range(40):
        world.say(f"u{number}", "candidate" if number % 2 else "stable", number / 100, step=1 + number % 2)
    groups = advance(track, 60).groups
    assert groups[1, "accuracy"].log_e.keys() == {"srm"}
    assert groups[2, "accuracy"].log_e["srm"] > 0.1
    world.say("x", "candidate", 61, step=3)
    # At 100 percent there is nothing to compare.
    assert advance(track, 90).groups[3, "accuracy"].log_e == {}


def test_slices_end_between_receive_times(database: SetClockDatabase) -> None:
    world, _ = start(database)
    for number in range(23):
        world.judge(world.say(f"u{number}", "stable", number // 7), 6)
    track = Track(database, Evidence(Header.new(world.release)), slice_size=5)
    assert not track.advance(micros(60))
    assert track.header.cursor in {micros(0), micros(1), micros(2), micros(3)}
    assert advance(track, 60).groups[1, "accuracy"].totals.arm(STABLE).users == 23
    assert track.header.cursor == micros(60)
    assert track.header.closed - track.header.start >= 59 * SECOND
