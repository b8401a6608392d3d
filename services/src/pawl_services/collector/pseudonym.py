"""Turns the application's user ids into keyed pseudonyms, so that no stored row names a person."""

import hashlib
import hmac
import re
from pathlib import Path

_KEY = re.compile(r"[0-9a-fA-F]{64}")


class PseudonymKeyError(ValueError):
    """The key file cannot be used."""


class Pseudonyms:
    """HMAC-SHA256 under a 32-byte key; without the key nobody can try out user ids to find whose rows these are.

    Every namespace has its own key, derived from the one in the file: tenants cannot be joined by user.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != hashlib.sha256().digest_size:
            raise PseudonymKeyError(f"the pseudonym key has {len(key)} bytes; it needs 32 (64 hex digits)")
        self._key = key
        self._keyed: dict[str, hmac.HMAC] = {}
        self.key_id = hmac.new(key, b"pawl key id", hashlib.sha256).hexdigest()[:16]

    def of(self, namespace: str, user: str) -> str:
        """32 hex digits, the same for the same user of a namespace as long as the key stays."""
        # Copied, as hmac.digest() gives up the interpreter at every call and under load gets it back late.
        code = self._keyed_for(namespace).copy()
        code.update(user.encode())
        return code.hexdigest()[:32]

    def _keyed_for(self, namespace: str) -> hmac.HMAC:
        keyed = self._keyed.get(namespace)
        if keyed is None:
            key = hmac.new(self._key, f"pawl namespace {namespace}".encode(), hashlib.sha256).digest()
            keyed = self._keyed[namespace] = hmac.new(key, digestmod=hashlib.sha256)
        return keyed


def read_pseudonyms(path: Path) -> Pseudonyms:
    """Read the key from a file of 64 hex digits; raises PseudonymKeyError (never repeating the content) or OSError."""
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if not _KEY.fullmatch(text):
        raise PseudonymKeyError(f"{path} does not hold 64 hex digits; make a key with: openssl rand -hex 32")
    return Pseudonyms(bytes.fromhex(text))
