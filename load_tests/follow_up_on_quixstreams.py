"""Decoding, opening and scoring answers on quixstreams: what a worker does with them, and far from all of it.

Run by `load_tests.follow_up` as a process of its own. It decodes the same log, opens what is sealed with keys from the
same store, makes the same pure scoring, and writes a row a patient to the same Redis, in batches. It seals nothing,
keeps no slots, reminders, alerts or story, knows no repetition, and commits nothing together with its position.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
from quixstreams import Application
from quixstreams.models import TopicConfig
from quixstreams.sinks.base import BatchingSink, SinkBatch
from redis import Redis

from domain.events import AnswersGiven, Event, PatientEnrolled
from domain.followup.answering import facts_of
from domain.followup.chart import File
from domain.followup.fold import FOLLOWUP_FOLD_VERSION
from domain.followup.holding import Answers, read_pathway
from domain.followup.pathway import Pathway
from domain.followup.score import score
from domain.followup.sealed import About
from event_log.codec import decode
from event_log.topics import PARTITIONS
from live_state.state import Build, Position
from people.keys import Erased, Keys
from people.masters import named
from people.sealing import Key, open_

_file = msgspec.msgpack.Decoder(File).decode
_answers = msgspec.msgpack.Decoder(Answers).decode
_pack = msgspec.msgpack.Encoder().encode


class Scores(BatchingSink):
    """One shard's answers, scored and written batch by batch."""

    def __init__(self, build: Build, redis: Redis, keys: Keys, pathway: Pathway) -> None:
        super().__init__()
        self._build, self._redis, self._store, self._pathway = build, redis, keys, pathway
        self._keys: dict[str, Key | Erased] = {}
        self._files: dict[str, tuple[str, int, File]] = {}

    def write(self, batch: SinkBatch) -> None:
        """Score and write what came since the last checkpoint."""
        items = list(batch)
        events: list[Any] = [item.value for item in items]
        wanted = {event.key for event in events if isinstance(event, PatientEnrolled)} - self._keys.keys()
        if wanted:
            self._keys |= self._store.look_many(wanted)
        rows: dict[str, bytes] = {}
        for event in events:
            row = self._row(event)
            if row is not None:
                rows[event.patient] = row
        with self._redis.pipeline(transaction=False) as pipe:
            if rows:
                pipe.hset(self._build.key("patients"), mapping=rows)  # type: ignore[arg-type]
            at = Position(self._build.epoch, items[-1].offset, FOLLOWUP_FOLD_VERSION)
            pipe.set(self._build.key("position"), str(at))
            pipe.execute()

    def _row(self, event: Event) -> bytes | None:
        match event:
            case PatientEnrolled(patient=patient):
                file = _file(open_(self._key(event.key), event.file, About(patient, "file")))
                self._files[patient] = event.key, event.first_day, file
                return _pack((patient, None))
            case AnswersGiven(patient=patient, slot=slot):
                key, first_day, file = self._files[patient]
                answers = _answers(open_(self._key(key), event.answers, About(patient, "answers", slot)))
                day = int(slot.partition("-")[0])
                return _pack((patient, score(self._pathway, facts_of(file, first_day + day - 1), answers, (), day)))
            case _:
                return None

    def _key(self, id_: str) -> Key:
        key = self._keys[id_]
        assert isinstance(key, Key)
        return key


def main() -> None:
    """Return never: score the partition and go on listening."""
    label, _, number = os.environ["BUILD"].rpartition(".")
    build = Build(os.environ["SHARD"], label, int(number))
    home = Path(os.environ["VIGILITS_HOME"])
    pathway = read_pathway(Path(os.environ["PATHWAY"]).read_bytes())
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
    name = os.environ["TOPIC"]
    topic = app.topic(name, value_deserializer="bytes", config=TopicConfig(PARTITIONS[name], 1))
    redis = Redis.from_url(os.environ["REDIS_URL"], protocol=2)
    app.dataframe(topic).apply(decode).sink(Scores(build, redis, Keys(home, named(home)), pathway))
    app.run()


if __name__ == "__main__":
    main()
