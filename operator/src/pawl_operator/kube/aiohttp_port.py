"""The port over aiohttp: one session, bounded concurrency, a rate limit, a deadline on every call.

Only answers that say "not processed" (429, 503 with Retry-After) and lost connections of reads are retried here, and
only inside the deadline. Everything else goes up: the queue owns retries, because only a fresh decision may repeat
a write.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp

from pawl.errors import DependencyUnavailable, NotFound, PawlError
from pawl_operator.kube.answers import SERVER_ERRORS, TOO_MANY, error_of
from pawl_operator.kube.credentials import Credentials
from pawl_operator.kube.limit import TokenBucket
from pawl_operator.kube.port import Listing, Object, PatchOps
from pawl_operator.kube.resources import Ref, Resource
from pawl_operator.tail import read_tail

PAGE = 500
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
TOKEN_AGE = 60.0
ERRORS = 400


class AiohttpKube:
    """KubePort of one API server. Open it inside the loop that uses it."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        rate: float = 20.0,
        burst: int = 40,
        parallel: int = 16,
        deadline: float = 20.0,
    ) -> None:
        self._credentials = credentials
        self._bucket = TokenBucket(rate, burst)
        self._slots = asyncio.Semaphore(parallel)
        self._deadline = deadline
        self._session: aiohttp.ClientSession | None = None
        self._ssl: ssl.SSLContext | None = None
        self._opening = asyncio.Lock()
        self._token = ""
        self._token_read: float | None = None

    async def get(self, ref: Ref, *, urgent: bool = False) -> Object | None:
        """Return the object, or None where it does not exist."""
        try:
            return await self._call("GET", ref.path(), urgent=urgent)
        except NotFound:
            return None

    async def text(self, ref: Ref, subresource: str, query: Mapping[str, str], *, limit: int) -> str | None:
        """Return the last `limit` bytes of a subresource that is text; None where it does not exist."""
        try:
            answer = await self._call("GET", ref.path(subresource), query=dict(query), limit=limit)
        except NotFound:
            return None
        return str(answer["text"])

    async def list(self, resource: Resource, namespace: str | None = None, *, selector: str = "") -> Listing:
        """Return every object, read in pages of 500."""
        items: list[Object] = []
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        while True:
            page = await self._call("GET", resource.path(namespace), query=query)
            items.extend(_typed(item, resource) for item in page.get("items") or [])
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return Listing(tuple(items), str(metadata.get("resourceVersion", "")))
            query["continue"] = metadata["continue"]

    async def create(self, resource: Resource, namespace: str, body: Object) -> Object:
        """Create; Conflict when the name is taken."""
        return await self._call("POST", resource.path(namespace), body=body)

    async def replace(self, ref: Ref, body: Object) -> Object:
        """Replace the object at the resourceVersion in `body`."""
        return await self._call("PUT", ref.path(), body=body)

    async def replace_status(self, ref: Ref, body: Object) -> Object:
        """Replace the status at the resourceVersion in `body`."""
        return await self._call("PUT", ref.path("status"), body=body, query={"fieldManager": "pawl-operator"})

    async def apply(self, ref: Ref, body: Object, *, manager: str) -> Object:
        """Server-side apply `body`, taking fields from other managers."""
        query = {"fieldManager": manager, "force": "true"}
        return await self._call("PATCH", ref.path(), body=body, query=query, media=APPLY_PATCH)

    async def json_patch(self, ref: Ref, ops: PatchOps, *, manager: str, urgent: bool = False) -> Object:
        """Apply RFC 6902 operations; a failed `test` is a Conflict."""
        return await self._call(
            "PATCH", ref.path(), body=list(ops), query={"fieldManager": manager}, media=JSON_PATCH, urgent=urgent
        )

    async def delete(self, ref: Ref, *, uid: str = "") -> None:
        """Delete (only the object of that uid); an absent object is fine."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        options: Object = body | ({"preconditions": {"uid": uid}} if uid else {})
        try:
            await self._call("DELETE", ref.path(), body=options)
        except NotFound:
            return

    async def serves(self, resource: Resource) -> bool:
        """Return whether the API server knows the resource."""
        prefix = f"/apis/{resource.group}" if resource.group else "/api"
        try:
            found = await self._call("GET", f"{prefix}/{resource.version}")
        except NotFound:
            return False
        return any(item.get("name") == resource.plural for item in found.get("resources") or [])

    async def close(self) -> None:
        """Give back connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: dict[str, str] | None = None,
        media: str = JSON,
        urgent: bool = False,
        limit: int | None = None,
    ) -> Object:
        what = f"{method} {path}"
        try:
            async with asyncio.timeout(self._deadline):
                if not urgent:
                    await self._bucket.take()
                async with self._slots:
                    return await self._attempts(method, path, body, query or {}, media, limit)
        except TimeoutError as error:
            raise DependencyUnavailable(f"{what}: no answer within {self._deadline:g} s") from error

    async def _attempts(
        self, method: str, path: str, body: object, query: dict[str, str], media: str, limit: int | None
    ) -> Object:
        attempt = 0
        while True:
            attempt += 1
            pause = min(4.0, 0.2 * 2**attempt)
            try:
                code, answer, after = await self._once(method, path, body, query, media, limit)
            except (aiohttp.ClientError, OSError) as error:
                # A write whose connection broke may or may not have happened: only a new decision may repeat it.
                if method != "GET" or attempt > 2:
                    raise DependencyUnavailable(f"{method} {path}: {type(error).__name__}") from error
                await asyncio.sleep(pause)
                continue
            if code < ERRORS:
                return answer
            if code == 401 and attempt == 1:
                self._token_read = None
                continue
            if (code == TOO_MANY or (code >= SERVER_ERRORS and after is not None)) and attempt <= 3:
                await asyncio.sleep(after if after is not None else pause)
                continue
            raise self._error(code, answer, method, path, media)

    @staticmethod
    def _error(code: int, answer: Object, method: str, path: str, media: str) -> PawlError:
        return error_of(code, answer, what=f"{method} {path}", patch=media == JSON_PATCH)

    async def _once(
        self, method: str, path: str, body: object, query: dict[str, str], media: str, limit: int | None
    ) -> tuple[int, Object, float | None]:
        session = await self._open()
        token = await self._bearer()
        headers = {"Accept": JSON if limit is None else "*/*"} | ({"Authorization": f"Bearer {token}"} if token else {})
        if body is not None:
            headers["Content-Type"] = media
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._credentials.server}{path}"
        async with session.request(method, url, params=query, data=data, headers=headers, ssl=self._ssl or True) as got:
            after = _retry_after(got.headers.get("Retry-After"))
            if limit is not None:
                text = (await read_tail(got, limit)).decode(errors="replace")
                return got.status, {"text": text} if got.status < ERRORS else _parse(text), after
            return got.status, _parse(await got.text(errors="replace")), after

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                self._ssl = await asyncio.to_thread(self._credentials.ssl_context)
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=32), timeout=aiohttp.ClientTimeout(total=None, connect=5)
                )
            return self._session

    async def _bearer(self) -> str:
        now = asyncio.get_running_loop().time()
        if self._token_read is None or now - self._token_read > TOKEN_AGE:
            self._token = await asyncio.to_thread(self._credentials.read_token)
            self._token_read = now
        return self._token


def _typed(item: Object, resource: Resource) -> Object:
    # Items of a list carry neither apiVersion nor kind.
    return {"apiVersion": resource.api_version, "kind": resource.kind} | item


def _parse(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text) if text else {}
    except ValueError:
        return {"message": text[:200]}
    return answer if isinstance(answer, dict) else {}


def _retry_after(header: str | None) -> float | None:
    return min(10.0, float(header)) if header and header.isdigit() else None
