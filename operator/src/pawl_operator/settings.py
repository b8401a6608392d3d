"""Every setting of the operator: one environment variable each, checked together at start, reported in one message."""

import logging
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pawl.durations import parse_duration
from pawl.errors import InvalidSpec
from pawl.leases import LeaseTimes
from pawl_operator.traffic.assigner_policy import AssignerService

T = TypeVar("T")
_MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=|!=|=~|!~)\s*"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"{_MATCHER}(?:\s*,\s*{_MATCHER})*\s*,?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one operator process was told. Times are seconds."""

    prometheus_url: str
    """PAWL_PROMETHEUS_URL, such as http://prometheus.monitoring:9090; empty: every verdict is Unavailable."""
    prometheus_selector: str
    """PAWL_PROMETHEUS_SELECTOR, label matchers such as cluster="eu-1" that go into every query."""
    prometheus_token_file: str
    """PAWL_PROMETHEUS_TOKEN_FILE, a file with a bearer token for Prometheus."""
    scrape_interval: float
    """PAWL_SCRAPE_INTERVAL, how often Prometheus scrapes; evidence older than three of these is no evidence."""
    monitor_tick: float
    """PAWL_MONITOR_TICK, how often the monitor exports; evidence older than two of these is no evidence."""
    gateway_metrics: bool
    """PAWL_GATEWAY_METRICS, whether error rate and p99 are read from the gateway's clusters."""
    assigner: AssignerService | None
    """PAWL_ASSIGNER, its Service as namespace/name:port; empty: there is none, and Experiments have to wait."""
    mlflow_tracking_uri: str
    """PAWL_MLFLOW_TRACKING_URI, such as http://mlflow.mlflow:5000, for model servers and trainers; empty: none."""
    collector_url: str
    """PAWL_COLLECTOR_URL, such as http://pawl-collector.pawl-system.svc, where trainers read examples; empty: none."""
    trainer_image: str
    """PAWL_TRAINER_IMAGE, image of trainers that need no deep learning library; empty: each run names its own."""
    trainer_torch_image: str
    """PAWL_TRAINER_TORCH_IMAGE, image of trainers that need one; empty: each run names its own."""
    training_start_deadline: float
    """PAWL_TRAINING_START_DEADLINE, how long an attempt at a training may take until it runs."""
    training_poll: float
    """PAWL_TRAINING_POLL, how often a training that runs is looked at."""
    namespaces: tuple[str, ...]
    """PAWL_NAMESPACES, comma separated; empty: the whole cluster."""
    lease_namespace: str
    """PAWL_LEASE_NAMESPACE, where the leader's Lease lives."""
    lease_name: str
    """PAWL_LEASE_NAME, its name: one per Pawl."""
    lease: LeaseTimes
    """PAWL_LEASE_DURATION; renewal at two fifteenths and deadline at two thirds of it."""
    pod_name: str
    """PAWL_POD_NAME, the identity in the Lease; the host name where it is not set."""
    http_host: str
    """PAWL_HTTP_HOST, the address of /livez, /readyz, /metrics."""
    http_port: int
    """PAWL_HTTP_PORT, their port."""
    workers: int
    """PAWL_WORKERS, how many objects are reconciled at once."""
    resync: float
    """PAWL_RESYNC, how often everything is listed and reconciled again."""
    api_qps: float
    """PAWL_API_QPS, calls a second to the API server."""
    api_burst: int
    """PAWL_API_BURST, calls at once."""
    log_level: int
    """PAWL_LOG_LEVEL: debug, info, warning or error."""


