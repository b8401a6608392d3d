"""Every manifest under examples/bad is refused by the API server and by `pawl lint` in the words of its first lines."""

from pathlib import Path

import pytest
import yaml
from kube_client import ApiError

from apiserver import ApiServer
from pawl.api.problems import problems_of

MANIFESTS = sorted((Path(__file__).resolve().parents[3] / "examples" / "bad").glob("*.yaml"))


def promised(path: Path, who: str) -> str:
    start = f"# {who}: "
    return next(line for line in path.read_text().splitlines() if line.startswith(start)).removeprefix(start)


def test_there_are_enough() -> None:
    assert len(MANIFESTS) >= 10


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_api_server_refuses(path: Path, apiserver: ApiServer) -> None:
    with pytest.raises(ApiError) as refused:
        apiserver.create(yaml.safe_load(path.read_text()), dryRun="All", fieldValidation="Strict")
    assert promised(path, "server") in refused.value.message


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_lint_names_field_and_remedy(path: Path) -> None:
    (found,) = problems_of(yaml.safe_load(path.read_text()))
    assert f"{found.field}: {found.problem}; {found.remedy}" == promised(path, "lint")
