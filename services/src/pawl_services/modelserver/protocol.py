"""Requests and answers of the Open Inference Protocol v2, checked against what the model declares."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pawl_services.modelserver.runtime import ModelSignature
from pawl_services.modelserver.tensors import Tensor, TensorError, TensorSpec, checked_tensor
from pawl_services.web.problem import Problem, ProblemError

SERVER_NAME = "pawl-modelserver"
MAX_ID = 256


class OipProblem(Problem):
    """A problem whose body also carries the protocol's own `error` member, so that its clients read it."""

    def body(self) -> dict[str, object]:
        """Return the members of the JSON document."""
        return {"error": self.detail, **super().body()}


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A checked request: input tensors by name, and the outputs asked for (all when empty)."""

    id: str | None
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


def refuse(
    status: int,
    detail: str,
    remedy: str,
    *,
    field: str | None = None,
    value: object = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemError:
    """Return the error to raise for a refusal under `/v2`."""
    return ProblemError(OipProblem(status, detail, remedy, field=field, value=value, headers=headers or {}))


def parse_request(body: bytes, signature: ModelSignature) -> InferRequest:
    """Check a request's body; raises ProblemError (400) naming the first wrong field."""
    raw = _json_object(body)
    try:
        return InferRequest(_checked_id(raw), _inputs(raw, signature), _outputs(raw, signature))
    except TensorError as error:
        raise refuse(400, str(error), error.remedy, field=error.field, value=error.value) from error


def answer(name: str, version: str, request: InferRequest, outputs: Sequence[Tensor]) -> dict[str, Any]:
    """Return the JSON form of an answer; `id` only where the request had one."""
    head: dict[str, Any] = {"model_name": name, "model_version": version}
    if request.id is not None:
        head["id"] = request.id
    return {**head, "outputs": [tensor.described() for tensor in outputs]}


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        raw = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise refuse(400, f"body: is not JSON: {error}", "send a JSON object in UTF-8", field="body") from error
    if not isinstance(raw, dict):
        raise refuse(400, "body: is not a JSON object", "send an object with `inputs`", field="body")
    return raw


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _checked_id(raw: Mapping[str, Any]) -> str | None:
    found = raw.get("id")
    if found is not None and (not isinstance(found, str) or len(found) > MAX_ID):
        raise TensorError("id", found, "is not an identifier", f"send a string of at most {MAX_ID} characters")
    return found


def _inputs(raw: Mapping[str, Any], signature: ModelSignature) -> dict[str, Tensor]:
    listed = raw.get("inputs")
    if not isinstance(listed, list) or not listed:
        raise TensorError("inputs", listed, "is not a list of tensors", "send at least one input")
    inputs: dict[str, Tensor] = {}
    for at, given in enumerate(listed):
        tensor = _input(f"inputs[{at}]", given, signature.inputs)
        if tensor.name in inputs:
            raise TensorError(f"inputs[{at}].name", tensor.name, "is given twice", "send each input once")
        inputs[tensor.name] = tensor
    for spec in signature.inputs:
        if spec.name not in inputs:
            raise TensorError("inputs", sorted(inputs), f"lacks {spec.name!r}", "send every input of the model")
    return inputs


def _input(field: str, given: object, specs: Sequence[TensorSpec]) -> Tensor:
    if not isinstance(given, dict):
        raise TensorError(field, given, "is not a tensor", "send an object with name, shape, datatype and data")
    name = given.get("name")
    if not isinstance(name, str) or not name:
        raise TensorError(f"{field}.name", name, "is not a name", "send the input's name")
    tensor = checked_tensor(field, name, given.get("datatype"), given.get("shape"), given.get("data"))
    if specs:
        _check_declared(field, tensor, specs)
    return tensor


def _check_declared(field: str, tensor: Tensor, specs: Sequence[TensorSpec]) -> None:
    spec = next((spec for spec in specs if spec.name == tensor.name), None)
    if spec is None:
        known = ", ".join(spec.name for spec in specs)
        raise TensorError(f"{field}.name", tensor.name, "is not an input of the model", f"use {known}")
    if tensor.datatype != spec.datatype:
        raise TensorError(f"{field}.datatype", tensor.datatype, "is not the model's", f"send {spec.datatype}")
    if not spec.fits(tensor.shape):
        raise TensorError(f"{field}.shape", str(list(tensor.shape)), "is not the model's", f"send {list(spec.shape)}")


def _outputs(raw: Mapping[str, Any], signature: ModelSignature) -> tuple[str, ...]:
    listed = raw.get("outputs", [])
    if not isinstance(listed, list):
        raise TensorError("outputs", listed, "is not a list", "leave it out to get every output")
    names = tuple(_output(f"outputs[{at}]", wanted) for at, wanted in enumerate(listed))
    known = {spec.name for spec in signature.outputs}
    for at, name in enumerate(names):
        if known and name not in known:
            raise TensorError(f"outputs[{at}].name", name, "is not an output of the model", f"use {', '.join(known)}")
    return names


def _output(field: str, wanted: object) -> str:
    name = wanted.get("name") if isinstance(wanted, dict) else None
    if not isinstance(name, str) or not name:
        raise TensorError(f"{field}.name", name, "is not a name", "send objects with the output's name")
    return name
