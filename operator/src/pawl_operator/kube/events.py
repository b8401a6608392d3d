"""Events that people see in `kubectl describe`; sent after the status write, so a retried pass repeats none."""

import hashlib
from datetime import UTC, datetime

import structlog

from pawl.errors import PawlError
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import EVENTS

log = structlog.get_logger(__name__)
COMPONENT = "pawl-operator"
MESSAGE_LIMIT = 1024


async def emit(kube: KubePort, about: Object, *, kind: str, reason: str, message: str) -> None:
    """Send one event of type `kind` (Normal, Warning); a failure is logged and dropped, status already says it."""
    namespace = about["metadata"]["namespace"]
    body = _event(about, kind, reason, message, datetime.now(UTC))
    try:
        await kube.create(EVENTS, namespace, body)
    except PawlError as error:
        log.warning("event was not sent", reason=reason, object=about["metadata"]["name"], error=str(error))


def _event(about: Object, kind: str, reason: str, message: str, now: datetime) -> Object:
    metadata = about["metadata"]
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    token = hashlib.sha256(f"{metadata['uid']}|{reason}|{message}|{now.isoformat()}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name'][:200]}.{token}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
        "type": kind,
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
