"""Bearer keys: each is bound to one namespace, to roles, and optionally to some components. Only hashes are kept."""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pawl_services.web.problem import Problem, ProblemError

REREAD_SECONDS = 5.0
MAX_TOKEN = 512
Role = Literal["write", "read"]
_log = structlog.get_logger(__name__)


class ApiKeysError(ValueError):
    """The keys file cannot be used."""


class ApiKey(BaseModel):
    """One entry of the keys file. `components` empty: all components of the namespace, and feedback on them.

    `roles`: write sends records, read takes examples out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    namespace: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    components: tuple[str, ...] = ()
    roles: Annotated[tuple[Role, ...], Field(min_length=1)] = ("write",)


class _KeysFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[ApiKey]


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the tenant, which components it may speak for, and what it may do."""

    namespace: str
    components: frozenset[str]
    roles: frozenset[Role] = frozenset({"write"})

    def require_role(self, role: Role) -> None:
        """Raise the 403 for a key that was not made for this."""
        if role not in self.roles:
            raise ProblemError(
                Problem(
                    status=403,
                    title="Not allowed",
                    detail=f"this key may not {role}: its roles are {', '.join(sorted(self.roles))}",
                    remedy=f'use a key with the role, "roles": ["{role}"] in its entry of the keys file',
                )
            )

    def require_all(self, what: str) -> None:
        """Raise the 403 for `what`, which names no component, when this key is for some components only."""
        if self.components:
            raise ProblemError(
                Problem(
                    status=403,
                    title="Not allowed",
                    detail=f"this key is for some components only, and {what} names none",
                    remedy="use a key for the whole tenant: an entry of the keys file without components",
                )
            )

    def require(self, component: str, field: str) -> None:
        """Raise the 403 for a component that this key is not for."""
        if self.components and component not in self.components:
            raise ProblemError(
                Problem(
                    status=403,
                    title="Not allowed",
                    detail=f"this key is not for component {component!r}",
                    remedy=f"use a key for it, or one of: {', '.join(sorted(self.components))}",
                    field=field,
                    value=component,
                )
            )


class ApiKeys:
    """The keys of a file, read again when it changes, so that keys rotate without a restart."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._keys = read_keys(path)
        self._seen = path.stat().st_mtime_ns
        self._checked = clock()

    def caller(self, authorization: str | None) -> Caller:
        """Who sent this Authorization header. Raises ProblemError (401) when nobody known did."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise ProblemError(_unauthorized("no key was sent", "send the header Authorization: Bearer <key>"))
        key = self._find(token)
        if key is None:
            raise ProblemError(_unauthorized("the key is not known", "use a key of this service's keys file"))
        return Caller(key.namespace, frozenset(key.components), frozenset(key.roles))

    def _find(self, token: str) -> ApiKey | None:
        self._reread()
        digest = hashlib.sha256(token[:MAX_TOKEN].encode(errors="replace")).hexdigest()
        found = None
        # Every key is compared, each in constant time: how long it takes tells nothing about which one matched.
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _reread(self) -> None:
        with self._lock:
            if self._clock() - self._checked < REREAD_SECONDS:
                return
            self._checked = self._clock()
            try:
                changed = self._path.stat().st_mtime_ns
                if changed != self._seen:
                    self._keys = read_keys(self._path)
                    self._seen = changed
                    _log.info("keys read again", keys=len(self._keys))
            except (OSError, ApiKeysError) as error:
                _log.error("keys file unusable, the old keys stay", error=type(error).__name__)


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """Read `{"keys": [{"sha256", "namespace", "components"?, "roles"?}]}`.

    Raises ApiKeysError, which does not repeat the content.
    """
    try:
        return tuple(_KeysFile.model_validate_json(path.read_bytes()).keys)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ApiKeysError(f"{path}: {where}: {first['msg']}") from None


def _unauthorized(detail: str, remedy: str) -> Problem:
    return Problem(401, detail, remedy, headers={"WWW-Authenticate": 'Bearer realm="pawl"'})
