"""Plays what an API server alone does not have: deployment controller, kubelet, gateway, garbage collector."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from kube_client import ApiError, KubeClient
from route_shares import as_meant

Object = dict[str, Any]
REVISION = "pawl.dev/revision"


@dataclass
class ClusterPlayer:
    """Looks at one namespace twenty times a second. Its switches may be changed at any time."""

    client: KubeClient
    namespace: str
    unready: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    newcomers_stay_unready: bool = False
    restarts: dict[str, int] = field(default_factory=dict)
    gateway_answers: bool = True
    weights: list[tuple[datetime, tuple[tuple[str, int], ...]]] = field(default_factory=list)
    places: list[tuple[datetime, tuple[tuple[str, int], ...]]] = field(default_factory=list)
    """Backends and weights of the first rule as they are written, each change as the gateway took it over."""
    errors: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def play(self) -> None:
        """Play until told to stop."""
        while not self._stop.wait(0.05):
            try:
                self._deployments()
                self._routes()
                self._garbage()
            except (ApiError, httpx.TransportError) as error:
                # Objects change under our hands; the next round sees them as they are.
                self.errors.append(repr(error))

    def shares(self) -> list[int]:
        """Return the candidate's weights on the route, in the order in which the gateway took them over."""
        found = [entries[0][1] if len(entries) > 1 else 0 for _, entries in self.weights]
        return [share for place, share in enumerate(found) if place == 0 or share != found[place - 1]]

    def _deployments(self) -> None:
        for deployment in self.client.list("apps/v1", "Deployment", self.namespace):
            meta, revision = deployment["metadata"], deployment["metadata"]["labels"].get(REVISION, "")
            if revision not in self.known and self.newcomers_stay_unready:
                self.unready.add(revision)
            self.known.add(revision)
            replicas = deployment["spec"].get("replicas", 1)
            ready = 0 if revision in self.unready else replicas
            wanted = {"observedGeneration": meta["generation"], "replicas": replicas, "updatedReplicas": replicas}
            wanted |= {"readyReplicas": ready, "availableReplicas": ready}
            if {key: deployment.get("status", {}).get(key, 0) for key in wanted} != wanted:
                self._status("apps/v1", "Deployment", meta["name"], wanted)
            self._pod(deployment, revision, ready > 0)

    def _pod(self, deployment: Object, revision: str, ready: bool) -> None:
        name = f"{deployment['metadata']['name']}-0"
        found = [pod for pod in self.client.list("v1", "Pod", self.namespace) if pod["metadata"]["name"] == name]
        if not found:
            spec = {"containers": [{"name": "model", "image": "x"}], "terminationGracePeriodSeconds": 0}
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            body = {"apiVersion": "v1", "kind": "Pod", "spec": spec}
            self.client.create(body | {"metadata": {"name": name, "namespace": self.namespace, "labels": labels}})
            return
        count, now = self.restarts.get(revision, 0), datetime.now(UTC).isoformat()
        held = found[0].get("status", {})
        state = {"restartCount": count, "name": "model", "image": "x", "imageID": "x", "ready": ready}
        if count:
            state["lastState"] = {"terminated": {"exitCode": 1, "finishedAt": now, "reason": "Error"}}
        old = (held.get("containerStatuses") or [{}])[0]
        if old.get("restartCount") != count or old.get("ready") != ready:
            condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": now}
            self._status(
                "v1", "Pod", name, {"phase": "Running", "conditions": [condition], "containerStatuses": [state]}
            )

    def _routes(self) -> None:
        if not self.gateway_answers:
            return
        for route in self.client.list("gateway.networking.k8s.io/v1", "HTTPRoute", self.namespace):
            generation = route["metadata"]["generation"]
            parents = route.get("status", {}).get("parents") or []
            seen = [c.get("observedGeneration") for parent in parents for c in parent["conditions"]]
            if seen == [generation, generation]:
                continue
            # A gateway serves a route before it says so: whoever has read the status finds the weights here.
            backends = route["spec"]["rules"][0].get("backendRefs") or []
            written = tuple((b["name"], b.get("weight", 1)) for b in backends)
            if not self.places or self.places[-1][1] != written:
                self.places.append((datetime.now(UTC), written))
            entry = tuple(as_meant(written))
            if not self.weights or self.weights[-1][1] != entry:
                self.weights.append((datetime.now(UTC), entry))
            now = datetime.now(UTC).isoformat()
            common = {"status": "True", "observedGeneration": generation, "lastTransitionTime": now, "message": ""}
            conditions = [common | {"type": kind, "reason": kind} for kind in ("Accepted", "ResolvedRefs")]
            parent = {"parentRef": {"name": "gw"}, "controllerName": "example.com/gw", "conditions": conditions}
            self._status("gateway.networking.k8s.io/v1", "HTTPRoute", route["metadata"]["name"], {"parents": [parent]})

    def _garbage(self) -> None:
        kinds = (("apps/v1", "Deployment"), ("v1", "Service"), ("coordination.k8s.io/v1", "Lease"))
        found = [(api, kind, item) for api, kind in kinds for item in self.client.list(api, kind, self.namespace)]
        # Owners are listed after what they own, or a fresh object would look like an orphan.
        rollouts = {r["metadata"]["uid"] for r in self.client.list("pawl.dev/v1alpha1", "Rollout", self.namespace)}
        for api, kind, item in found:
            owners = [o["uid"] for o in item["metadata"].get("ownerReferences") or [] if o["kind"] == "Rollout"]
            if owners and not set(owners) & rollouts:
                self.client.delete(api, kind, item["metadata"]["name"], self.namespace)
        deployments = {d["metadata"]["name"] for d in self.client.list("apps/v1", "Deployment", self.namespace)}
        for pod in self.client.list("v1", "Pod", self.namespace):
            if pod["metadata"]["name"].rpartition("-")[0] not in deployments:
                self.client.delete("v1", "Pod", pod["metadata"]["name"], self.namespace, gracePeriodSeconds=0)

    def _status(self, api: str, kind: str, name: str, status: Object) -> None:
        self.client.patch(api, kind, name, {"status": status}, self.namespace, subresource="status")


@contextmanager
def playing(client: KubeClient, namespace: str) -> Iterator[ClusterPlayer]:
    """Play beside a test."""
    player = ClusterPlayer(client, namespace)
    thread = threading.Thread(target=player.play, daemon=True)
    thread.start()
    try:
        yield player
    finally:
        player._stop.set()
        with contextlib.suppress(RuntimeError):
            thread.join(10)
