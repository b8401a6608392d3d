"""Traffic by request: the share that is seen lies within two points of the weight that was asked."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pawl_examples import install
from pawl_examples.app import question
from pawl_examples.bringup import Stand
from pawl_examples.kube import read_manifest

Json = dict[str, Any]
HOST, NAME, WEIGHT, REQUESTS = "plain.demo.internal", "plain", 25, 600


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


def test_share_within_two_points_of_the_weight(plain: Stand) -> None:
    def verified() -> bool:
        traffic = (
            plain.kube.get("rollouts.pawl.dev", NAME, "-n", install.NAMESPACE).get("status", {}).get("traffic", {})
        )
        return traffic.get("verified") == WEIGHT and traffic.get("mode") == "RequestWeights"

    install.wait_for("the weight of the first step", verified, 120)
    seen: Counter[str] = Counter()
    with httpx.Client(base_url=plain.gateway, headers={"host": HOST}, timeout=5) as client:
        for number in range(REQUESTS):
            answer = client.post(
                "/v2/models/fact-extraction/infer",
                json=question("I play soccer"),
                headers={"x-user-id": f"user-{number % 40}"},
            )
            seen[answer.headers["x-pawl-arm"] if answer.status_code == httpx.codes.OK else "lost"] += 1
    print(f"asked {WEIGHT} %, seen {100 * seen['candidate'] / REQUESTS:.2f} % of {REQUESTS} requests")
    assert seen["lost"] == 0
    assert abs(100 * seen["candidate"] / REQUESTS - WEIGHT) <= 2
