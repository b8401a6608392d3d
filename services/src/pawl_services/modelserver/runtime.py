"""What every runtime of a model offers to the server, and how one is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pawl_services.modelserver.settings import ModelServerSettings
from pawl_services.modelserver.tensors import Tensor, TensorSpec


class LoadError(Exception):
    """A model cannot be loaded; the message says which part and what to do."""


class PredictionError(Exception):
    """The model failed on a valid request, or answered with what is no tensor; it is the server's fault."""


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """A model's platform and its tensors; no tensors means that the model declares none and takes any."""

    platform: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


class Runtime(Protocol):
    """A loaded model. `infer` is called from several threads at once."""

    @property
    def signature(self) -> ModelSignature:
        """The model's platform and tensors."""
        ...

    def infer(self, inputs: dict[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Answer one request with the `outputs` asked for, all when empty; raises PredictionError."""
        ...


def load_runtime(settings: ModelServerSettings, directory: Path) -> Runtime:
    """Load the model that lies in `directory`; blocks, and raises LoadError."""
    # Each runtime is imported only where it is used: an image need not carry the other one's libraries.
    if settings.runtime == "onnx":
        from pawl_services.modelserver.onnx_runtime import OnnxRuntime

        return OnnxRuntime(directory, settings.threads)
    from pawl_services.modelserver.python_runtime import PythonRuntime

    return PythonRuntime(settings.entrypoint, directory)
