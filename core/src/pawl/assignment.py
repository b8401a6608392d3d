"""Who gets which arm: a hash of user and key, the same in every language and for ever.

Widening a share only moves the end of its range, so nobody who has an arm loses it on the way up. The key holds the
revision: with one key for all releases the same people would always go first.
"""

import hashlib

BUCKETS = 100
FINE_BUCKETS = 10_000
HASH_VERSION = 1
"""Stored beside every assignment; a new hash would be a new version, never a silent change."""


def assignment_key(component: str, revision: str) -> str:
    """The key that an Experiment and a Rollout of one candidate share, so that users of a shipped treatment stay."""
    return _checked(f"{component}.{revision}")


def bucket(user: str, key: str) -> int:
    """The percent bucket of a user, 0 to 99: `int(sha256("user:key"), 16) % 100`.

    Raises:
        ValueError: the key contains ':', so that another user with another key would hash alike.
    """
    return _hash(user, key) % BUCKETS


def fine_bucket(user: str, key: str) -> int:
    """The bucket in ten-thousandths, 0 to 9999, nested in `bucket`: `fine_bucket // 100 == bucket`.

    Raises:
        ValueError: the key contains ':'.
    """
    number = _hash(user, key)
    return (number % BUCKETS) * BUCKETS + (number // BUCKETS) % BUCKETS


def is_candidate(user: str, key: str, percent: int) -> bool:
    """Whether the user is in the first `percent` (0 to 100) of the buckets.

    Raises:
        ValueError: the key contains ':', or the percentage is out of range.
    """
    if not 0 <= percent <= BUCKETS:
        raise ValueError(f"percent is {percent}; it must be from 0 to 100")
    return bucket(user, key) < percent


def _hash(user: str, key: str) -> int:
    return int(hashlib.sha256(f"{user}:{_checked(key)}".encode()).hexdigest(), 16)


def _checked(key: str) -> str:
    if ":" in key:
        raise ValueError(f"assignment key {key!r} contains ':'; choose a key without it")
    return key
