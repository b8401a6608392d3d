"""The generated CRDs keep the conventions, and the files in the repository are those the types give."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import Field, create_model

from pawl.api import reference
from pawl.api.crd import manifest
from pawl.api.crd.emit import to_yaml
from pawl.api.crd.schema import structural_schema
from pawl.api.kinds import KINDS, Kind
from pawl.api.meta import ApiModel

ROOT = Path(__file__).resolve().parents[3]
GENERATED = manifest.files() | reference.files(ROOT)
ALL_KINDS = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def nodes(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, (*path, name))
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from nodes(schema[name], (*path, "*"))


def fields(kind: Kind) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    return [(path, node) for path, node in nodes(structural_schema(kind.model)) if len(path) > 1]


@pytest.mark.parametrize("path", GENERATED, ids=str)
def test_generated_files_are_up_to_date(path: Path) -> None:
    assert (ROOT / path).read_text() == GENERATED[path], "run `make generate` and commit what it writes"


@ALL_KINDS
def test_descriptions_begin_with_the_name_of_their_field(kind: Kind) -> None:
    wrong = {
        ".".join(path): node.get("description", "")
        for path, node in fields(kind)
        if path[-1] != "*" and not node.get("description", "").startswith(path[-1])
    }
    assert wrong == {}


@ALL_KINDS
def test_everything_is_bounded(kind: Kind) -> None:
    for path, node in fields(kind):
        kind_of_node = node.get("type")
        if kind_of_node == "string":
            assert {"maxLength", "enum", "format"} & node.keys(), path
        if kind_of_node == "array":
            assert "maxItems" in node, path
            assert "x-kubernetes-list-type" in node, path
        if kind_of_node == "integer":
            assert {"minimum", "maximum"} <= node.keys(), path
        assert kind_of_node != "number", path


@ALL_KINDS
def test_no_spec_field_is_required_and_defaulted(kind: Kind) -> None:
    for path, node in nodes(structural_schema(kind.model)):
        defaulted = {name for name, child in node.get("properties", {}).items() if "default" in child}
        assert not defaulted & set(node.get("required", ())), path


@ALL_KINDS
def test_rules_say_what_to_do(kind: Kind) -> None:
    for path, node in nodes(structural_schema(kind.model)):
        for rule in node.get("x-kubernetes-validations", ()):
            assert ": " in rule["message"] or rule["message"].startswith(("write ", "set ")), (path, rule)


@ALL_KINDS
def test_status_begins_with_conditions(kind: Kind) -> None:
    status = structural_schema(kind.model)["properties"]["status"]["properties"]
    assert list(status)[:4] == ["conditions", "observedGeneration", "phase", "message"]
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


@ALL_KINDS
def test_names_do_not_collide_with_those_of_others(kind: Kind) -> None:
    names = manifest.custom_resource_definition(kind)["spec"]["names"]
    assert names["categories"] == ["pawl"]
    assert names["shortNames"][0].startswith("p")


def test_rollouts_have_the_columns_that_a_release_is_followed_by() -> None:
    (kind,) = (kind for kind in KINDS if kind.name == "Rollout")
    shown = [column.name for column in kind.columns if not column.priority]
    assert shown == ["Phase", "Step", "Weight", "Verdict", "Candidate", "Next", "Age"]


@ALL_KINDS
def test_columns_point_at_fields(kind: Kind) -> None:
    schema = structural_schema(kind.model)
    for column in kind.columns:
        node = schema
        for part in column.path.split(".")[1:]:
            if part == "metadata":
                break
            node = node["properties"][part]


def test_the_chart_holds_the_same_definitions_behind_a_switch() -> None:
    text = (ROOT / "charts/pawl/templates/crds.yaml").read_text()
    inner = text.replace("{{- if .Values.crds.enabled }}", "").replace("{{- end }}", "")
    for document in yaml.load_all(inner, yaml.CSafeLoader):
        annotations = document["metadata"].pop("annotations")
        assert annotations == {"helm.sh/resource-policy": "keep"}
        plural = document["spec"]["names"]["plural"]
        assert document == yaml.load((ROOT / f"crds/{plural}.yaml").read_text(), yaml.CSafeLoader)


@pytest.mark.parametrize(
    "value",
    [
        {"a": ["no", "true", "", "1", "- x", "a: b", "ü", "x\ny", "#", "1.0", "null"], "b": {}, "c": [], "d": None},
        [{"a": [{"b": 1}, [2, [3]]]}, True, 0.5],
        {"on": {"yes": "~"}},
    ],
)
def test_what_is_written_reads_back(value: object) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


class _Fraction(ApiModel):
    share: float
    """share of something."""


class _Unbounded(ApiModel):
    name: str
    """name of something."""


class _Union(ApiModel):
    value: Annotated[int, Field(ge=0)] | bool
    """value of something."""


class _Items(ApiModel):
    items: tuple[Annotated[str, Field(max_length=3)], ...]
    """items of something."""


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (_Fraction, "no fractions"),
        (_Unbounded, "needs maxLength"),
        (_Union, "no structural form"),
        (_Items, "needs maxItems"),
    ],
)
def test_types_without_a_structural_form_are_refused(spec: type[ApiModel], message: str) -> None:
    wrong = create_model("Wrong", __base__=ApiModel, spec=(spec, ...), status=(spec, ...))
    with pytest.raises(ValueError, match=message):
        structural_schema(wrong)
