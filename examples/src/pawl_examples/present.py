"""How the demo speaks: lines and tables, readable at 120 columns, plain where nobody watches."""

from collections.abc import Mapping
from datetime import datetime
from textwrap import wrap
from typing import ClassVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.table import Table as RichTable
from rich.theme import Theme

from pawl_examples.history import Transition
from pawl_examples.pace import Numbers, Times
from pawl_examples.tables import Table

COLUMNS = 120
DEVCLUSTER = ".venv/bin/python -m pawl_devcluster"


class Verdicts(RegexHighlighter):
    """Colours the words that decide, and nothing else."""

    base_style = "pawl."
    highlights: ClassVar[list[str]] = [
        r"(?P<good>\b(Pass|Promoted|Healthy)\b)",
        r"(?P<bad>\b(Fail|rolling back|RolledBack|Degraded|NOT as said)\b)",
        r"(?P<open>\b(NoData|Inconclusive|Unavailable)\b)",
    ]


def make_console() -> Console:
    """The console of standard output: at least 120 columns where it is no terminal."""
    colours = Theme({"pawl.good": "green", "pawl.bad": "bold red", "pawl.open": "yellow"})
    console = Console(highlighter=Verdicts(), theme=colours)
    return console if console.is_terminal else Console(highlight=False, width=COLUMNS, no_color=True)


def opening(times: Times, people: int, judging: int, taught: int) -> list[str]:
    """The four lines that say what is real before anything is shown: `people` in all, and who of them answers.

    `judging` people prove, `taught` taught the model: they answer as well, marked so that it is no evidence.
    """
    pace = f"{times.rate:.0f} messages/s, evenly spaced"
    return [
        f"REAL        text, people, order in time, annotations: {people:,} people of chitchat-dataset (MIT)",
        f"SIMULATED   who answers: {judging} who judge, {taught} who taught (release_evidence: false); {pace}",
        "PRETENDED   GPU: none is used; a node is labelled as if it had one, and its CPU trains",
        f"COMPRESSED  24 h -> {times.hold} s a step, {times.bake} s of bake, {times.window} s of a user; the same code",
    ]


def people_line(counted: Numbers) -> str:
    """minUsers, and what they follow from."""
    return (
        f"minUsers    by what these people give in one hold: {counted.labelled} with a label -> accuracy "
        f"{counted.accuracy} pairs; {counted.speaking} in all -> latency {counted.latency}"
    )


def seconds_lines(seconds: Mapping[str, float]) -> list[str]:
    """How long each part took, folded; parts that ran beside each other overlap."""
    told = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    return wrap(f"SECONDS     {told}", COLUMNS, subsequent_indent=" " * 12)


def closing() -> list[str]:
    """What was not shown."""
    return ["NOT SHOWN   CUDA, real users, real days"]


def go_on(*, kept: bool) -> list[str]:
    """Three commands to go on with, as they are typed in the repository's root."""
    if not kept:
        return [
            "make demo KEEP=1                             # the same, and leave it running",
            f"{DEVCLUSTER} up --addons gateway,prometheus   # an empty cluster to try your own on",
            "less docs/tutorial/first-rollout.md          # your first Rollout, step by step",
        ]
    return [
        f"{DEVCLUSTER} kubectl -n demo get rollouts.pawl.dev fact-extraction -o yaml",
        f'eval "$({DEVCLUSTER} env)"   # kubectl, helm and pawl for this cluster',
        f"{DEVCLUSTER} down            # when you have seen enough",
    ]


def line_of(transition: Transition) -> str:
    """One transition: clock, object, from -> to, the sentence from status."""
    clock = transition.at.astimezone().strftime("%H:%M:%S")
    return f"{clock} {transition.name}  {transition.before} -> {transition.after}  {transition.sentence}"


def note(text: str, now: datetime) -> str:
    """A line about something that the demo itself did to the cluster."""
    return f"{now.astimezone().strftime('%H:%M:%S')} demo  {text}"


def rich_table(table: Table) -> RichTable:
    """A table as rich prints it."""
    shown = RichTable(title=table.title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False, highlight=True)
    for column in table.columns:
        shown.add_column(column, overflow="fold")
    for row in table.rows:
        shown.add_row(*row)
    return shown
