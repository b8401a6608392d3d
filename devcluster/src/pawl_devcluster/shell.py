"""Runs other programs: argument lists only, output in the error when one fails."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from pawl_devcluster.errors import DevclusterError

Argument = str | Path


def run(
    args: Sequence[Argument],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    text: str | None = None,
    stdin: IO[bytes] | None = None,
    timeout: float | None = None,
) -> str:
    """Run to the end and return standard output.

    env: added to the present environment; text or stdin: what the program reads; timeout in seconds.
    Raises DevclusterError with the command and the last lines of its output when it fails or takes too long.
    """
    result = attempt(args, env=env, cwd=cwd, text=text, stdin=stdin, timeout=timeout)
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()[-15:]
        raise DevclusterError(f"{shown(args)} ended with {result.returncode}:\n  " + "\n  ".join(lines))
    return result.stdout


def attempt(
    args: Sequence[Argument],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    text: str | None = None,
    stdin: IO[bytes] | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Like `run`, but a failure is the caller's to judge; only a missing program or a time-out raises."""
    words = [str(a) for a in args]
    environment = {**os.environ, **env} if env else None
    try:
        if stdin is not None:
            return subprocess.run(
                words,
                env=environment,
                cwd=cwd,
                stdin=stdin,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        return subprocess.run(
            words,
            env=environment,
            cwd=cwd,
            input=text or "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise DevclusterError(f"{words[0]} is not installed; it is needed for: {shown(args)}") from error
    except subprocess.TimeoutExpired as error:
        raise DevclusterError(f"{shown(args)} took longer than {timeout:.0f} s and was ended.") from error


def succeeds(args: Sequence[Argument], timeout: float = 30) -> bool:
    """Say whether the program is there and ends well."""
    if shutil.which(str(args[0])) is None:
        return False
    try:
        return attempt(args, timeout=timeout).returncode == 0
    except DevclusterError:
        return False


def shown(args: Sequence[Argument]) -> str:
    """Return a command as one line for people, cut where it gets long."""
    line = " ".join(str(a) for a in args)
    return line if len(line) <= 160 else line[:157] + "..."
