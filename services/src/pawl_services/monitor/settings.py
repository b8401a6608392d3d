"""Every setting of the monitor, read from the environment in one place."""

import socket
from dataclasses import dataclass, field
from pathlib import Path

from pawl.leases import LeaseTimes
from pawl_services.web.settings import Environment, ServerSettings, server_settings

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class ApiServerSettings:
    """How to reach the API server. The files are read again at every use: tokens are renewed."""

    url: str
    token_file: Path
    ca_file: Path | None
    """None: plain http, or the system's certificate authorities."""


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """What one monitor process was told; times in seconds."""

    server: ServerSettings
    database_url: str = field(repr=False)
    """PAWL_DATABASE_URL, the collector's database; may hold a password and is never shown."""
    tick: float
    """PAWL_TICK, the time between two looks at the database."""
    namespaces: tuple[str, ...]
    """PAWL_NAMESPACES, comma separated; empty: the whole cluster."""
    lease_namespace: str
    """PAWL_LEASE_NAMESPACE, where the leader's Lease lives."""
    lease_name: str
    """PAWL_LEASE_NAME, one per database."""
    lease: LeaseTimes
    """PAWL_LEASE_DURATION; renewed at two fifteenths of it, given up at two thirds."""
    pod_name: str
    """PAWL_POD_NAME, the identity in the Lease; the host name where it is not set."""
    api: ApiServerSettings


def read_settings(env: Environment) -> MonitorSettings:
    """The settings of this process; mistakes are noted in `env`."""
    duration = env.seconds("PAWL_LEASE_DURATION", 15.0, 1.0, 300.0)
    return MonitorSettings(
        server=server_settings(env),
        database_url=env.text("PAWL_DATABASE_URL"),
        tick=env.seconds("PAWL_TICK", 15.0, 0.1, 3600.0),
        namespaces=tuple(name.strip() for name in env.text("PAWL_NAMESPACES", "").split(",") if name.strip()),
        lease_namespace=env.text("PAWL_LEASE_NAMESPACE", "pawl-system"),
        lease_name=env.text("PAWL_LEASE_NAME", "pawl-monitor"),
        lease=LeaseTimes(duration, duration * 2 / 3, duration * 2 / 15),
        pod_name=env.text("PAWL_POD_NAME", socket.gethostname()),
        api=_api_server(env),
    )


def _api_server(env: Environment) -> ApiServerSettings:
    """PAWL_API_SERVER, PAWL_API_TOKEN_FILE and PAWL_API_CA_FILE; by default what a pod is given."""
    host, port = (
        env.text("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc"),
        env.text("KUBERNETES_SERVICE_PORT", "443"),
    )
    bracketed = f"[{host}]" if ":" in host else host
    url = env.url("PAWL_API_SERVER", f"https://{bracketed}:{port}")
    ca_file = env.file("PAWL_API_CA_FILE", f"{SERVICE_ACCOUNT}/ca.crt") if url.startswith("https:") else None
    return ApiServerSettings(url, env.file("PAWL_API_TOKEN_FILE", f"{SERVICE_ACCOUNT}/token"), ca_file)
