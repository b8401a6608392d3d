"""The few calls to the API server that the monitor makes: list its kinds, read and write one Lease."""

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from pawl_services.monitor.settings import ApiServerSettings

Object = dict[str, Any]
TIMEOUT = httpx.Timeout(5.0)
PAGE = 500
ROOT = "/apis/pawl.dev/v1alpha1"
LEASES = "/apis/coordination.k8s.io/v1"


class KubeError(Exception):
    """The API server did not answer, or refused; the message names the call, never what was sent."""


class ConflictError(KubeError):
    """Somebody else wrote the object first."""


class KubeApi:
    """One connection pool; usable from one event loop."""

    def __init__(self, settings: ApiServerSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        verify: ssl.SSLContext | bool = True
        if settings.ca_file is not None:
            verify = ssl.create_default_context(cafile=str(settings.ca_file))
        self._client = httpx.AsyncClient(
            base_url=settings.url, verify=verify, timeout=TIMEOUT, transport=transport, trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def list_all(self, plural: str, namespaces: tuple[str, ...]) -> list[Object]:
        """All objects of one of Pawl's kinds, in some namespaces or (with none named) in the whole cluster.

        Raises:
            KubeError: any of the calls failed; half a list is no list.
        """
        paths = [f"{ROOT}/namespaces/{name}/{plural}" for name in namespaces] or [f"{ROOT}/{plural}"]
        pages = [await self._list(path) for path in paths]
        return [item for page in pages for item in page]

    async def get_lease(self, namespace: str, name: str) -> Object | None:
        """The Lease, None where there is none."""
        answer = await self._call("GET", f"{LEASES}/namespaces/{namespace}/leases/{name}", missing_ok=True)
        return answer or None

    async def put_lease(self, lease: Object) -> Object:
        """Create the Lease, or replace it where it names a resourceVersion.

        Raises:
            ConflictError: it was created or changed by somebody else.
        """
        metadata = lease["metadata"]
        path = f"{LEASES}/namespaces/{metadata['namespace']}/leases"
        if metadata.get("resourceVersion"):
            return await self._call("PUT", f"{path}/{metadata['name']}", lease)
        return await self._call("POST", path, lease)

    async def _list(self, path: str) -> list[Object]:
        items: list[Object] = []
        token = ""
        while True:
            query = {"limit": str(PAGE)} | ({"continue": token} if token else {})
            answer = await self._call("GET", path, query=query)
            items += answer.get("items") or []
            token = (answer.get("metadata") or {}).get("continue") or ""
            if not token:
                return items

    async def _call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> Object:
        try:
            token = await asyncio.to_thread(self._settings.token_file.read_text, "utf-8")
            headers = {"Authorization": f"Bearer {token.strip()}", "Accept": "application/json"}
            answer = await self._client.request(method, path, json=body, headers=headers, params=query)
            if answer.status_code == HTTPStatus.NOT_FOUND and missing_ok:
                return {}
            if answer.status_code == HTTPStatus.CONFLICT:
                raise ConflictError(f"{method} {path}: changed by somebody else")
            if not answer.is_success:
                raise KubeError(f"{method} {path}: {answer.status_code} {_reason(answer)}")
            content = answer.json()
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise KubeError(f"{method} {path}: {type(error).__name__}") from error
        if not isinstance(content, dict):
            raise KubeError(f"{method} {path}: the answer is no object")
        return content


def _reason(answer: httpx.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return answer.reason_phrase
    return str(content.get("message", ""))[:200] if isinstance(content, dict) else answer.reason_phrase
