"""Checks per second of the assigner, and their 99th percentile, beside an ASGI application that answers 200 to all.

Both run as processes under the same server (uvicorn, httptools, uvloop), are asked the same requests over the same
number of connections that stay open, and take turns within the same run. The 99th percentile is measured at a speed
that leaves both idle most of the time, so that the work counts and not the queue; the lowest of the turns is taken,
because on a machine with other work the rest tell of the scheduler. The load stands beside the result.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.record import ROOT, Row, write

sys.path.insert(0, str(ROOT / "tests" / "support"))

from assigner_objects import assigning, assignment
from assigner_process import assigner_process
from fake_watch import FakeWatch, watched
from polling import wait_until

from apiserver import free_port
from pawl.assignment import fine_bucket

CHECKS = 40_000
PACED = 1000
PACED_SECONDS = 3.0
CONNECTIONS = 16
REPEATS = 5
TURNS = 12
RATE_AIM = 0.7
LATENCY_AIM = 1.5
ANSWERS_WITHIN = 30
BARE = """
async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
import sys, uvicorn
uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), http="httptools", loop="uvloop", lifespan="off",
            log_config=None, access_log=False, server_header=False, proxy_headers=False)
"""


def request_of(number: int) -> bytes:
    """What Envoy sends: method and path of the request, the user header, no body."""
    head = "POST /check/demo/chat/v2/models/facts/infer HTTP/1.1\r\nhost: assigner\r\ncontent-length: 0\r\n"
    return f"{head}x-user-id: user-{number}\r\n\r\n".encode()


def wanted(number: int) -> bytes:
    """The header that belongs to the user, computed here."""
    side = b"treatment" if fine_bucket(f"user-{number}", assignment()["key"]) < 5000 else b"control"
    return b"x-pawl-variant: 0a1b2c3d-" + side


async def _worker(address: tuple[str, int], numbers: range, gap: float, expect: bool) -> list[float]:
    reader, writer = await asyncio.open_connection(*address)
    times, due = [], time.perf_counter() + gap
    for number in numbers:
        if gap and (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        start = time.perf_counter()
        writer.write(request_of(number))
        answer = await reader.readuntil(b"\r\n\r\n")
        times.append(time.perf_counter() - start)
        due += gap
        if not answer.startswith(b"HTTP/1.1 200 ") or (expect and wanted(number) not in answer):
            raise RuntimeError(f"user-{number}: {answer!r}")
    writer.close()
    await writer.wait_closed()
    return times


async def _ask(address: tuple[str, int], count: int, gap: float, expect: bool) -> tuple[float, list[float]]:
    share = count // CONNECTIONS
    ranges = [range(first * share, (first + 1) * share) for first in range(CONNECTIONS)]
    start = time.perf_counter()
    times = await asyncio.gather(*(_worker(address, numbers, gap, expect) for numbers in ranges))
    return time.perf_counter() - start, sorted(one for worker in times for one in worker)


def rate(address: tuple[str, int], *, expect: bool) -> float:
    """Answers per second, as fast as they come."""
    seconds, times = asyncio.run(_ask(address, CHECKS, 0.0, expect))
    return len(times) / seconds


def p99(address: tuple[str, int], *, expect: bool) -> float:
    """Milliseconds within which 99 of 100 answers come, at PACED requests per second."""
    _, times = asyncio.run(_ask(address, int(PACED * PACED_SECONDS), CONNECTIONS / PACED, expect))
    return times[int(len(times) * 0.99)] * 1000


@contextmanager
def bare_application() -> Iterator[tuple[str, int]]:
    """The peer."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        wait_until(lambda: _listens(port), ANSWERS_WITHIN)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(ANSWERS_WITHIN)


def _listens(port: int) -> bool:
    try:
        asyncio.run(_ask(("127.0.0.1", port), CONNECTIONS, 0.0, expect=False))
    except ConnectionError:
        return False
    return True


def measure() -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Rates and 99th percentiles, (assigner, peer) in turn."""
    kube = FakeWatch()
    kube.put(assigning(assigned=assignment()))
    with (
        tempfile.TemporaryDirectory() as home,
        watched(kube) as api,
        assigner_process(api, Path(home), {"PAWL_WATCH_TIMEOUT": "10m"}) as assigner,
        bare_application() as peer,
    ):
        wait_until(lambda: assigner.generations() == {"demo/chat": 1}, ANSWERS_WITHIN)
        url = urlsplit(assigner.address)
        ours = str(url.hostname), url.port or 0
        rates = [(rate(ours, expect=True), rate(peer, expect=False)) for _ in range(REPEATS)]
        return rates, [(p99(ours, expect=True), p99(peer, expect=False)) for _ in range(TURNS)]


def row(metric: str, unit: str, ours: float, theirs: float, ratio: float, aim: float, *, higher: bool) -> Row:
    """One line of the result."""
    return {
        "metric": metric,
        "value": round(ours, 2),
        "unit": unit,
        "peer": "an ASGI application that answers 200",
        "peer_value": round(theirs, 2),
        "ratio": round(ratio, 3),
        "aim": aim,
        "met": ratio >= aim if higher else ratio <= aim,
    }


def main() -> None:
    """Measure and write results/assigner.json."""
    rates, latencies = measure()
    ours, theirs = (statistics.median(side) for side in zip(*rates, strict=True))
    ratio = statistics.median(one / other for one, other in rates)
    late, their_late = (min(side) for side in zip(*latencies, strict=True))
    rows = [
        row("checks", "1/s", ours, theirs, ratio, RATE_AIM, higher=True),
        row(f"99th percentile at {PACED}/s", "ms", late, their_late, late / their_late, LATENCY_AIM, higher=False),
    ]
    note = "the client ran on the same machine, and so did other work"
    write("assigner", rows, checks=CHECKS, connections=CONNECTIONS, turns=TURNS, note=note)


if __name__ == "__main__":
    main()
