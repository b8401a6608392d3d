"""Runs `python -m pawl_trainers run` as the operator's pod does, and reads its lines."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector_process import CollectorProcess, reader_token_of

SECONDS = 110


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code, lines of progress, report, and what it wrote for people."""

    code: int
    progress: list[dict[str, Any]]
    report: dict[str, Any]
    log: str


def environment_of(collector: CollectorProcess, home: Path, tenant: str, plan: dict[str, Any]) -> dict[str, str]:
    """The environment that the operator gives a run; registry and Ray are the caller's."""
    token = home / "reader-token"
    token.write_text(reader_token_of(tenant))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PAWL_", "MLFLOW_", "RAY_"))}
    return {
        **inherited,
        "PAWL_PLAN": json.dumps(plan),
        "PAWL_COLLECTOR_URL": collector.address,
        "PAWL_COLLECTOR_TOKEN_FILE": str(token),
        "PAWL_WORKSPACE": str(home),
    }


def run_training(
    environment: dict[str, str], log: Path, seen: Callable[[dict[str, Any]], None] = lambda line: None
) -> Ended:
    """Run one attempt to its end; `seen` is called with each line of progress when it comes."""
    progress, reports = [], []
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "pawl_trainers", "run"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        with process:
            for line in process.stdout:
                kind, _, body = line.partition(" ")
                if kind == "pawl-progress":
                    progress.append(json.loads(body))
                    seen(progress[-1])
                elif kind == "pawl-report":
                    reports.append(json.loads(body))
            code = process.wait(SECONDS)
    said = log.read_text()
    assert len(reports) == 1, said
    return Ended(code, progress, reports[0], said)
