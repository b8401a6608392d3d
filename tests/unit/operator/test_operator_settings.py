"""Settings from the environment: defaults, every wrong value, and one report for all of them."""

import logging

import pytest

from pawl.errors import InvalidSpec
from pawl_operator.settings import read_settings


def test_defaults_run_on_a_cluster_without_any_setting() -> None:
    settings = read_settings({})
    assert (settings.namespaces, settings.workers, settings.http_port) == ((), 4, 8080)
    assert (settings.lease_namespace, settings.lease_name, settings.prometheus_url) == (
        "pawl-system",
        "pawl-operator",
        "",
    )
    assert (settings.lease.duration, settings.lease.renew_deadline, settings.lease.retry) == (15, 10, 2)
    assert settings.gateway_metrics
    assert settings.log_level == logging.INFO


def test_every_setting_is_read() -> None:
    settings = read_settings(
        {
            "PAWL_PROMETHEUS_URL": "https://prom.example:9090/prefix/",
            "PAWL_PROMETHEUS_SELECTOR": 'cluster="eu-1", environment=~"prod|stage"',
            "PAWL_PROMETHEUS_TOKEN_FILE": "/var/run/token",
            "PAWL_SCRAPE_INTERVAL": "30s",
            "PAWL_MONITOR_TICK": "500ms",
            "PAWL_GATEWAY_METRICS": "False",
            "PAWL_MLFLOW_TRACKING_URI": "http://mlflow.mlflow:5000/",
            "PAWL_COLLECTOR_URL": "http://pawl-collector.pawl-system.svc:80",
            "PAWL_TRAINER_IMAGE": "registry.example/trainer:1",
            "PAWL_TRAINER_TORCH_IMAGE": "registry.example/trainer-torch@sha256:0",
            "PAWL_TRAINING_START_DEADLINE": "20m",
            "PAWL_TRAINING_POLL": "500ms",
            "PAWL_NAMESPACES": "demo, team-a",
            "PAWL_LEASE_NAMESPACE": "x",
            "PAWL_LEASE_NAME": "y",
            "PAWL_LEASE_DURATION": "30s",
            "PAWL_POD_NAME": "operator-1",
            "PAWL_HTTP_HOST": "127.0.0.1",
            "PAWL_HTTP_PORT": "0",
            "PAWL_WORKERS": "8",
            "PAWL_RESYNC": "1h",
            "PAWL_API_QPS": "50",
            "PAWL_API_BURST": "60",
            "PAWL_LOG_LEVEL": "Debug",
        }
    )
    assert settings.prometheus_url == "https://prom.example:9090/prefix"
    assert settings.prometheus_selector == 'cluster="eu-1", environment=~"prod|stage"'
    assert (settings.prometheus_token_file, settings.scrape_interval, settings.monitor_tick) == (
        "/var/run/token",
        30,
        0.5,
    )
    assert settings.mlflow_tracking_uri == "http://mlflow.mlflow:5000"
    assert settings.collector_url == "http://pawl-collector.pawl-system.svc:80"
    assert settings.trainer_image == "registry.example/trainer:1"
    assert settings.trainer_torch_image == "registry.example/trainer-torch@sha256:0"
    assert (settings.training_start_deadline, settings.training_poll) == (1200, 0.5)
    assert (settings.gateway_metrics, settings.namespaces) == (False, ("demo", "team-a"))
    assert (settings.lease_namespace, settings.lease_name, settings.lease.duration) == ("x", "y", 30)
    assert (settings.pod_name, settings.http_host, settings.http_port) == ("operator-1", "127.0.0.1", 0)
    assert (settings.workers, settings.resync, settings.api_qps, settings.api_burst) == (8, 3600, 50, 60)
    assert settings.log_level == logging.DEBUG


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAWL_PROMETHEUS_URL", "prometheus:9090"),
        ("PAWL_PROMETHEUS_URL", "http://user:secret@prometheus"),
        ("PAWL_PROMETHEUS_SELECTOR", "cluster=eu-1"),
        ("PAWL_PROMETHEUS_SELECTOR", 'a="1"} or up{b="2"'),
        ("PAWL_SCRAPE_INTERVAL", "15"),
        ("PAWL_MONITOR_TICK", "0s"),
        ("PAWL_GATEWAY_METRICS", "yes"),
        ("PAWL_MLFLOW_TRACKING_URI", "sqlite:////data/mlflow.db"),
        ("PAWL_COLLECTOR_URL", "collector"),
        ("PAWL_TRAINER_IMAGE", "two words"),
        ("PAWL_TRAINING_START_DEADLINE", "2h"),
        ("PAWL_TRAINING_POLL", "0s"),
        ("PAWL_NAMESPACES", "Demo"),
        ("PAWL_LEASE_NAME", ""),
        ("PAWL_LEASE_DURATION", "1h"),
        ("PAWL_POD_NAME", " "),
        ("PAWL_HTTP_PORT", "70000"),
        ("PAWL_WORKERS", "0"),
        ("PAWL_WORKERS", "four"),
        ("PAWL_RESYNC", "-1s"),
        ("PAWL_API_QPS", "1e3"),
        ("PAWL_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_value(name: str, value: str) -> None:
    with pytest.raises(InvalidSpec, match=name) as caught:
        read_settings({name: value})
    assert repr(value.replace("user:secret", "***")) in str(caught.value)
    assert "give " in str(caught.value) or "is not of the form" in str(caught.value)


def test_all_wrong_values_are_reported_together() -> None:
    with pytest.raises(InvalidSpec) as caught:
        read_settings({"PAWL_WORKERS": "0", "PAWL_LOG_LEVEL": "loud", "PAWL_HTTP_PORT": "x"})
    assert str(caught.value).count("\n  PAWL_") == 3
