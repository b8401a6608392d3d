"""What the process is told by its environment beside the plan."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pawl_trainers.harness.plan import Plan, PlanError, read_plan


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Addresses and places; `tracking` is empty where there is no model registry, `commit` where it is not known."""

    collector: str
    token_file: Path
    tracking: str
    workspace: Path
    commit: str


@contextmanager
def surroundings(environ: Mapping[str, str]) -> Iterator[tuple[Plan, Surroundings]]:
    """Read plan and environment; the workspace exists inside the block. Raises PlanError."""
    plan = read_plan(environ.get("PAWL_PLAN", ""))
    tracking = environ.get("MLFLOW_TRACKING_URI", "")
    if plan.register_ and not tracking:
        raise PlanError(
            "MLFLOW_TRACKING_URI: is empty, but the plan says register; "
            "set mlflow.trackingUri in the chart's values, or register: false in the TrainingRun"
        )
    with _workspace(environ.get("PAWL_WORKSPACE", "")) as workspace:
        yield (
            plan,
            Surroundings(
                collector=_url(environ, "PAWL_COLLECTOR_URL"),
                token_file=_file(environ, "PAWL_COLLECTOR_TOKEN_FILE"),
                tracking=tracking,
                workspace=workspace,
                commit=environ.get("PAWL_COMMIT", ""),
            ),
        )


@contextmanager
def _workspace(named: str) -> Iterator[Path]:
    """A fresh folder below the named one, so that another attempt's leftovers are never taken for this one's."""
    if named:
        Path(named).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pawl-run-", dir=named or None) as folder:
        yield Path(folder)


def _url(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PlanError(f"{name}: {value!r} is no http address; set it to http://host:port of the collector")
    return value.rstrip("/")


def _file(environ: Mapping[str, str], name: str) -> Path:
    value = environ.get(name, "")
    if not value or not os.access(value, os.R_OK):
        raise PlanError(f"{name}: {value!r} cannot be read; mount the Secret with the read key there")
    return Path(value)
