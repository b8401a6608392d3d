"""Looks at what is live and at what was registered: golden F1, and whether both answer alike."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawl_examples.follow import Follower
from pawl_examples.kube import Kube
from pawl_examples.loop import golden, parity
from pawl_examples.loop.registry import answers_of, fetch
from pawl_examples.loop.setting import NAMESPACE

Json = dict[str, Any]


@dataclass(frozen=True)
class Looks:
    """Where to look: the Rollout that `follower` watches, and the registry at `tracking`; looks go into `folder`."""

    kube: Kube
    follower: Follower
    tracking: str
    folder: Path

    def address(self) -> str:
        """The address of what is live, as this machine reaches it: past the gateway."""
        service = self.follower.history.latest["status"]["stable"]["service"]
        found = self.kube.get("service", service, "-n", NAMESPACE)["spec"]
        return f"http://{found['clusterIP']}:{found['ports'][0]['port']}"

    def live(self, model: str) -> golden.Look:
        """Golden through what is live, called `model`."""
        revision = self.follower.history.latest["status"]["stable"]["revision"]
        answers = golden.ask(self.address(), [one.text for one in golden.golden_messages()])
        return golden.look(answers, model, revision, self.folder)

    def registered(self, model: str, version: Json) -> golden.Look:
        """Golden through a registered artifact itself: what was not promoted is served no more."""
        with tempfile.TemporaryDirectory() as folder:
            directory = fetch(self.tracking, version, Path(folder))
            return self.artifact(f"{model} (not served)", version["source"], directory)

    def artifact(self, model: str, source: str, directory: Path) -> golden.Look:
        """Golden through the artifact in a folder of this machine; `source` says where it is from."""
        answers = answers_of(directory, [one.text for one in golden.golden_messages()])
        return golden.look(answers, model, source, self.folder)

    def compare(self, registered: Json, texts: list[str]) -> parity.Parity:
        """What is live beside the artifact that was registered."""
        with tempfile.TemporaryDirectory() as folder:
            return parity.compare(self.address(), fetch(self.tracking, registered, Path(folder)), texts)
