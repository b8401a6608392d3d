"""One metric in one step: the running totals and the e-values, advanced once for each closed batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pawl.evidence import CANDIDATE, STABLE
from pawl.stats import sign_e, srm
from pawl_services.monitor.totals import Totals, UserScore


@dataclass(frozen=True, slots=True)
class Questions:
    """What is tested beside the difference.

    `signs`: is the candidate more often wrong on pairs (F14)? Only for scores that are right or wrong.
    `candidate_share`: does that percentage of users come to the candidate (F10)? None where users are not pinned to
    an arm, or all belong to one.
    """

    signs: bool = False
    candidate_share: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The state of (object, release, step, metric) after `batch` closed batches; 0: none yet."""

    batch: int
    totals: Totals
    log_e: Mapping[str, float]

    @classmethod
    def new(cls) -> Self:
        """Before the first batch."""
        return cls(0, Totals.none(), {})

    def close(self, users: Iterable[UserScore], questions: Questions) -> tuple[Self, Totals]:
        """The state after one more batch of `users`, and the batch by itself, for the record."""
        batch = Totals.of(users, signs=questions.signs)
        totals = self.totals.merge(batch)
        return type(self)(self.batch + 1, totals, e_values(totals, questions)), batch

    def to_json(self) -> dict[str, Any]:
        """As JSON, every digit kept."""
        return {"batch": self.batch, "totals": self.totals.to_json(), "logE": dict(self.log_e)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(int(value["batch"]), Totals.from_json(value["totals"]), dict(value["logE"]))


def e_values(totals: Totals, questions: Questions) -> dict[str, float]:
    """The natural logarithms of the e-values by question; both are mixtures over counts, so batches do not matter."""
    values = {}
    if questions.signs and totals.worse + totals.better:
        values["harm"] = sign_e.log_e_harm(totals.worse, totals.better)
    if questions.candidate_share is not None and any(totals.assigned.values()):
        counts = (totals.assigned[STABLE], totals.assigned[CANDIDATE])
        values["srm"] = srm.log_e(counts, (100 - questions.candidate_share, questions.candidate_share))
    return values
