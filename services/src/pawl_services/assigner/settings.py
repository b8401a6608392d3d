"""Every setting of the assigner, read from the environment in one place."""

from dataclasses import dataclass
from pathlib import Path

from pawl_services.kube.reflector import Pace
from pawl_services.kube.settings import ApiServerSettings, api_server, watched_namespaces
from pawl_services.web.settings import Environment, ServerSettings, server_settings


@dataclass(frozen=True, slots=True)
class AssignerSettings:
    """What one assigner process was told; times in seconds."""

    server: ServerSettings
    namespaces: tuple[str, ...]
    """PAWL_NAMESPACES, comma separated; empty: the whole cluster."""
    api_keys_file: Path
    """PAWL_API_KEYS_FILE, the collector's; needed by applications that ask for flags, not by gateways."""
    pace: Pace
    """PAWL_WATCH_TIMEOUT, how long one watch lasts; one that is dead is noticed a few seconds later."""
    api: ApiServerSettings


def read_settings(env: Environment) -> AssignerSettings:
    """The settings of this process; mistakes are noted in `env`."""
    return AssignerSettings(
        server=server_settings(env),
        namespaces=watched_namespaces(env),
        api_keys_file=env.file("PAWL_API_KEYS_FILE"),
        pace=Pace(watch=env.seconds("PAWL_WATCH_TIMEOUT", Pace().watch, 1.0, 600.0)),
        api=api_server(env),
    )
