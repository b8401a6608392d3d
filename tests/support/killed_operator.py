"""An operator that kills itself (SIGKILL) right after its KILL_AFTER-th write to the API server was answered."""

import os
import signal
import sys

from pawl_operator.kube.credentials import Credentials
from pawl_operator.kube.port import KubePort, Object, PatchOps
from pawl_operator.kube.resources import EVENTS, Ref, Resource
from pawl_operator.main import main, open_port
from pawl_operator.settings import Settings


class KillingKube:
    """The real port; counts writes (Events aside) and ends the process after one of them."""

    def __init__(self, kube: KubePort, kill_after: int) -> None:
        self._kube = kube
        self._left = kill_after
        self.get, self.text, self.list, self.serves = kube.get, kube.text, kube.list, kube.serves
        self.close = kube.close

    async def create(self, resource: Resource, namespace: str, body: Object) -> Object:
        return self._count(await self._kube.create(resource, namespace, body), resource)

    async def replace(self, ref: Ref, body: Object) -> Object:
        return self._count(await self._kube.replace(ref, body), ref.resource)

    async def replace_status(self, ref: Ref, body: Object) -> Object:
        return self._count(await self._kube.replace_status(ref, body), ref.resource)

    async def apply(self, ref: Ref, body: Object, *, manager: str) -> Object:
        return self._count(await self._kube.apply(ref, body, manager=manager), ref.resource)

    async def json_patch(self, ref: Ref, ops: PatchOps, *, manager: str, urgent: bool = False) -> Object:
        return self._count(await self._kube.json_patch(ref, ops, manager=manager, urgent=urgent), ref.resource)

    async def delete(self, ref: Ref, *, uid: str = "") -> None:
        await self._kube.delete(ref, uid=uid)
        self._count({}, ref.resource)

    def _count(self, answer: Object, resource: Resource) -> Object:
        if resource != EVENTS:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return answer


def opener(settings: Settings, credentials: Credentials) -> KubePort:
    """Wrap the real port."""
    return KillingKube(open_port(settings, credentials), int(os.environ["KILL_AFTER"]))


if __name__ == "__main__":
    sys.exit(main(opener))
