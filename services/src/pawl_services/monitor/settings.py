"""Every setting of the monitor, read from the environment in one place."""

import socket
from dataclasses import dataclass, field

from pawl.leases import LeaseTimes
from pawl_services.kube.settings import ApiServerSettings, api_server, watched_namespaces
from pawl_services.web.settings import Environment, ServerSettings, server_settings


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
        namespaces=watched_namespaces(env),
        lease_namespace=env.text("PAWL_LEASE_NAMESPACE", "pawl-system"),
        lease_name=env.text("PAWL_LEASE_NAME", "pawl-monitor"),
        lease=LeaseTimes(duration, duration * 2 / 3, duration * 2 / 15),
        pod_name=env.text("PAWL_POD_NAME", socket.gethostname()),
        api=api_server(env),
    )
