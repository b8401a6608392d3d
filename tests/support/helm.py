"""Renders the chart with the helm that the development cluster uses, for tests of every level."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from pawl_devcluster.settings import from_environment
from pawl_devcluster.tools import make_tools

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "pawl"


def helm_binary() -> str:
    """Path of helm: PATH first, else the one of the development cluster (fetched once into the user's cache)."""
    return shutil.which("helm") or str(make_tools(from_environment(), print).program("helm"))


def template(*arguments: str, expect: int = 0) -> str:
    """What `helm template` prints: manifests on success, the error when `expect` is 1."""
    command = [helm_binary(), "template", "pawl", str(CHART), "--namespace", "pawl-system", *arguments]
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/tmp")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == expect, done.stderr or done.stdout
    return done.stdout if expect == 0 else done.stderr


def objects(*arguments: str) -> list[dict[str, Any]]:
    """The rendered objects."""
    return [one for one in yaml.safe_load_all(template(*arguments)) if one]


def pods(rendered: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """(name, pod spec) of every workload among the objects."""
    kinds = {"Deployment", "StatefulSet", "DaemonSet", "Job"}
    return [(one["metadata"]["name"], one["spec"]["template"]["spec"]) for one in rendered if one["kind"] in kinds]
