"""Reads objects through the caller's own kubectl, so that its contexts, logins and KUBECONFIG hold here as well."""

import json
import subprocess
from typing import Any

from pawl.errors import DeadlineExceeded, DependencyUnavailable, NotFound, PawlError, PermissionDenied

DEADLINE = 20.0
"""Seconds for one call, a login included."""


def get(kind: str, name: str = "", namespace: str = "") -> dict[str, Any]:
    """Return one object, or the list of a kind where `name` is empty; without `namespace` in that of the context.

    Raises:
        NotFound: the object, its kind or kubectl itself is not there.
        PermissionDenied: the caller may not read it.
        DeadlineExceeded: no answer in time.
        DependencyUnavailable: kubectl failed otherwise; the message is its own.
    """
    what = f"{kind}/{name}" if name else kind
    command = ["kubectl", "get", what, "--output=json"] + ([f"--namespace={namespace}"] if namespace else [])
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    except FileNotFoundError as error:
        raise NotFound("kubectl is not on PATH", remedy="install kubectl, Pawl reads the cluster through it") from error
    except subprocess.TimeoutExpired as error:
        remedy = "see that `kubectl get ns` answers, then try again"
        raise DeadlineExceeded(f"kubectl did not answer in {DEADLINE:.0f} s", value=what, remedy=remedy) from error
    if done.returncode != 0:
        raise failure(what, namespace, done.stderr.strip())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def failure(what: str, namespace: str, said: str) -> PawlError:
    """Return the error that kubectl's words stand for."""
    where = f"in namespace {namespace}" if namespace else "in the namespace of your context"
    last = said.rpartition("\n")[2]  # Above it stand log lines of failed tries.
    if "(NotFound)" in said:
        kind = what.partition("/")[0]
        remedy = f"look with `kubectl get {kind} -A`, and name its namespace with -n"
        if kind == "services":
            remedy = "the route points to a Service that does not exist: make it, or correct the route"
        return NotFound(f"is not there {where}", field=what, remedy=remedy)
    if "(Forbidden)" in said or "(Unauthorized)" in said or "must be logged in" in said:
        remedy = f"ask for a role that may get and list {what.partition('/')[0]}; kubectl said: {last}"
        return PermissionDenied(f"you may not read it {where}", field=what, remedy=remedy)
    if "doesn't have a resource type" in said:
        return NotFound("the cluster does not know this kind", field=what, remedy="install the Gateway API's CRDs")
    remedy = "see that KUBECONFIG and the context are right and `kubectl get ns` answers"
    return DependencyUnavailable(f"kubectl failed: {last}", field=what, remedy=remedy)
