"""What a Rollout went through, told from its status alone: transitions as they come, and a record of each release."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ENDED = frozenset({"Promoted", "RolledBack", "Superseded", "Aborted"})
Json = dict[str, Any]


@dataclass(frozen=True)
class Transition:
    """One line of the story: when, which object, from what to what, and the sentence that its status gives."""

    at: datetime
    name: str
    before: str
    after: str
    sentence: str


@dataclass
class StepRecord:
    """One step of a release: the weight asked (percent), the last verdict, and the last evidence by metric.

    `verified_weight` is what the operator saw on the route while the step held, None where the step never began;
    `on_route` are the weights (candidate, stable) that the HTTPRoute itself carried meanwhile, one after the other.
    """

    weight: int
    verdict: str = ""
    evidence: dict[str, Json] = field(default_factory=dict)
    verdicts: list[str] = field(default_factory=list)
    verified_weight: int | None = None
    on_route: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class ReleaseRecord:
    """One release, as the status told it."""

    number: int
    revision: str
    digest: str
    state: str = ""
    message: str = ""
    cause: str = ""
    steps: dict[int, StepRecord] = field(default_factory=dict)
    rollback: Json = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.state in ENDED


class History:
    """Follows one Rollout; feed it every state of the object that the API server shows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._shown = ""
        self.releases: dict[int, ReleaseRecord] = {}
        self.transitions: list[Transition] = []
        self.latest: Json = {}

    def feed(self, rollout: Json, now: datetime) -> Transition | None:
        """Take in one state; returns the transition that it makes, if it makes one."""
        self.latest = rollout
        status = rollout.get("status") or {}
        self._record(status)
        shown = describe(status)
        if shown == self._shown:
            return None
        transition = Transition(now, self.name, self._shown or "-", shown, status.get("message", ""))
        self._shown = shown
        self.transitions.append(transition)
        return transition

    @property
    def phase(self) -> str:
        """The phase in the last state seen."""
        return str((self.latest.get("status") or {}).get("phase", ""))

    def _record(self, status: Json) -> None:
        release = status.get("release") or {}
        number = release.get("number")
        if number is None:
            return
        record = self.releases.setdefault(
            number, ReleaseRecord(number, release.get("revision", ""), release.get("digest", ""))
        )
        record.rollback = _rollback_of(status, number) or record.rollback
        # A release that has ended keeps what it ended with: later passes speak of the time after it.
        if record.ended and release.get("state") == record.state:
            return
        record.state = release.get("state", "")
        record.message = status.get("message", "")
        record.cause = release.get("cause") or record.cause
        _record_step(record, release, status)


def describe(status: Json) -> str:
    """One short phrase for where a Rollout stands: release, step, weight and verdict, or the phase and the revision.

    While a weight is being asked for, the verdict belongs to the step before, so it is left out.
    """
    phase = status.get("phase") or "Pending"
    release = status.get("release") or {}
    if phase not in {"Progressing", "Paused", "RollingBack"} or not release:
        return f"{phase} {(status.get('stable') or {}).get('revision', '')}".strip()
    number, step = f"r{release.get('number')}", int(release.get("step") or 0)
    if phase == "RollingBack" or step == 0:
        return f"{number} {'rolling back' if phase == 'RollingBack' else 'preparing'}"
    place = f"{number} {step}/{release.get('totalSteps', '?')}"
    traffic = status.get("traffic") or {}
    if not release.get("stepStartedAt") or traffic.get("opId"):
        return f"{place} to {traffic.get('desired', 0)}%"
    paused = " paused" if phase == "Paused" else ""
    return f"{place} {weight_of(status)}%{paused} {status.get('verdict') or ''}".strip()


def weight_of(status: Json) -> int:
    """The candidate's weight on the route as verified, 0 where none was."""
    return int((status.get("traffic") or {}).get("verified") or 0)


def condition(rollout: Json, kind: str) -> Json:
    """One condition of an object, empty where it has none of that type."""
    found: Iterable[Json] = (rollout.get("status") or {}).get("conditions") or []
    return next((one for one in found if one.get("type") == kind), {})


def asked_weight(release: Json, step: int) -> int:
    """The weight that the release's frozen plan asks in a step, 0 where the plan has no such step."""
    steps = ((release.get("plan") or {}).get("steps")) or []
    return int(steps[step - 1].get("setWeight", 0)) if 0 < step <= len(steps) else 0


def _record_step(record: ReleaseRecord, release: Json, status: Json) -> None:
    judged = status.get("evidence") or []
    step, verdict = int(release.get("step") or 0), status.get("verdict") or ""
    if verdict == "Pass" and not release.get("stepStartedAt"):
        # The pass that raises a step writes down what let it: verdict and evidence of the step before.
        step = max((int(one["step"]) for one in judged), default=step)
    for number in {step, *(int(one["step"]) for one in judged)} - {0}:
        record.steps.setdefault(number, StepRecord(asked_weight(release, number)))
    if step and _holds(release, status):
        record.steps[step].verified_weight = weight_of(status)
    for one in judged:
        record.steps[one["step"]].evidence[one["metric"]] = one
    if step and verdict and record.steps[step].verdicts[-1:] != [verdict]:
        record.steps[step].verdict = verdict
        record.steps[step].verdicts.append(verdict)


def _holds(release: Json, status: Json) -> bool:
    # While an operation is under way, `verified` still speaks of the weight before it.
    under_way = (status.get("traffic") or {}).get("opId")
    return release.get("state") == "Progressing" and bool(release.get("stepStartedAt")) and not under_way


def _rollback_of(status: Json, number: int) -> Json:
    rollback: Json = status.get("rollback") or {}
    return rollback if rollback.get("release") == number else {}
