"""Writes what a benchmark measured to results/<name>.json: the commit, the machine, and rows beside their peers."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
Row = dict[str, object]


def write(name: str, rows: Sequence[Row], **more: object) -> Path:
    """Replace the benchmark's file; `more` stands beside the rows, for example how much was sent."""
    git = [shutil.which("git") or "git", "rev-parse", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    written = RESULTS / f"{name}.json"
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps({"commit": commit, "machine": machine, **more, "rows": list(rows)}, indent=2) + "\n")
    return written
