"""Runs the model server: `python -m pawl_services.modelserver`, configured by PAWL_* variables."""

import os
import signal
import sys

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from pawl_services.modelserver.app import assemble
from pawl_services.modelserver.settings import model_server_settings
from pawl_services.web.logs import configure_logs
from pawl_services.web.server import serve
from pawl_services.web.settings import SettingsError, load

_log = structlog.get_logger(__name__)


def main() -> int:
    """Serve until a signal; returns 0, 1 when the model could not be loaded, 2 when the settings are wrong."""
    try:
        settings = load(model_server_settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logs("modelserver", settings.server.log_level)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    assembly = assemble(settings, registry, _stop_now)
    serve(assembly.app, settings.server, assembly.health)
    code = 1 if assembly.host.failure else 0
    if assembly.pool.running:
        _log.warning("predictions left behind", predictions=assembly.pool.running)
        sys.stdout.flush()
        os._exit(code)  # the interpreter would wait for their threads without end
    return code


def _stop_now() -> None:
    """Ask our own server to end without a drain, for a process that was never ready has nothing to drain."""
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
