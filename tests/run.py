"""Runs the test levels one after the other, from cheap to dear, and prints the seconds of each.

`python -m tests.run` runs all levels; `python -m tests.run unit services` runs some; `python -m tests.run prove` runs
the long ones, `prove/cluster` those on a cluster alone. What later levels need (Kubernetes binaries, the gateway,
images) is built in the background meanwhile.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.prove_results import write_results

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".demo" / "logs"

# Warm budgets in minutes; a level that breaks its own moves its dearest test to `prove`.
LEVELS = {"unit": 3, "services": 3, "apiserver": 5, "faults": 5, "cluster": 11}
# Files of these levels run side by side: much of their time is waiting for processes and servers.
BESIDE = {
    level: ["-n", workers, "--dist", "loadfile"]
    for level, workers in {"unit": "2", "apiserver": "2", "services": "3", "faults": "2"}.items()
}
PROGRAMS = dict.fromkeys(
    ("apiserver", "faults"),
    ("kubectl", "helm", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "gateway-crds"),
)
# What is played on a cluster has the machine for itself, and its files share that cluster.
ALONE = "prove/cluster"
PROVE = {ALONE: [], "prove": [f"--ignore=tests/{ALONE}", "-n", "2", "--dist", "loadfile"]}
FIGURES = {ALONE: "prove-cluster", "prove": "prove-tests"}
BACKGROUND = {
    "build": (["-m", "pawl_devcluster", "build"], {"cluster", *PROVE}),
    "images": (["-m", "pawl_devcluster", "images"], {"cluster", *PROVE}),
}
# Builds take what the tests leave: a test whose processes starve fails for no reason of ours.
NICE = ["nice", "-n", "19"]
INTERRUPTED = 130
OUTCOME = re.compile(r"(\d+) (passed|failed|errors?)\b")


@dataclass(frozen=True)
class Result:
    """What one level did; `failed` counts errors too."""

    level: str
    passed: int
    failed: int
    seconds: float
    exit_code: int


def run_level(level: str, extra: list[str]) -> Result:
    """Run one level's tests, printing what pytest prints; pytest's exit code decides, the counts inform."""
    print(f"\n=== {level}: tests/{level} (budget {LEVELS.get(level, 0)} min warm)", flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", f"tests/{level}", "-q", "--durations=5", *extra]
    # Workers must agree on the order of every set that names tests.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last = _relay(process)
    exit_code = process.wait()
    counts = {word.rstrip("s"): int(number) for number, word in OUTCOME.findall(last)}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    return Result(level, counts.get("passed", 0), failed, time.monotonic() - started, exit_code)


def _relay(process: "subprocess.Popen[str]") -> str:
    """Print what pytest prints, to its end, and return the last line with counts.

    Ctrl-C reaches pytest too, and pytest still has to take down what it started: it is waited for, and then the
    KeyboardInterrupt goes on.
    """
    last, interrupt = "", None
    while process.stdout is not None:
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                last = line if OUTCOME.search(line) else last
            break
        except KeyboardInterrupt as error:
            interrupt = error
            print("\ninterrupted: waiting until the tests have taken down what they started", flush=True)
    process.wait()
    if interrupt is not None:
        raise interrupt
    return last


def prove(results: list[Result], parts: Sequence[str]) -> None:
    """Run parts of the long tests, and write the figures of each that ended to benchmarks/results."""
    # Figures are properties of tests, which only the older form of the report knows.
    form = ["--timeout=0", "-o", "junit_family=xunit1"]
    for part in parts:
        report = LOGS / f"{part.replace('/', '-')}.xml"
        report.unlink(missing_ok=True)  # an earlier run's would pass for this one's
        results.append(run_level(part, [*form, f"--junitxml={report}", *PROVE[part]]))
        figures = write_results(report, FIGURES[part]).relative_to(ROOT) if report.exists() else "none"
        print(f"figures: {figures}", flush=True)


def wait_for(level: str, background: dict[str, subprocess.Popen[bytes]]) -> None:
    """Wait for what the level needs, so that no test's own deadline pays for a cold cache."""
    started = time.monotonic()
    failed = []
    if level in PROGRAMS:
        # A build that is under way in the background is waited for, not repeated.
        command = [sys.executable, "-m", "pawl_devcluster", "build", *PROGRAMS[level]]
        failed += ["build"] if subprocess.run(command, cwd=ROOT, check=False).returncode else []
    for name, (_, needed_by) in BACKGROUND.items():
        if level in needed_by and name in background:
            failed += [f"{name} (see .demo/logs/{name}.log)"] if background[name].wait() else []
    if failed:
        print(f"{level} will fail for want of: {', '.join(failed)}", flush=True)
    if time.monotonic() - started > 5:
        print(f"waited {time.monotonic() - started:.0f} s for what {level} needs", flush=True)


def start_background(levels: list[str]) -> dict[str, subprocess.Popen[bytes]]:
    """Start what later levels will wait for anyway; its output goes to a log, its failure shows in that level."""
    LOGS.mkdir(parents=True, exist_ok=True)
    started = {}
    for name, (arguments, needed_by) in BACKGROUND.items():
        if needed_by & set(levels) or (name == "build" and PROGRAMS.keys() & set(levels)):
            log = (LOGS / f"{name}.log").open("wb")
            started[name] = subprocess.Popen([*NICE, sys.executable, *arguments], cwd=ROOT, stdout=log, stderr=log)
            print(f"background: {name} (log .demo/logs/{name}.log)", flush=True)
    return started


def report(results: list[Result]) -> int:
    """Print the table and the closing line; return the exit code."""
    print("\nlevel         passed  failed  seconds  budget")
    for r in results:
        print(f"{r.level:<13}{r.passed:>7}{r.failed:>8}{r.seconds:>9.0f}{LEVELS.get(r.level, 0) * 60:>8}")
    passed, failed = sum(r.passed for r in results), sum(r.failed for r in results)
    print(f"total        {passed:>7}{failed:>8}{sum(r.seconds for r in results):>9.0f}")
    print(f"\n{passed} passed, {failed} failed", flush=True)
    return 1 if any(r.exit_code for r in results) else 0


def main() -> int:
    """Run the levels named on the command line, all but `prove` without names; every level runs even if one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("levels", nargs="*", help=f"some of {', '.join(LEVELS)}, {', '.join(PROVE)}")
    levels = parser.parse_args().levels or list(LEVELS)
    unknown = set(levels) - {*LEVELS, *PROVE}
    if unknown:
        parser.error(f"unknown level {', '.join(sorted(unknown))}; choose from {', '.join([*LEVELS, *PROVE])}")
    background = start_background(levels)
    results: list[Result] = []
    try:
        for level in levels:
            wait_for(level, background)
            if level in PROVE:
                prove(results, [level] if level == ALONE else list(PROVE))
            else:
                results.append(run_level(level, BESIDE.get(level, [])))
    except KeyboardInterrupt:
        print("\ninterrupted; what had ended before:")
        report(results)
        return INTERRUPTED
    finally:
        for process in background.values():
            if process.poll() is None:
                process.terminate()
            process.wait()
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
