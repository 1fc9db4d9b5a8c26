"""Notices as they are sent: addressed and written, to people of the directory or to patients."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from domain.alerts.notice import NO_ADDRESS, Notice
from domain.followup.chart import Chart, File
from domain.followup.patient import Patient
from domain.followup.sealed import About, Sealed
from event_log.topics import region_of
from people.directory import People
from people.keys import Erased, KeysAway, KeysLost
from people.patient_links import LinksAway, Wanted
from people.sealing import Key, NotOpened, open_
from people.stores import Stores
from streams.notices import NoticesView
from streams.notify.channel import PATIENT, RECEIVER, Language, Letter, Refused, TryAgain, key_of

LINK_MS = 24 * 3600 * 1000  # from when a notice was made on its link marks it seen
LATE_MS = 60_000
PUSH = "push"
UNLINKED = ("resolved", "word")  # there is nothing to see to, or nobody need answer

_chart = msgspec.msgpack.Decoder(Chart).decode


T = TypeVar("T")

Written = Letter | Exception  # a letter, or why there is none


class Letters(Protocol):
    """Writes letters; its methods block."""

    def compose(self, notices: Sequence[Notice]) -> list[Written]:
        """Return each notice as it is sent now, in its reader's language, or why it can't be.

        Refused and TryAgain say so; sqlite3.Error or OSError that the store that it is addressed from is away.
        """
        ...

    def forget_links(self, now: int) -> None:
        """Keep no more links than can still be opened."""
        ...


class ToPeople:
    """Letters to people of the directory, and to receivers of webhooks."""

    def __init__(self, view: NoticesView, people: People, now: Callable[[], int], *, public_url: str = "") -> None:
        self._view, self._people, self._now, self._base = view, people, now, public_url.rstrip("/")

    def compose(self, notices: Sequence[Notice]) -> list[Written]:
        """Return each notice as it is sent now, or why it can't be."""
        return [_tried(self._composed, notice) for notice in notices]

    def _composed(self, notice: Notice) -> Letter:
        people, now = self._people, self._now()
        receiver = notice.person.removeprefix(RECEIVER) if notice.person.startswith(RECEIVER) else ""
        webhook = people.webhook(receiver) if receiver else None
        subscriptions = tuple(people.subscriptions(notice.person)) if notice.channel == PUSH else ()
        to = () if receiver or subscriptions else tuple(people.addresses(notice.person, notice.channel))
        if not webhook and not subscriptions and not to:
            raise Refused(NO_ADDRESS)
        person, region = people.person(notice.person), region_of(self._view.shard)
        language: Language = "en" if person and person.language == "en" else "fr"
        wants_link = not receiver and notice.reason not in UNLINKED
        expires_at = notice.made_at + LINK_MS  # of the notice alone: sent again, it has the same link
        held = (self._view.alerts.get(alert) for alert in notice.alerts) if receiver else ()
        late_ms = now - notice.due_at
        return Letter(
            notice=notice,
            key=key_of(notice.id),
            region=region,
            language=language,
            late_min=late_ms // 60_000 if late_ms > LATE_MS else 0,
            ttl_s=max(0, notice.give_up_at - now) // 1000,
            base=self._base,
            seen=people.link(region, notice.group, notice.person, expires_at) if wants_link else "",
            to=to,
            subscriptions=subscriptions,
            webhook=webhook,
            group=self._view.groups.get(notice.group),
            alerts=tuple(alert for alert in held if alert is not None),
        )

    def forget_links(self, now: int) -> None:
        """Keep no more links than can still be opened."""
        self._people.forget_links(now)


class PatientsView(Protocol):
    """One followup shard while this worker has it, as those see it who write to its patients."""

    @property
    def shard(self) -> str:
        """Return the shard's name, such as `followup:occitanie:0`."""
        ...

    @property
    def patients(self) -> Mapping[str, Patient]:
        """Return the patients by pseudonym, as folded."""
        ...

    @property
    def charts(self) -> Mapping[str, Sealed]:
        """Return the patients' charts by pseudonym, sealed as they are stored."""
        ...


class Addressed(NamedTuple):
    """A letter to a patient that lacks the link which it is to bring, or without one the code that they asked for."""

    letter: Letter
    link: Wanted | None


