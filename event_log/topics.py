"""The topics, and which shard lives on which partition: the genesis records are that map, and it only grows."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from domain.events import Genesis
from event_log.codec import encode
from event_log.ids import new_id
from event_log.log import Log, LogAway, LogKeeper, NotAGenesis, UnknownTopic

CAPACITY = "vigilits.capacity"
NOTICES = "vigilits.notices"
FOLLOWUP = "vigilits.followup"
DEAD_LETTERS = "vigilits.dead-letters"
LOOKS_AT_ONCE = 8  # partitions
LOOKS_AGAIN_S = 1.0  # a partition may be told to be empty for a moment, after a broker has lost its leader
FOLLOWUP_SHARDS = 4  # of a region: patients are spread over them by their pseudonyms
PARTITIONS: Mapping[str, int] = {CAPACITY: 8, NOTICES: 8, FOLLOWUP: 8 * FOLLOWUP_SHARDS, DEAD_LETTERS: 1}
# By sort: what precedes a shard's first colon. What a sort tells of waits for those that follow: they are founded last.
TOPIC_OF: Mapping[str, str] = {"capacity": CAPACITY, "notices": NOTICES, "followup": FOLLOWUP}


class NoRoom(Exception):
    """Every partition of the topic has a shard already, or something that is none of ours."""


class Founded(NamedTuple):
    """Where a shard lives, the identity of its log, and whether it was only founded now."""

    partition: int
    epoch: str
    new: bool


def region_of(shard: str) -> str:
    """Return the region's code of a shard such as `capacity:occitanie`; it is also the key of its records."""
    return shard.split(":")[1] if ":" in shard else ""


def sort_of(shard: str) -> str:
    """Return the sort of a shard such as `capacity:occitanie`: one of those in TOPIC_OF."""
    return shard.partition(":")[0]


def shards_of(region: str) -> dict[str, str]:
    """Return the names of all shards of a region, and the topic of each."""
    names = [f"capacity:{region}", f"notices:{region}", *followup_shards(region)]
    return {name: TOPIC_OF[sort_of(name)] for name in names}


def followup_shards(region: str) -> list[str]:
    """Return the names of a region's followup shards, such as `followup:occitanie:0`."""
    return [f"followup:{region}:{index}" for index in range(FOLLOWUP_SHARDS)]


def followup_shard(region: str, pseudonym: str) -> str:
    """Return the followup shard on which a patient's pathway lives."""
    digest = blake2b(pseudonym.encode(), digest_size=8).digest()
    return followup_shards(region)[int.from_bytes(digest) % FOLLOWUP_SHARDS]


async def shards(log: Log, topic: str = CAPACITY) -> dict[str, int]:
    """Return the partition of every shard of the topic; an empty map where there is no such topic."""
    found: dict[str, int] = {}
    for partition, genesis in (await beginnings(log, topic)).items():
        if isinstance(genesis, Genesis):
            found.setdefault(genesis.shard, partition)
    return found


async def beginnings(log: Log, topic: str) -> dict[int, Genesis | NotAGenesis | None]:
    """Return what each partition begins with, None for an empty one; nothing where there is no such topic."""
    found: dict[int, Genesis | NotAGenesis | None] = {}
    try:
        count = await log.partitions(topic)
    except UnknownTopic:
        return found
    turns = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look(partition: int) -> Genesis | NotAGenesis | None:
        async with turns:
            try:
                return await log.genesis(topic, partition)
            except NotAGenesis as stray:
                return stray

    looks = [asyncio.create_task(look(partition)) for partition in range(count)]
    try:
        return dict(enumerate(await asyncio.gather(*looks)))
    finally:  # where one failed the others still have connections to close
        for task in looks:
            task.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


def _is_strange(begin: Mapping[int, Genesis | NotAGenesis | None]) -> bool:
    """Return whether a topic that begins so holds something, and nothing that is ours."""
    held = [found for found in begin.values() if found is not None]
    return bool(held) and not any(isinstance(found, Genesis) for found in held)


async def init_shard(
    log: LogKeeper, shard: str, now: int, topic: str = CAPACITY, partitions: int | None = None
) -> Founded:
    """Return where the shard lives, having made what was missing: topics, and its genesis on a free partition."""
    return (await init_shards(log, (shard,), now, topic, partitions))[shard]


@retry(
    # It finds what an earlier try has made. A broker whose topic was just made anew may fail its first records (Tansu).
    retry=retry_if_exception_type((LogAway, UnknownTopic)),
    wait=wait_random_exponential(multiplier=0.1, max=1.0),
    stop=stop_after_attempt(5),
    reraise=True,
)
async def init_shards(
    log: LogKeeper, wanted: Sequence[str], now: int, topic: str, partitions: int | None = None
) -> dict[str, Founded]:
    """Return where these shards live, each having made what was missing; for all of them the topic is looked at once.

    A topic that holds something, and no genesis, was made by a broker of its own accord (Tansu does, asked for one it
    does not know): it is recreated, once a second look has found the same. One that holds shards never is, and an empty
    one of another size is used as it is; raise NoRoom where nothing is free.
    """
    count = partitions or PARTITIONS[topic]
    await log.create(topic, count)
    await log.create(DEAD_LETTERS, PARTITIONS[DEAD_LETTERS])
    begin = await beginnings(log, topic)
    if _is_strange(begin):
        await asyncio.sleep(LOOKS_AGAIN_S)
        if _is_strange(await beginnings(log, topic)):
            await log.delete(topic)
            await log.create(topic, count)
        begin = await beginnings(log, topic)
    founded: dict[str, Founded] = {}
    for partition, genesis in begin.items():
        if isinstance(genesis, Genesis) and genesis.shard in wanted:
            founded.setdefault(genesis.shard, Founded(partition, genesis.epoch, new=False))
    free = [partition for partition, genesis in begin.items() if genesis is None]
    for shard in wanted:
        while shard not in founded:
            if not free:
                raise NoRoom(f"{topic} has no free partition for {shard}")
            partition = free.pop(0)
            made = Genesis(id=new_id(now), received_at=now, epoch=secrets.token_hex(8), shard=shard)
            await log.append(topic, partition, region_of(shard).encode(), encode(made))
            # Two who found shards at once may choose the same partition: its first record is the one that counts.
            first = await log.genesis(topic, partition)
            if first is not None and first.shard in wanted:
                found = Founded(partition, first.epoch, new=first.epoch == made.epoch)
                founded.setdefault(first.shard, found)
    return founded
