"""Erasure erases: old copies of the log and of Redis yield nothing of an erased patient, and all of another's.

A followup shard runs on real engines. Everything is copied: the log's records, every key of Redis, the home with the
key store in it, a backup of that. Then A is erased. Whoever attacks has all old copies, the key store as it is now and
the master key, knows every pseudonym, slot and event, and may try every key on every ciphertext.
"""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from redis import Redis

from config.pathways import load
from domain.alerts.routing import Zone
from domain.events import (
    AnswersGiven,
    CircleChanged,
    Event,
    FileChanged,
    FollowUpMoved,
    MemoWritten,
    MessageWritten,
    PatientAlertActed,
    PatientEnrolled,
    RuleMuted,
    Source,
    SummaryGiven,
    Tick,
)
from domain.followup.chart import Caregiver, Contact, File, Mute
from domain.followup.patient import Member
from domain.followup.sealed import NONCE_BYTES, About, Sealed
from event_log.codec import encode
from event_log.ids import new_id
from event_log.kafka import KafkaLog
from event_log.topics import DEAD_LETTERS, FOLLOWUP, NOTICES, followup_shard, followup_shards, init_shards
from launch.embedded import Engine
from live_state.redis import RedisState
from people.keys import FILE, Erased, Keys, NotRestored, pseudonym
from people.masters import FILE as MASTERS
from people.masters import FileMasters, MasterAway, Wrapped
from people.patient_links import PatientLinks
from people.sealing import Key, NotOpened, open_, seal
from people.trail import Act, Entry, Trail
from people.traits import Traits
from streams.erasing import Eraser
from streams.followup import Followup
from streams.inlet import Batch
from streams.measures import Measures
from streams.shard import Shard
from tests.followup_recount import counted_again, shown
from tests.small_followup import WELL
from tests.small_followup import published as pathway_published

pytestmark = pytest.mark.engines

