"""Wrong values are refused with the field's name, and the README documents exactly the values that exist."""

import json
import re
from typing import Any

import pytest
import yaml
from helm import CHART, template

WRONG = [
    ("operator.replica=2", "/operator", "replica"),
    ("operator.logLevel=LOUD", "/operator/logLevel", "one of"),
    ("operator.workers=0", "/operator/workers", "minimum"),
    ("collector.image.digest=sha256:12", "/collector/image/digest", "pattern"),
    ("collector.apiKeys.tenants={Demo}", "/collector/apiKeys/tenants/0", "pattern"),
    ("assigner.service.port=0", "/assigner/service/port", "minimum"),
    ("assigner.tick=1s", "/assigner", "tick"),
    ("networkPolicy.assignerFrom=gateways", "/networkPolicy/assignerFrom", "array"),
    ("monitor.tick=fast", "/monitor/tick", "pattern"),
    ("monitor.tick=0s", "/monitor/tick", "pattern"),
    ("monitor.tick=2h", "/monitor/tick", "pattern"),
    ("prometheus.scrapeInterval=1.5s", "/prometheus/scrapeInterval", "pattern"),
    ("metrics.serviceMonitor.interval=0s", "/metrics/serviceMonitor/interval", "pattern"),
    ("prometheus.url=http://me:secret@host", "/prometheus/url", "pattern"),
    ("prometheus.url=http:///metrics", "/prometheus/url", "pattern"),
    ("prometheus.selector=cluster", "/prometheus/selector", "pattern"),
    ("mlflow.trackingUri=sqlite:////data/mlflow.db", "/mlflow/trackingUri", "pattern"),
    ("mlflow.trackingUri=http://me:secret@mlflow", "/mlflow/trackingUri", "pattern"),
    ("database.sqlite.existingClaim=My_Claim", "/database/sqlite/existingClaim", "pattern"),
    ("networkPolicy.metricsFrom[0].namespace=monitoring", "/networkPolicy/metricsFrom/0", "namespace"),
    ("monitor.podLabels.pawl\\.dev/database=x", "/monitor/podLabels/pawl.dev~1database", "false schema"),
    ("global.imagePullSecrets[0].nam=x", "/global/imagePullSecrets/0", "name"),
    ("database.sqlite.size=big", "/database/sqlite/size", "pattern"),
    ("watchNamespaces=demo", "/watchNamespaces", "array"),
    ("colector.replicas=1", "", "colector"),
]


@pytest.mark.parametrize(("setting", "field", "reason"), WRONG, ids=[setting for setting, _, _ in WRONG])
def test_wrong_values_name_the_field(setting: str, field: str, reason: str) -> None:
    error = template("--set", setting, expect=1)
    assert f"at '{field}'" in error
    assert reason in error


@pytest.mark.parametrize("part", ["collector", "monitor"])
def test_more_than_one_replica_on_sqlite_is_refused_with_the_remedy(part: str) -> None:
    error = template("--set", f"{part}.replicas=2", expect=1)
    assert f"{part}.replicas is 2" in error
    assert "database.existingSecret.name" in error


def documented_in_values() -> dict[str, Any]:
    """Dotted name -> default of every value that carries a `# --` comment."""
    text = (CHART / "values.yaml").read_text()
    values, found, path, wanted = yaml.safe_load(text), {}, [], False
    for line in text.splitlines():
        if re.match(r" *# -- ", line):
            wanted = True
        elif match := re.match(r"( *)([A-Za-z]+):", line):
            path = [*path[: len(match[1]) // 2], match[2]]
            if wanted:
                found[".".join(path)] = at(values, path)
            wanted = False
    return found


def at(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values[key]
    return values


def leaves(values: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(values, dict) and values and path[-1:] != ("resources",):
        return [leaf for key, inner in values.items() for leaf in leaves(inner, (*path, key))]
    return [".".join(path)]


def test_readme_documents_every_value_with_its_default() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]*)` \|", (CHART / "README.md").read_text(), re.MULTILINE)
    assert {name: json.loads(default) for name, default in rows} == documented_in_values()


def test_every_value_is_documented() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(leaves(values)) == set(documented_in_values())


def test_every_value_is_read_by_a_template() -> None:
    text = "\n".join(path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file())
    parts, dead = ("operator", "collector", "monitor", "assigner"), []
    for name in leaves(yaml.safe_load((CHART / "values.yaml").read_text())):
        part, _, rest = name.partition(".")
        # Helpers read what all parts have as `$values` or `(index .root.Values .part)`, and an image as `$image`.
        shared = rf"|(\$values|\.part\))\.{re.escape(rest)}|\$image\.{rest.rpartition('.')[2]}" if part in parts else ""
        if not re.search(rf"(\.Values\.{re.escape(name)}{shared})\b", text):
            dead.append(name)
    assert dead == []


def test_every_closed_object_of_the_schema_covers_the_defaults() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) == set(values)

    def closed(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node and node.get("description") != "Open: other charts share it":
                assert node.get("additionalProperties") is False, node.get("description", sorted(node["properties"]))
            for inner in node.values():
                closed(inner)
        elif isinstance(node, list):
            for inner in node:
                closed(inner)

    closed(schema)
