"""`python -m pawl.api.reference [ROOT]`: write the reference pages of the API out of its types."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pawl.api.crd.schema import Schema, structural_schema
from pawl.api.kinds import KINDS, Kind
from pawl.api.meta import API_VERSION

_HEADER = "<!-- Made by `make generate` from the types in core/src/pawl/api; do not edit. -->\n"
API_PAGE = Path("docs/reference/api.md")
ERRORS_PAGE = Path("docs/reference/wrong-manifests.md")
_EXAMPLES = Path("examples/bad")


def files(root: Path) -> dict[Path, str]:
    """Every generated page, relative to the repository's root, with its content."""
    return {API_PAGE: _api_page(), ERRORS_PAGE: _errors_page(root / _EXAMPLES)}


def _api_page() -> str:
    lines = [_HEADER, "# The API", ""]
    lines += [f"Group and version `{API_VERSION}`, category `pawl`, all kinds in namespaces.", ""]
    lines += ["| kind | resource | short | columns |", "| --- | --- | --- | --- |"]
    for kind in KINDS:
        columns = ", ".join(column.name for column in kind.columns if not column.priority)
        lines.append(f"| [{kind.name}](#{kind.singular}) | `{kind.plural}.pawl.dev` | `{kind.short}` | {columns} |")
    for kind in KINDS:
        lines += ["", *_kind(kind)]
    return "\n".join(lines) + "\n"


def _kind(kind: Kind) -> Iterator[str]:
    schema = structural_schema(kind.model)
    yield f"## {kind.name}"
    yield ""
    yield _text(schema)
    for part in ("spec", "status"):
        yield ""
        yield f"### {kind.name} {part}"
        yield ""
        yield "| field | type | default | meaning |"
        yield "| --- | --- | --- | --- |"
        yield from _rows(schema["properties"][part], "")
        rules = list(_rules(schema["properties"][part], part))
        if rules:
            yield ""
            yield "Rules:"
            yield ""
            yield from rules


def _rows(node: Schema, prefix: str) -> Iterator[str]:
    required = set(node.get("required", ()))
    for name, child in node.get("properties", {}).items():
        path = f"{prefix}{name}"
        default = "required" if name in required else _default(child)
        yield f"| `{path}` | {_type(child)} | {default} | {_text(child)} |"
        inner, mark = (child["items"], "[].") if "items" in child else (child, ".")
        yield from _rows(inner, f"{path}{mark}")


def _rules(node: Schema, path: str) -> Iterator[str]:
    """The rules about whole objects and lists; those about the form of one text stand in its type."""
    if node.get("type") != "string":
        for rule in node.get("x-kubernetes-validations", ()):
            yield f"- `{path}`: {rule['message']}"
    for name, child in node.get("properties", {}).items():
        yield from _rules(child, f"{path}.{name}")
    if "items" in node:
        yield from _rules(node["items"], f"{path}[]")


def _type(node: Schema) -> str:
    if "enum" in node:
        return " \\| ".join(f"`{word}`" for word in node["enum"])
    if node.get("x-kubernetes-int-or-string"):
        return "quantity"
    if node.get("type") == "array":
        return f"list, at most {node['maxItems']}"
    if node.get("type") == "integer":
        return f"integer, {node['minimum']} to {node['maximum']}"
    if node.get("type") == "string":
        return "time" if node.get("format") == "date-time" else _form(node)
    return "map" if "additionalProperties" in node else str(node["type"])


def _form(node: Schema) -> str:
    messages = [rule["message"] for rule in node.get("x-kubernetes-validations", ())]
    form = messages[0].removeprefix("write ") if messages else f"text, at most {node['maxLength']}"
    return form.replace("|", "\\|")


def _default(node: Schema) -> str:
    value = node.get("default")
    if isinstance(value, dict):
        return "as below"
    if value is None:
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _text(node: Schema) -> str:
    return " ".join(str(node.get("description", "")).split()).replace("|", "\\|")


def _errors_page(folder: Path) -> str:
    lines = [
        _HEADER,
        "# Wrong manifests and what they are answered",
        "",
        "Each file lies in `examples/bad`. The API server answers without a webhook, `pawl lint` without a cluster.",
        "",
        "| file | what is wrong | the API server says | `pawl lint` says |",
        "| --- | --- | --- | --- |",
    ]
    for path in sorted(folder.glob("*.yaml")):
        what, server, lint = (line.removeprefix("# ") for line in path.read_text().splitlines()[:3])
        cells = [what, server.removeprefix("server: "), lint.removeprefix("lint: ")]
        lines.append(f"| `{path.name}` | " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write every page."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    for path, content in files(root).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
