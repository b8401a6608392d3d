"""The second act's tables: turns, controls, golden; plain data in, plain text out."""

from collections.abc import Iterator, Sequence
from typing import Any

from pawl_examples.loop.arms import Arms
from pawl_examples.loop.golden import Look, difference
from pawl_examples.loop.parity import Parity
from pawl_examples.loop.turn import LoopResult, TurnResult
from pawl_examples.tables import Table

Json = dict[str, Any]
CHEAP = "linear-tagger"


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
    """Golden F1 of each model, what it is beside others, and whether what is served answers as trained.

    A cheap model (CHEAP) is seen beside the rules; any other beside the best of rules and cheap ones, for only then it
    is worth what it costs.
    """
    columns = ("model", "golden F1", "95 % by person", "precision", "recall", "beside the best cheaper", "as trained")
    return Table("Golden", columns, tuple(_golden_rows(result)))


def _golden_rows(result: LoopResult) -> Iterator[tuple[str, ...]]:
    rules = [result.rules] if result.rules is not None else []
    first = TurnResult(0, CHEAP, look=result.first_act)
    turns = [first, *result.turns]
    cheap = [turn.look for turn in turns if turn.look is not None and turn.trainer == CHEAP]
    yield from ((*_look(look), "-", "-") for look in rules)
    for turn in turns:
        if turn.look is not None:
            others = rules if turn.trainer == CHEAP else [*rules, *cheap]
            yield (*_look(turn.look), _beside(turn.look, others), _as_trained(turn.parity))
        elif turn.outcome:
            yield (turn.title, "-", "-", "-", "-", f"{turn.outcome}: no version to look at", "-")


def evidence_text(experiment: Json) -> str:
    """Each metric's estimate, interval and people, as the status gives them."""
    lines = [
        f"{one['metric']} {_number(one['estimate'])}\n{_bounds(one)}\nn {one.get('users')}"
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


def _beside(look: Look, others: Sequence[Look]) -> str:
    """The difference to the best of the others; only one whose interval is above 0 is called improved."""
    if not others:
        return "-"
    best = max(others, key=lambda one: float(one.score["f1"]))
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
