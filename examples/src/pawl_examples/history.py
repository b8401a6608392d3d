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
    """One step of a release: the weight asked (percent), the last verdict, and the last evidence by metric."""

    weight: int
    verdict: str = ""
    evidence: dict[str, Json] = field(default_factory=dict)
    verdicts: list[str] = field(default_factory=list)


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
        self._name = name
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
        transition = Transition(now, self._name, self._shown or "-", shown, status.get("message", ""))
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
    """One short phrase for where a Rollout stands: the phase, and the step, weight and verdict of a live release."""
    phase = status.get("phase") or "Pending"
    release = status.get("release") or {}
    if not release or (release.get("state") in ENDED and phase not in {"Baking", "RollingBack"}):
        return f"{phase} {(status.get('stable') or {}).get('revision', '')}".strip()
    parts = [f"{phase} r{release.get('number')}"]
    if release.get("step"):
        parts.append(f"step {release['step']}/{release.get('totalSteps', '?')} {weight_of(status)} %")
    if phase == "Progressing" and status.get("verdict"):
        parts.append(str(status["verdict"]))
    return " ".join(parts)


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
    step = int(release.get("step") or 0)
    if step == 0:
        return
    own = record.steps.setdefault(step, StepRecord(asked_weight(release, step)))
    verdict = status.get("verdict") or ""
    if verdict and verdict != own.verdict:
        own.verdict = verdict
        own.verdicts.append(verdict)
    for evidence in status.get("evidence") or []:
        if evidence.get("step", step) == step:
            own.evidence[evidence["metric"]] = evidence


def _rollback_of(status: Json, number: int) -> Json:
    rollback: Json = status.get("rollback") or {}
    return rollback if rollback.get("release") == number else {}
