"""kubectl with one cluster's kubeconfig."""

import json
import subprocess
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from pawl_devcluster import shell, waiting

Json = dict[str, Any]


class Kubectl:
    """Runs kubectl; every failure is a DevclusterError with its output."""

    def __init__(self, program: Path, kubeconfig: Path) -> None:
        self.program = program
        self.kubeconfig = kubeconfig

    def __call__(self, *args: str, text: str | None = None, timeout: float = 180) -> str:
        """Run `kubectl ARGS` and return its output; `text` is its standard input."""
        return shell.run(self._command(args), text=text, timeout=timeout)

    def succeeds(self, *args: str) -> bool:
        """Say whether `kubectl ARGS` ends well."""
        return shell.attempt(self._command(args), timeout=60).returncode == 0

    def interactive(self, args: Sequence[str]) -> int:
        """Run with this terminal's input and output and return the exit status."""
        return subprocess.run([str(word) for word in self._command(args)], check=False).returncode

    def get(self, *args: str) -> Json:
        """Return `kubectl get ARGS` as data."""
        found: Json = json.loads(self("get", *args, "--output=json"))
        return found

    def apply(self, text: str) -> None:
        """Apply manifests, server-side; a second time changes nothing."""
        self(
            "apply", "--server-side", "--force-conflicts", "--field-manager=pawl-devcluster", "--filename=-", text=text
        )

    def apply_data(self, *objects: Json) -> None:
        """Apply objects given as data."""
        self.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def apply_packaged(self, manifest: str, /, **values: str) -> None:
        """Apply a manifest of this package; each $name in it becomes its value."""
        self.apply(packaged(manifest, **values))

    def rolled_out(self, namespace: str, workload: str, limit: int = 120) -> None:
        """Wait until a Deployment has all its pods ready."""
        self("--namespace", namespace, "rollout", "status", workload, f"--timeout={limit}s", timeout=limit + 10)

    def wait_for_api(self, limit: float = 120) -> None:
        """Wait until the API server says that it is ready and its default objects are there."""
        waiting.until("the API server", lambda: self.succeeds("get", "--raw", "/readyz"), limit)
        waiting.until("the namespace `default`", lambda: self.succeeds("get", "namespace", "default"), limit)

    def _command(self, args: Sequence[str]) -> list[shell.Argument]:
        return [self.program, f"--kubeconfig={self.kubeconfig}", *args]


def packaged(manifest: str, /, **values: str) -> str:
    """Return a manifest of this package with its placeholders filled in; raises KeyError for one without a value."""
    text = (resources.files("pawl_devcluster") / "manifests" / manifest).read_text()
    return Template(text).substitute(values)
