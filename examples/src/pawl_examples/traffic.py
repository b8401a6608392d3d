"""Runs the reference application in a thread of its own, and knows what was said in which release."""

import asyncio
import threading
from concurrent.futures import Future

from pawl_examples.app import Application, Scenario, Settings
from pawl_examples.applog import LogSettings, make_client
from pawl_examples.dataset import Material
from pawl_examples.ledger import Ledger
from pawl_examples.replay import Pace, replay

START_SECONDS = 30


class Traffic:
    """Real conversations through the gateway until `stop`; a release goes on being replayed until the next begins."""

    def __init__(self, settings: Settings, log: LogSettings, material: Material, pace: Pace) -> None:
        self.ledger = Ledger()
        self._settings, self._log_settings, self._material, self._pace = settings, log, material, pace
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="traffic", daemon=True)
        self._current: Scenario | None = None
        self._skip = 0
        self._running: Future[None] | None = None
        self._application: Application | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()
        ready: Future[None] = Future()
        self._running = asyncio.run_coroutine_threadsafe(self._run(ready), self._loop)
        ready.result(START_SECONDS)

    def begin(self, name: str, *, annotated: bool) -> None:
        """Replay a release from its beginning under a name; what nobody annotated goes on where it was."""
        asyncio.run_coroutine_threadsafe(self._begin(name, annotated=annotated), self._loop).result(START_SECONDS)

    def speak(self, name: str, material: Material, pace: Pace) -> None:
        """Replay other material at another pace, from its beginning; what nobody annotated goes on where it was."""
        told = self._replay(name, material, pace)
        asyncio.run_coroutine_threadsafe(told, self._loop).result(START_SECONDS)

    def quiet(self) -> None:
        """Let nobody speak until the next begins."""
        self.speak("quiet", Material((), (), {}), Pace(1.0, 1.0))

    def stop(self) -> None:
        """End, once every answer on its way has come and everything was logged."""
        if self._running is None:
            return
        self._running.cancel()
        asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result(START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()
        self._running = None

    async def _run(self, ready: "Future[None]") -> None:
        with make_client(self._log_settings) as log:
            self._application = Application(self._settings, log, self.ledger)
            ready.set_result(None)
            await self._application.run()

    async def _begin(self, name: str, *, annotated: bool) -> None:
        material = self._material if annotated else Material((), (), self._material.others)
        await self._replay(name, material, self._pace)

    async def _replay(self, name: str, material: Material, pace: Pace) -> None:
        if self._application is None:
            raise RuntimeError("traffic: start it before a release begins")
        if self._current is not None:
            self._skip += self._current.others
        self._current = self._application.begin(name, replay(material, pace, self._skip))

    async def _settled(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.wait(others, timeout=START_SECONDS) if others else None
