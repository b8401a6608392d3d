"""A proxy in front of the API server that answers 503, 429, drops connections or cuts watches, when told to."""

import asyncio
import random
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from apiserver import ApiServer

HOP = {"host", "content-length", "transfer-encoding", "connection"}


@dataclass
class FaultProxy:
    """Switches, to be changed at any time from the test's thread."""

    server: ApiServer
    url: str = ""
    fail_share: float = 0.0
    fail_code: int = 503
    refuse: bool = False
    failed: int = 0
    seen: int = 0
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    loop: asyncio.AbstractEventLoop | None = None
    session: aiohttp.ClientSession | None = None
    watches: set["asyncio.Task[object]"] = field(default_factory=set)

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that leads through the proxy."""
        config = yaml.safe_load(self.server.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": self.url}
        path.write_text(yaml.safe_dump(config))
        path.chmod(0o600)
        return path

    def cut_watches(self) -> None:
        """End every open watch stream in the middle."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in list(self.watches)])

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on, or fail it."""
        self.seen += 1
        if self.refuse:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if self.rng.random() < self.fail_share:
            self.failed += 1
            status = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": "told to fail",
                "code": self.fail_code,
            }
            return web.json_response(status, status=self.fail_code)
        return await self._pass_on(request)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        assert self.session is not None
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP}
        body = await request.read()
        url = f"{self.server.url}{request.path_qs}"
        task = asyncio.current_task()
        watching = request.query.get("watch") in ("true", "1")
        if watching and task is not None:
            self.watches.add(task)
        try:
            async with self.session.request(request.method, url, headers=headers, data=body or None) as got:
                kept = {
                    key: value for key, value in got.headers.items() if key.lower() not in HOP | {"content-encoding"}
                }
                answer = web.StreamResponse(status=got.status, headers=kept)
                await answer.prepare(request)
                async for chunk in got.content.iter_any():
                    await answer.write(chunk)
                return answer
        finally:
            self.watches.discard(task)  # type: ignore[arg-type]


@contextmanager
def running_proxy(server: ApiServer) -> Iterator[FaultProxy]:
    """Serve a proxy on loopback in a thread of its own."""
    proxy, started, stop = FaultProxy(server), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(proxy, started, stop)), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield proxy
    finally:
        stop.set()
        thread.join(10)


async def _serve(proxy: FaultProxy, started: threading.Event, stop: threading.Event) -> None:
    proxy.loop = asyncio.get_running_loop()
    context = ssl.create_default_context(cafile=str(proxy.server.ca))
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=0), timeout=timeout) as session:
        await _serve_through(session, proxy, started, stop)
    # TLS connections say goodbye after the session is closed; a loop that ends at once leaves them open.
    await asyncio.sleep(0.25)


async def _serve_through(
    session: aiohttp.ClientSession, proxy: FaultProxy, started: threading.Event, stop: threading.Event
) -> None:
    app = web.Application(client_max_size=16 * 1024 * 1024)
    proxy.session = session
    app.router.add_route("*", "/{tail:.*}", proxy.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    started.set()
    await asyncio.to_thread(stop.wait)
    proxy.cut_watches()
    await runner.cleanup()
