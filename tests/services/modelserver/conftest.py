"""Artifacts and servers for the model server's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from modelserver_process import ModelServerProcess, ready_modelserver
from onnx_bytes import model

from pawl.artifacts import digest_directory


@pytest.fixture
def artifact(tmp_path: Path) -> dict[str, str]:
    """Settings of a released artifact: its source and digest."""
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "suffix.txt").write_text("!")
    return {"model_source": folder.as_uri(), "model_digest": digest_directory(folder)}


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServerProcess]:
    """A server of the Python runtime, shared by the tests that only ask."""
    with ready_modelserver(tmp_path_factory.mktemp("echo")) as server:
        yield server


@pytest.fixture(scope="module")
def adder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServerProcess]:
    """A server of the ONNX runtime: y = a + b, both FP32 [-1, 2]."""
    folder = tmp_path_factory.mktemp("adder")
    (folder / "artifact").mkdir()
    (folder / "artifact" / "model.onnx").write_bytes(model("Add", ["a", "b"]))
    released = {"model_source": (folder / "artifact").as_uri(), "model_digest": digest_directory(folder / "artifact")}
    with ready_modelserver(folder, runtime="onnx", **released) as server:
        yield server
