"""Keys in a chart rendered without a cluster, as GitOps does it: new ones each time, unless Secrets are named."""

import re
from typing import Any

from helm import CHART, objects

EXISTING = ["--set", "collector.apiKeys.existingSecret=keys,collector.pseudonymKey.existingSecret=pseudonym"]
TENANTS = ["--set", "collector.apiKeys.tenants={demo}"]


def secrets(*arguments: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["data"] for one in objects(*arguments) if one["kind"] == "Secret"}


def test_every_render_makes_new_keys() -> None:
    first, second = secrets(*TENANTS), secrets(*TENANTS)
    assert (
        first.keys()
        == second.keys()
        == {"pawl-client", "pawl-trainer", "pawl-collector-keys", "pawl-collector-pseudonym"}
    )
    assert all(first[name] != second[name] for name in first)


def test_with_existing_secrets_every_render_is_the_same() -> None:
    first = objects(*TENANTS, *EXISTING)
    assert first == objects(*TENANTS, *EXISTING)
    assert "Secret" not in {one["kind"] for one in first}


def test_the_readme_says_so_and_names_the_remedy() -> None:
    text = re.sub(r"\s+", " ", (CHART / "README.md").read_text().partition("## GitOps")[2].partition("\n## ")[0])
    for said in ("`helm template`", "every render has **new keys**", "every user is counted twice"):
        assert said in text
    for remedy in ("collector.apiKeys.existingSecret", "collector.pseudonymKey.existingSecret"):
        assert remedy in text


def test_only_the_pseudonym_key_stays_after_an_uninstall_and_the_template_says_that() -> None:
    rendered = objects(*TENANTS)
    kept = [
        one["metadata"]["name"]
        for one in rendered
        if one["kind"] == "Secret"
        and (one["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep"
    ]
    assert kept == ["pawl-collector-pseudonym"]
    comment = (CHART / "templates" / "collector" / "secrets.yaml").read_text().partition("{{")[0]
    assert "An uninstall takes the API keys away" in comment
