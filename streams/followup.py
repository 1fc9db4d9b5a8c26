"""The followup shard as a worker has it: content is opened for the records that need it, and sealed before it is kept.

Nothing that describes a patient leaves this process in clear, and nothing of it is given up while the key store is
away: the shard waits.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog

from domain.alerts.notice import Group, HeldAlert
from domain.capacity.fold import Item
from domain.events import AnswersGiven, FileChanged, PatientEnrolled, RuleMuted
from domain.followup.chart import Chart, File, Mute, SlotContent
from domain.followup.fold import FOLLOWUP_FOLD_VERSION, Draft, fold, needs
from domain.followup.holding import GONE, SHUT, Answers, FollowupState, Gone, Opened, Shut
from domain.followup.pathway import Pathway
from domain.followup.patient import Patient
from domain.followup.sealed import About, Sealed
from event_log.topics import FOLLOWUP
from live_state import followup
from live_state.state import Position
from people.keys import Erased, KeysAway, KeysLost
from people.sealing import Key, NotOpened, open_, seal
from streams.measures import Measures, tens
from streams.shard import NotPrepared, Written
from streams.view import View

MOST_KEYS = 10_000  # in memory, of a shard
MOST_CHARTS = 5_000  # open, of a shard
KEYS_AWAY, KEY_LOST = "key store away", "key lost"
LOST_AFTER_S = 20.0  # a store that answers, but has no such key, may be on its way back from a backup
LOOKS_AGAIN_S = 60.0  # at what could not be read
MOST_AGAIN = 500  # patients at a time

logger = structlog.get_logger("streams.followup")

_pack = msgspec.msgpack.Encoder().encode
_chart = msgspec.msgpack.Decoder(Chart).decode
_READ: Mapping[str, Any] = {
    "file": msgspec.msgpack.Decoder(File).decode,
    "answers": msgspec.msgpack.Decoder(Answers).decode,
    "mute": msgspec.msgpack.Decoder(Mute).decode,
}


class KeyStore(Protocol):
    """What opens content; it blocks."""

    def look_many(self, key_ids: Iterable[str]) -> dict[str, Key | Erased]:
        """Return each key, or that it is erased; raise KeysAway, or KeysLost, where that can't be said of all."""
        ...


class Piece(NamedTuple):
    """Content that an event brings: what it is about, and the key that its patient has."""

    event: str
    about: About
    sealed: Sealed
    key: str


