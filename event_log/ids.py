"""Ids of events that no source has numbered: UUIDs of version 7, which sort by the time they were made."""

import secrets
import time
import uuid


def new_id(now: int | None = None) -> str:
    """Return an id that nobody has; `now` is in milliseconds, the machine's clock where it is not given (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000 if now is None else now
    chance = secrets.randbits(74)
    return str(
        uuid.UUID(
            int=(milliseconds & (1 << 48) - 1) << 80
            | 7 << 76
            | (chance >> 62) << 64
            | 0b10 << 62
            | chance & (1 << 62) - 1
        )
    )
