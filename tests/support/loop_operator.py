"""An operator that looks at the kinds in RECONCILED alone: the rest of the cluster is the test's to play.

With KILL_AFTER it kills itself (SIGKILL) right after its KILL_AFTER-th write to the API server was answered.
"""

import os
import sys

import killed_operator

from pawl_operator import runtime
from pawl_operator.kube.resources import Ref
from pawl_operator.main import main, open_port
from pawl_operator.reconcile import Reconciler

KINDS = frozenset(os.environ.get("RECONCILED", "").split(","))


class PartialReconciler(Reconciler):
    """Leaves objects of other kinds alone."""

    async def __call__(self, ref: Ref) -> float | None:
        return await super().__call__(ref) if ref.resource.kind in KINDS else None


if __name__ == "__main__":
    runtime.Reconciler = PartialReconciler  # type: ignore[misc]
    sys.exit(main(killed_operator.opener if "KILL_AFTER" in os.environ else open_port))
