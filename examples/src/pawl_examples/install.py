"""Puts Pawl and the application's objects into a cluster: helm for Pawl, kubectl for what a team writes."""

import base64
import io
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from pawl_examples.kube import Kube, KubeError, read_manifest
from pawl_examples.pace import Numbers, Times, compress
from pawl_examples.training import Trained

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "pawl"
MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
NAMESPACE, LEARN, SYSTEM, ROLLOUT, HOST = "demo", "learn", "pawl-system", "fact-extraction", "facts.demo.internal"
MODEL_FOLDER, LOADER = "linear-tagger", "model-loader"
RECEIVE = ("tar", "-x", "-C", "/models", "--no-same-owner", "-f", "-")
WAIT_SECONDS = 180.0
INTERRUPTED = "pending-install,pending-upgrade,pending-rollback"


def install_pawl(kube: Kube, builds: Mapping[str, str]) -> None:
    """Install or upgrade the chart and wait until every pod is ready.

    `builds` holds the build of each part's image: the tag stays the same, so the build as an annotation is what makes
    an upgrade restart a pod whose image is new.
    """
    told = [f"{part}.podAnnotations.pawl\\.dev/build={build}" for part, build in builds.items()]
    for folder in (MANIFESTS, MANIFESTS / "loop"):
        kube.apply(*read_manifest(folder / "namespace.yaml"))
    # An installation that was interrupted would stand in the way of every later one.
    kube.run("delete", "secrets", "-n", SYSTEM, "-l", f"owner=helm,name=pawl,status in ({INTERRUPTED})")
    kube.install(
        "upgrade", "--install", "pawl", CHART, "--namespace", SYSTEM, "--create-namespace", "--wait",
        "--timeout", "180s",
        "--values", CHART / "values-dev.yaml",
        "--set", f"collector.apiKeys.tenants={{{NAMESPACE},{LEARN}}}",
        "--set", "mlflow.trackingUri=http://mlflow.mlflow:5000",
        "--set", "collector.service.type=NodePort",
        "--set-string", ",".join(told),
    )  # fmt: skip


def put_model(kube: Kube, trained: Trained) -> None:
    """Copy the trained model onto the claim, through a pod that ends afterwards."""
    kube.apply(*read_manifest(MANIFESTS / "models-claim.yaml"), loader_pod())
    try:
        kube.run("-n", NAMESPACE, "wait", "--for=condition=Ready", f"pod/{LOADER}", "--timeout=120s", seconds=130)
        command = ("-n", NAMESPACE, "exec", "-i", LOADER, "--", *RECEIVE)
        kube.run(*command, stdin=packed(trained.directory, MODEL_FOLDER))
    finally:
        kube.run("-n", NAMESPACE, "delete", "pod", LOADER, "--ignore-not-found", "--grace-period=0", "--wait=false")


def apply_application(kube: Kube, trained: Trained, times: Times, counted: Numbers) -> None:
    """Apply Gateway, route, Component and the Rollout with its times compressed."""
    for name in ("gateway", "route", "component"):
        kube.apply(*read_manifest(MANIFESTS / f"{name}.yaml"))
    [rollout] = read_manifest(MANIFESTS / "rollout.yaml")
    _forget_candidate(kube)
    rollout["spec"]["initialStable"]["digest"] = trained.digest
    kube.apply(compress(rollout, times, counted))


def _forget_candidate(kube: Kube) -> None:
    # A new serve template makes a new revision of the last candidate of an earlier run, which would be released.
    if kube.run("-n", NAMESPACE, "get", "rollouts.pawl.dev", ROLLOUT, "--ignore-not-found", "-o", "name").strip():
        changes = '{"spec": {"candidate": null}}'
        kube.run("-n", NAMESPACE, "patch", "rollouts.pawl.dev", ROLLOUT, "--type=merge", "-p", changes)


def source() -> str:
    """Where the model lies, as a Rollout names it."""
    return f"pvc://models/{MODEL_FOLDER}"


def api_key(kube: Kube, namespace: str = NAMESPACE, name: str = "pawl-client") -> str:
    """A key for the collector from a Secret that the chart made: the application's, or `pawl-trainer`'s."""
    held = kube.get("secret", name, "-n", namespace)
    return base64.b64decode(held["data"]["token"]).decode()


def node_port(kube: Kube, namespace: str, service: str) -> int:
    """The port of a Service on every node; raises KubeError where it has none."""
    found = kube.get("service", service, "-n", namespace)["spec"]["ports"][0].get("nodePort")
    if found is None:
        raise KubeError(f"service {namespace}/{service} has no node port: install the chart with service type NodePort")
    return int(found)


def wait_for(what: str, ready: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Ask again and again until `ready`; raises KubeError when that took too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise KubeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.3)


def answers(gateway: str, body: Json, path: str) -> bool:
    """Whether a request through the gateway is answered well."""
    headers = {"host": HOST, "x-user-id": "nobody"}
    try:
        return httpx.post(f"{gateway}{path}", json=body, headers=headers, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def packed(directory: Path, name: str) -> bytes:
    """The files of a directory as an archive under `name`, readable for everybody."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for path in sorted(directory.rglob("*")):
            archive.add(path, f"{name}/{path.relative_to(directory).as_posix()}", recursive=False, filter=_readable)
    return held.getvalue()


def loader_pod() -> Json:
    """A pod of the restricted standard that holds the claim open for writing."""
    [pod] = read_manifest(MANIFESTS / "model-loader.yaml")
    return pod


def _readable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode, entry.uid, entry.gid = (0o755 if entry.isdir() else 0o644), 10001, 10001
    return entry
