"""Runs a plain Python model: an entry point `module:load` that returns an object with `predict`."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pawl_services.modelserver.runtime import LoadError, ModelSignature, PredictionError
from pawl_services.modelserver.tensors import ANY, DATATYPES, Tensor, TensorError, TensorSpec, tensor_of


@runtime_checkable
class Predictor(Protocol):
    """What an entry point returns. `predict` is called from several threads at once.

    It may have a method `signature() -> {"inputs": [...], "outputs": [...]}` in the protocol's metadata form; requests
    are then checked against it before the model sees them.
    """

    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Answer input tensors (lists nested as deep as their shapes) with output tensors of the same form."""
        ...


class PythonRuntime:
    """Loads `entrypoint` and calls it with the artifact's directory (one that does not exist where there is none)."""

    def __init__(self, entrypoint: str, directory: Path) -> None:
        self._predictor = _loaded(entrypoint, directory)
        self._signature = _signature_of(self._predictor, entrypoint)
        self._outputs = {spec.name: spec for spec in self._signature.outputs}

    @property
    def signature(self) -> ModelSignature:
        """The model's tensors where the predictor declares them."""
        return self._signature

    def infer(self, inputs: dict[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Answer one request; raises PredictionError for whatever the predictor raises or wrongly returns."""
        nested = {name: tensor.nested() for name, tensor in inputs.items()}
        try:
            answered = self._predictor.predict(nested)
        except Exception as error:
            raise PredictionError(f"predict raised {type(error).__name__}") from error
        try:
            return [self._output(answered, name) for name in outputs or list(answered)]
        except (TensorError, TypeError) as error:
            raise PredictionError(f"predict returned no tensors: {error}") from error

    def _output(self, answered: Mapping[str, Any], name: str) -> Tensor:
        if name not in answered:
            raise TensorError(name, sorted(answered), "was not returned", "return every declared output")
        return tensor_of(name, answered[name], self._outputs.get(name))


def _loaded(entrypoint: str, directory: Path) -> Predictor:
    module, _, attribute = entrypoint.partition(":")
    try:
        load: Callable[[Path], object] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        remedy = "install its package in the image and set PAWL_ENTRYPOINT=module:attribute"
        raise LoadError(f"PAWL_ENTRYPOINT={entrypoint!r} cannot be imported: {error}; {remedy}") from error
    try:
        predictor = load(directory)
    except Exception as error:
        raise LoadError(f"PAWL_ENTRYPOINT={entrypoint!r} failed: {type(error).__name__}: {error}") from error
    if not isinstance(predictor, Predictor):
        raise LoadError(f"PAWL_ENTRYPOINT={entrypoint!r} returned no predictor: it has no method `predict`")
    return predictor


def _signature_of(predictor: Predictor, entrypoint: str) -> ModelSignature:
    declare = getattr(predictor, "signature", None)
    if declare is None:
        return ModelSignature("python")
    try:
        declared = declare()
        return ModelSignature("python", _specs(declared["inputs"]), _specs(declared["outputs"]))
    except (KeyError, TypeError, ValueError) as error:
        raise LoadError(f"PAWL_ENTRYPOINT={entrypoint!r} declares a wrong signature: {error!r}") from error


def _specs(declared: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    specs = tuple(TensorSpec(given["name"], given["datatype"], tuple(given["shape"])) for given in declared)
    for spec in specs:
        if spec.datatype not in DATATYPES or any(length < ANY for length in spec.shape):
            raise ValueError(f"tensor {spec.name!r}: datatype {spec.datatype!r}, shape {spec.shape}")
    return specs
