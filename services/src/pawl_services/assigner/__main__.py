"""Runs the assigner: `python -m pawl_services.assigner`. Ends with 2 for unusable settings."""

import gc
import sys

from pawl_services.assigner.app import build
from pawl_services.assigner.settings import read_settings
from pawl_services.web.auth import ApiKeys, ApiKeysError
from pawl_services.web.health import Health
from pawl_services.web.logs import configure_logs
from pawl_services.web.server import Wire, serve
from pawl_services.web.settings import SettingsError, load

# Envoy keeps an idle connection for an hour. If we closed it first, a check could meet the closing one and be lost,
# and a user whose check is lost is answered by stable.
GATEWAY = Wire(http="httptools", loop="uvloop", keep_alive=2 * 3600)


def main() -> int:
    """Serve until ended by a signal."""
    try:
        settings = load(read_settings)
        configure_logs("assigner", settings.server.log_level)
        keys = ApiKeys(settings.api_keys_file)
    except (SettingsError, ApiKeysError, OSError) as error:
        sys.stderr.write(f"pawl assigner cannot start: {error}\n")
        return 2
    health = Health()
    app = build(settings, keys, health)
    # A collection that walks all that was imported takes about as long as a gateway waits for a check.
    gc.freeze()
    serve(app, settings.server, health, GATEWAY)
    return 0


if __name__ == "__main__":
    sys.exit(main())
