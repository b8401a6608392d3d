"""Entry points of small models for tests of the model server; each is named by what it does."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

Tensors = dict[str, list[Any]]
SLOW_SECONDS = 0.3


class Echo:
    """Answers `text` with one JSON list per text; declares its tensors."""

    def __init__(self, model_dir: Path) -> None:
        self._suffix = (model_dir / "suffix.txt").read_text() if model_dir.exists() else ""

    def signature(self) -> dict[str, list[dict[str, Any]]]:
        tensor = {"datatype": "BYTES", "shape": [-1]}
        return {"inputs": [{"name": "text", **tensor}], "outputs": [{"name": "facts", **tensor}]}

    def predict(self, inputs: Tensors) -> Tensors:
        return {"facts": [json.dumps([{"value": text + self._suffix}]) for text in inputs["text"]]}


class Undeclared:
    """Takes anything and returns it, except where told to fail."""

    def predict(self, inputs: Tensors) -> Tensors:
        if inputs.get("do") == ["raise"]:
            raise ValueError("a secret of the user")
        if inputs.get("do") == ["mix"]:
            return {"out": [1, "one"]}
        if inputs.get("do") == ["ragged"]:
            return {"out": [[1, 2], [3]]}
        return inputs


class Slow(Echo):
    """Echo, later."""

    def predict(self, inputs: Tensors) -> Tensors:
        time.sleep(SLOW_SECONDS)
        return super().predict(inputs)


class Gated(Echo):
    """Blocks on the text `hang` until the process ends."""

    def predict(self, inputs: Tensors) -> Tensors:
        if inputs["text"] == ["hang"]:
            threading.Event().wait()
        return super().predict(inputs)


class Exiting(Echo):
    """Ends the process on the text `exit`."""

    def predict(self, inputs: Tensors) -> Tensors:
        if inputs["text"] == ["exit"]:
            os._exit(7)
        return super().predict(inputs)


echo = Echo
slow = Slow
gated = Gated
exiting = Exiting
NOT_CALLABLE = 3


def undeclared(_: Path) -> Undeclared:
    return Undeclared()


def failing(_: Path) -> Undeclared:
    raise RuntimeError("no weights")


def nothing(_: Path) -> object:
    return object()


class _WrongSignature(Undeclared):
    def signature(self) -> dict[str, list[dict[str, Any]]]:
        return {"inputs": [{"name": "text", "datatype": "TEXT", "shape": [-1]}], "outputs": []}


def wrong_signature(_: Path) -> Undeclared:
    return _WrongSignature()
