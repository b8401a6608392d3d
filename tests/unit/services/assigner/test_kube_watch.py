"""The watch: its lines, its troubles, and what follows on each; no network."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from pawl_services.kube.client import Event, GoneError, KubeClient, KubeError, Listing
from pawl_services.kube.reflector import Pace, Reflector
from pawl_services.kube.settings import ApiServerSettings

Object = dict[str, Any]


class Chunks(httpx.AsyncByteStream):
    def __init__(self, chunks: Sequence[bytes | Exception]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


def line(kind: str, version: str, **more: object) -> bytes:
    body = {"type": kind, "object": {"metadata": {"name": "chat", "resourceVersion": version}, **more}}
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


async def read(tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response]) -> list[Event]:
    (tmp_path / "token").write_text("secret")
    settings = ApiServerSettings("http://kube", tmp_path / "token", None)
    async with KubeClient(settings, httpx.MockTransport(answer)) as client:
        return [event async for event in client.watch("/path", "7", 30, 5.0)]


def streaming(*chunks: bytes | Exception) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, stream=Chunks(chunks))


async def test_a_watch_asks_for_bookmarks_from_its_version_on(tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, stream=Chunks([line("BOOKMARK", "9")]))

    [event] = await read(tmp_path, answer)
    assert (event.kind, event.version) == ("BOOKMARK", "9")
    assert dict(asked[0].url.params) == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "7",
        "timeoutSeconds": "30",
    }
    assert asked[0].extensions["timeout"]["read"] == 35.0
    assert asked[0].headers["authorization"] == "Bearer secret"


async def test_lines_are_whole_however_they_arrive(tmp_path: Path) -> None:
    # U+0085 and U+2028 end a line for Python's and httpx's splitters, not in JSON.
    both = line("ADDED", "8", note="a\u0085b\u2028c") + line("MODIFIED", "9")
    pieces = [both[start : start + 7] for start in range(0, len(both), 7)]
    events = await read(tmp_path, streaming(*pieces))
    assert [(event.kind, event.version) for event in events] == [("ADDED", "8"), ("MODIFIED", "9")]
    assert events[0].object["note"] == "a\u0085b\u2028c"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (lambda _: httpx.Response(410, json={"message": "x"}), GoneError, "too old"),
        (lambda _: httpx.Response(403, json={"message": "not you"}), KubeError, "403 not you"),
        (lambda _: httpx.Response(502, text="<html>"), KubeError, "502"),
        (streaming(b'{"type":"ERROR","object":{"code":410,"message":"old"}}\n'), GoneError, "410 old"),
        (streaming(b'{"type":"ERROR","object":{"code":500,"message":"oh"}}\n'), KubeError, "500 oh"),
        (streaming(b"[1]\n"), KubeError, "no event"),
        (streaming(b'{"type":"ADDED"}\n'), KubeError, "no event"),
        (streaming(b"half a li\n"), KubeError, "JSONDecodeError"),
        (streaming(httpx.ReadTimeout("silence")), KubeError, "ReadTimeout"),
        (streaming(httpx.RemoteProtocolError("broken")), KubeError, "RemoteProtocolError"),
    ],
)
async def test_trouble_is_told_apart_and_names_the_call(
    tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response], error: type[KubeError], message: str
) -> None:
    with pytest.raises(error, match=rf"WATCH /path: .*{message}") as raised:
        await read(tmp_path, answer)
    assert type(raised.value) is error


class Script(KubeClient):
    """A client whose lists and watches are told beforehand; the last step stops the reflector."""

    def __init__(self, lists: list[Listing | KubeError], watches: list[list[Event | KubeError]]) -> None:
        self.lists, self.watches, self.asked = lists, watches, []

    async def list_pages(self, path: str, page: int = 0) -> Listing:
        if not self.lists:
            raise asyncio.CancelledError
        found = self.lists.pop(0)
        if isinstance(found, KubeError):
            raise found
        return found

    async def watch(self, path: str, version: str, seconds: int, patience: float) -> AsyncGenerator[Event, None]:
        self.asked.append(version)
        if not self.watches:
            raise asyncio.CancelledError
        for event in self.watches.pop(0):
            if isinstance(event, KubeError):
                raise event
            yield event


class Notes:
    def __init__(self) -> None:
        self.said: list[str] = []

    def replace(self, namespace: str, items: Sequence[Object]) -> None:
        self.said.append(f"all of {namespace}: {len(items)}")

    def put(self, item: Object) -> None:
        self.said.append(f"put {item['n']}")

    def remove(self, item: Object) -> None:
        self.said.append(f"remove {item['n']}")


def seen(kind: str, version: str) -> Event:
    return Event(kind, {"n": version}, version)


async def run(client: Script) -> tuple[Notes, list[float], Reflector]:
    notes, pauses = Notes(), []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    reflector = Reflector(client, "rollouts", "demo", notes, Pace(), 50, sleep)
    with pytest.raises(asyncio.CancelledError):
        await reflector.run(lambda: None)
    return notes, pauses, reflector


async def test_each_watch_goes_on_where_the_last_one_was() -> None:
    events = [seen("ADDED", "11"), seen("BOOKMARK", "15"), seen("MODIFIED", "16"), seen("DELETED", "17")]
    client = Script([Listing([{}, {}], "10")], [events, [seen("BOOKMARK", "20")]])
    notes, pauses, reflector = await run(client)
    assert notes.said == ["all of demo: 2", "put 11", "put 16", "remove 17"]
    assert client.asked == ["10", "17", "20"]
    assert pauses == []
    assert reflector.synced
    assert reflector.age() < 60


@pytest.mark.parametrize("trouble", [GoneError("410"), KubeError("broken")])
async def test_after_trouble_everything_is_listed_again(trouble: KubeError) -> None:
    client = Script([Listing([{}], "10"), Listing([], "30")], [[seen("ADDED", "11"), trouble]])
    notes, pauses, _ = await run(client)
    assert notes.said == ["all of demo: 1", "put 11", "all of demo: 0"]
    assert client.asked == ["10", "30"]
    assert len(pauses) == 1


async def test_what_was_known_stays_while_nobody_answers_and_pauses_grow_to_a_cap() -> None:
    away: list[Listing | KubeError] = [KubeError("away") for _ in range(12)]
    notes, pauses, reflector = await run(Script([Listing([{}], "10"), *away, Listing([], "9")], [[KubeError("x")]]))
    assert notes.said == ["all of demo: 1", "all of demo: 0"]
    caps = [min(10.0, 0.2 * 2**number) for number in range(13)]
    assert [cap / 2 <= pause <= cap for cap, pause in zip(caps, pauses, strict=True)] == [True] * 13
    assert reflector.synced


async def test_a_watch_that_always_ends_at_once_is_trouble_too() -> None:
    lists: list[Listing | KubeError] = [Listing([], "10") for _ in range(6)]
    _, pauses, _ = await run(Script(lists, [[] for _ in range(6)]))
    assert len(pauses) == 6
    assert all(later > earlier for earlier, later in pairwise(pauses[::2]))


async def test_a_version_that_stays_too_old_does_not_make_a_storm() -> None:
    lists: list[Listing | KubeError] = [Listing([], "10") for _ in range(8)]
    _, pauses, _ = await run(Script(lists, [[GoneError("410")] for _ in range(8)]))
    assert pauses[-1] > 5.0


async def test_before_the_first_list_nothing_is_synced() -> None:
    _, _, reflector = await run(Script([KubeError("away")], []))
    assert not reflector.synced
    assert reflector.age() == float("inf")
