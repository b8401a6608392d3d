"""Runs every benchmark of this folder, each in a process of its own, and prints the table of what it wrote."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHMARKS = ("assigner", "ingest", "route_changes")


def main() -> int:
    """Run all, or those that are named; one that fails is named, the others still run. Exit code 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Run benchmarks and print their rows")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; none: all")
    names = parser.parse_args().names
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(f"no benchmark is called {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")
    failed = [name for name in names or BENCHMARKS if run_one(name)]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def run_one(name: str) -> int:
    """Run `benchmarks.<name>` and print its rows; returns its exit code."""
    print(f"=== {name}", flush=True)
    code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, check=False).returncode
    written = HERE / "results" / f"{name}.json"
    if code == 0 and written.exists():
        for row in json.loads(written.read_text())["rows"]:
            print("  {metric}: {value} {unit}, {peer} {peer_value}, ratio {ratio} (aim {aim}, met {met})".format(**row))
    return code


if __name__ == "__main__":
    sys.exit(main())
