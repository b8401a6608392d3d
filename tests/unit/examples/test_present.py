"""What the demo prints is in the order that was asked for, and readable at 120 columns."""

import io
import json
from datetime import UTC, datetime

from rich.console import Console

from pawl_examples.history import Transition
from pawl_examples.kube import objects_in
from pawl_examples.pace import Numbers, Times
from pawl_examples.present import go_on, line_of, opening, people_line, rich_table
from pawl_examples.tables import Table


def test_the_first_four_lines_say_what_is_real() -> None:
    lines = opening(Times(), 1315, 193)
    assert [line.split()[0] for line in lines] == ["REAL", "SIMULATED", "PRETENDED", "COMPRESSED"]
    assert all(len(line) <= 120 for line in lines)
    assert "24 h -> 14 s" in lines[3]


def test_min_users_are_printed_with_what_they_follow_from() -> None:
    line = people_line(Numbers(60, 300, 30, 17))
    assert "60 with a label" in line
    assert "latency 17" in line


def test_there_are_three_commands_to_go_on() -> None:
    assert len(go_on("/k", kept=True)) == len(go_on("/k", kept=False)) == 3
    assert "KUBECONFIG=/k" in go_on("/k", kept=True)[0]


def test_a_transition_is_one_line() -> None:
    line = line_of(
        Transition(datetime(2026, 1, 1, tzinfo=UTC), "rollout/x", "Healthy", "Progressing r1", "On its way.")
    )
    assert line.endswith("rollout/x  Healthy -> Progressing r1  On its way.")


def test_tables_keep_to_120_columns() -> None:
    out = io.StringIO()
    wide = Table("T", tuple("abcdefgh"), (tuple("long text that wraps " * 3 for _ in range(8)),))
    Console(file=out, width=120, no_color=True).print(rich_table(wide))
    assert max(len(line.rstrip()) for line in out.getvalue().splitlines()) <= 120


def test_objects_come_out_of_a_stream_one_by_one() -> None:
    text = "".join(json.dumps({"n": n, "inner": {"a": [1]}}, indent=4) + "\n" for n in range(3))
    assert [one["n"] for one in objects_in(iter(text.splitlines(keepends=True)))] == [0, 1, 2]