class ToPatients:
    """Letters to patients: the address is in the sealed file, the link and the code are derived when they are sent."""

    def __init__(self, view: PatientsView, stores: Stores, now: Callable[[], int], *, public_url: str = "") -> None:
        self._view, self._stores, self._now, self._base = view, stores, now, public_url.rstrip("/")

    def compose(self, notices: Sequence[Notice]) -> list[Written]:
        """Return each notice as it is sent now, or why it can't be; the stores are asked once for all of them."""
        try:
            keys = self._keys(notices)
            return list(self._linked([_tried(partial(self._addressed, keys), notice) for notice in notices]))
        except (KeysAway, LinksAway) as why:
            return [TryAgain("key store away" if isinstance(why, KeysAway) else "links away")] * len(notices)

    def _keys(self, notices: Sequence[Notice]) -> Mapping[str, Key | Erased]:
        """Return the keys of those whom notices are to, without those that are lost."""
        patients = (self._view.patients.get(_patient(notice)) for notice in notices)
        ids = {patient.key for patient in patients if patient is not None}
        try:
            return self._stores.keys().look_many(ids)
        except KeysLost as why:  # of one that is tried again everybody else's letters by this channel were held up
            return why.found

    def _addressed(self, keys: Mapping[str, Key | Erased], notice: Notice) -> Addressed:
        """Return a notice but for its link or code; raise Refused where nobody can be reached."""
        id_, region, is_code = _patient(notice), region_of(self._view.shard), notice.reason == "code"
        patient, file = self._file(keys, id_)
        to = addresses(file, notice.channel)
        if not to:
            raise Refused(NO_ADDRESS)
        if not is_code and not self._base:
            raise Refused("no PUBLIC_URL")
        letter = Letter(
            notice=notice,
            key=key_of(notice.id),
            region=region,
            language="en" if file.language == "en" else "fr",
            ttl_s=max(0, notice.give_up_at - self._now()) // 1000,
            base=self._base,
            to=to,
        )
        link = None if is_code else Wanted(region, id_, _about(notice)[0], notice.give_up_at, patient.links)
        return Addressed(letter, link)

    def _file(self, keys: Mapping[str, Key | Erased], id_: str) -> tuple[Patient, File]:
        patient, sealed = self._view.patients.get(id_), self._view.charts.get(id_)
        if patient is None or sealed is None:
            raise Refused("unknown patient")
        key = keys.get(patient.key)
        if key is None:
            raise Refused("the patient's key is lost")
        if isinstance(key, Erased):
            raise Refused("erased")
        try:
            return patient, _chart(open_(key, sealed, About(id_, "chart"))).file
        except (NotOpened, msgspec.MsgspecError):
            raise Refused("chart can't be opened") from None  # its words would quote content

    def _linked(self, found: Sequence[Addressed | Exception]) -> Iterator[Written]:
        """Yield the letters with the link or the code in each; raise KeysAway or LinksAway."""
        links = self._stores.links()
        wanted = [each.link for each in found if isinstance(each, Addressed) and each.link is not None]
        secrets = iter(links.link_many(wanted, self._now()))
        for each in found:
            match each:
                case Addressed(letter, None):
                    yield replace(letter, code=links.code(_patient(letter.notice), _about(letter.notice)[1]))
                case Addressed(letter):
                    yield replace(letter, answer=next(secrets))
                case _:
                    yield each

    def forget_links(self, now: int) -> None:
        """Keep no more links and codes than need be known."""
        try:
            self._stores.links().forget(now)
        except LinksAway as why:
            raise OSError("links away") from why


def addresses(file: File, channel: str) -> tuple[str, ...]:
    """Return where a patient is written to by a channel; without an address of their own, their first caregiver's."""
    for contact in (file.contact, *(caregiver.contact for caregiver in file.caregivers)):
        address = {"sms": contact.phone, "smtp": contact.email}.get(channel, "")
        if address:
            return (address,)
    return ()


def _tried(compose: Callable[[Notice], T], notice: Notice) -> T | Exception:
    """Return a notice composed, or what was in the way: one that can't be written stops no other."""
    try:
        return compose(notice)
    except Exception as why:  # noqa: BLE001 - whoever sends judges it
        return why


def _patient(notice: Notice) -> str:
    """Return whom a notice to a patient is to."""
    return notice.person.removeprefix(PATIENT)


def _about(notice: Notice) -> tuple[str, str]:
    """Return a message's slot and step, or in the step's place the event that asked for a code: the rest of its id."""
    slot, _, step = notice.id.removeprefix(f"{_patient(notice)}/").rpartition("/")[0].partition("/")
    return slot, step
