"""Describes the routes' bodies in /openapi.json: parsed by hand for speed, they are unknown to the framework."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from pawl_services.collector.intake import Intake

_REFERENCE = "#/components/schemas/{model}"
_ANSWERS = {
    "200": "Durable. `accepted` were new, `duplicates` were known by their ids.",
    "401": "No key, or an unknown one.",
    "403": "The key is not for this component, or is for some components only and this is feedback.",
    "413": "The body is too large.",
    "422": "A field is wrong; `field` names it.",
    "429": "Past the bounds; see Retry-After.",
    "503": "The database did not confirm; see Retry-After.",
}


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
    document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    app.openapi = lambda: document  # type: ignore[method-assign]
