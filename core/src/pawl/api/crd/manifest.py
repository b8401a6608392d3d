"""The CustomResourceDefinition of a kind, and the files it goes into."""

from pathlib import Path
from typing import Any

from pawl.api.crd.emit import to_yaml
from pawl.api.crd.schema import structural_schema
from pawl.api.kinds import KINDS, Column, Kind
from pawl.api.meta import GROUP, VERSION

_HEADER = "# Made by `make generate` from the types in core/src/pawl/api; do not edit.\n"
_KEEP = {"helm.sh/resource-policy": "keep"}


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """The whole CRD as plain data."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": structural_schema(kind.model)},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "pawl"}},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": _names(kind), "versions": [version]},
    }


def files() -> dict[Path, str]:
    """Every generated file, relative to the repository's root, with its content."""
    crds = {kind: custom_resource_definition(kind) for kind in KINDS}
    found = {Path("crds") / f"{kind.plural}.yaml": _HEADER + to_yaml(crd) for kind, crd in crds.items()}
    found[Path("charts/pawl/templates/crds.yaml")] = _chart_template(list(crds.values()))
    return found


def _chart_template(crds: list[dict[str, Any]]) -> str:
    documents = []
    for crd in crds:
        metadata = crd["metadata"] | {"annotations": _KEEP}
        documents.append(to_yaml(crd | {"metadata": metadata}))
    body = "---\n".join(documents)
    if "{{" in body:
        raise ValueError("a description or rule contains '{{', which Helm would take for a template; reword it")
    return f"{_HEADER}{{{{- if .Values.crds.enabled }}}}\n{body}{{{{- end }}}}\n"


def _names(kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "shortNames": [kind.short],
        "categories": ["pawl"],
    }


def _column(column: Column) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return entry | ({"priority": column.priority} if column.priority else {})
