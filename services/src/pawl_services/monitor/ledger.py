"""A closed batch as rows of `evidence_batches`, one an arm, and back: the record from which every total can be redone.

stable, candidate   moments of the arm's users
paired              moments of the pairs, and on how many the candidate was worse or better
(empty)             everybody whose window closed, and the samples of all arms
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pawl.evidence import PAIRED
from pawl_services.monitor.moments import Moments
from pawl_services.monitor.totals import ARMS, Totals, samples_in

EVERYBODY = ""


class Entry(NamedTuple):
    """One row of one batch."""

    arm: str
    users: int
    sums: dict[str, Any]


def entries_of(batch: Totals) -> list[Entry]:
    """The rows of a batch; arms without users have none."""
    everybody = {
        "assigned": dict(batch.assigned),
        "labelled": batch.labelled,
        "firstOpened": batch.first_opened,
        "lastClosed": batch.last_closed,
        "samples": dict(batch.samples),
    }
    entries = [Entry(EVERYBODY, sum(batch.assigned.values()), everybody)]
    entries += [Entry(arm, batch.arms[arm].count, batch.arms[arm].to_json()) for arm in ARMS if batch.arms[arm].count]
    if batch.pairs.count:
        signs = {"worse": batch.worse, "better": batch.better}
        entries.append(Entry(PAIRED, batch.pairs.count, batch.pairs.to_json() | signs))
    return entries


def batch_of(entries: Iterable[Entry]) -> Totals:
    """The batch that some rows, all of one batch, stand for."""
    sums: Mapping[str, dict[str, Any]] = {entry.arm: entry.sums for entry in entries}
    everybody, paired = sums[EVERYBODY], sums.get(PAIRED)
    return Totals(
        arms={arm: Moments.from_json(sums[arm]) if arm in sums else Moments.none(2) for arm in ARMS},
        pairs=Moments.from_json(paired) if paired else Moments.none(4),
        worse=int(paired["worse"]) if paired else 0,
        better=int(paired["better"]) if paired else 0,
        assigned={arm: int(everybody["assigned"][arm]) for arm in ARMS},
        labelled=int(everybody["labelled"]),
        first_opened=everybody["firstOpened"],
        last_closed=everybody["lastClosed"],
        samples=samples_in(everybody),
    )
