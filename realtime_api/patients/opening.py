"""The one way to a patient's content: its entry in the access trail is written first, and else nothing is opened."""

import asyncio
import base64
import hmac
import secrets
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import structlog

from domain.followup.chart import Chart, File, SlotContent
from domain.followup.holding import Line
from domain.followup.patient import Patient
from domain.followup.sealed import About, Sealed
from event_log.ids import new_id
from event_log.topics import followup_shard
from live_state import followup
from live_state.state import Build, State
from people.keys import Awaited, Keys, KeysAway, KeysLost
from people.masters import Wrapping
from people.sealing import Key, NotOpened, open_, seal
from people.trail import MOST_AT_ONCE, Act, Entry, Trail, who_of
from people.traits import Traits
from realtime_api.commands import OURS, must_be_key
from realtime_api.problems import Problem

MOST_KEYS = 10_000
KEY_KEPT_S = 30.0  # a key that was destroyed opens nothing here for longer than this, whatever is still held
THREADS = 4  # for SQLite and a KMS, which block
NAMES = "names"  # what of the key store's pseudonyms and the ids of what is done are derived from
SOON_S = 1.0  # an act is worth nothing after ten
STORE_AGAIN_S = 5.0  # a store that was away is asked for that again
MOST_WAITING = 400  # calls on their way there

Content = tuple[str, str, object]  # kind, slot, what is to be sealed
T = TypeVar("T")

log = structlog.get_logger("opening")


class Access(NamedTuple):
    """Who opens something, by which grant, what for, and on which screen: the trail's entry but for when and which."""

    who: str
    grant: str
    act: Act
    screen: str


class Told(NamedTuple):
    """A line of a story, and its text where it has one."""

    line: Line
    text: str | None


class Opened(NamedTuple):
    """All that is known of a patient: the chart, the slots in order, and the story, oldest first."""

    chart: Chart
    slots: list[SlotContent]
    story: list[Told]


class Where(NamedTuple):
    """Where a patient's content lies: a build of the shard's state."""

    build: Build
    patient: Patient


def traits_of(file: File) -> Traits:
    """Return what the same person is found again by."""
    return Traits(
        birth_name=file.birth_name,
        first_names=" ".join(file.first_names),
        birth_date=date.fromisoformat(file.birth_date),
        used_name=file.used_name,
        ins="" if file.ins is None else file.ins.matricule,
    )


