"""Asks every ready replica of the assigner which assignments it has: only what all of them have is in force."""

import asyncio
import json
from collections.abc import Sequence

import aiohttp
import structlog

from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import ENDPOINT_SLICES, SERVICE_LABEL
from pawl_operator.tail import read_whole
from pawl_operator.traffic.assigner_policy import AssignerService

log = structlog.get_logger(__name__)
DEADLINE = 2.0
SIZE_LIMIT = 8 * 1024 * 1024
UNHEARD = 0
"""What stands for a replica that gave no usable answer: it has no generation that anybody could rely on."""


class Assigners:
    """The replicas behind one Service; open it inside the loop that uses it."""

    def __init__(self, kube: KubePort, service: AssignerService | None) -> None:
        self._kube = kube
        self.service = service

    async def generations(self, namespace: str, rollout: str) -> tuple[int, ...]:
        """Return the generation of a Rollout's assignment in each ready replica; 0 where it has none or is silent.

        Raises:
            PawlError: the API server did not say which replicas there are.
        """
        if self.service is None:
            return ()
        selector = f"{SERVICE_LABEL}={self.service.name}"
        slices = (await self._kube.list(ENDPOINT_SLICES, self.service.namespace, selector=selector)).items
        addresses = ready_addresses(slices)
        if not addresses:
            return ()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as session:
            return tuple(await asyncio.gather(*(self._one(session, url, namespace, rollout) for url in addresses)))

    async def _one(self, session: aiohttp.ClientSession, url: str, namespace: str, rollout: str) -> int:
        try:
            async with session.get(f"{url}/v1/assignments") as answer:
                answer.raise_for_status()
                body = await read_whole(answer, SIZE_LIMIT)
            return generation_in(await asyncio.to_thread(json.loads, body), namespace, rollout)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log.warning("assigner gave no usable answer", replica=url, error=f"{type(error).__name__} {error}"[:200])
            return UNHEARD


def ready_addresses(slices: Sequence[Object]) -> list[str]:
    """Return the base URL of each ready endpoint."""
    found = []
    for item in slices:
        ports = [port["port"] for port in item.get("ports") or [] if port.get("port")]
        for endpoint in item.get("endpoints") or []:
            if ports and (endpoint.get("conditions") or {}).get("ready", True) is not False:
                address = endpoint["addresses"][0]
                host = f"[{address}]" if ":" in address else address
                found.append(f"http://{host}:{ports[0]}")
    return sorted(set(found))


def generation_in(answer: object, namespace: str, rollout: str) -> int:
    """Return the generation that an answer of /v1/assignments gives for a Rollout; 0 where it gives none.

    Raises:
        ValueError: it is no such answer, or the replica has not read everything yet.
    """
    if not isinstance(answer, dict) or answer.get("synced") is not True:
        raise ValueError("the replica is not in step with the API server yet")
    for entry in answer.get("assignments") or []:
        if isinstance(entry, dict) and (entry.get("namespace"), entry.get("rollout")) == (namespace, rollout):
            generation = entry.get("generation")
            return generation if isinstance(generation, int) else UNHEARD
    return UNHEARD
