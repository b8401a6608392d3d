"""The model card: what a version is, what it learned from, and how it was judged, for people who did not train it."""

from collections.abc import Mapping

from pawl_trainers.harness.plan import Plan
from pawl_trainers.harness.report import Counts, GateFinding


def model_card(plan: Plan, counts: Counts, metrics: Mapping[str, float], gate: GateFinding, digest: str) -> str:
    """Return the card as Markdown; it names no person and quotes nobody."""
    return "\n".join(
        [
            f"# {plan.model}",
            "",
            f"Made by TrainingRun `{plan.run.namespace}/{plan.run.name}` (attempt {plan.run.attempt}).",
            "",
            "## What it is",
            "",
            f"- component: `{plan.component}`",
            f"- trainer: `{plan.trainer}`, base model: {_code(plan.base_model)}, seed: {plan.seed}",
            f"- parameters: {_code(', '.join(f'{name}={value}' for name, value in sorted(plan.parameters.items())))}",
            f"- artifact: `{digest}`",
            "",
            "## What it learned from",
            "",
            f"- labels received after {plan.dataset.after or 'the beginning'} and until {plan.dataset.until}",
            f"- labels used: {plan.label_rules}",
            f"- dataset: `{counts.digest}`",
            f"- {counts.train} examples to learn from, {counts.validation} to choose by, {counts.test} to judge by",
            "- nobody is in two parts, and what it is judged by is newer than what it learned from",
            "- only interactions whose users allow that models learn from them",
            "",
            "## How it was judged",
            "",
            *_table(metrics),
            "",
            f"Gate: {gate.message}.",
            _champion(plan),
            "",
        ]
    )


def _table(metrics: Mapping[str, float]) -> list[str]:
    rows = [f"| {name} | {value:.4g} |" for name, value in metrics.items()]
    return ["| metric | value |", "|---|---|", *rows]


def _champion(plan: Plan) -> str:
    champion = plan.gate.champion
    if champion is None:
        return "It was compared with no other version."
    return f"Champion: revision `{champion.revision}`, source `{champion.source}`, on the same examples."


def _code(text: str | None) -> str:
    return f"`{text}`" if text else "none"