class Followup:
    """The sort of shard that follows patients at home, one of it for each shard; without a key store it waits.

    A key that the store does not have is waited for a while: then their patient alone is followed by the clear row,
    what they send are dead letters, and what could not be read is looked at again each minute. Content that can't be
    decoded is as if its key were lost.
    """

    topic = FOLLOWUP
    fold_version = FOLLOWUP_FOLD_VERSION
    names: Sequence[str] = followup.NAMES
    forwards = True

    def __init__(
        self,
        keys: KeyStore | None,
        *,
        most_keys: int = MOST_KEYS,
        most_charts: int = MOST_CHARTS,
        lost_after_s: float = LOST_AFTER_S,
        looks_again_s: float = LOOKS_AGAIN_S,
    ) -> None:
        self._store, self._most_keys, self._most_charts = keys, most_keys, most_charts
        self._lost_after_s, self._looks_again_s = lost_after_s, looks_again_s
        self._missed: dict[str, float] = {}  # keys that the store has not, and when that was first found
        self._given_up: set[str] = set()  # those of them that are waited for no longer, for now
        self._look_again_at, self._looked_upto = 0.0, ""
        self._keys: dict[str, Key | Erased] = {}  # those used last are last
        self._opened: dict[str, Opened] = {}  # by event id, of the records that are folded next
        self._lacks: Collection[str] = ()

    def empty(self, end: int = -1) -> FollowupState:
        """Return the state before the first record; once at a log's end, it tells of every open alert once more."""
        return FollowupState(retells_from=end)

    def load(self, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> FollowupState:
        """Return the state that these hashes hold."""
        self._look_again_at = 0.0  # another worker may have had it meanwhile
        return followup.load(position, held)

    # -- opening

    async def prepare(self, state: FollowupState, items: Sequence[Item]) -> None:
        """Return once the records' content, and the charts that they need, are open or known not to be."""
        pieces = list(_pieces(state, items))
        named = {piece.event for piece in pieces}
        self._opened = {id_: content for id_, content in self._opened.items() if id_ in named}
        fresh = [each for each in pieces if each.event not in self._opened]
        patients = [id_ for id_ in {*needs(state, items), *self._lacks} if id_ in state.patients]
        self._lacks = ()
        patients += [id_ for id_ in self._again(state) if id_ not in patients]
        self._let_go(state, patients)
        if fresh or patients:
            try:
                # The store asks a disk, or a KMS; and to open thousands takes a while: both beside the loop.
                await asyncio.to_thread(self._open, state, fresh, patients)
            except KeysLost as why:
                raise NotPrepared(KEY_LOST) from why
            except KeysAway as why:
                raise NotPrepared(KEYS_AWAY) from why

    def _open(self, state: FollowupState, pieces: Sequence[Piece], patients: Sequence[str]) -> None:
        """Open what is not open yet; raise KeysAway where a key can neither be had nor said to be erased or lost."""
        self._fetch(state, {*(piece.key for piece in pieces), *(state.patients[id_].key for id_ in patients)})
        for piece in pieces:
            if piece.event in self._opened:
                continue  # another in the same name: the first is the one that counts
            self._opened[piece.event] = self._content(state, piece)
        for id_ in patients:
            if id_ not in state.charts:
                state.charts[id_] = self._chart(state, id_)

    def _content(self, state: FollowupState, piece: Piece) -> Opened:
        """Return an event's content, or what stands for it where it is gone or can't be read: somebody is told then."""
        key = self._keys.get(piece.key)
        if key is None:
            return SHUT
        if isinstance(key, Erased):
            return GONE
        try:
            opened: Opened = _READ[piece.about.kind](open_(key, piece.sealed, piece.about))
        except (NotOpened, msgspec.MsgspecError):
            # In which way is not said: it would quote content.
            logger.error("unreadable content", shard=state.shard, record=piece.event, kind=piece.about.kind)
            return SHUT
        return opened

    def _chart(self, state: FollowupState, id_: str) -> Chart | Gone | Shut:
        """Return a patient's chart, or what stands for one that is gone or can't be read."""
        key, sealed = self._keys.get(state.patients[id_].key), state.sealed.get(id_)
        if isinstance(key, Erased):
            return GONE
        if key is None:
            why = "its key is lost"
        elif sealed is None:
            why = "it is not in the live state"
        else:
            try:
                return _chart(open_(key, sealed, About(id_, "chart")))
            except (NotOpened, msgspec.MsgspecError):
                why = "it can't be opened and read"  # in which way is not said: it would quote content
        if id_ not in state.unreadable:
            logger.error("unreadable chart", shard=state.shard, patient=id_, why=why)
        return SHUT

    def _again(self, state: FollowupState) -> list[str]:
        """Return patients whose files could not be read and are to be looked at again, as if they had not been."""
        if time.monotonic() < self._look_again_at:
            return []
        self._look_again_at = time.monotonic() + self._looks_again_s
        self._given_up.clear()
        after = sorted(id_ for id_ in state.unreadable if id_ > self._looked_upto) or sorted(state.unreadable)
        some = after[:MOST_AGAIN]
        self._looked_upto = some[-1] if some else ""
        for id_ in some:
            if state.charts.get(id_) == SHUT:
                del state.charts[id_]
        return some

    def _fetch(self, state: FollowupState, ids: set[str]) -> None:
        """Have keys at hand, but for those that are given up for now; raise KeysLost while one is waited for."""
        held = {id_: self._keys.pop(id_) for id_ in ids if id_ in self._keys}
        self._keys |= held  # used last
        lacking = ids - held.keys() - self._given_up
        if not lacking:
            return
        if self._store is None:
            raise KeysAway("there is no key store: the worker has no home")
        try:
            self._keys |= self._store.look_many(lacking)
        except KeysLost as why:
            self._keys |= why.found
            self._miss(state, why)
        for id_ in lacking & self._keys.keys():
            self._missed.pop(id_, None)

    def _miss(self, state: FollowupState, why: KeysLost) -> None:
        """Give keys up for now, after a while; at once where the patient's row says that the file can't be read."""
        now = time.monotonic()
        known = {patient.key for id_ in state.unreadable if (patient := state.patients.get(id_)) is not None}
        for id_ in why.ids:
            since = self._missed.setdefault(id_, now)
            if id_ in known:
                self._given_up.add(id_)
            elif now - since >= self._lost_after_s:
                self._given_up.add(id_)
                logger.error("key lost", shard=state.shard, key=id_)
        if not self._given_up.issuperset(why.ids):
            raise why

    def _let_go(self, state: FollowupState, wanted: Sequence[str]) -> None:
        """Close the charts, and forget the keys, that have not been needed for longest."""
        for id_ in wanted:
            if id_ in state.charts:
                state.charts[id_] = state.charts.pop(id_)
        opens = sum(id_ not in state.charts for id_ in wanted)
        for id_ in list(state.charts)[: max(0, len(state.charts) + opens - max(self._most_charts, len(wanted)))]:
            del state.charts[id_]
        if len(self._keys) > self._most_keys:
            used = {patient.key for id_ in state.charts if (patient := state.patients.get(id_)) is not None}
            for key in [each for each in self._keys if each not in used][: len(self._keys) - self._most_keys]:
                del self._keys[key]

    # -- folding

    def fold(self, state: FollowupState, items: Sequence[Item]) -> Draft:
        """Return the draft of records that follow the state; it ends before one that lacks an open chart."""
        draft = fold(state, items, self._opened)
        self._lacks = draft.lacks
        return draft

    def absorb(self, state: FollowupState, draft: Draft) -> None:
        """Have the state become what the draft says, and forget the keys of patients who are gone."""
        over = [patient.key for id_ in draft.gone if (patient := state.patients.get(id_)) is not None]
        state.absorb(draft)
        for key in over:
            self._keys.pop(key, None)

    # -- sealing

    def written(self, draft: Draft, *, rebuilding: bool) -> Written:
        """Return what the draft is in the live state, content sealed."""

        def sealed(about: About, content: Chart | SlotContent) -> Sealed:
            patient = draft.patients.get(about.pseudonym)
            key = None if patient is None else self._keys.get(patient.key)
            if key is None or isinstance(key, Erased):
                raise KeyError("content of a patient whose key is not at hand")
            return seal(key, _pack(content), about)

        done = followup.packed(draft, sealed)
        draft.sealed = done.charts  # as they are stored they are held, too
        writes = followup.writes(draft, done, rebuilding=rebuilding)
        return Written(writes, followup.feed(draft, done, rebuilding=rebuilding), done.steps)

    def waits(self, state: FollowupState) -> bool:
        """Return whether reminders wait: thousands are due at nine, and a record runs some hundreds."""
        return state.next_due <= state.clock

    def measure(self, shard: str, state: FollowupState, measures: Measures, now: int) -> None:
        """Set how many patients the shard has, and how many charts of theirs are open in memory, both in tens.

        Anybody may read metrics: an exact count tells when one person comes or goes.
        """
        measures.patients.labels(shard).set(tens(len(state.patients)))
        measures.patients_unreadable.labels(shard).set(len(state.unreadable))
        measures.charts_open.labels(shard).set(tens(len(state.charts)))


def _pieces(state: FollowupState, items: Sequence[Item]) -> Iterable[Piece]:
    """Yield the content that records bring of patients that are known; that of others is refused unread.

    What is sealed with a key that is not the patient's own is never opened: whatever it is, it is not theirs.
    """
    keys: dict[str, str] = {}
    for item in items:
        event = item.event
        match event:
            case PatientEnrolled():
                keys.setdefault(event.patient, event.key)
                about, sealed = About(event.patient, "file"), event.file
            case FileChanged():
                about, sealed = About(event.patient, "file"), event.file
            case AnswersGiven():
                about, sealed = About(event.patient, "answers", event.slot), event.answers
            case RuleMuted():
                # One that is tried again has another id than it was sealed under.
                about, sealed = About(event.patient, "mute", event.retries or event.id), event.mute
            case _:
                continue
        known = state.patients.get(about.pseudonym)
        key = keys.get(about.pseudonym) if known is None else known.key
        if key is not None:
            yield Piece(event.id, about, sealed, key)


class Followed(View[FollowupState, Draft]):
    """A followup shard of this worker, as those see it who work beside it: its senders, its eraser."""

    alerts: Mapping[str, HeldAlert] = {}
    groups: Mapping[str, Group] = {}

    @property
    def patients(self) -> Mapping[str, Patient]:
        """Return the patients by pseudonym."""
        return self._shard.held.patients

    @property
    def due(self) -> Mapping[str, int]:
        """Return when something next happens by time alone (ms) to each patient, and to each message."""
        return self._shard.held.due

    @property
    def charts(self) -> Mapping[str, Sealed]:
        """Return the patients' charts by pseudonym, sealed as they are stored."""
        return self._shard.held.sealed

    @property
    def pathways(self) -> Mapping[str, Pathway]:
        """Return the pathways by `<id>/<version>`, as published."""
        return self._shard.held.pathways
