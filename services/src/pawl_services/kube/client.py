"""One connection pool to the API server: single calls, whole lists, and the lines of a watch."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import httpx

from pawl_services.kube.settings import ApiServerSettings

Object = dict[str, Any]
CALL_SECONDS = 5.0
PAGE = 500
PAWL_ROOT = "/apis/pawl.dev/v1alpha1"


class KubeError(Exception):
    """The API server did not answer, or refused; the message names the call, never what was sent."""


class ConflictError(KubeError):
    """Somebody else wrote the object first."""


class GoneError(KubeError):
    """The resource version that a watch was to go on from is too old: list again."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a collection at one resource version."""

    items: list[Object]
    version: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch: ADDED, MODIFIED or DELETED with the object, or BOOKMARK with a version only."""

    kind: str
    object: Object
    version: str


def collection(plural: str, namespace: str = "") -> str:
    """The path of one of Pawl's kinds in a namespace, or in the whole cluster."""
    return f"{PAWL_ROOT}/namespaces/{namespace}/{plural}" if namespace else f"{PAWL_ROOT}/{plural}"


class KubeClient:
    """Usable from one event loop. All methods raise KubeError and nothing else."""

    def __init__(self, settings: ApiServerSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        verify: ssl.SSLContext | bool = True
        if settings.ca_file is not None:
            verify = ssl.create_default_context(cafile=str(settings.ca_file))
        self._client = httpx.AsyncClient(
            base_url=settings.url, verify=verify, timeout=CALL_SECONDS, transport=transport, trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def list_pages(self, path: str, page: int = PAGE) -> Listing:
        """Every object of the collection at `path`, `page` at a time; half a list is no list."""
        items: list[Object] = []
        token = ""
        while True:
            query = {"limit": str(page)} | ({"continue": token} if token else {})
            answer = await self.call("GET", path, query=query)
            metadata = answer.get("metadata") or {}
            items += answer.get("items") or []
            token = metadata.get("continue") or ""
            if not token:
                return Listing(items, str(metadata.get("resourceVersion") or ""))

    async def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> Object:
        """One call; {} for an object that is not there, with `missing_ok`.

        Raises:
            ConflictError: it was created or changed by somebody else.
            GoneError: the list went on from a token that is too old.
        """
        try:
            headers = await self._headers()
            answer = await self._client.request(method, path, json=body, headers=headers, params=query)
            if answer.status_code == HTTPStatus.NOT_FOUND and missing_ok:
                return {}
            _refuse(answer, f"{method} {path}")
            content = answer.json()
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise KubeError(f"{method} {path}: {type(error).__name__}") from error
        if not isinstance(content, dict):
            raise KubeError(f"{method} {path}: the answer is no object")
        return content

    async def watch(self, path: str, version: str, seconds: int, patience: float) -> AsyncGenerator[Event, None]:
        """What happens to the collection after `version`, until the server ends it after about `seconds`.

        Raises:
            GoneError: `version` is too old.
            KubeError: it broke off, or nothing came for `seconds` + `patience`.
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        query["timeoutSeconds"] = str(seconds)
        waits = httpx.Timeout(CALL_SECONDS, read=seconds + patience)
        what = f"WATCH {path}"
        try:
            headers = await self._headers()
            async with self._client.stream("GET", path, params=query, headers=headers, timeout=waits) as answer:
                if not answer.is_success:
                    await answer.aread()
                _refuse(answer, what)
                async for line in _lines(answer):
                    yield _event(json.loads(line), what)
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise KubeError(f"{what}: {type(error).__name__}") from error

    async def _headers(self) -> dict[str, str]:
        token = await asyncio.to_thread(self._settings.token_file.read_text, "utf-8")
        return {"Authorization": f"Bearer {token.strip()}", "Accept": "application/json"}


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Whole lines. httpx's own would also end one at characters such as U+0085, which JSON may hold as they are."""
    rest = b""
    async for chunk in answer.aiter_bytes():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line


def _event(line: object, what: str) -> Event:
    body = line.get("object") if isinstance(line, dict) else None
    if not isinstance(line, dict) or not isinstance(body, dict):
        raise KubeError(f"{what}: a line is no event")
    kind = str(line.get("type"))
    if kind == "ERROR":
        gone = body.get("code") == HTTPStatus.GONE
        raise (GoneError if gone else KubeError)(f"{what}: {body.get('code')} {str(body.get('message', ''))[:200]}")
    return Event(kind, body, str((body.get("metadata") or {}).get("resourceVersion") or ""))


def _refuse(answer: httpx.Response, what: str) -> None:
    if answer.status_code == HTTPStatus.CONFLICT:
        raise ConflictError(f"{what}: changed by somebody else")
    if answer.status_code == HTTPStatus.GONE:
        raise GoneError(f"{what}: too old")
    if not answer.is_success:
        raise KubeError(f"{what}: {answer.status_code} {_reason(answer)}")


def _reason(answer: httpx.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return answer.reason_phrase
    return str(content.get("message", ""))[:200] if isinstance(content, dict) else answer.reason_phrase
