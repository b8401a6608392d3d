"""New examples of a LearningLoop as the monitor counts them: Prometheus samples read into checked counts.

A count is used only if one monitor says it, and says when it looked; otherwise the flaw is named, and a flawed count
is unknown, never 0.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite

from pawl.evidence import Flaw, Sample

PREFIX = "pawl_learning_"
COUNT = f"{PREFIX}new_examples"
COMPUTED = f"{PREFIX}computed_timestamp_seconds"
UID = "uid"
_LATEST = 253402300799.0


@dataclass(frozen=True, slots=True)
class NewExamples:
    """What the monitor says about one LearningLoop."""

    count: int = 0
    """Examples whose label was received after status.learnedUntil; means nothing where there is a flaw."""
    computed_at: datetime | None = None
    """When the monitor read the loop for which it then counted, in UTC."""
    flaw: Flaw | None = None
    """Why the count cannot be trusted; None: it can."""


def parse_new_examples(samples: Iterable[Sample]) -> dict[str, NewExamples]:
    """Return the counts by object uid; samples of other metrics, or without a uid, are ignored."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.name in (COUNT, COMPUTED) and sample.labels.get(UID):
            groups[sample.labels[UID]].append(sample)
    return {uid: _read(group) for uid, group in groups.items()}


def _read(group: Sequence[Sample]) -> NewExamples:
    values = {sample.name: sample.value for sample in group}
    if len({sample.labels.get("instance", "") for sample in group}) > 1:
        return NewExamples(flaw=Flaw.TWO_SOURCES)
    if len(values) != len(group):
        return NewExamples(flaw=Flaw.DUPLICATE)
    if values.keys() != {COUNT, COMPUTED}:
        return NewExamples(flaw=Flaw.INCOMPLETE)
    count, computed = values[COUNT], values[COMPUTED]
    if not isfinite(count) or count < 0 or not 0 <= computed <= _LATEST:
        return NewExamples(flaw=Flaw.NON_FINITE)
    return NewExamples(int(count), datetime.fromtimestamp(computed, UTC))
