"""A small synchronous Kubernetes client for tests: objects are plain dicts, errors carry status and message."""

import json
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

Object = dict[str, Any]
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server refused; `message` is its sentence, `causes` the fields it blames."""

    def __init__(self, status: int, body: Object) -> None:
        self.status = status
        self.reason = str(body.get("reason", ""))
        self.message = str(body.get("message", ""))
        self.causes = [
            f"{cause.get('field')}: {cause.get('message')}" for cause in body.get("details", {}).get("causes", [])
        ]
        super().__init__(f"{status} {self.reason}: {self.message}")


@dataclass
class KubeClient:
    """Calls one API server as `token`'s owner, or as `user` where a call names one."""

    url: str
    ca: Path
    token: str
    _plurals: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)

    @cached_property
    def http(self) -> httpx.Client:
        """The connection pool."""
        context = ssl.create_default_context(cafile=str(self.ca))
        return httpx.Client(base_url=self.url, verify=context, timeout=30, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str = "",
        content_type: str = "",
        accept: str = "",
        **query: Any,
    ) -> Any:
        """One call; JSON objects as dicts, anything else as text.

        Raises:
            ApiError: the API server answered with a status of 400 or above.
        """
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type or "application/json"}
        headers |= {"Impersonate-User": user} if user else {}
        headers |= {"Accept": accept} if accept else {}
        content = None if body is None else json.dumps(body)
        response = self.http.request(method, path, content=content, headers=headers, params=query)
        is_json = response.headers.get("content-type", "").startswith("application/json")
        answer = response.json() if is_json else response.text
        if response.status_code >= 400:
            raise ApiError(response.status_code, answer if isinstance(answer, dict) else {"message": answer})
        return answer

    def path(self, api_version: str, kind: str, name: str = "", namespace: str = "") -> str:
        """The URL path of an object, or of the collection when `name` is empty."""
        plural, namespaced = self._resource(api_version, kind)
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        middle = f"/namespaces/{namespace or 'default'}" if namespaced else ""
        return f"{root}{middle}/{plural}" + (f"/{name}" if name else "")

    def create(self, obj: Object, *, user: str = "", **query: Any) -> Object:
        """Create; `dryRun="All"` and `fieldValidation="Strict"` go in as keywords."""
        meta = obj["metadata"]
        path = self.path(obj["apiVersion"], obj["kind"], namespace=meta.get("namespace", ""))
        return self.request("POST", path, obj, user=user, **query)

    def replace(self, obj: Object, *, subresource: str = "", user: str = "", **query: Any) -> Object:
        """Replace the object, or its `subresource` such as status."""
        return self.request("PUT", self._path_of(obj) + _sub(subresource), obj, user=user, **query)

    def apply(
        self, obj: Object, *, manager: str = "tests", subresource: str = "", user: str = "", **query: Any
    ) -> Object:
        """Server-side apply, forced."""
        query |= {"fieldManager": manager, "force": "true"}
        return self.request(
            "PATCH", self._path_of(obj) + _sub(subresource), obj, user=user, content_type=APPLY, **query
        )

    def get(self, api_version: str, kind: str, name: str, namespace: str = "", *, user: str = "") -> Object:
        """Read one object."""
        return self.request("GET", self.path(api_version, kind, name, namespace), user=user)

    def exists(self, api_version: str, kind: str, name: str, namespace: str = "") -> bool:
        """Whether the object is there."""
        try:
            self.get(api_version, kind, name, namespace)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def list(self, api_version: str, kind: str, namespace: str = "", **query: Any) -> list[Object]:
        """All objects of a kind in the namespace."""
        return self.request("GET", self.path(api_version, kind, namespace=namespace), **query)["items"]

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: object,
        namespace: str = "",
        *,
        subresource: str = "",
        user: str = "",
        **query: Any,
    ) -> Object:
        """A merge patch for a dict, a JSON patch for a list."""
        content_type = JSON_PATCH if isinstance(patch, list) else MERGE
        path = self.path(api_version, kind, name, namespace) + _sub(subresource)
        return self.request("PATCH", path, patch, user=user, content_type=content_type, **query)

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "", **query: Any) -> Object:
        """Delete one object; finalizers may keep it."""
        return self.request("DELETE", self.path(api_version, kind, name, namespace), **query)

    def make_namespace(self, name: str) -> str:
        """Create a namespace and return its name."""
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def _path_of(self, obj: Object) -> str:
        meta = obj["metadata"]
        return self.path(obj["apiVersion"], obj["kind"], meta["name"], meta.get("namespace", ""))

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        if (api_version, kind) not in self._plurals:
            root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
            for item in self.request("GET", root)["resources"]:
                if "/" not in item["name"]:
                    self._plurals[api_version, item["kind"]] = (item["name"], item["namespaced"])
        return self._plurals[api_version, kind]


def _sub(subresource: str) -> str:
    return f"/{subresource}" if subresource else ""
