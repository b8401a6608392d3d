"""Registration: everything about a version in one place, and once, however often a run is tried."""

import pytest
from fake_mlflow_registry import fake_registry
from training_samples import plan

from pawl.artifacts import digest_directory
from pawl.errors import DependencyUnavailable
from pawl_trainers.harness.card import model_card
from pawl_trainers.harness.registration import Version, register
from pawl_trainers.harness.report import Counts, GateFinding, Registered
from pawl_trainers.serving import rules

DATASET = "sha256:" + "1" * 64
PLAN = plan()


@pytest.fixture
def mlflow(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    with fake_registry() as fake:
        yield fake


@pytest.fixture
def version(tmp_path):
    rules.write(tmp_path)
    return Version(tmp_path, digest_directory(tmp_path), DATASET, "# card", {"f1": 0.5}, commit="abc")


def test_a_version_carries_its_files_numbers_card_and_lineage(mlflow, version):
    found = register(version, PLAN, mlflow.url)

    assert found == Registered("models:/tenant-0.fact-extraction/1", version.digest)
    assert mlflow.files(1) == {"model.json": (version.directory / "model.json").read_bytes()}
    assert mlflow.tags(1) == {
        "pawl.run": PLAN.run.uid,
        "pawl.digest": version.digest,
        "pawl.dataset": DATASET,
        "pawl.trainingrun": "tenant-0/facts-1",
        "pawl.component": "fact-extraction",
        "pawl.trainer": "linear-tagger",
        "pawl.commit": "abc",
    }
    (run,) = mlflow.runs.values()
    assert run["info"]["status"] == "FINISHED"
    assert run["data"]["metrics"] == [{"key": "f1", "value": 0.5}]
    assert [param["key"] for param in run["data"]["params"]] == ["seed", "folds"]


def test_the_card_lies_beside_the_model_and_not_in_it(mlflow, version):
    register(version, PLAN, mlflow.url)
    (card,) = [data for name, data in mlflow.artifacts.items() if name.endswith("/README.md")]

    assert card == b"# card"
    assert "README.md" not in mlflow.files(1)


def test_a_run_that_is_tried_again_finds_its_version(mlflow, version):
    first, second = (register(version, PLAN, mlflow.url) for _ in range(2))
    other = register(version, plan(run={**PLAN.run.model_dump(by_alias=True), "uid": "another"}), mlflow.url)

    assert first == second
    assert other.source.endswith("/2")
    assert len(mlflow.versions) == 2


def test_a_short_outage_is_survived_and_a_long_one_is_told(mlflow, version):
    mlflow.lose = 1
    assert register(version, PLAN, mlflow.url).source.endswith("/1")

    mlflow.lose = 100
    with pytest.raises(DependencyUnavailable, match="run the TrainingRun again"):
        register(version, PLAN, mlflow.url)


def test_the_card_says_what_it_learned_from_and_how_it_was_judged():
    gate = GateFinding(True, 0.3, 0.2, 0.4, "passed: better than the champion")
    counts = Counts(DATASET, 70, 10, 20, 120, 100)
    champion = {"revision": "0123456789", "source": "none", "url": "http://m"}
    shown = model_card(plan(gate={"champion": champion}), counts, {"f1": 0.51234}, gate, "sha256:ab")

    for words in (
        "# tenant-0.fact-extraction",
        "| f1 | 0.5123 |",
        DATASET,
        "70 examples to learn",
        "folds=2",
        gate.message,
    ):
        assert words in shown
    assert "revision `0123456789`" in shown
