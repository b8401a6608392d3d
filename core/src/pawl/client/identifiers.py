"""Ids of interactions and feedback: UUID version 7 (RFC 9562), which sorts by time and so keeps indexes small."""

import os
import time
import uuid

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_A = 0xFFF << 64
_RANDOM_B = (1 << 62) - 1


def new_interaction_id() -> str:
    """A new id in canonical text: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = (time.time_ns() // 1_000_000) & ((1 << 48) - 1)
    noise = int.from_bytes(os.urandom(10), "big")
    bits = (milliseconds << 80) | _VERSION | (noise & _RANDOM_A) | _VARIANT | (noise & _RANDOM_B)
    return str(uuid.UUID(int=bits))
