"""The operator's process: settings, probes, the Lease, and kopf as the source of watch events.

This is the only module that knows kopf. It is used for its watch streams alone: handlers put events into the store
and the queue and return; no finalizers, annotations, timers or status of kopf's appear on any object.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, cast

import kopf
import structlog

from pawl.errors import InvalidSpec
from pawl_operator.health import Health, build_app, serve, watch_lag
from pawl_operator.kube.aiohttp_port import AiohttpKube
from pawl_operator.kube.credentials import Credentials, find_credentials
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import LABELLED, LEASES, OWNED_LABEL, WATCHED, Ref, Resource
from pawl_operator.lease import LeaseHolder
from pawl_operator.logs import configure_logs
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.runtime import Runtime, build_runtime
from pawl_operator.settings import Settings, read_settings
from pawl_operator.watches import Watches

log = structlog.get_logger(__name__)
CONFIG_ERROR = 2
LOGIN_AGE = timedelta(minutes=5)
EXIT_WITHIN = 20.0
OpenPort = Callable[[Settings, Credentials], KubePort]


class EndlessBackoffs:
    """Pauses between attempts of kopf's calls: growing, capped, without an end.

    With an end, kopf gives up on one watch after less than a minute of 5xx and takes the whole process with it.
    """

    def __iter__(self) -> Iterator[float]:
        """Start again from the shortest pause."""
        pause = 0.5
        while True:
            yield pause
            pause = min(15.0, pause * 2)


def open_port(settings: Settings, credentials: Credentials) -> KubePort:
    """Return the port that an operator works through."""
    return AiohttpKube(credentials, rate=settings.api_qps, burst=settings.api_burst)


def main(opener: OpenPort = open_port) -> int:
    """Run one operator until it is told to stop; return the exit code."""
    try:
        settings = read_settings(os.environ)
        credentials = find_credentials(os.environ)
    except InvalidSpec as error:
        sys.stderr.write(f"{error}\n")
        return CONFIG_ERROR
    configure_logs(settings.log_level)
    asyncio.run(run(settings, credentials, opener))
    return 0


async def run(settings: Settings, credentials: Credentials, opener: OpenPort) -> None:
    """Answer probes, wait for the Lease, work, and give the Lease back at the end."""
    stop = asyncio.Event()
    _stop_on_signals(stop)
    metrics, health = OperatorMetrics(), Health()

    async def lease_port() -> KubePort:
        return AiohttpKube(credentials, deadline=settings.lease.renew_deadline / 2)

    ref = Ref(LEASES, settings.lease_namespace, settings.lease_name)
    lease = LeaseHolder(lease_port, ref, settings.pod_name, settings.lease)
    health.lease_age = lambda: monotonic() - lease.last_round
    runner = await serve(build_app(health, metrics), settings.http_host, settings.http_port)
    lag = asyncio.create_task(watch_lag(health, metrics), name="loop lag")
    lease.start()
    try:
        if await lease.wait_acquired(stop):
            metrics.leading.set(1)
            health.standing_by = False
            await _lead(settings, credentials, opener, metrics, health, stop)
    finally:
        metrics.leading.set(0)
        await asyncio.to_thread(lease.release)
        lag.cancel()
        await runner.cleanup()
        log.info("stopped")


async def _lead(
    settings: Settings,
    credentials: Credentials,
    opener: OpenPort,
    metrics: OperatorMetrics,
    health: Health,
    stop: asyncio.Event,
) -> None:
    kube = opener(settings, credentials)
    runtime = build_runtime(settings, kube, metrics, health)
    health.watchers = _count_watchers
    tasks = {
        asyncio.create_task(runtime.work(), name="runtime"),
        asyncio.create_task(_watch(settings, credentials, runtime, stop), name="kopf"),
        asyncio.create_task(stop.wait(), name="stop"),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            # A part that ended by itself ends the process: a restart is cleaner than half an operator.
            task.result()
    finally:
        stop.set()
        await _finish(tasks)
        await kube.close()


async def _finish(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        if task.get_name() != "kopf":
            task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(EXIT_WITHIN):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(settings: Settings, credentials: Credentials, runtime: Runtime, stop: asyncio.Event) -> None:
    ready = asyncio.Event()
    operator = kopf.operator(
        registry=build_registry(runtime.watches, credentials),
        settings=build_kopf_settings(settings),
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        # Left to itself kopf asks for the user's name, and the image's user has none.
        identity=cast("Any", settings.pod_name),
        standalone=True,
        stop_flag=stop,
        ready_flag=ready,
    )
    task = asyncio.ensure_future(operator)
    # kopf takes the signals for itself when it starts; the stop has to go through our own door.
    await asyncio.wait({task, asyncio.ensure_future(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    _stop_on_signals(stop)
    await task


def build_registry(watches: Watches, credentials: Credentials) -> kopf.OperatorRegistry:
    """Return kopf's registry: one event handler per watched resource, and the login."""
    registry = kopf.OperatorRegistry()

    async def login(**_: object) -> kopf.ConnectionInfo:
        return await asyncio.to_thread(_connection, credentials)

    kopf.on.login(registry=registry)(login)
    for resource in WATCHED:
        handler = _handler(watches, resource)
        kopf.on.event(
            group=resource.group,
            version=resource.version,
            plural=resource.plural,
            id=f"watch-{resource.plural}",
            registry=registry,
        )(handler)
    return registry


def build_kopf_settings(settings: Settings) -> kopf.OperatorSettings:
    """Return kopf's settings; each line answers a way in which the default was seen to fail."""
    kopf_settings = kopf.OperatorSettings()
    kopf_settings.networking.error_backoffs = EndlessBackoffs()
    kopf_settings.networking.request_timeout = 30
    kopf_settings.networking.connect_timeout = 5
    kopf_settings.watching.connect_timeout = 5
    kopf_settings.watching.chunk_size = 500
    for resource in LABELLED:
        kopf_settings.watching.label_selectors[(resource.group, resource.version, resource.plural)] = OWNED_LABEL
    kopf_settings.posting.enabled = False
    kopf_settings.persistence.finalizer = "pawl.dev/unused"
    kopf_settings.process.ultimate_exiting_timeout = EXIT_WITHIN
    # A namespaced operator has no right to watch CRDs or namespaces.
    kopf_settings.scanning.disabled = bool(settings.namespaces)
    return kopf_settings


def _handler(watches: Watches, resource: Resource) -> Callable[..., Awaitable[None]]:
    async def handle(event: kopf.RawEvent, **_: object) -> None:
        watches.event(resource, event["type"], dict(event["object"]))

    return handle


def _connection(credentials: Credentials) -> kopf.ConnectionInfo:
    return kopf.ConnectionInfo(
        server=credentials.server,
        ca_path=credentials.ca_file,
        ca_data=credentials.ca_data or None,
        insecure=credentials.insecure or None,
        certificate_data=credentials.certificate or None,
        private_key_data=credentials.private_key or None,
        token=credentials.read_token() or None,
        # Read again before a projected token can expire; without this a 401 ends kopf.
        expiration=datetime.now(UTC) + LOGIN_AGE,
    )


def _count_watchers() -> int:
    # kopf offers no other sign of established watches than the tasks that hold them.
    plurals = {f"watcher for {resource.plural}.{resource.version}" for resource in WATCHED}
    names = [task.get_name() for task in asyncio.all_tasks() if not task.done()]
    return sum(any(name.startswith(plural) for plural in plurals) for name in names)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
