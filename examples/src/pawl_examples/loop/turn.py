"""One turn of the loop as it was seen: how long each stage took, what was learned from, what was decided and why."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pawl_examples.loop.arms import Arms
from pawl_examples.loop.golden import Look, difference
from pawl_examples.loop.parity import Parity
from pawl_examples.tables import Outcome, Table

Json = dict[str, Any]


@dataclass
class TurnResult:
    """A turn; what was never reached stays empty."""

    number: int
    trainer: str
    seconds: dict[str, float] = field(default_factory=dict)
    training: Json = field(default_factory=dict)
    experiment: Json = field(default_factory=dict)
    arms: Arms | None = None
    node: str = ""
    outcome: str = ""
    release: Outcome | None = None
    look: Look | None = None
    parity: Parity | None = None
    problems: list[str] = field(default_factory=list)


@dataclass
class ControlResult:
    """An Experiment that must not ship, and what became of it."""

    name: str
    title: str
    experiment: Json
    arms: Arms | None
    problems: list[str] = field(default_factory=list)


@dataclass
class LoopResult:
    """The second act."""

    provers: int = 0
    rules: Look | None = None
    turns: list[TurnResult] = field(default_factory=list)
    controls: list[ControlResult] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Everything that was not as it has to be."""
        found = [problem for turn in self.turns for problem in turn.problems]
        return found + [problem for one in self.controls for problem in one.problems]

    def report(self) -> Json:
        """The act as plain data."""
        return {
            "provePeople": self.provers,
            "rules": self.rules.report() if self.rules else None,
            "turns": [_turn(one) for one in self.turns],
            "controls": [_control(one) for one in self.controls],
            "problems": self.problems,
        }


def turns_table(result: LoopResult) -> Table:
    """What each turn learned from, what its gate and its Experiment said, and how long each stage took."""
    columns = ("turn", "trainer", "examples", "gate", "people T : C", "decision", "evidence", "seconds")
    return Table("Turns of the loop", columns, tuple(_row(one) for one in result.turns))


def controls_table(result: LoopResult) -> Table:
    """Experiments that must not ship."""
    columns = ("control", "people T : C", "decision", "why")
    rows = (
        (one.title, _people(one.arms), str(one.experiment.get("decision", "-")), str(one.experiment.get("message", "")))
        for one in result.controls
    )
    return Table("Controls", columns, tuple(rows))


def golden_table(result: LoopResult) -> Table:
    """Golden F1 of each model, beside the best of those before it, and whether what is served answers as trained."""
    looks = [look for look in (result.rules, *(turn.look for turn in result.turns)) if look is not None]
    parities = {turn.look.model: turn.parity for turn in result.turns if turn.look is not None and turn.parity}
    columns = ("model", "golden F1", "95 % by person", "precision", "recall", "beside the best before", "as trained")
    rows = (
        (*_look(look), _beside(look, looks[:number]), _as_trained(parities.get(look.model)))
        for number, look in enumerate(looks)
    )
    return Table("Golden", columns, tuple(rows))


def evidence_text(experiment: Json) -> str:
    """Each metric's estimate, interval and people, as the status gives them."""
    lines = [
        f"{one['metric']} {_number(one['estimate'])}\n{_bounds(one)} n {one.get('users')}"
        for one in experiment.get("evidence") or []
        if one.get("estimate") is not None
    ]
    return "\n".join(lines) or "-"


def _bounds(found: Json) -> str:
    return f"[{_number(found.get('lower'))}, {_number(found.get('upper'))}]"


def _number(value: object) -> str:
    """A number of a status, which is text there, with two digits behind the point."""
    return "-" if value is None else f"{float(str(value)):+.2f}"


def _row(turn: TurnResult) -> tuple[str, ...]:
    dataset, gate = turn.training.get("dataset") or {}, turn.training.get("gate") or {}
    counts = "+".join(str(dataset.get(part, "-")) for part in ("train", "validation", "test"))
    said = f"{_number(gate.get('estimate'))}\n{_bounds(gate)}" if gate else "-"
    stages = "\n".join(f"{name} {value:.0f}" for name, value in turn.seconds.items())
    decision = str(turn.experiment.get("decision") or "-")
    shown = f"{decision} ->\n{turn.outcome}" if turn.outcome else decision
    evidence, trainer = evidence_text(turn.experiment), f"{turn.trainer}\non {turn.node or '-'}"
    return (str(turn.number), trainer, counts, said, _people(turn.arms), shown, evidence, stages)


def _people(arms: Arms | None) -> str:
    return f"{arms.treatment_people} : {arms.control_people}" if arms is not None else "-"


def _beside(look: Look, before: Sequence[Look]) -> str:
    """The difference to the best of those before; only one whose interval is above 0 is called improved."""
    if not before:
        return "-"
    best = max(before, key=lambda one: float(one.score["f1"]))
    found = difference(look, best)
    said = "improved" if found.lower > 0 else "worse" if found.upper < 0 else "not told apart"
    return f"{found.value:+.3f} [{found.lower:.3f}, {found.upper:.3f}] {best.model}: {said}"


def _as_trained(parity: Parity | None) -> str:
    """On how many messages the server answers as the trainer's artifact."""
    if parity is None:
        return "-"
    same = f"{parity.messages - parity.different} of {parity.messages} messages"
    return f"{same}, confidences within {parity.largest:.1g}"


def _look(look: Look) -> tuple[str, ...]:
    score = look.score
    return (
        look.model,
        f"{score['f1']:.3f}",
        f"{score['lower']:.3f} to {score['upper']:.3f}",
        f"{score['precision']:.2f}",
        f"{score['recall']:.2f}",
    )


def _turn(turn: TurnResult) -> Json:
    known = asdict(replace(turn, look=None)) | {"release": None, "look": turn.look.report() if turn.look else None}
    if turn.release is not None and turn.release.record is not None:
        known["release"] = {"number": turn.release.record.number, "state": turn.release.record.state}
    return known


def _control(control: ControlResult) -> Json:
    return asdict(control)


def wrong(arms: Arms, most_unassigned: float) -> Sequence[str]:
    """Sentences about arms that are not as they have to be."""
    found = []
    if arms.wrong:
        found.append(f"{arms.wrong} of {arms.requests} answers came from another arm than the computed one")
    if arms.lost:
        found.append(f"{arms.lost} requests lost")
    if arms.requests and arms.unassigned > most_unassigned * arms.requests:
        found.append(f"{arms.unassigned} requests had no arm beside {arms.requests} that had one")
    return found
