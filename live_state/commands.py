"""What a commit may write: what `commit.lua` checks before its first write, for whoever has no Redis to run it."""

import math

from live_state.state import MOST_PARTS, Command

HASH, SORTED, ANY = "hash", "zset", "any"
KINDS = {"HSET": HASH, "HDEL": HASH, "ZADD": SORTED, "ZREM": SORTED, "ZREMRANGEBYSCORE": SORTED, "DEL": ANY}


def mistake_in(command: Command) -> str | None:
    """Return why a commit can't hold this command, None where it can."""
    name, size = command[0], len(command)
    if name not in KINDS:
        return f"command {name!r}"
    if size > MOST_PARTS:
        return f"{name} with {size} parts"
    wrong = (
        size != 2
        if name == "DEL"
        else (
            size < 3
            or (name in ("HSET", "ZADD") and (size < 4 or size % 2 == 1))
            or (name == "ZADD" and not all(map(_is_number, command[2::2])))
            or (name == "ZREMRANGEBYSCORE" and not (size == 4 and all(map(_is_bound, command[2:]))))
        )
    )
    return f"{name} with wrong arguments" if wrong else None


def bytes_of(part: str | bytes | int) -> bytes:
    """Return a part of a command as Redis keeps it."""
    return part if isinstance(part, bytes) else str(part).encode()


def bound_of(part: str | bytes | int) -> tuple[float, bool]:
    """Return one end of a range of scores, and whether it is itself inside."""
    text = bytes_of(part).decode()
    return float(text.removeprefix("(")), not text.startswith("(")


def _is_number(part: str | bytes | int) -> bool:
    try:
        return not math.isnan(float(bytes_of(part)))
    except ValueError:
        return False


def _is_bound(part: str | bytes | int) -> bool:
    text = bytes_of(part)
    return _is_number(text.removeprefix(b"("))
