"""The whole process counts new examples of a LearningLoop, with real clocks, and again after the loop has learned."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fake_kube import FakeKube, served
from monitor_objects import component
from monitor_process import MonitorProcess, Traffic, monitor_process
from polling import wait_until
from prometheus_client.parser import text_string_to_metric_families

from pawl.evidence import Sample
from pawl.new_examples import NewExamples, parse_new_examples
from pawl_services.db.engine import open_database

WAIT = 60


def counted(monitor: MonitorProcess) -> NewExamples | None:
    """What the operator reads from this monitor's metrics."""
    samples = (
        Sample(sample.name, {**sample.labels, "instance": "monitor"}, sample.value)
        for family in text_string_to_metric_families(monitor.metrics())
        for sample in family.samples
    )
    return parse_new_examples(samples).get("u9")


def test_new_examples_are_counted_from_the_last_learning_on(database_url: str, tmp_path: Path) -> None:
    loop: dict[str, Any] = {
        "metadata": {"name": "learn", "namespace": "demo", "uid": "u9"},
        "spec": {"component": "facts"},
    }
    database = open_database(database_url)
    traffic = Traffic(database, "demo")
    kube = FakeKube({"learningloops": [loop], "components": [component()]})
    with served(kube) as api, monitor_process(database_url, api, tmp_path, "m0") as monitor:
        wait_until(lambda: counted(monitor) is not None, WAIT, monitor.metrics)
        traffic.users([f"a{number}" for number in range(7)], "stable")
        wait_until(lambda: (found := counted(monitor)) is not None and found.count == 7, WAIT, monitor.metrics)
        learned = datetime.fromtimestamp(database.watermark() / 1e6, UTC)
        kube.objects["learningloops"] = [loop | {"status": {"learnedUntil": learned.isoformat()}}]
        wait_until(lambda: (found := counted(monitor)) is not None and found.count == 0, WAIT, monitor.metrics)
        traffic.users(["b"], "stable")
        wait_until(lambda: (found := counted(monitor)) is not None and found.count == 1, WAIT, monitor.metrics)
    database.close()
