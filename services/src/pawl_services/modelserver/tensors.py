"""Tensors of the Open Inference Protocol v2: datatypes, shapes, and the checks between JSON and a model."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MAX_RANK = 16
ANY = -1

_INTEGERS = {f"{sign}INT{bits}": (bits, sign) for bits in (8, 16, 32, 64) for sign in ("", "U")}
INTEGER_RANGES = {
    name: (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for name, (bits, sign) in _INTEGERS.items()
}
FLOAT_LIMITS = {"FP16": 65504.0, "FP32": 3.4028234663852886e38, "FP64": math.inf}
DATATYPES = ("BOOL", *INTEGER_RANGES, *FLOAT_LIMITS, "BYTES")


class TensorError(ValueError):
    """A tensor is not valid; `field` is its JSON path, `value` what was found, `remedy` what to send instead."""

    def __init__(self, field: str, value: object, what: str, remedy: str) -> None:
        super().__init__(f"{field}: {what}; {remedy}")
        self.field = field
        self.value = value
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a model takes or gives under one name; -1 in `shape` stands for any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def fits(self, shape: Sequence[int]) -> bool:
        """Tell whether a tensor of `shape` can be given for this one."""
        return len(shape) == len(self.shape) and all(
            wanted in (ANY, found) for wanted, found in zip(self.shape, shape, strict=True)
        )

    def described(self) -> dict[str, Any]:
        """The JSON form of the protocol's model metadata."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Checked values of one tensor, flat in row-major order: `len(data)` is the product of `shape`."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any]

    def nested(self) -> list[Any]:
        """The values as nested lists, as deep as the shape."""
        return _nested(self.data, self.shape)

    def described(self) -> dict[str, Any]:
        """The JSON form of an answer's output, with flat data."""
        return {"name": self.name, "shape": list(self.shape), "datatype": self.datatype, "data": self.data}


def checked_tensor(field: str, name: str, datatype: object, shape: object, data: object) -> Tensor:
    """Build a tensor from JSON values; raises TensorError naming the part under `field` that is wrong."""
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise TensorError(f"{field}.datatype", datatype, "is not a datatype", f"use one of {', '.join(DATATYPES)}")
    dimensions = _checked_shape(f"{field}.shape", shape)
    if not isinstance(data, list):
        raise TensorError(f"{field}.data", data, "is not an array", "send the values as JSON; binary data is not taken")
    flat = _flat(f"{field}.data", data, dimensions)
    _check_values(f"{field}.data", flat, datatype)
    return Tensor(name, datatype, dimensions, flat)


def tensor_of(name: str, values: object, spec: TensorSpec | None) -> Tensor:
    """Build a tensor from what a Python predictor returned; raises TensorError where it is no regular array."""
    if not isinstance(values, list):
        raise TensorError(name, type(values).__name__, "is not a list", "return one list for each output")
    shape = tuple(_lengths(values))
    flat = _flat(name, values, shape)
    datatype = spec.datatype if spec else _datatype_of(name, flat)
    _check_values(name, flat, datatype)
    return Tensor(name, datatype, shape, flat)


def _nested(data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if len(shape) == 1:
        return data
    size = len(data) // shape[0]
    return [_nested(data[at * size : (at + 1) * size], shape[1:]) for at in range(shape[0])]


def _checked_shape(field: str, shape: object) -> tuple[int, ...]:
    remedy = f"send 1 to {MAX_RANK} whole numbers from 1 up"
    if not isinstance(shape, list) or not 1 <= len(shape) <= MAX_RANK:
        raise TensorError(field, shape, "is not a shape", remedy)
    for length in shape:
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            raise TensorError(field, length, "holds what is no length", remedy)
    return tuple(shape)


def _flat(field: str, data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Flatten data that is either flat already or nested exactly as `shape` says."""
    nested = bool(data) and isinstance(data[0], list)
    values = list(_leaves(field, data, shape)) if nested else data
    expected = math.prod(shape)
    if len(values) != expected:
        remedy = f"shape {list(shape)} holds {expected}"
        raise TensorError(field, len(values), "has another number of values than the shape", remedy)
    return values


def _leaves(field: str, data: object, shape: tuple[int, ...]) -> Iterator[Any]:
    if not shape:
        yield data
        return
    if not isinstance(data, list) or len(data) != shape[0]:
        raise TensorError(
            field, data, "is not nested as the shape says", "send flat row-major values or nest them fully"
        )
    for part in data:
        yield from _leaves(field, part, shape[1:])


def _check_values(field: str, values: list[Any], datatype: str) -> None:
    for at, value in enumerate(values):
        if not _fits(value, datatype):
            raise TensorError(
                f"{field}[{at}]", value, f"is not a value of {datatype}", "correct the value or the datatype"
            )


def _fits(value: object, datatype: str) -> bool:
    if datatype == "BYTES":
        return isinstance(value, str)
    if isinstance(value, bool):
        return datatype == "BOOL"
    if datatype in INTEGER_RANGES:
        low, high = INTEGER_RANGES[datatype]
        return isinstance(value, int) and low <= value <= high
    if datatype in FLOAT_LIMITS and isinstance(value, int | float):
        return math.isfinite(_as_float(value)) and abs(value) <= FLOAT_LIMITS[datatype]
    return False


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _lengths(values: object) -> Iterator[int]:
    while isinstance(values, list):
        yield len(values)
        values = values[0] if values else None


def _datatype_of(name: str, values: list[Any]) -> str:
    kinds = {type(value) for value in values}
    for kind, datatype in ((str, "BYTES"), (bool, "BOOL"), (int, "INT64"), (float, "FP64")):
        if kinds <= {kind} or (kind is float and kinds <= {int, float}):
            return datatype
    raise TensorError(name, sorted(kind.__name__ for kind in kinds), "mixes types", "return values of one type")
