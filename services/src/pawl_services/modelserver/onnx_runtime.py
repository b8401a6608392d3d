"""Runs an ONNX model with ONNX Runtime on the CPU."""

# onnxruntime ships no types.
# mypy: disable-error-code="import-untyped"

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pawl_services.modelserver.runtime import LoadError, ModelSignature, PredictionError
from pawl_services.modelserver.tensors import ANY, Tensor, TensorSpec

_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
_ARRAYS: dict[str, Any] = {
    "BOOL": np.bool_,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
} | {f"{sign}INT{bits}": np.dtype(f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)}


class OnnxRuntime:
    """Loads the only `*.onnx` file of the artifact; `threads` is for one prediction, the server runs several."""

    def __init__(self, directory: Path, threads: int) -> None:
        path = _model_file(directory)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise LoadError(f"{path.name}: ONNX Runtime cannot load it: {error}") from error
        self._signature = ModelSignature(
            "onnx_onnxv1",
            tuple(_spec(node) for node in self._session.get_inputs()),
            tuple(_spec(node) for node in self._session.get_outputs()),
        )

    @property
    def signature(self) -> ModelSignature:
        """The graph's inputs and outputs; a free dimension is -1."""
        return self._signature

    def infer(self, inputs: dict[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Run the graph once."""
        specs = {spec.name: spec for spec in self._signature.outputs}
        names = list(outputs or specs)
        arrays = {name: _array(tensor) for name, tensor in inputs.items()}
        try:
            answered = self._session.run(names, arrays)
        except Exception as error:
            # Its message may repeat what was sent, and an answer repeats no data: the log has it.
            raise PredictionError(f"ONNX Runtime raised {type(error).__name__}") from error
        return [_tensor(specs[name], array) for name, array in zip(names, answered, strict=True)]


def _model_file(directory: Path) -> Path:
    found = sorted(directory.glob("*.onnx"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise LoadError(f"the artifact must hold one *.onnx file at its top, found {names}; export the model again")
    return found[0]


def _spec(node: onnxruntime.NodeArg) -> TensorSpec:
    datatype = _DATATYPES.get(node.type)
    if datatype is None:
        raise LoadError(f"{node.name}: {node.type} is no tensor of the protocol; export the model with plain tensors")
    shape = tuple(length if isinstance(length, int) else ANY for length in node.shape)
    return TensorSpec(node.name, datatype, shape)


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.array(tensor.data, dtype=_ARRAYS[tensor.datatype]).reshape(tensor.shape)


def _tensor(spec: TensorSpec, array: NDArray[Any]) -> Tensor:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise PredictionError(f"output {spec.name!r} holds values that are not finite; JSON cannot carry them")
    return Tensor(spec.name, spec.datatype, tuple(array.shape), array.ravel().tolist())
