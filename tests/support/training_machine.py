"""A TrainingRun to which anything may happen in any order: whatever it is, some things never do."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from training_world import TrainingWorld, pod, progress, report, spec

from pawl.api.training_run import TrainingRunStatus
from pawl_operator.kinds.training_run.actions import FINALIZER, StartAttempt
from pawl_operator.kinds.training_run.decide import decide
from pawl_operator.kinds.training_run.draft import open_attempt
from pawl_operator.kinds.training_run.reasons import FINAL, SUCCESSES, Reason

OUTCOMES = ("Succeeded", "GateRefused", "TooFewExamples", "Failed")
SPANS = st.sampled_from([1, 5, 20, 90, 700, 4000]).map(lambda seconds: timedelta(seconds=seconds))
BACKOFF = 1
ENGINES = ({"job": {}}, {"kubeRay": {}}, {"rayAddress": "http://ray:8265"})


class AnyTraining(RuleBasedStateMachine):
    """One TrainingRun among trainers, people, outages and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.world = TrainingWorld(spec(activeDeadline="3h", backoffLimit=BACKOFF))
        self.result: TrainingRunStatus | None = None
        self.reports: set[str] = set()
        self.lost = False
        self.checked = 0

    def _alive(self) -> bool:
        return bool(self.world.attempts) and self.world.newest.stage in ("Pending", "Running")

    # What happens

    @precondition(lambda self: not self.world.plans)
    @rule(engine=st.sampled_from(ENGINES))
    def the_run_is_made(self, engine: dict[str, object]) -> None:
        self.world.edit(engine=engine)
        self.world.settle()

    @rule(span=SPANS)
    def time_passes(self, span: timedelta) -> None:
        self.world.stay(span)

    @precondition(_alive)
    @rule()
    def pods_come_up(self) -> None:
        self.world.set_running()
        self.world.pods = ()
        self.world.settle()

    @precondition(_alive)
    @rule(change=st.sampled_from([{"unschedulable": "0/1: 1 didn't match", "wants_gpu": True}, {"image": "x"}, {}]))
    def a_pod_is_not_there(self, change: dict[str, object]) -> None:
        self.world.pods = (pod(self.world, **change),)
        self.world.settle()

    @precondition(lambda self: self._alive() and self.world.newest.stage == "Running")
    @rule(stage=st.sampled_from(["dataset", "train", "gate", "register"]), percent=st.floats(0, 100))
    def the_trainer_says_how_far_it_is(self, stage: str, percent: float) -> None:
        self.world.newest.text += progress(stage, percent)
        self.world.settle()

    @precondition(lambda self: self._alive() and self.world.newest.stage == "Running")
    @rule(outcome=st.sampled_from(OUTCOMES), ends=st.booleans(), settles=st.booleans())
    def the_trainer_reports(self, outcome: str, ends: bool, settles: bool) -> None:
        self.world.newest.text += report(outcome)
        self.reports.add(outcome)
        if ends:
            self.world.newest.stage = "Succeeded" if outcome in ("Succeeded", "GateRefused") else "Failed"
        if settles:
            self.world.settle()

    @precondition(_alive)
    @rule(memory=st.sampled_from([False, False, False, True]), waits=st.booleans())
    def the_trainer_crashes(self, memory: bool, waits: bool) -> None:
        self.world.pods = (pod(self.world, out_of_memory=memory),)
        self.world.end("Failed", "boom\n", "exit code 1")
        self.world.stay(timedelta(minutes=2 if waits else 0))

    @precondition(_alive)
    @rule()
    def the_head_dies_and_the_job_begins_anew(self) -> None:
        self.world.newest.text = ""
        self.world.newest.stage = "Pending"
        self.world.settle()

    @precondition(lambda self: bool(self.world.attempts))
    @rule()
    def the_log_is_gone(self) -> None:
        self.world.newest.log_gone = True
        self.world.settle()

    @rule(readable=st.booleans())
    def the_log_can_or_cannot_be_read(self, readable: bool) -> None:
        self.world.log_readable = readable
        self.world.settle()

    @precondition(lambda self: bool(self.world.attempts))
    @rule()
    def somebody_deletes_what_runs(self) -> None:
        del self.world.attempts[self.world.newest.number]
        self.world.settle()

    @rule(suspend=st.booleans())
    def somebody_suspends_or_resumes(self, suspend: bool) -> None:
        self.world.edit(suspend=suspend)
        self.world.settle()

    @rule(writes=st.integers(0, 4))
    def the_operator_is_killed(self, writes: int) -> None:
        self.world.reconcile(stop_after=writes)
        self._look_at_result()

    @rule(up=st.booleans())
    def the_engine_answers_or_not(self, up: bool) -> None:
        if "rayAddress" in self.world.wire["engine"]:
            self.world.unreachable = "" if up else "no answer"
        self.world.settle()

    @rule(there=st.booleans())
    def the_component_comes_or_goes(self, there: bool) -> None:
        self.world.component = TrainingWorld().component if there else None
        self.world.settle()

    @precondition(lambda self: self.result is None)
    @rule()
    def the_status_is_lost(self) -> None:
        self.world.lose_status()
        self.lost = True
        self.world.settle()

    # What never happens

    def _look_at_result(self) -> None:
        if self.result is None and self.world.status.finished_at is not None:
            self.result = self.world.status

    @invariant()
    def a_result_stands(self) -> None:
        self._look_at_result()
        if self.result is not None:
            assert self.world.status == self.result

    @invariant()
    def nothing_starts_after_the_end_or_while_suspended(self) -> None:
        for plan in self.world.plans[self.checked :]:
            starts = [action for action in plan.actions if isinstance(action, StartAttempt)]
            assert len(starts) <= 1
            assert not starts or plan.status.finished_at is None
            assert not starts or plan.status.phase != "Suspended"
        self.checked = len(self.world.plans)

    @invariant()
    def success_is_what_a_trainer_said(self) -> None:
        status = self.world.status
        if status.registered is not None or status.phase == "Succeeded":
            assert self.reports & {"Succeeded", "GateRefused"}
        if status.phase == "Succeeded":
            assert status.attempts[-1].reason in SUCCESSES
            assert (status.registered is not None) == (status.attempts[-1].reason == Reason.REGISTERED)

    @invariant()
    def attempts_are_counted(self) -> None:
        status = self.world.status
        numbers = [entry.number for entry in status.attempts]
        assert numbers == sorted(set(numbers))
        assert status.failures <= BACKOFF + 1
        if status.phase == "Failed" and status.attempts:
            assert status.failures > BACKOFF or status.attempts[-1].reason in FINAL or _refused(status)
        if not self.lost:
            failed = [entry for entry in status.attempts if entry.finished_at and entry.reason not in SUCCESSES]
            counted = [entry for entry in failed if entry.reason not in (Reason.SUSPENDED, Reason.READING_REPORT)]
            assert status.failures == len(counted)

    @invariant()
    def all_attempts_see_the_same_examples(self) -> None:
        if not self.lost:
            assert len({wanted.until for wanted in self.world.started}) <= 1

    @invariant()
    def no_attempt_is_made_twice(self) -> None:
        numbers = [wanted.number for wanted in self.world.started]
        assert self.lost or len(set(numbers)) == len(numbers)

    @invariant()
    def time_is_bounded(self) -> None:
        attempt = open_attempt(self.world.status)
        if attempt is not None and attempt.finished_at is None and not self.world.gone:
            spent = timedelta(seconds=self.world.status.active_seconds) + (self.world.now - attempt.started_at)
            assert spent <= timedelta(hours=3, seconds=10)

    @invariant()
    def at_rest_one_attempt_runs_at_most_and_nothing_is_left_to_do(self) -> None:
        if not self.world.plans or self.world.gone:
            return
        self.world.settle()
        self._look_at_result()
        if self.world.unreachable:
            return
        attempt = open_attempt(self.world.status)
        told = {entry.number: entry for entry in self.world.status.attempts}
        running = [one.number for one in self.world.attempts.values() if one.stage in ("Pending", "Running")]
        leaving = [number for number in running if attempt is None or number != attempt.number]
        assert all(self._may_leave_by_itself(told.get(number)) for number in leaving)
        plan = decide(self.world.snapshot(), self.world.now)
        assert plan.status == self.world.status
        assert not plan.events
        if "rayAddress" in self.world.wire["engine"] and attempt is not None:
            assert FINALIZER in self.world.finalizers

    def _may_leave_by_itself(self, attempt: object) -> bool:
        finished = getattr(attempt, "finished_at", None)
        return finished is not None and self.world.now - finished < timedelta(seconds=60)

    def teardown(self) -> None:
        """Whatever happened: in a world at peace the run comes to an end."""
        if not self.world.plans or self.world.gone:
            return
        self.world.unreachable, self.world.log_readable = "", True
        self.world.component = TrainingWorld().component
        self.world.edit(suspend=False)
        self.world.stay(timedelta(minutes=20))
        if self.world.status.finished_at is None:
            self._help_along()
        assert self.world.status.finished_at is not None, self.world.status.message
        self.world.stay(timedelta(minutes=5))
        assert not any(one.stage in ("Pending", "Running") for one in self.world.attempts.values())

    def _help_along(self) -> None:
        for _ in range(4):
            if open_attempt(self.world.status) is not None and self._alive():
                self.world.set_running()
                self.world.pods = ()
                self.world.newest.log_gone = False
                self.world.end("Succeeded", report())
            self.world.stay(timedelta(minutes=10))
            if self.world.status.finished_at is not None:
                return


def _refused(status: TrainingRunStatus) -> bool:
    return any(entry.type == "Accepted" and entry.status == "False" for entry in status.conditions)
