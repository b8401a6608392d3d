"""Writes what `prove` found to benchmarks/results: a row for each test and each figure that a test recorded."""

import json
import os
import platform
import subprocess
import xml.etree.ElementTree as ET  # our own pytest wrote what it reads
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
Row = dict[str, Any]


def write_results(junit: Path, name: str) -> Path:
    """Turn pytest's report into `<name>.json`; figures are what tests pass to `record_property`."""
    rows = [row for case in ET.parse(junit).iter("testcase") for row in _rows_of(case)]  # noqa: S314
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True)
    machine = {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    target = RESULTS / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"commit": commit.stdout.strip(), "machine": machine, "rows": rows}, indent=1) + "\n")
    return target


def _rows_of(case: ET.Element) -> list[Row]:
    name = f"{case.get('classname')}.{case.get('name')}"
    passed = case.find("failure") is None and case.find("error") is None
    told = [_row(f"{name}: {p.get('name')}", p.get("value"), "", met=passed) for p in case.iter("property")]
    return [_row(name, float(case.get("time", "0")), "s", met=passed), *told]


def _row(metric: str, value: object, unit: str, *, met: bool) -> Row:
    known: Row = {"metric": metric, "value": value, "unit": unit, "aim": "passes", "met": met}
    return {**known, "peer": None, "peer_value": None, "ratio": None}
