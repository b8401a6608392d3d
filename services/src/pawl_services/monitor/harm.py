"""When the candidate first did something worse than it could have (t0): the earliest answer that was slow or wrong."""

from collections import Counter
from collections.abc import Iterable, Sequence

from pawl.evidence import CANDIDATE
from pawl.margins import ACCURACY, SATISFACTION
from pawl.scoring.labels import thumb_of, truth_of
from pawl.scoring.registry import SCORERS
from pawl_services.db.reader import Feedback, Interaction
from pawl_services.monitor.closing import score_answer
from pawl_services.monitor.release import Release
from pawl_services.monitor.windows import Fact

APART = 100


def answered_at(time: int, received_at: int) -> int:
    """When an answer was given: the client's word for it, but never after it was received."""
    return min(time, received_at)


def earliest(times: Iterable[int | None]) -> int | None:
    """The first of some moments, None where there is none."""
    return min((moment for moment in times if moment is not None), default=None)


def first_slow(facts: Iterable[Fact], threshold: float) -> int | None:
    """When the candidate was first slower than `threshold` milliseconds."""
    return earliest(
        answered_at(fact.time, fact.received_at)
        for fact in facts
        if fact.arm == CANDIDATE and fact.latency_ms is not None and fact.latency_ms > threshold
    )


def ever_slower(kept: Sequence[Fact], fact: Fact) -> list[Fact]:
    """`kept`, and `fact` if it was slower than all before by more than one part in `APART`: whatever slow will turn
    out to mean, the first slow answer is among these, and they are few (latencies span a day: under two thousand).
    """
    slowest = kept[-1].latency_ms if kept else None
    if fact.latency_ms is None or (slowest is not None and fact.latency_ms <= slowest * (1 + 1 / APART)):
        return list(kept)
    return [*kept, fact]


def first_wrong(release: Release, pairs: Iterable[tuple[Interaction, Feedback]]) -> int | None:
    """When the candidate first gave an answer that any single piece of feedback calls less than right."""
    return earliest(
        answered_at(interaction.time, interaction.received_at)
        for interaction, feedback in pairs
        if interaction.arm == CANDIDATE and _worse(release, interaction, feedback)
    )


def _worse(release: Release, interaction: Interaction, feedback: Feedback) -> bool:
    if SATISFACTION in release.metrics and thumb_of([feedback]) is False:
        return True
    truth = truth_of([feedback], interaction.output, release.labels) if ACCURACY in release.metrics else None
    if truth is None:
        return False
    score = score_answer(release, interaction.output, truth.value, Counter())
    return score is not None and not SCORERS[release.score].best(score)