class Opening:
    """Keys, trail and sealed content together. Raises what `problems.MEANS` knows where one of the stores is away.

    The stores are opened when they are first needed: a live map is shown also where they are away.
    """

    def __init__(self, home: Path, masters: Wrapping, state: State, now: Callable[[], int]) -> None:
        self._home, self._masters, self._state, self._now = home, masters, state, now
        self._keys: Keys | None = None
        self._trail: Trail | None = None
        self._held: OrderedDict[str, tuple[Key, float]] = OrderedDict()
        self._naming: bytes | None = None
        self._named_meanwhile = secrets.token_bytes(32)
        self._named_again_at = 0.0
        self._pool = ThreadPoolExecutor(THREADS, "patients")
        self._waiting = 0

    def close(self) -> None:
        """Take no more calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def forget_keys(self) -> None:
        """Hold no patient's key in memory any more."""
        self._held.clear()

    async def with_keys(self, do: Callable[[Keys], T]) -> T:
        """Return what the key store answers, asked off the loop."""

        return await self._off_loop(lambda: do(self._key_store()))

    def _key_store(self) -> Keys:
        if self._keys is None:
            self._keys = Keys(self._home, self._masters)
        return self._keys

    def derive(self, purpose: str) -> bytes:
        """Return a secret of the key store's, for one purpose; it blocks, and raises KeysAway."""
        return self._key_store().derived(purpose)

    async def with_trail(self, do: Callable[[Trail], T]) -> T:
        """Return what the access trail answers, asked off the loop."""

        def ask() -> T:
            if self._trail is None:
                self._trail = Trail(self._home)
            return do(self._trail)

        return await self._off_loop(ask)

    async def _off_loop(self, do: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Problem("busy", "too many files are being opened")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, do)
        finally:
            self._waiting -= 1

    # -- the trail

    async def record(self, access: Access, files: Sequence[str]) -> None:
        """Return once it is on the disk who opens which files; a search that found none is an entry without one."""
        at, who = self._now(), who_of(access.who)
        entries = [Entry(at, who, access.grant, access.act, file, access.screen) for file in files]
        for start in range(0, len(entries), MOST_AT_ONCE):
            some = entries[start : start + MOST_AT_ONCE]
            await self.with_trail(lambda trail, some=some: trail.write(*some))  # type: ignore[misc]

    # -- reading

    async def chart(self, where: Where, access: Access) -> Chart:
        """Return a patient's chart."""
        await self.record(access, [where.patient.id])
        found = (await self._charts([where])).get(where.patient.id)
        if found is None:
            raise await self.why_closed(where.patient)
        return found

    async def many(self, wheres: Sequence[Where], access: Access) -> dict[str, Chart]:
        """Return the charts that can be opened, by patient; one that was erased meanwhile is left out."""
        if not wheres:
            return {}
        await self.record(access, _ids(wheres))
        return await self._charts(wheres)

    async def unshown(self, wheres: Sequence[Where]) -> dict[str, Chart]:
        """Return the charts that can be opened, by patient, for a rule to look at: who asked is shown nothing of them.

        That is why it is in no trail.
        """
        return await self._charts(wheres) if wheres else {}

    async def find(self, wheres: Sequence[Where], fits: Callable[[Chart], bool]) -> list[str]:
        """Return whose charts fit, in order. It shows nothing of them: to be recorded as a search before it is told."""
        charts = await self._charts(wheres)
        return await self._off_loop(lambda: [id_ for id_ in _ids(wheres) if id_ in charts and fits(charts[id_])])

    async def page(self, where: Where, access: Access) -> Opened:
        """Return all that is known of a patient."""
        build, patient = where
        await self.record(access, [patient.id])
        charts = await self._charts([where])
        if patient.id not in charts:
            raise await self.why_closed(patient)
        names = (f"slots:{patient.id}", f"story:{patient.id}")
        loaded = await self._state.load(build, names)
        if loaded is None:
            raise Problem("rebuilding")
        slots, story = (loaded[1].get(name, {}) for name in names)
        key = (await self.keys_of([patient.key]))[patient.key]

        def opened() -> Opened:
            found = [
                _slot(_open(key, patient.id, "slot", name, followup.read_sealed(packed)))
                for name, packed in slots.items()
            ]
            lines = [followup.read_line(packed) for _, packed in sorted(story.items())]
            told = [Told(line, _text(key, patient.id, line)) for line in lines]
            return Opened(charts[patient.id], sorted(found, key=lambda slot: (slot.day, slot.slot)), told)

        return await self._off_loop(opened)

    async def why_closed(self, patient: Patient) -> Problem:
        """Return why a chart did not open; raise it where the key says so, which is lost, or was destroyed."""
        if not patient.unreadable:
            await self.keys_of([patient.key])
        return Problem("file-unreadable")

    async def _charts(self, wheres: Sequence[Where]) -> dict[str, Chart]:
        by_build: dict[Build, list[Patient]] = {}
        for where in wheres:
            by_build.setdefault(where.build, []).append(where.patient)
        sealed: dict[str, Sealed] = {}
        for build, patients in by_build.items():
            packed = await self._state.fields(build, "charts", [patient.id for patient in patients])
            sealed |= {
                patient.id: followup.read_sealed(one)
                for patient, one in zip(patients, packed, strict=True)
                if one is not None
            }
        keys = await self.keys_of({one.key for one in sealed.values()}, erased_too=True)

        def opened() -> dict[str, Chart]:
            found: dict[str, Chart] = {}
            for id_, one in sealed.items():
                with suppress(Problem, msgspec.MsgspecError):  # the worker has said so: the row is `unreadable`
                    if (key := keys.get(one.key)) is not None:
                        found[id_] = _chart(_open(key, id_, "chart", "", one))
            return found

        return await self._off_loop(opened)

    async def keys_of(self, ids: Iterable[str], *, erased_too: bool = False, afresh: bool = False) -> Mapping[str, Key]:
        """Return patients' keys; those that are destroyed are left out, or are a Problem where that was not asked.

        `afresh`: as the store says now, and not as it said a moment ago.
        """
        now, found, missing = time.monotonic(), dict[str, Key](), list[str]()
        for id_ in ids:
            held = self._held.get(id_)
            if held is not None and now < held[1] and not afresh:
                found[id_] = held[0]
                self._held.move_to_end(id_)
            else:
                missing.append(id_)
        if missing:
            try:
                looked = await self.with_keys(lambda keys: keys.look_many(missing))
            except KeysLost as why:
                if not erased_too:
                    raise
                looked = why.found  # whoever's key is lost is left out: the others are to be seen
            for id_, key in looked.items():
                if isinstance(key, Key):
                    found[id_] = key
                    self._held[id_] = (key, time.monotonic() + KEY_KEPT_S)
                else:
                    self._held.pop(id_, None)
                    if not erased_too:
                        raise _gone()
            while len(self._held) > MOST_KEYS:
                self._held.popitem(last=False)
        return found

    # -- names: keyed, as a plain hash of what people send could be made by whoever wants to know whose a name is

    async def named(self, *told: object, at_once: bool = False) -> bytes:
        """Return a digest of what was told (32 bytes): the same for the same, and to be made nowhere but here.

        `at_once` is for what has no content, and waits for no key: while the store is away, and this process has not
        asked it before, a secret of this process alone stands in. What is sent again then is the same to this process.
        """
        if self._naming is None and not (at_once and time.monotonic() < self._named_again_at):
            try:
                async with asyncio.timeout(SOON_S if at_once else None):
                    self._naming = await self._off_loop(lambda: self.derive(NAMES))
            except (KeysAway, Problem, TimeoutError):
                if not at_once:
                    raise
                self._named_again_at = time.monotonic() + STORE_AGAIN_S
        secret = self._naming or self._named_meanwhile
        return hmac.digest(secret, msgspec.msgpack.encode(told, order="deterministic"), "sha256")

    async def deed_id(self, subject: str, key: str | None, now: int, *what: object, at_once: bool = False) -> str:
        """Return the id of something done about a patient: the same for the same source, key and deed.

        What is done is a part of it: the outcome of one deed is never told of another that was sent under the same key.
        """
        if key is None:
            return new_id(now)
        must_be_key(key)
        return str(uuid.uuid5(OURS, (await self.named("deed", subject, key, *what, at_once=at_once)).hex()))

    async def digest_of(self, subject: str, sent: object) -> str:
        """Return what tells a deed from another that was sent under the same name, beginning with whose it is."""
        return await self.tag_of(subject) + (await self.named("sent", subject, sent, at_once=True))[:8].hex()

    async def tag_of(self, subject: str) -> str:
        """Return what somebody's deeds can be known by, and nobody's but by who has the key."""
        return (await self.named("whose", subject, at_once=True))[:8].hex()

    async def pseudonym_of(self, id_: str) -> str:
        """Return the pseudonym that goes with an enrolment sent under a name: sent again, it is the same one."""
        digest = await self.named("pathway", id_)
        return base64.b32encode(digest[:16]).decode().rstrip("=").lower()

    # -- writing: it shows nothing, so it is in no trail

    async def seal(self, patient: str, key_id: str, *contents: Content) -> list[Sealed]:
        """Return pieces of content sealed for a patient, each of a kind and slot, with a key that is not destroyed."""
        key = (await self.keys_of([key_id], afresh=True))[key_id]
        return [seal(key, _pack(content), About(patient, kind, slot)) for kind, slot, content in contents]

    async def create(self, region: str, traits: Traits, name: str) -> str:
        """Return the id of the key of a pseudonym's: it is on the disk.

        Should the patient never come to be in the region, the worker destroys it after a day.
        """
        awaited = Awaited(followup_shard(region, name), self._now())
        return await self.with_keys(lambda keys: keys.create(name, traits, awaited))

    async def give_up(self, key_id: str) -> None:
        """Return once a key is destroyed whose patient came to nothing: what they are found by goes with it."""
        now = self._now()
        await self.with_keys(lambda keys: keys.destroy(key_id, now))

    async def identify(self, key_id: str, traits: Traits) -> None:
        """Return once a patient is found by these traits."""
        await self.with_keys(lambda keys: keys.identify(key_id, traits))

    async def similar(self, traits: Traits) -> list[str]:
        """Return the pseudonyms that may be the same person's, the likeliest first."""
        return await self.with_keys(lambda keys: keys.similar(traits))


def _ids(wheres: Iterable[Where]) -> list[str]:
    return [where.patient.id for where in wheres]


def _gone() -> Problem:
    return Problem("unknown-patient")


def _text(key: Key, patient: str, line: Line) -> str | None:
    return None if line.text is None else str(_note(_open(key, patient, "note", line.id, line.text)))


def _open(key: Key, patient: str, kind: str, slot: str, sealed: Sealed) -> bytes:
    try:
        return open_(key, sealed, About(patient, kind, slot))
    except NotOpened:
        log.error("content does not open", patient=patient, kind=kind)
        raise Problem("bug") from None


_pack = msgspec.msgpack.Encoder().encode
_chart = msgspec.msgpack.Decoder(Chart).decode
_slot = msgspec.msgpack.Decoder(SlotContent).decode
_note = msgspec.msgpack.Decoder(str).decode
