"""Describes the routes' bodies in /openapi.json: parsed by hand for speed, they are unknown to the framework."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from pawl_services.collector.exports import MEDIA_TYPE, UNTIL
from pawl_services.collector.intake import Intake
from pawl_services.collector.query import ExamplesQuery

_REFERENCE = "#/components/schemas/{model}"
_ANSWERS = {
    "200": "Durable. `accepted` were new, `duplicates` were known by their ids.",
    "401": "No key, or an unknown one.",
    "403": "The key lacks the role write, is not for this component, or is for some only and this is feedback.",
    "413": "The body is too large.",
    "422": "A field is wrong; `field` names it.",
    "429": "Past the bounds; see Retry-After.",
    "503": "The database did not confirm; see Retry-After.",
}
_REFUSALS = {
    "401": "No key, or an unknown one.",
    "403": "The key lacks the role read, or is not for this component.",
    "422": "A parameter is wrong; `field` names it.",
    "429": "Too many exports at once; see Retry-After.",
    "503": "The database did not answer; see Retry-After.",
}
_LINES = (
    "One object a line, oldest label first: interaction, user, time, labelledAt, input, output, truth, kind, revision. "
    "An answer without an end of its own is not whole."
)


def describe(app: FastAPI, intakes: Sequence[Intake[Any]]) -> None:
    """Fix the application's OpenAPI document, with the models of `intakes`."""
    models = [(model, "validation") for intake in intakes for model in (intake.batch, intake.item)]
    _, schemas = models_json_schema(models, ref_template=_REFERENCE)  # type: ignore[arg-type]
    document = get_openapi(title=app.title, version="1", routes=app.routes)
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas.get("$defs", {}))
    for intake in intakes:
        operation = document["paths"][f"/v1/{intake.name}"]["post"]
        either = [{"$ref": _REFERENCE.format(model=model.__name__)} for model in (intake.batch, intake.item)]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"anyOf": either}}}}
        operation["responses"] = {code: {"description": text} for code, text in _ANSWERS.items()}
        operation["security"] = [{"bearer": []}]
    _describe_examples(document["paths"]["/v1/examples"]["get"])
    document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    app.openapi = lambda: document  # type: ignore[method-assign]


def _describe_examples(operation: dict[str, Any]) -> None:
    schema = ExamplesQuery.model_json_schema()
    required = schema["required"]
    operation["description"] = schema["description"]
    operation["parameters"] = [
        {"name": name, "in": "query", "required": name in required, "schema": asked}
        for name, asked in schema["properties"].items()
    ]
    until = {"description": "Until when everything that was received is in.", "schema": {"type": "string"}}
    lines = {"description": _LINES, "headers": {UNTIL: until}, "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
    operation["responses"] = {"200": lines} | {code: {"description": text} for code, text in _REFUSALS.items()}
    operation["security"] = [{"bearer": []}]
