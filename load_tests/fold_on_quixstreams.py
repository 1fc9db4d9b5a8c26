"""The worker's job on quixstreams: the same decode, fold, commit and Redis, as that library would have one do it.

Run by `load_tests.fold` as a process of its own. What is folded and written at each checkpoint is a batch: its own
way to write to a store in batches (`BatchingSink`), and the one in which it is fastest here.
"""

import os
from collections.abc import Coroutine
from typing import Any

from quixstreams import Application
from quixstreams.models import TopicConfig
from quixstreams.sinks.base import BatchingSink, SinkBatch
from redis import Redis

from domain.capacity.fold import FOLD_VERSION, CapacityState, Item, fold
from event_log.codec import decode
from live_state import capacity
from live_state.redis import RedisState
from live_state.state import Build, Commit, Position, TooLarge


class Answered:
    """redis-py's synchronous client where the other is expected: what is awaited is there already."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, protocol=2)

    async def evalsha(self, *arguments: Any) -> Any:
        """Return what the script answers."""
        return self._redis.evalsha(*arguments)

    async def eval(self, *arguments: Any) -> Any:
        """Return what the script answers."""
        return self._redis.eval(*arguments)


def at_once(coroutine: Coroutine[Any, Any, bool]) -> bool:
    """Return what a coroutine returns that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return bool(end.value)
    raise RuntimeError("it waits")


class LiveState(BatchingSink):
    """One shard, folded and committed batch by batch."""

    def __init__(self, build: Build, url: str) -> None:
        super().__init__()
        self._build = build
        self._state = RedisState(url)
        self._state._commit._redis = Answered(url)
        self._memory = CapacityState()

    def write(self, batch: SinkBatch) -> None:
        """Fold and commit what came since the last checkpoint."""
        waiting = [Item(item.offset, item.value) for item in batch]
        most = len(waiting)
        while waiting:
            draft = fold(self._memory, waiting[:most])
            at = Position(self._build.epoch, self._memory.offset, FOLD_VERSION)
            packed = capacity.packed(draft)
            writes = capacity.writes(draft, packed, rebuilding=False)
            feed = capacity.feed(draft, packed, rebuilding=False)
            commit = Commit(at, at._replace(offset=draft.offset), writes, feed)
            try:
                done = at_once(self._state.commit(self._build, commit))
            except TooLarge:
                most //= 2
                continue
            if not done:
                raise RuntimeError(f"the position is not {at}")
            self._memory.absorb(draft)
            waiting = [item for item in waiting if item.offset > draft.offset]


def main() -> None:
    """Return never: fold the partition and go on listening."""
    label, _, number = os.environ["BUILD"].rpartition(".")
    build = Build(os.environ["SHARD"], label, int(number))
    app = Application(
        broker_address=os.environ["KAFKA_URL"],
        consumer_group=os.environ["GROUP"],
        auto_offset_reset="earliest",
        commit_every=int(os.environ["BATCH"]),
        commit_interval=1.0,
        auto_create_topics=False,
        loglevel="WARNING",
        consumer_extra_config={"fetch.wait.max.ms": 20},
    )
    topic = app.topic(os.environ["TOPIC"], value_deserializer="bytes", config=TopicConfig(8, 1))
    frame = app.dataframe(topic).apply(decode)
    frame.sink(LiveState(build, os.environ["REDIS_URL"]))
    app.run()


if __name__ == "__main__":
    main()
