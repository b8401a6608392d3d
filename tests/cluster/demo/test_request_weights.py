"""Traffic by request: the share that is seen lies within two points of the weight that was asked (n >= 500).

A backendRef with filters makes Envoy pick a cluster for each request on its own, at random. Of 600 such draws two
points are little more than one standard deviation; of 10 000 they are 4.6, so a right gateway fails 4 times in a
million.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from pawl_examples import install
from pawl_examples.app import question
from pawl_examples.bringup import Stand
from pawl_examples.kube import read_manifest

Json = dict[str, Any]
HOST, NAME, WEIGHT = "plain.demo.internal", "plain", 25
PATH = "/v2/models/fact-extraction/infer"
REQUESTS, THREADS, SECONDS = 10_000, 8, 600


@pytest.fixture
def plain(stand: Stand) -> Iterator[Stand]:
    """A second route and Rollout of the same component, without stickiness, whose candidate waits at 25 percent."""
    [route] = read_manifest(install.MANIFESTS / "route.yaml")
    route["metadata"]["name"] = NAME
    route["spec"]["hostnames"] = [HOST]
    [rollout] = read_manifest(install.MANIFESTS / "rollout.yaml")
    rollout["metadata"]["name"] = NAME
    spec = rollout["spec"]
    spec["routeRef"]["name"] = NAME
    spec["initialStable"]["digest"] = stand.trained.digest
    spec["candidate"] = {
        "source": install.source(),
        "digest": stand.trained.digest,
        "serve": {"image": "localhost/pawl/fact-extractor:twin"},
    }
    spec["stickiness"] = {"unit": "Request"}
    spec["steps"] = [{"setWeight": WEIGHT, "hold": "1h"}, {"setWeight": 100, "hold": "1h"}]
    spec["analysis"] = {"interval": "1s"}
    stand.kube.apply(route, rollout)
    yield stand
    stand.kube.run("-n", install.NAMESPACE, "delete", "rollouts.pawl.dev", NAME, "--timeout=60s", seconds=70)
    stand.kube.run("-n", install.NAMESPACE, "delete", "httproute", NAME)
    stand.kube.run("-n", install.NAMESPACE, "delete", "deployment,service", "-l", f"pawl.dev/rollout={NAME}")


def ask(client: httpx.Client, number: int, deadline: float) -> str:
    """Send one request and return the arm that answered, or what went wrong."""
    if time.monotonic() > deadline:
        return "not asked in time"
    try:
        answer = client.post(PATH, json=question("I play soccer"), headers={"x-user-id": f"user-{number % 40}"})
    except httpx.HTTPError as error:
        return repr(error)
    return answer.headers.get("x-pawl-arm", "unmarked") if answer.status_code == httpx.codes.OK else str(answer)


def test_share_within_two_points_of_the_weight(plain: Stand, figure: Callable[[str], None]) -> None:
    def verified() -> bool:
        traffic = (
            plain.kube.get("rollouts.pawl.dev", NAME, "-n", install.NAMESPACE).get("status", {}).get("traffic", {})
        )
        return traffic.get("verified") == WEIGHT and traffic.get("mode") == "RequestWeights"

    install.wait_for("the weight of the first step", verified, 120)
    deadline = time.monotonic() + SECONDS
    with (
        httpx.Client(base_url=plain.gateway, headers={"host": HOST}, timeout=60) as client,
        ThreadPoolExecutor(THREADS, "asking") as pool,
    ):
        # The gateway's status may be a moment ahead of its proxy; what was asked before it followed would not count.
        install.wait_for("the candidate's first answer", lambda: ask(client, 0, deadline) == "candidate", 120)
        seen = Counter(pool.map(lambda number: ask(client, number, deadline), range(REQUESTS)))
    figure(f"RequestWeights: asked {WEIGHT} %, seen {100 * seen['candidate'] / REQUESTS:.2f} % of {REQUESTS} requests")
    assert set(seen) == {"candidate", "stable"}, seen
    assert abs(100 * seen["candidate"] / REQUESTS - WEIGHT) <= 2, seen
