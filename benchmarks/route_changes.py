"""Requests lost while a route's weights change: places that are warm before they are used (ADR 0010, 0013) beside 0
and 100 written outright.

A real Envoy Gateway on a cluster of this benchmark's own, users pinned by hash, echo servers that tell who they are.
One cycle is a release: stable alone, 10, 25, 100 percent, then in turns back to stable or promoted. Both shapes take
turns, so that what else the machine does meets both. Between two changes is less than a sixth of the time that a
Rollout leaves.
"""

import http.client
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.record import Row, write

from pawl_devcluster import images
from pawl_devcluster.cluster import Cluster, down, up
from pawl_devcluster.settings import Size
from pawl_examples.install import MANIFESTS
from pawl_examples.kube import Kube, read_manifest
from pawl_operator.kinds.rollout.actions import Backend, PatchRoute
from pawl_operator.traffic.httproute import Ownership, patch_for
from pawl_operator.traffic.sticky import build_policy

NAMESPACE, NAME, RULE, HOST = "demo", "echo", "infer", "echo.demo.internal"
STABLE, CANDIDATE = Backend("aaaaaaaaaa", f"{NAME}-aaaaaaaaaa"), Backend("bbbbbbbbbb", f"{NAME}-bbbbbbbbbb")
SHAPES = ("warm", "outright")
CYCLES, PAUSE, THREADS, USERS = 16, 0.8, 4, 400
IMAGE = "localhost/pawl/fact-extractor:dev"
SERVER = """
import os, http.server
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        body = os.environ["ME"].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Echo).serve_forever()
"""
Json = dict[str, Any]


@dataclass
class Counts:
    """What became of the requests: `strange` were answered by another server than the gateway's header said."""

    sent: int = 0
    strange: int = 0
    lost: Counter[str] = field(default_factory=Counter)


