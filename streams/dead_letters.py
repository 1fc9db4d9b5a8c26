"""Records that nobody could fold: kept with their reason, listed, and put on the log again."""

from collections.abc import AsyncIterator

import msgspec

from domain.errors import UnknownVersion, Unreadable
from event_log.codec import decode, encode
from event_log.ids import new_id
from event_log.log import Log, NotAGenesis, UnknownTopic
from event_log.topics import DEAD_LETTERS, region_of, shards

MOST_BYTES = (
    900 << 10
)  # of a record that is kept whole: a producer sends no more than a MiB, with all that is around it
MOST_AGAIN = (1 << 20) - 2_048  # of an event that is put on the log again


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be folded, as it was, and why; the same one may be on the topic more than once.

    A record too large to be sent again stays where it is on its log, by partition and offset, and `value` is None.
    """

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
    if letter.value is not None and len(letter.value) > MOST_BYTES:
        reason = f"{letter.reason} (its {len(letter.value)} bytes are left where they are on the log)"
        letter = msgspec.structs.replace(letter, value=None, reason=reason)
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
    It happened when it did, and goes by the name that it had first, however often it is tried: what it brings is sealed
    under that name.
    """
    try:
        event = decode(await _value(log, letter))
    except (Unreadable, UnknownVersion) as why:
        raise NotRedriven(f"{letter.id} still can't be read: {why}") from why
    partition = (await shards(log, letter.topic)).get(letter.shard)
    if partition is None:
        raise NotRedriven(f"{letter.shard} is not on the log")
    again = msgspec.structs.replace(
        event,
        id=new_id(now),
        received_at=now,
        happened_at=event.received_at if event.happened_at is None else event.happened_at,
        retries=event.retries or event.id,
    )
    value = encode(again)
    if len(value) > MOST_AGAIN:
        raise NotRedriven(f"{letter.id} is too large to be put on the log again")
    await log.append(letter.topic, partition, region_of(letter.shard).encode(), value)
    return again.id


async def _value(log: Log, letter: DeadLetter) -> bytes | None:
    """Return the record's bytes: the letter's, or those that were left on the log, if that is still the same log."""
    if letter.value is not None:
        return letter.value
    try:
        genesis = await log.genesis(letter.topic, letter.partition)
        if genesis is None or letter.id != letter_id(genesis.shard, genesis.epoch, letter.offset):
            raise NotRedriven(f"{letter.id} is of a log that is no more")
        async for record in log.read(letter.topic, letter.partition, letter.offset):
            return record.value if record.offset == letter.offset else None
    except (NotAGenesis, UnknownTopic) as why:
        raise NotRedriven(f"{letter.id} is of a log that is no more") from why
    return None


def letter_id(shard: str, epoch: str, offset: int) -> str:
    """Return the id of the dead letter of a record."""
    return f"{shard}/{epoch}/{offset}"
