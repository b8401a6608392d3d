"""What the demo can be told from outside."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pawl_examples.pace import Times

FOLDER = Path(".demo")
TURNS = ("linear-tagger", "token-classification")
TURNS_HELP = f"trainers of the loop's turns, of {', '.join(TURNS)}, or none (default: %(default)s)"
NONE = "none"


@dataclass(frozen=True)
class Options:
    """`keep` leaves the cluster running; `only` names the scenarios to release; `turns` are the trainers that the loop
    takes, one a turn, none: no second act; `folder` takes model and report.
    """

    keep: bool = False
    only: tuple[str, ...] = ("a", "b", "c", "d", "e")
    turns: tuple[str, ...] = TURNS
    folder: Path = FOLDER
    times: Times = field(default_factory=Times)

    @property
    def report(self) -> Path:
        """Where the report goes."""
        return self.folder / "report.json"


def read_options(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Options:
    """Read the command line; `KEEP=1` in the environment means `--keep`, as `make demo KEEP=1` passes it."""
    environment = os.environ if environment is None else environment
    parser = argparse.ArgumentParser(
        prog="python -m pawl_examples.demo", description="Rolls real models out and back, and lets them learn."
    )
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("--only", default="abcde", help="releases to show, for example ad, or none (default: all five)")
    parser.add_argument("--turns", default=",".join(TURNS), help=TURNS_HELP)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where model and report go (default: .demo)")
    parser.add_argument("--rate", type=float, default=Times.rate, help="messages a second (default: %(default)s)")
    parser.add_argument("--hold", type=int, default=Times.hold, help="seconds of a step (default: %(default)s)")
    told = parser.parse_args(arguments)
    only = "" if told.only == NONE else told.only
    if set(only) - set("abcde") or not told.only:
        parser.error(f"--only {told.only!r}: use letters of a, b, c, d, e, or {NONE}")
    turns = () if told.turns == NONE else tuple(told.turns.split(","))
    if set(turns) - set(TURNS):
        parser.error(f"--turns {told.turns!r}: use {', '.join(TURNS)} in any order, or {NONE}")
    if not 1 <= told.rate <= 500:
        parser.error(f"--rate {told.rate}: use 1 to 500 messages a second")
    if not 8 <= told.hold <= 3600:
        parser.error(f"--hold {told.hold}: use 8 to 3600 seconds, so that a person's window fits into it")
    keep = told.keep or environment.get("KEEP", "") not in ("", "0")
    return Options(keep, tuple(sorted(set(only))), turns, told.folder, Times(rate=told.rate, hold=told.hold))