class Load:
    """Requests of many users over kept connections, as fast as answers come, until told to stop."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._where = ("", "")
        self.counts = {shape: Counts() for shape in SHAPES}

    def at(self, shape: str, change: str) -> None:
        """What is being done to the route from now on."""
        self._where = (shape, change)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Send for as long as the block lasts."""
        threads = [threading.Thread(target=self._send, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _send(self, seed: int) -> None:
        draw = random.Random(seed)  # noqa: S311  which user speaks is no secret
        connection = http.client.HTTPConnection(self._address, timeout=5)
        while not self._stop.is_set():
            shape, change = self._where
            status, strange = _ask(connection, f"u{draw.randrange(USERS)}")
            if not shape:
                continue
            with self._lock:
                counts = self.counts[shape]
                counts.sent += 1
                counts.strange += strange
                if status != 200:
                    counts.lost[change] += 1
        connection.close()


def _ask(connection: http.client.HTTPConnection, user: str) -> tuple[int, bool]:
    try:
        connection.request("GET", "/", headers={"Host": HOST, "x-user-id": user})
        answer = connection.getresponse()
        body = answer.read().decode()
    except (http.client.HTTPException, OSError):
        connection.close()
        return 0, False
    return answer.status, answer.status == 200 and body != answer.headers.get("x-pawl-revision")


def server(backend: Backend) -> list[Json]:
    """Deployment and Service of one echo server."""
    labels, meta = {"app": backend.service}, {"name": backend.service, "namespace": NAMESPACE}
    container = {
        "name": "echo", "image": IMAGE, "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", SERVER], "env": [{"name": "ME", "value": backend.revision}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    safe = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    template = {"metadata": {"labels": labels}, "spec": {"securityContext": safe, "containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    ports = [{"port": 80, "targetPort": 8080}]
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": labels, "ports": ports}},
    ]


def both(weight: int, *, plain: bool = False) -> PatchRoute:
    """The route of a release."""
    return PatchRoute(CANDIDATE, STABLE, weight, release=1, step=1, plain=plain)


def alone(who: Backend, weight: int = 0) -> PatchRoute:
    """The route outside of a release; at 100 it is the first place that has all traffic."""
    return PatchRoute(None, who, weight, release=1, step=0)


def walk(shape: str, winner: Backend) -> list[tuple[str, PatchRoute]]:
    """The changes of one release, by name; the winner is who has all traffic in the end."""
    up = [("to 10", both(10)), ("to 25", both(25)), ("to 100", both(100))]
    end = "promoted" if winner == CANDIDATE else "back from 100"
    if shape == "warm":
        down = [("100 as 100 : 0", both(100, plain=True)), (end, alone(winner, 100)), ("to rest", alone(winner))]
    else:
        down = [(end, both(0 if winner == STABLE else 100)), ("to rest", alone(winner))]
    return [*up, *down]


def rule_for(shape: str, wanted: PatchRoute, rule: Json) -> Json:
    """The rule as wanted; `rule` is the one before."""
    route = {"metadata": {"resourceVersion": "1"}, "spec": {"rules": [{"name": RULE, **rule}]}}
    for op in patch_for(route, RULE, wanted, Ownership(NAME, uid="bench")):
        if op["path"].endswith("backendRefs"):
            rule = {**rule, "backendRefs": op["value"]}
    if shape == "warm":
        return rule
    first, second = rule["backendRefs"]
    if wanted.candidate is None:
        return {**rule, "backendRefs": [{**second, "weight": 100}]}
    return {**rule, "backendRefs": [{**first, "weight": wanted.weight}, {**second, "weight": 100 - wanted.weight}]}


def route(rule: Json) -> Json:
    """The HTTPRoute with that rule."""
    matches = [{"path": {"type": "PathPrefix", "value": "/"}}]
    spec = {
        "parentRefs": [{"name": "demo"}],
        "hostnames": [HOST],
        "rules": [{"name": RULE, "matches": matches, **rule}],
    }
    meta = {"name": NAME, "namespace": NAMESPACE}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta, "spec": spec}


def set_up(cluster: Cluster) -> tuple[Kube, str]:
    """Gateway, servers, route and policy; returns a hand on the cluster and the gateway's address."""
    images.build(["fact-extractor:dev"], lambda text: print(text, file=sys.stderr))
    cluster.load_images([IMAGE])
    kube = Kube(cluster.tools.program("kubectl"), cluster.helm, cluster.kubeconfig)
    kube.apply(*read_manifest(MANIFESTS / "namespace.yaml"), *read_manifest(MANIFESTS / "gateway.yaml"))
    kube.apply(*server(STABLE), *server(CANDIDATE))
    policy = build_policy(NAMESPACE, NAME, NAME, RULE, "x-user-id", {})
    del policy["metadata"]["ownerReferences"]
    kube.apply(route(rule_for("warm", alone(STABLE), {})), policy)
    for what in (f"deployment/{STABLE.service}", f"deployment/{CANDIDATE.service}"):
        kube.run("-n", NAMESPACE, "wait", "--for=condition=Available", what, "--timeout=120s", seconds=130)
    kube.run("-n", NAMESPACE, "wait", "--for=condition=Programmed", "gateway/demo", "--timeout=120s", seconds=130)
    return kube, cluster.gateway_address(NAMESPACE, "demo")


def wait_for_answers(address: str) -> None:
    """Return once the gateway has answered 20 requests in a row; raises TimeoutError after a minute."""
    connection, good, deadline = http.client.HTTPConnection(address, timeout=5), 0, time.monotonic() + 60
    while good < 20:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the gateway at {address} did not answer within 60 s")
        good = good + 1 if _ask(connection, "u0")[0] == 200 else 0
        time.sleep(0.05)
    connection.close()


def measure(kube: Kube, address: str) -> dict[str, Counts]:
    """Walk both shapes in turns under load."""
    wait_for_answers(address)
    with Load(address).running() as load:
        for cycle in range(CYCLES):
            for shape in SHAPES:
                load.at("", "")
                rule = rule_for(shape, alone(STABLE), {})
                kube.apply(route(rule))
                time.sleep(2 * PAUSE)
                for change, wanted in walk(shape, (STABLE, CANDIDATE)[cycle % 2]):
                    load.at(shape, change)
                    rule = rule_for(shape, wanted, rule)
                    kube.apply(route(rule))
                    time.sleep(PAUSE)
    return load.counts


def row(counts: dict[str, Counts]) -> Row:
    """Both shapes' lost requests in 100,000, beside each other."""
    ours, theirs = (100_000 * sum(counts[shape].lost.values()) / counts[shape].sent for shape in SHAPES)
    return {
        "metric": "requests lost in 100,000 while weights change", "value": round(ours, 1), "unit": "requests",
        "peer": "0 and 100 written outright", "peer_value": round(theirs, 1),
        "ratio": round(ours / theirs, 3) if theirs else None, "aim": 0.0, "met": ours == 0,
    }  # fmt: skip


def main() -> None:
    """Measure on a cluster of its own and write results/route_changes.json."""
    os.environ["PAWL_DEVCLUSTER_NAME"] = "bench"
    cluster = up(Size.NODE, ("gateway",))
    try:
        counts = measure(*set_up(cluster))
    finally:
        down()
    shapes = {
        shape: {"sent": c.sent, "lost": dict(c.lost), "answered by the other arm": c.strange}
        for shape, c in counts.items()
    }
    write("route_changes", [row(counts)], cycles=CYCLES, shapes=shapes)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd}: exit {error.returncode}")
