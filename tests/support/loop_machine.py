"""A LearningLoop to which anything may happen in any order: whatever it is, some things never do."""

from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from loop_world import LIVE, LoopWorld, spec, version

from pawl_operator.kinds.learning_loop.decide import decide

SPANS = st.integers(1, 60 * 24 * 3).map(lambda minutes: timedelta(minutes=minutes))
SURVIVED = st.none() | st.integers(0, 3)
ENDED_RELEASES = st.sampled_from(["Promoted", "RolledBack", "Superseded", "Aborted"])


class AnythingLearned(RuleBasedStateMachine):
    """One LearningLoop among people, trainings, Experiments, a Rollout, outages and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.world = LoopWorld(wire=spec(historyLimits={"successful": 1, "failed": 1}))
        self.learned: datetime | None = None
        self.world.label(100)
        self.world.settle()

    def settle(self, survived: int | None) -> None:
        """Look at it again, at first with an operator that dies after some writes."""
        if survived is not None:
            self.world.reconcile(stop_after=survived)
            self.never_two_active_children()
        self.world.settle()

    # What happens

    @rule(count=st.integers(50, 150), survived=SURVIVED)
    def people_correct_answers(self, count: int, survived: int | None) -> None:
        self.world.advance(timedelta(minutes=15))
        self.world.label(count)
        self.settle(survived)

    @rule(span=SPANS)
    def time_passes(self, span: timedelta) -> None:
        self.world.advance(span)

    @precondition(lambda self: self.trainings())
    @rule(
        end=st.sampled_from(["Registered", "Registered", "Registered", "Same", "Refused", "Nothing", "Failed"]),
        survived=SURVIVED,
    )
    def a_training_ends(self, end: str, survived: int | None) -> None:
        for number in self.trainings():
            match end:
                case "Registered":
                    self.world.train(number)
                case "Same":
                    self.world.train(number, registered=version(1).to_wire())
                case "Refused":
                    self.world.train(number, gate={"passed": False})
                case "Nothing":
                    self.world.train(number, gate={"passed": True})
                case _:
                    self.world.train(number, "Failed")
        self.settle(survived)

    @precondition(lambda self: self.trials())
    @rule(decision=st.sampled_from(["Ship", "Ship", "Ship", "Reject", "Invalid"]), survived=SURVIVED)
    def an_experiment_is_decided(self, decision: str, survived: int | None) -> None:
        for number in self.trials():
            self.world.decided(number, decision)
        self.settle(survived)

    @precondition(lambda self: "candidate" in self.world.rollout_spec and not self.live())
    @rule(survived=SURVIVED)
    def the_rollout_begins_a_release(self, survived: int | None) -> None:
        self.world.release()
        self.settle(survived)

    @precondition(lambda self: self.live())
    @rule(outcome=ENDED_RELEASES, survived=SURVIVED)
    def the_release_ends(self, outcome: str, survived: int | None) -> None:
        self.world.release_ends(outcome, "" if outcome == "Promoted" else "HarmProven")
        self.settle(survived)

    @precondition(lambda self: not self.live())
    @rule(number=st.integers(1, 4))
    def somebody_sets_a_candidate(self, number: int) -> None:
        self.world.approve(number)
        self.world.settle()

    @precondition(lambda self: self.world.children)
    @rule(data=st.data(), mercy=st.integers(0, 5))
    def somebody_deletes_a_child(self, data: st.DataObject, mercy: int) -> None:
        # Mostly not: a loop whose children are always deleted shows little else.
        if mercy == 0:
            del self.world.children[data.draw(st.sampled_from(sorted(self.world.children)))]
            self.world.settle()

    @rule(
        change=st.sampled_from(
            [
                {"approval": "Manual"},
                {"approval": "Automatic"},
                {"stage": "None"},
                {"stage": "Live"},
                {"concurrencyPolicy": "Replace"},
                {"concurrencyPolicy": "Forbid"},
                {"schedule": "30 * * * *"},
                {"schedule": None},
            ]
        )
    )
    def somebody_edits_the_spec(self, change: dict[str, object]) -> None:
        self.world.edit(**change)
        self.world.settle()

    @rule(which=st.sampled_from(["prometheus_up", "monitor_up", "rollout_there"]), span=SPANS)
    def something_is_gone_for_a_while(self, which: str, span: timedelta) -> None:
        setattr(self.world, which, False)
        self.world.settle()
        self.world.advance(span)
        setattr(self.world, which, True)
        self.world.settle()

    @rule(span=SPANS)
    def somebody_suspends_it_for_a_while(self, span: timedelta) -> None:
        self.world.edit(suspend=True)
        self.world.settle()
        self.world.advance(span)
        self.world.edit(suspend=False)
        self.world.settle()

    @rule(survived=st.integers(0, 3))
    def the_operator_is_killed(self, survived: int) -> None:
        self.world.reconcile(stop_after=survived)
        self.never_two_active_children()
        self.world.advance(timedelta(seconds=20))

    # What never happens

    @invariant()
    def never_two_active_children(self) -> None:
        assert len(self.world.active()) <= 1, self.world.active()

    @invariant()
    def an_active_child_belongs_to_a_turn_under_way(self) -> None:
        assert self.world.active() in ([], [self.world.status.active])

    @invariant()
    def nothing_that_was_learned_from_counts_as_new_again(self) -> None:
        until = self.world.status.learned_until
        assert self.learned is None or (until is not None and until >= self.learned)
        self.learned = until

    @invariant()
    def turns_are_numbered_without_repetition(self) -> None:
        status = self.world.status
        under_way = [turn.number for turn in status.turns]
        ended = [record.turn for record in status.history]
        assert len({*under_way, *ended}) == len(under_way) + len(ended)
        assert max([*under_way, *ended], default=0) <= status.turn

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        status = self.world.status
        assert len(status.history) <= 20
        states = sorted(
            "Active" if turn.state in ("Training", "Experimenting") else turn.state for turn in status.turns
        )
        assert len(states) == len(set(states))
        assert len(self.world.children) <= 4 + 2 * len(status.turns)

    @invariant()
    def without_evidence_or_a_person_nothing_becomes_the_candidate(self) -> None:
        for plan in self.world.plans[-20:]:
            for action in plan.actions:
                if type(action).__name__ == "SetCandidate":
                    turn = next(turn for turn in plan.status.turns if turn.registered == action.version)
                    trial = self.world.children.get(("Experiment", turn.number), {}).get("status", {})
                    assert turn.state == "Releasing"
                    assert not turn.experiment or not trial or trial["decision"] == "Ship"

    @invariant()
    def deciding_twice_gives_the_same_and_then_rests(self) -> None:
        first, second = (decide(self.world.snapshot(), self.world.now) for _ in range(2))
        assert first == second
        self.world.settle()
        rested = decide(self.world.snapshot(), self.world.now)
        assert (rested.status, rested.events, rested.actions) == (self.world.status, (), ())

    def trainings(self) -> list[int]:
        """Turns whose TrainingRun is at work."""
        return self._at_work("TrainingRun")

    def trials(self) -> list[int]:
        """Turns whose Experiment is at work."""
        return self._at_work("Experiment")

    def live(self) -> bool:
        """Whether the Rollout has a release on its way."""
        return self.world.rollout_status.get("release", {}).get("state") in LIVE

    def _at_work(self, kind: str) -> list[int]:
        found = self.world.children.items()
        return [number for (one, number), body in found if one == kind and not body["status"]]
