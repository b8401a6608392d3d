"""Reads a process's settings from its environment and reports every mistake of a start at once."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pawl.durations import format_duration, parse_duration

Settings = TypeVar("Settings")

_PLAIN_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class SettingsError(Exception):
    """The environment cannot be used; the message holds one line per mistake with name, value and remedy."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{len(problems)} setting(s) cannot be used:\n{lines}")


class Environment:
    """Typed reads from environment variables; a bad value is noted and its default returned, so reading goes on."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._problems: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """The value of `name`; required when `default` is None."""
        value = self._values.get(name, "").strip()
        if value:
            return value
        if default is None:
            self.problem(name, "", "is required but not set", "set it in the environment of this process")
            return ""
        return default

    def integer(self, name: str, default: int, minimum: int, maximum: int) -> int:
        """A whole number within [minimum, maximum]."""
        value = self.text(name, str(default))
        if not re.fullmatch(r"[+-]?\d{1,18}", value) or not minimum <= int(value) <= maximum:
            self.problem(name, value, "is out of range", f"use a whole number from {minimum} to {maximum}")
            return default
        return int(value)

    def seconds(self, name: str, default: float, minimum: float, maximum: float) -> float:
        """A duration in seconds: written as everywhere in Pawl (`1m30s`, `500ms`), or as a plain number of seconds."""
        value = self.text(name, str(default))
        seconds = _seconds(value)
        if seconds is None or not minimum <= seconds <= maximum:
            least, most, usual = (format_duration(timedelta(seconds=one)) for one in (minimum, maximum, default))
            self.problem(name, value, "is not a usable duration", f"use {least} to {most}, for example {usual}")
            return default
        return seconds

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of `allowed`, compared without regard to case."""
        value = self.text(name, default).lower()
        if value not in allowed:
            self.problem(name, value, "is not known", f"use one of {', '.join(allowed)}")
            return default
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """A switch: 1/true/yes/on or 0/false/no/off."""
        value = self.text(name, str(default)).lower()
        if value not in _TRUE | _FALSE:
            self.problem(name, value, "is not a switch", "use true or false")
            return default
        return value in _TRUE

    def url(self, name: str, default: str | None = None) -> str:
        """An http(s) address without a trailing slash; addresses that carry a password are refused."""
        value = self.text(name, default)
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            self.problem(name, value, "is not an http address", "use http://host:port or https://host")
        elif parts.password is not None:
            self.problem(name, "(hidden)", "carries a password", "put the secret into a file and name that file")
        return value.rstrip("/")

    def file(self, name: str, default: str | None = None) -> Path:
        """The path of a file that exists; required when `default` is None."""
        value = self.text(name, default)
        path = Path(value)
        if value and not path.is_file():
            self.problem(name, value, "is not a file", "mount the file there or correct the path")
        return path

    def optional_file(self, name: str) -> Path | None:
        """The path of a file that exists, or None when `name` is not set."""
        return self.file(name) if self.text(name, "") else None

    def problem(self, name: str, value: str, what: str, remedy: str) -> None:
        """Note a mistake that only the caller can see."""
        shown = f"={value!r}" if value else ""
        self._problems.append(f"{name}{shown} {what}; {remedy}")

    def finish(self) -> None:
        """Raise SettingsError when anything was noted."""
        if self._problems:
            raise SettingsError(self._problems)


def _seconds(text: str) -> float | None:
    """Seconds of a plain number (settings named for seconds hold one) or of a duration; None where it is neither."""
    if _PLAIN_SECONDS.fullmatch(text):
        return float(text)
    try:
        return parse_duration(text).total_seconds()
    except ValueError:
        return None


@dataclass(frozen=True)
class ServerSettings:
    """Where a process listens and how it ends: seconds of drain, then at most `grace_seconds` for what is in flight."""

    host: str
    port: int
    drain_seconds: float
    grace_seconds: float
    log_level: str


def server_settings(env: Environment) -> ServerSettings:
    """The settings that every HTTP process has."""
    return ServerSettings(
        host=env.text("PAWL_HOST", "0.0.0.0"),  # noqa: S104  a pod is reached on its pod address
        port=env.integer("PAWL_PORT", 8080, 0, 65535),
        drain_seconds=env.seconds("PAWL_DRAIN_SECONDS", 5.0, 0.0, 600.0),
        grace_seconds=env.seconds("PAWL_GRACE_SECONDS", 10.0, 0.1, 600.0),
        log_level=env.choice("PAWL_LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
    )


def load(build: Callable[[Environment], Settings], values: Mapping[str, str] | None = None) -> Settings:
    """Build settings from `values` (the process environment by default).

    Raises SettingsError naming every mistake at once.
    """
    env = Environment(os.environ if values is None else values)
    settings = build(env)
    env.finish()
    return settings
