"""What the demo prints is in the order that was asked for, and readable at 120 columns."""

import io
import json
import re
import shlex
from datetime import UTC, datetime

import pytest
from rich.console import Console

from pawl_examples.history import Transition
from pawl_examples.kube import objects_in
from pawl_examples.pace import Numbers, Times
from pawl_examples.present import go_on, line_of, opening, people_line, rich_table
from pawl_examples.tables import Table


def test_the_first_four_lines_say_what_is_real() -> None:
    lines = opening(Times(), 1315, 193, 236)
    assert [line.split()[0] for line in lines] == ["REAL", "SIMULATED", "PRETENDED", "COMPRESSED"]
    assert all(len(line) <= 120 for line in lines)
    assert "order in time" in lines[0]
    assert "193 who judge, 236 who taught (release_evidence: false)" in lines[1]
    assert f"24 h -> {Times().hold} s" in lines[3]


def test_min_users_are_printed_with_what_they_follow_from() -> None:
    line = people_line(Numbers(60, 300, 30, 17))
    assert "60 with a label" in line
    assert "latency 17" in line


def test_there_are_three_commands_to_go_on() -> None:
    assert len(go_on(kept=True)) == len(go_on(kept=False)) == 3


@pytest.mark.parametrize("line", [line for kept in (True, False) for line in go_on(kept=kept)])
def test_commands_to_go_on_need_nothing_on_the_path(line: str) -> None:
    words = shlex.split(line, comments=True)
    assert words[0] in {"make", "less", ".venv/bin/python", "eval"}
    assert all(word == ".venv/bin/python" for word in re.findall(r"[^\s(]*python", line))


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
