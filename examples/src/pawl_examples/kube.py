"""The demo's hand on the cluster: kubectl and helm, as a person would use them."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
SECONDS = 60


class KubeError(RuntimeError):
    """A command failed; the message holds the command and what it said."""


@dataclass(frozen=True)
class Kube:
    """Programs and credentials of one cluster."""

    kubectl: Path
    helm: Path
    kubeconfig: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment in which the programs run."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}

    def run(self, *arguments: str | Path, stdin: bytes | None = None, seconds: float = SECONDS) -> str:
        """Run kubectl; raises KubeError when it fails or takes longer."""
        return self._call(self.kubectl, arguments, stdin, seconds)

    def install(self, *arguments: str | Path, seconds: float = 300) -> str:
        """Run helm; raises KubeError when it fails or takes longer."""
        return self._call(self.helm, arguments, None, seconds)

    def get(self, *what: str) -> Json:
        """Read one object or a list, for example `get("pods", "-n", "demo")`."""
        found: Json = json.loads(self.run("get", *what, "-o", "json"))
        return found

    def apply(self, *objects: Json, manager: str = "pawl-demo") -> None:
        """Server-side apply, taking over the fields that the objects name."""
        self.run(
            "apply", "--server-side", "--force-conflicts", f"--field-manager={manager}", "-f", "-",
            stdin=yaml.safe_dump_all(objects).encode(),
        )  # fmt: skip

    def watch(self, *what: str) -> "Watch":
        """Follow objects; the caller closes what is returned."""
        command = [str(self.kubectl), "get", *what, "--watch", "-o", "json"]
        process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return Watch(process)

    def _call(self, program: Path, arguments: tuple[str | Path, ...], stdin: bytes | None, seconds: float) -> str:
        shown = f"{program.name} {' '.join(str(one) for one in arguments[:6])}"
        try:
            done = subprocess.run(
                [program, *arguments],
                input=stdin,
                capture_output=True,
                env=self.environment,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise KubeError(f"{shown}: no end after {seconds:.0f} s") from error
        if done.returncode:
            raise KubeError(f"{shown}: {done.stderr.decode(errors='replace').strip()[-1500:]}")
        return done.stdout.decode()


class Watch:
    """A stream of objects; iteration ends when the stream is closed or the server ends it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __iter__(self) -> Iterator[Json]:
        output = self._process.stdout
        return objects_in(iter(output.readline, "")) if output is not None else iter(())

    def close(self) -> None:
        """End the stream and its process."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def objects_in(lines: Iterator[str]) -> Iterator[Json]:
    """The objects in a stream of pretty-printed JSON, each as soon as its last line has come."""
    held: list[str] = []
    for line in lines:
        held.append(line)
        # kubectl ends every object with a brace in the first column.
        if line.startswith("}"):
            yield json.loads("".join(held))
            held.clear()


def read_manifest(path: Path) -> list[Json]:
    """The objects of a YAML file."""
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]
