"""What every runtime of a model offers to the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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
