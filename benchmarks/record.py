"""Writes what a benchmark measured to results/<name>.json, with commit and machine, and every table to README.md."""

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
TITLES = ("| metric | value | peer, in the same run | its value | ratio | aim | met |", "|---|---|---|---|---|---|---|")
HEAD = """# Benchmarks

`make bench` runs them and writes this page. Each stands beside a peer or a limit measured in the same run, so that
the ratio holds on any machine.
The figures as data: `results/<name>.json`. What `make prove` found: `results/prove-*.json`.
"""


def write(name: str, rows: Sequence[Row], **more: object) -> Path:
    """Replace the benchmark's file; `more` stands beside the rows, for example how much was sent."""
    git = [shutil.which("git") or "git", "rev-parse", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    written = RESULTS / f"{name}.json"
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps({"commit": commit, "machine": machine, **more, "rows": list(rows)}, indent=2) + "\n")
    tabulate()
    return written


def tabulate() -> None:
    """Write README.md anew from the results that lie here; `prove-*.json` hold tests, which have no peers."""
    found = sorted(path for path in RESULTS.glob("*.json") if not path.name.startswith("prove-"))
    (RESULTS.parent / "README.md").write_text("\n".join([HEAD, *(_table(path) for path in found)]))


def _table(path: Path) -> str:
    result = json.loads(path.read_text())
    lines = [f"## {path.stem}", f"Commit `{result['commit'][:10]}`, {result['machine']}.", "", *TITLES]
    for row in result["rows"]:
        cells = [f"{row['value']} {row['unit']}", row["peer"], row["peer_value"], row["ratio"], row["aim"]]
        lines.append(f"| {' | '.join(map(str, [row['metric'], *cells, 'yes' if row['met'] else 'no']))} |")
    return "\n".join([*lines, ""])
