"""Whether every answer of an Experiment came from the arm that `pawl.assignment` gives its user."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pawl.assignment import fine_bucket
from pawl_examples.ledger import Row

Json = dict[str, Any]
CANDIDATE, STABLE = "candidate", "stable"


@dataclass(frozen=True)
class Arms:
    """What the application saw of one Experiment.

    `unassigned` requests were answered by stable without an arm, because the assigner did not answer in time; they are
    nobody's evidence. `wrong` answers came from another arm than computed here.
    """

    treatment_people: int
    control_people: int
    requests: int
    wrong: int
    unassigned: int
    lost: int

    @property
    def agreement(self) -> float:
        """Share of the Experiment's answers whose arm is the computed one, 0 to 1."""
        return 1 - self.wrong / self.requests if self.requests else 0.0


def arms_of(rows: Iterable[Row], assignment: Json, since: float, until: float) -> Arms:
    """Compare what was answered between two moments (seconds since the epoch) with the published `assignment`."""
    spoken = [row for row in rows if since <= row.sent and row.ended <= until]
    own = [row for row in spoken if row.rollout == assignment["uid"]]
    people: dict[str, set[str]] = {CANDIDATE: set(), STABLE: set()}
    for row in own:
        people.setdefault(row.arm, set()).add(row.user)
    return Arms(
        treatment_people=len(people[CANDIDATE]),
        control_people=len(people[STABLE]),
        requests=len(own),
        wrong=sum(row.arm != computed(row.user, assignment) for row in own),
        unassigned=sum(row.status == 200 and row.rollout != assignment["uid"] for row in spoken),
        lost=sum(row.status != 200 for row in spoken),
    )


def assignment_of(rollout: Json) -> Json:
    """What a Rollout publishes of an Experiment's arms, empty where it publishes nothing."""
    found: Json = ((rollout.get("status") or {}).get("traffic") or {}).get("assignment") or {}
    return found


def computed(user: str, assignment: Json) -> str:
    """The arm that a user belongs to, computed from the published key and ranges."""
    place = fine_bucket(user, assignment["key"])
    treatment = assignment["ranges"][0]
    return CANDIDATE if treatment["start"] <= place < treatment["end"] else STABLE
