"""Command line: `run` for the operator; `linear-tagger` and `rules` by hand, which print one JSON object of metrics."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pawl_trainers.evaluation import evaluate, facts_by
from pawl_trainers.facts.annotations import AnnotationError, of_learners, read_annotations
from pawl_trainers.facts.messages import Conversations


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the process's exit code."""
    options = _parser().parse_args(arguments)
    return _attempt() if options.measure is None else _measured(options)


def _measured(options: argparse.Namespace) -> int:
    try:
        metrics = options.measure(options, Conversations.read(options.conversations))
    except (AnnotationError, OSError, ValueError) as error:
        _say(f"error: {error}")
        return 1
    json.dump(metrics, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


def _attempt() -> int:
    from pawl_trainers.harness.command import run
    from pawl_trainers.harness.report import to_standard_output

    return run(os.environ, to_standard_output)


def _linear_tagger(options: argparse.Namespace, conversations: Conversations) -> dict[str, Any]:
    # Here, so that `rules` and every reader of this module's help work without scikit-learn.
    from pawl_trainers.linear_tagger import artifact
    from pawl_trainers.linear_tagger.train import Settings, train

    messages = of_learners(read_annotations(options.train, conversations))
    trained = train(messages, Settings(folds=options.folds, seed=options.seed), lambda _, line: _say(line))
    artifact.write(trained.tagger, options.out)
    known = {
        "model": "linear-tagger",
        "messages": trained.messages,
        "people": trained.people,
        "seconds": round(trained.seconds, 1),
        "threshold": trained.tagger.threshold,
        "features": len(trained.tagger.vocabulary),
        "crossValidatedF1": round(trained.cross_validated_f1, 4),
    }
    if options.golden is None:
        return known
    golden = read_annotations(options.golden, conversations)
    return {**known, "golden": asdict(evaluate(facts_by(trained.tagger), golden, options.seed))}


def _rules(options: argparse.Namespace, conversations: Conversations) -> dict[str, Any]:
    from pawl_trainers import rules
    from pawl_trainers.serving.rules import write

    if options.out is not None:
        write(options.out)
    golden = read_annotations(options.golden, conversations)
    return {
        "model": "groundcheck-rules",
        "golden": asdict(evaluate(rules.find, golden, options.seed)),
        "goldenListsTakenApart": asdict(evaluate(rules.find_each, golden, options.seed)),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pawl_trainers", description=__doc__)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--conversations", type=Path, help="data set file (default: that of the installed package)")
    shared.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(required=True)
    tagger = commands.add_parser("linear-tagger", parents=[shared], help="train on the learn people and export")
    tagger.add_argument("--train", type=Path, required=True, help="annotations (JSONL) to learn from")
    tagger.add_argument("--golden", type=Path, help="annotations (JSONL) to measure on, never to tune on")
    tagger.add_argument("--out", type=Path, required=True, help="directory for the exported model")
    tagger.add_argument("--folds", type=int, default=5)
    tagger.set_defaults(measure=_linear_tagger)
    rules = commands.add_parser("rules", parents=[shared], help="measure the rules of groundcheck")
    rules.add_argument("--golden", type=Path, required=True, help="annotations (JSONL) to measure on")
    rules.add_argument("--out", type=Path, help="directory for a model that is these rules")
    rules.set_defaults(measure=_rules)
    attempt = commands.add_parser("run", help="one attempt of a TrainingRun, described by PAWL_PLAN")
    attempt.set_defaults(measure=None)
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