def read_settings(env: Mapping[str, str]) -> Settings:
    """Return the settings, or report every wrong variable at once.

    Raises:
        InvalidSpec: its message has one line for each variable, with value and remedy.
    """
    reader = _Reader(env)
    duration = reader.read("PAWL_LEASE_DURATION", "15s", _seconds(1.0, 300.0))
    settings = Settings(
        prometheus_url=reader.read("PAWL_PROMETHEUS_URL", "", _url),
        prometheus_selector=reader.read("PAWL_PROMETHEUS_SELECTOR", "", _selector),
        prometheus_token_file=reader.read("PAWL_PROMETHEUS_TOKEN_FILE", "", str),
        scrape_interval=reader.read("PAWL_SCRAPE_INTERVAL", "15s", _seconds(0.1, 3600.0)),
        monitor_tick=reader.read("PAWL_MONITOR_TICK", "15s", _seconds(0.1, 3600.0)),
        gateway_metrics=reader.read("PAWL_GATEWAY_METRICS", "true", _flag),
        assigner=reader.read("PAWL_ASSIGNER", "", _assigner),
        mlflow_tracking_uri=reader.read("PAWL_MLFLOW_TRACKING_URI", "", _url),
        collector_url=reader.read("PAWL_COLLECTOR_URL", "", _url),
        trainer_image=reader.read("PAWL_TRAINER_IMAGE", "", _image),
        trainer_torch_image=reader.read("PAWL_TRAINER_TORCH_IMAGE", "", _image),
        training_start_deadline=reader.read("PAWL_TRAINING_START_DEADLINE", "10m", _seconds(0.1, 3600.0)),
        training_poll=reader.read("PAWL_TRAINING_POLL", "5s", _seconds(0.1, 3600.0)),
        namespaces=reader.read("PAWL_NAMESPACES", "", _names),
        lease_namespace=reader.read("PAWL_LEASE_NAMESPACE", "pawl-system", _name),
        lease_name=reader.read("PAWL_LEASE_NAME", "pawl-operator", _name),
        lease=LeaseTimes(duration, duration * 2 / 3, duration * 2 / 15),
        pod_name=reader.read("PAWL_POD_NAME", socket.gethostname(), _filled),
        http_host=reader.read("PAWL_HTTP_HOST", "0.0.0.0", _filled),  # noqa: S104 - the kubelet probes the pod's address
        http_port=reader.read("PAWL_HTTP_PORT", "8080", _whole(0, 65535)),
        workers=reader.read("PAWL_WORKERS", "4", _whole(1, 64)),
        resync=reader.read("PAWL_RESYNC", "10m", _seconds(1.0, 86400.0)),
        api_qps=float(reader.read("PAWL_API_QPS", "20", _whole(1, 1000))),
        api_burst=reader.read("PAWL_API_BURST", "40", _whole(1, 2000)),
        log_level=reader.read("PAWL_LOG_LEVEL", "info", _level),
    )
    reader.report()
    return settings


class _Reader:
    """Reads variables one by one and keeps the errors for the end."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._errors: list[str] = []

    def read(self, name: str, default: str, parse: Callable[[str], T]) -> T:
        text = self._env.get(name, default)
        try:
            return parse(text.strip())
        except ValueError as error:
            # A password that somebody put into an address must not end up in the log.
            shown = re.sub(r"//[^/@]*@", "//***@", text)
            self._errors.append(f"{name}: {error} (got {shown!r})")
            return parse(default)

    def report(self) -> None:
        if self._errors:
            raise InvalidSpec("wrong settings:\n  " + "\n  ".join(self._errors))


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = parse_duration(text).total_seconds()
        if not low <= value <= high:
            raise ValueError(f"give a duration between {low:g}s and {high:g}s")
        return value

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"give a whole number between {low} and {high}")
        return int(text)

    return parse


def _url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/@]+(/[^\s]*)?", text):
        raise ValueError("give an address like http://prometheus.monitoring:9090, without user or password")
    return text.rstrip("/")


def _image(text: str) -> str:
    if not re.fullmatch(r"[!-~]*", text):
        raise ValueError("give an image reference without spaces, such as registry.example/trainer:1")
    return text


def _selector(text: str) -> str:
    if text and not _SELECTOR.fullmatch(text):
        raise ValueError('give label matchers like cluster="eu-1",environment="prod"')
    return text.rstrip(", ")


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("give true or false")
    return text.lower() == "true"


def _names(text: str) -> tuple[str, ...]:
    return tuple(_name(part.strip()) for part in text.split(",") if part.strip())


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("give a Kubernetes name: lower case letters, digits and dashes, at most 63")
    return text


def _assigner(text: str) -> AssignerService | None:
    if not text:
        return None
    found = re.fullmatch(r"([^/]+)/([^:]+):(\d{1,5})", text, re.ASCII)
    if found is None:
        raise ValueError("give a Service as namespace/name:port, such as pawl-system/pawl-assigner:8080")
    namespace, name, port = found.groups()
    return AssignerService(_name(namespace), _name(name), _whole(1, 65535)(port))


def _filled(text: str) -> str:
    if not text:
        raise ValueError("give a text that is not empty")
    return text


def _level(text: str) -> int:
    levels = logging.getLevelNamesMapping()
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("give debug, info, warning or error")
    return levels[text.upper()]