REGION, DAY_MS, MINUTE_MS = "ici", 86_400_000, 60_000
SHARD = followup_shards(REGION)[0]
UTC = Zone("UTC", ((0, 0),))
SOON_MS = 300
CIRCLE = (Member("martin", "physician"), Member("nicolas", "nurse"))
SHIPPED = {each.id: each for each in load(Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie")}
KINDS = ("file", "answers", "mute", "note", "chart", "slot")
PIECES = 7  # of each patient on the log: two files, a reason, answers, a mute, a message, a memo
Starter = Callable[[], Engine]


def now() -> int:
    """Return the time."""
    return time.time_ns() // 1_000_000


@dataclass
class Invented:
    """An invented patient; whatever of theirs may stand nowhere in clear holds the canary."""

    canary: str
    id: str
    key: Key
    ids: list[str] = field(default_factory=list)  # of their events

    @property
    def phone(self) -> str:
        """Return a telephone number that is this patient's alone."""
        return f"+336399{sum(map(ord, self.canary)):05}"

    def file(self) -> File:
        """Return who it is."""
        return File(
            birth_name=f"{self.canary}-Œillet",
            first_names=("Zoé", self.canary),
            birth_date="1951-02-28",
            sex="female",
            contact=Contact(phone=self.phone, email=f"{self.canary}@example.invalid"),
            caregivers=(Caregiver(f"Noël {self.canary}"),),
            symptoms_day=now() // DAY_MS - 1,
        )

    def sealed(self, kind: str, slot: str, content: object) -> Sealed:
        """Return content sealed with this patient's key."""
        return seal(self.key, msgspec.msgpack.encode(content), About(self.id, kind, slot))


class OfLog:
    """A reader of one partition, as a shard wants one."""

    def __init__(self, log: KafkaLog) -> None:
        self._log, self._end = log, 0
        self._place: int | None = None

    async def seek(self, partition: int, offset: int) -> None:
        """Read from there on."""
        self._place = offset

    def hold(self, partition: int) -> None:
        """Go on: little is read here."""

    def resume(self, partition: int) -> None:
        """Go on."""

    def end(self, partition: int) -> int:
        """Return the log's end as far as it was seen."""
        return self._end

    async def offer_to(self, shard: Shard[Any, Any]) -> None:
        """Offer what there is."""
        if self._place is None:
            return
        records = [record async for record in self._log.read(FOLLOWUP, shard.partition, self._place)]
        if records:
            self._place = self._end = records[-1].offset + 1
            shard.inlet.offer(Batch(records, self._end, stamped=records[0].stamped))


class House:
    """A followup shard on real engines, with its key store, trail and links; and what is done there."""

    def __init__(self, home: Path, log: KafkaLog, state: RedisState, partition: int) -> None:
        self.home, self.log, self.state, self.partition = home, log, state, partition
        self.keys = Keys(home, FileMasters(home / MASTERS))
        self.trail, self.links = Trail(home), PatientLinks(home, self.keys.derived)
        self.reader = OfLog(log)
        self.worker = Shard(Followup(self.keys), partition, log, state, self.reader, Measures(), now=now)
        at = now()
        self.pathway = replace(
            SHIPPED["medical-covid"], slots=replace(SHIPPED["medical-covid"].slots, times=(at // MINUTE_MS % 1440,))
        )
        self.slot = f"1-{time.strftime('%H%M', time.gmtime(at // 1000))}"

    async def put(self, event: Event) -> None:
        """Return once an event is folded."""
        offset = await self.log.append(FOLLOWUP, self.partition, REGION.encode(), encode(event))
        async with asyncio.timeout(30):
            while self.worker.offset < offset:
                await self.reader.offer_to(self.worker)
                await asyncio.sleep(0.01)

    async def tell(self, patient: Invented, kind: type[Event], by: str = "martin", **more: Any) -> None:
        """Return once an event of a patient is folded."""
        id_ = more.pop("id", new_id())
        patient.ids.append(id_)
        source = Source(id=by, door="api") if by else None
        await self.put(kind(id=id_, received_at=now(), region=REGION, source=source, patient=patient.id, **more))  # type: ignore[call-arg]

    async def follow(self, canary: str) -> Invented:
        """Return a patient who is enrolled, has answered, and of whom all kinds of things were written."""
        name = pseudonym()
        while followup_shard(REGION, name) != SHARD:
            name = pseudonym()
        key = self.keys.look(self.keys.create(name, Traits(canary, "Zoé", date(1951, 2, 28))))
        assert isinstance(key, Key)
        one = Invented(canary, name, key)
        await self.tell(
            one,
            PatientEnrolled,
            key=key.id,
            pathway="medical-covid/1",
            circle=CIRCLE,
            zone=UTC,
            first_day=now() // DAY_MS,
            file=one.sealed("file", "", one.file()),
            channels=("sms",),
        )
        self.links.link(REGION, name, self.slot, now() + DAY_MS, now(), 0)
        self.trail.write(Entry(now(), "martin", "physician@ici", Act.READ, name, "patient"))
        answers = one.sealed("answers", self.slot, WELL | {"comment": f"{canary} tousse encore"})
        await self.tell(one, AnswersGiven, f"patient:{name}", slot=self.slot, answers=answers)
        file, moved, wrote, memo, muted = one.sealed("file", "", one.file()), *(new_id() for _ in range(4))
        mute = one.sealed("mute", muted, Mute("flag/fever", f"{canary} dort"))
        later = now() + 3_600_000
        await self.tell(one, FileChanged, id=moved, file=file, reason=self._note(one, moved))
        await self.tell(one, MessageWritten, id=wrote, text=self._note(one, wrote))
        await self.tell(one, MemoWritten, id=memo, text=self._note(one, memo), due_at=later)
        await self.tell(one, RuleMuted, id=muted, mute=mute, until=now() + SOON_MS)
        assert one.id in self.worker.held.patients
        return one

    @staticmethod
    def _note(one: Invented, id_: str) -> Sealed:
        return one.sealed("note", id_, f"{one.canary} va mieux, dit sa fille")

    async def erase(self, patient: Invented) -> None:
        """Return once a patient is erased, as it goes in the field: stopped, summary received, key destroyed, told."""
        await self.tell(patient, FollowUpMoved, f"patient:{patient.id}", move="stop")
        await self.tell(patient, SummaryGiven, "", what="sent")
        await self.tell(patient, SummaryGiven, what="received")
        held = self.worker.held
        alert = held.patients[patient.id].alert
        if alert is not None:  # as what can't be read raises one, which holds the erasure back until somebody closes it
            await self.tell(patient, PatientAlertActed, alert=alert.id, act="close", outcome="acted", seen=alert.news)
        while (held.patients[patient.id].erase_at or 0) > held.clock:  # what a mute hides is judged at its end, first
            await self.put(Tick(id=new_id(), received_at=now()))
        view = _View(self)
        eraser = Eraser(view, self.keys, self.trail, self.links.forget_patient, now, Measures())
        assert await eraser.erase() == 1
        assert patient.id not in self.worker.held.patients


class _View:
    """The shard as who works beside it sees it; what they append is folded at once."""

    shard, ready = SHARD, True

    def __init__(self, house: House) -> None:
        self._house = house
        self.patients, self.pathways = house.worker.held.patients, house.worker.held.pathways

    @property
    def clock(self) -> int:
        return int(self._house.worker.held.clock)

    @property
    def due(self) -> Mapping[str, int]:
        return dict(self._house.worker.held.due)

    async def append(self, event: Event) -> None:
        await self._house.put(event)


@asynccontextmanager
async def housed(home: Path, kafka: Engine, redis: Engine) -> AsyncIterator[House]:
    """Give a house whose shard is at work."""
    async with KafkaLog(kafka.url) as log:
        state = RedisState(redis.url)
        founded = (await init_shards(log, followup_shards(REGION), now(), FOLLOWUP))[SHARD]
        for topic in (NOTICES, DEAD_LETTERS):
            await log.create(topic, 1)
        house = House(home, log, state, founded.partition)
        working = asyncio.create_task(house.worker.run())
        try:
            await house.put(pathway_published(house.pathway, now()))
            yield house
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await state.close()


# --- what an attacker has --------------------------------------------------------------------------------------------


@dataclass
class Copies:
    """What was copied on some day."""

    log: list[bytes]
    redis: dict[bytes, bytes]  # each key as DUMP gives it
    home: Path
    backup: Path


async def copied(house: House, redis: Engine, to: Path) -> Copies:
    """Return a copy of everything there is."""
    records = [
        record.value
        for topic in (FOLLOWUP, NOTICES, DEAD_LETTERS)
        for partition in range(await house.log.partitions(topic))
        async for record in house.log.read(topic, partition)
    ]
    with Redis.from_url(redis.url) as client:
        dumped = {key: client.dump(key) for key in client.keys("*")}
    shutil.copytree(house.home, to / "home")
    house.keys.backup(to / "keys-backup.sqlite3", now())
    return Copies(records, dumped, to / "home", to / "keys-backup.sqlite3")


def values_of(redis: Engine) -> Iterator[bytes]:
    """Yield every value, field and entry that a Redis holds."""
    with Redis.from_url(redis.url) as client:
        for key in client.keys("*"):
            yield key
            match client.type(key):
                case b"string":
                    yield client.get(key)
                case b"hash":
                    for name, value in client.hgetall(key).items():
                        yield from (name, value)
                case b"set":
                    yield from client.smembers(key)
                case b"zset":
                    yield from client.zrange(key, 0, -1)
                case b"stream":
                    for _, entry in client.xrange(key):
                        yield from entry.values()
                case kind:
                    raise AssertionError(f"a {kind!r} is not looked into")


def restored(dumped: Mapping[bytes, bytes], into: Engine) -> list[bytes]:
    """Return what an old copy of Redis holds, brought back on another server."""
    with Redis.from_url(into.url) as client:
        client.flushall()
        for key, value in dumped.items():
            client.restore(key, 0, value)
    return list(values_of(into))


def ciphertexts(values: Sequence[bytes]) -> set[Sealed]:
    """Return every sealed piece that stands anywhere in some values, however deep."""
    found: set[Sealed] = set()

    def look(told: Any) -> None:
        if isinstance(told, dict):
            for each in told.values():
                look(each)
        elif isinstance(told, list | tuple):
            if [type(each) for each in told] == [str, bytes, bytes] and len(told[1]) == NONCE_BYTES:
                found.add(Sealed(*told))
            for each in told:
                look(each)
        elif isinstance(told, bytes):
            unpacked(told)

    def unpacked(value: bytes) -> None:
        try:
            told = msgspec.msgpack.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        if isinstance(told, dict | list):
            look(told)

    for value in values:
        unpacked(value)
    return found


def keys_of(home: Path, store: Path | None = None) -> list[Key]:
    """Return every key that a key store's file yields with the master keys of a home."""
    file = store or home / FILE
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT id, pseudonym, master, wrapped FROM keys").fetchall()
    masters, found = FileMasters(home / MASTERS), list[Key]()
    for id_, name, master, wrapped in rows:
        try:
            [secret] = masters.unwrap([(Wrapped(master, wrapped), f"key {id_} of {name}")])
        except MasterAway:
            continue
        found.append(Key(id_, secret))
    return found


def opened(pieces: set[Sealed], keys: Sequence[Key], patient: Invented, slots: Sequence[str]) -> list[bytes]:
    """Return what opens of a patient: every piece tried with every key, about everything that it could be about."""
    abouts = [About(patient.id, kind, slot) for kind in KINDS for slot in ("", *slots, *patient.ids)]
    found = []
    for piece in pieces:
        for key in keys:
            for about in abouts:
                # A piece names its key; whoever attacks puts any other name on it.
                try:
                    found.append(open_(key, Sealed(key.id, piece.nonce, piece.content), about))
                except NotOpened:
                    continue
    return found


def test_it_is_shown_by_what_can_fail() -> None:
    """A piece that is sealed is found however deep, and opens with its key alone."""
    one = Invented("canary", pseudonym(), Key("k", bytes(32)))
    piece = one.sealed("note", "e1", "canary")
    deep = msgspec.msgpack.encode({"a": [1, {"b": msgspec.msgpack.encode([2, piece])}]})
    one.ids.append("e1")
    assert ciphertexts([deep]) == {piece}
    assert opened({piece}, [Key("k", bytes(32))], one, ()) == [msgspec.msgpack.encode("canary")]
    assert not opened({piece}, [Key("k", bytes(31) + b"\x01")], one, ())


async def test_of_an_erased_patient_no_old_copy_yields_anything_and_of_another_all(
    tmp_path: Path, own_kafka: Starter, own_redis: Starter
) -> None:
    kafka, redis, elsewhere = own_kafka(), own_redis(), own_redis()
    async with housed(tmp_path / "home", kafka, redis) as house:
        anne, bruno = await house.follow("canari-anne"), await house.follow("canari-bruno")
        slots = [house.slot]
        old = await copied(house, redis, tmp_path / "old")
        of_log, of_redis = ciphertexts(old.log), ciphertexts(restored(old.redis, elsewhere))

        # Before: both can be read from the copies with the key store as it is.
        for patient in (anne, bruno):
            for pieces in (of_log, of_redis):
                told = opened(pieces, keys_of(house.home), patient, slots)
                assert any(patient.canary.encode() in each for each in told)
            assert len(opened(of_log, keys_of(house.home), patient, slots)) == PIECES
        before = sorted(opened(of_log | of_redis, keys_of(house.home), bruno, slots))

        await house.erase(anne)

        def nothing_of_anne_and_all_of_bruno(keys: Sequence[Key]) -> None:
            assert anne.key.id not in {key.id for key in keys}
            assert not opened(of_log | of_redis, keys, anne, slots)
            assert sorted(opened(of_log | of_redis, keys, bruno, slots)) == before

        # With the old log, the old Redis, the key store and the master key as they are now.
        nothing_of_anne_and_all_of_bruno(keys_of(house.home))
        assert isinstance(house.keys.look(anne.key.id), Erased)
        for file in house.home.iterdir():  # nor does any file of the home still hold what wrapped the key
            content = file.read_bytes()
            assert anne.key.secret not in content
            for row in _wrapped_of(old.home / FILE, anne.key.id):
                assert row not in content

        # Nothing of it is in the live state any more, and a log folded anew says the same.
        values = list(values_of(redis))
        assert not opened(ciphertexts(values), [anne.key], anne, slots)
        with Redis.from_url(redis.url) as client:
            assert client.keys(f"*{anne.id}*") == []
        known = await shown(house.state, house.keys, SHARD)
        assert known is not None
        anew = await counted_again(house.log, house.keys, house.partition, house.worker.offset)
        # Save what became of each event: folded anew, all of a patient who is gone is refused by now.
        assert known[1]._replace(said={}) == anew._replace(said={})
        assert [name for name in known[1].values if name.startswith("patients/")] == [f"patients/{bruno.id}"]

        # A backup of before brings back nobody, neither here nor where the store was lost and told what was destroyed.
        told = [each.id for each in house.keys.erased()]
        assert house.keys.restore(old.backup, now()).stay_erased == 1
        nothing_of_anne_and_all_of_bruno(keys_of(house.home))
        lost = tmp_path / "lost"
        lost.mkdir()
        shutil.copy(house.home / MASTERS, lost / MASTERS)
        store = Keys(lost, FileMasters(lost / MASTERS))
        with pytest.raises(NotRestored):
            store.restore(old.backup, now())
        assert store.restore(old.backup, now(), told).keys == 1
        nothing_of_anne_and_all_of_bruno(keys_of(lost))

        # An old copy of the key store itself opens until the master key is changed: then it is worth nothing.
        shutil.copy(house.home / MASTERS, old.home / MASTERS)
        assert opened(of_log, keys_of(old.home), anne, slots)
        house.keys.rotate()
        shutil.copy(house.home / MASTERS, old.home / MASTERS)
        assert keys_of(old.home) == []
        assert keys_of(house.home, old.backup) == []
        nothing_of_anne_and_all_of_bruno(keys_of(house.home))

        # And who is still followed goes on being so.
        await house.tell(bruno, MessageWritten, text=bruno.sealed("note", bruno.ids[-1], "suite"))
        assert bruno.id in house.worker.held.patients


async def test_what_names_or_describes_a_patient_stands_in_clear_nowhere(
    tmp_path: Path, own_kafka: Starter, own_redis: Starter, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither on the log, in Redis, the key store, the trail, the file of links, a backup, nor in what is printed."""
    kafka, redis = own_kafka(), own_redis()
    async with housed(tmp_path / "home", kafka, redis) as house:
        anne = await house.follow("canari-anne")
        wrong = anne.sealed("note", "another's", f"{anne.canary} égaré")  # content that does not open
        await house.tell(anne, AnswersGiven, slot=house.slot, answers=wrong)
        await house.tell(anne, CircleChanged, remove=("nicolas",))
        old = await copied(house, redis, tmp_path / "old")
        held = list(values_of(redis))
        files = {
            str(file): file.read_bytes()
            for file in [*tmp_path.rglob("*")]
            if file.is_file() and "own-" not in str(file)
        }
        await house.erase(anne)
        files |= {f"after {file}": file.read_bytes() for file in house.home.iterdir()}
        held += values_of(redis)
    assert {FILE, MASTERS, "trail.sqlite3"} <= {Path(name).name for name in files}
    printed = capfd.readouterr()
    hay = [*old.log, *old.redis.values(), *held, *files.values(), f"{printed.out}{printed.err}".encode()]
    needles = [
        anne.canary,
        anne.phone,
        "tousse encore",
        "Œillet",
        "dit sa fille",
        "Zoé",
        "1951-02-28",
        " dort",
        "égaré",
    ]
    for needle in needles:
        assert not any(needle.encode() in each for each in hay), needle
    assert any(anne.id.encode() in each for each in old.log)  # it is looked where something would be


def _wrapped_of(store: Path, key_id: str) -> list[bytes]:
    with sqlite3.connect(store) as database:
        return [row[0] for row in database.execute("SELECT wrapped FROM keys WHERE id = ?", (key_id,))]
