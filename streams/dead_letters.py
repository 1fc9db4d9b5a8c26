"""Records that nobody could fold: kept with their reason, listed, and put on the log again."""

from collections.abc import AsyncIterator

import msgspec

from domain.errors import UnknownVersion, Unreadable
from event_log.codec import decode, encode
from event_log.ids import new_id
from event_log.log import Log
from event_log.topics import CAPACITY, DEAD_LETTERS, region_of, shards


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be folded, as it was, and why; the same one may be on the topic more than once."""

    id: str
    shard: str
    topic: str
    partition: int
    offset: int
    reason: str
    at: int
    value: bytes | None


class NotRedriven(Exception):
    """The dead letter can't be put on the log again; the message says why."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(DeadLetter)


async def bury(log: Log, letter: DeadLetter) -> None:
    """Return once the dead letter is kept."""
    await log.append(DEAD_LETTERS, 0, region_of(letter.shard).encode(), _encoder.encode(letter))


async def letters(log: Log) -> AsyncIterator[DeadLetter]:
    """Yield every dead letter once, oldest first; raise UnknownTopic where no region was ever founded."""
    seen: set[str] = set()
    async for record in log.read(DEAD_LETTERS, 0):
        try:
            letter = _decoder.decode(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue  # not ours: a dead letter that is none could be buried nowhere
        if letter.id not in seen:
            seen.add(letter.id)
            yield letter


async def redrive(log: Log, letter: DeadLetter, now: int) -> str:
    """Return the new id under which the event was put on the log again; raise NotRedriven where it can't be.

    Only an event that can be decoded by now has a chance to be folded: bytes that nobody can read stay where they are.
    """
    try:
        event = decode(letter.value)
    except (Unreadable, UnknownVersion) as why:
        raise NotRedriven(f"{letter.id} still can't be read: {why}") from why
    place = (await shards(log, CAPACITY)).get(letter.shard)
    if place is None:
        raise NotRedriven(f"{letter.shard} is not on the log")
    again = msgspec.structs.replace(event, id=new_id(now), received_at=now, retries=event.id)
    await log.append(CAPACITY, place, region_of(letter.shard).encode(), encode(again))
    return again.id
