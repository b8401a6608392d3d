"""How many new examples there are, how many it takes, and when they will be there."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pawl.api.learning_loop import LearningLoopSpec
from pawl.durations import parse_duration
from pawl.verdicts import SKEW_LIMIT
from pawl_operator.kinds.learning_loop.draft import LATER, Draft
from pawl_operator.kinds.learning_loop.reasons import Reason


@dataclass(frozen=True, slots=True)
class Need:
    """The need as it is known in this pass."""

    have: int | None
    """New examples, less those that a training on its way already has; None: unknown."""
    need: int
    """New examples that start a training now."""
    reason: Reason
    """Why the count is known, or is not."""
    message: str

    @property
    def reached(self) -> bool:
        """Whether there are enough; what is unknown is never enough."""
        return self.have is not None and self.have >= self.need


def look(draft: Draft) -> Need:
    """Judge the count, and write have, need and expectedAt into the status."""
    counted, reason, message = _count(draft)
    training = draft.turn_in("Training")
    if counted is not None and training is not None:
        counted = max(0, counted - training.examples)
    since = learning_since(draft)
    found = Need(counted, needed(draft.spec, since, draft.now), reason, message)
    draft.set(have=found.have, need=found.need, expected_at=_expected(draft, found, since))
    draft.wake(since + parse_duration(draft.spec.or_after))
    return found


def learning_since(draft: Draft) -> datetime:
    """Return from when on examples count as new: the training on its way, the last one, or the loop's creation."""
    training = draft.turn_in("Training")
    if training is not None:
        return training.started_at
    return draft.status.learned_until or draft.seen.created_at


def needed(spec: LearningLoopSpec, since: datetime, now: datetime) -> int:
    """Return how many examples it takes: minNewExamples, and once orAfter is over only floor."""
    return spec.floor if now - since >= parse_duration(spec.or_after) else spec.min_new_examples


def expected(spec: LearningLoopSpec, have: int, since: datetime, now: datetime) -> datetime | None:
    """Return when the need will be reached if examples go on coming as they did since ``since``; None: nobody knows."""
    span = (now - since).total_seconds()
    if have <= 0 or span <= 0:
        return None
    full = _after(since, span * spec.min_new_examples / have)
    low = max(since + parse_duration(spec.or_after), _after(since, span * spec.floor / have))
    return max(now, min(full, low)).replace(microsecond=0)


def _after(since: datetime, seconds: float) -> datetime:
    # Centuries are as good as never, and more than a datetime can hold.
    return since + timedelta(seconds=min(seconds, 4e9))


def _expected(draft: Draft, found: Need, since: datetime) -> datetime | None:
    """Keep the date until something is counted anew: one that moves with the clock would be written for ever."""
    before = draft.status
    if found.have is None or found.reached:
        return None
    kept = before.expected_at
    if kept is not None and kept > draft.now and (before.have, before.need) == (found.have, found.need):
        return kept
    return expected(draft.spec, found.have, since, draft.now)


def _count(draft: Draft) -> tuple[int | None, Reason, str]:
    seen, now = draft.seen, draft.now
    if seen.asked_at is None or seen.asked_at < seen.created_at:
        draft.wake(LATER)
        return None, Reason.NOT_ASKED, "Prometheus has not yet been asked for the number of new examples"
    if seen.fresh_at is None or now - seen.fresh_at > seen.max_age:
        return None, Reason.QUERY_FAILED, "Prometheus does not answer: the number of new examples is unknown"
    draft.wake(seen.fresh_at + seen.max_age + timedelta(seconds=1))
    counted = seen.examples
    if counted is None:
        return None, Reason.NOT_COUNTED, "the monitor does not count examples of this loop (yet): is it running?"
    if counted.flaw is not None:
        return None, Reason(counted.flaw.value), "Prometheus holds a count of new examples that cannot be trusted"
    return _timely(draft, counted.count, counted.computed_at or seen.fresh_at)


def _timely(draft: Draft, count: int, at: datetime) -> tuple[int | None, Reason, str]:
    seen, now, learned = draft.seen, draft.now, draft.status.learned_at
    if at - now > SKEW_LIMIT:
        return None, Reason.CLOCK_SKEW, f"the monitor's clock is {(at - now).total_seconds():.0f} s ahead"
    if now - at > seen.max_age:
        return None, Reason.COUNT_STALE, f"the monitor last counted new examples at {at:%Y-%m-%d %H:%M:%S}"
    if learned is not None and at < learned + SKEW_LIMIT:
        # By its clock, which may be that much ahead, it may have read the learnedUntil that was there before.
        draft.wake(LATER)
        return None, Reason.RECOUNTING, "the monitor counts anew since the last training"
    return count, Reason.COUNTED, f"the monitor counts {count} new examples"
