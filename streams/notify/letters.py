"""Notices as they are sent: addressed and written, to people of the directory or to patients."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from domain.alerts.notice import NO_ADDRESS, Notice
from domain.followup.chart import Chart, File
from domain.followup.patient import Patient
from domain.followup.sealed import About, Sealed
from event_log.topics import region_of
from people.directory import People
from people.keys import Erased, KeysAway, KeysLost
from people.patient_links import LinksAway
from people.sealing import NotOpened, open_
from people.stores import Stores
from streams.notices import NoticesView
from streams.notify.channel import PATIENT, RECEIVER, Language, Letter, Refused, TryAgain, key_of

LINK_MS = 24 * 3600 * 1000  # from when a notice was made on its link marks it seen
LATE_MS = 60_000
PUSH = "push"
UNLINKED = ("resolved", "word")  # there is nothing to see to, or nobody need answer

_chart = msgspec.msgpack.Decoder(Chart).decode


class Letters(Protocol):
    """Writes letters; its methods block."""

    def compose(self, notice: Notice) -> Letter:
        """Return a notice as it is sent now, in its reader's language; raise Refused, or TryAgain, where it can't be.

        Raise sqlite3.Error or OSError while the store that it is addressed from is away.
        """
        ...

    def forget_links(self, now: int) -> None:
        """Keep no more links than can still be opened."""
        ...


class ToPeople:
    """Letters to people of the directory, and to receivers of webhooks."""

    def __init__(self, view: NoticesView, people: People, now: Callable[[], int], *, public_url: str = "") -> None:
        self._view, self._people, self._now, self._base = view, people, now, public_url.rstrip("/")

    def compose(self, notice: Notice) -> Letter:
        """Return a notice as it is sent now; raise Refused where there is no address."""
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


class ToPatients:
    """Letters to patients: the address is in the sealed file, the link and the code are derived when they are sent."""

    def __init__(self, view: PatientsView, stores: Stores, now: Callable[[], int], *, public_url: str = "") -> None:
        self._view, self._stores, self._now, self._base = view, stores, now, public_url.rstrip("/")

    def compose(self, notice: Notice) -> Letter:
        """Return a notice as it is sent now; raise Refused where nobody can be reached, TryAgain without the stores."""
        try:
            return self._compose(notice)
        except (KeysAway, LinksAway) as why:
            raise TryAgain("key store away" if isinstance(why, KeysAway) else "links away") from why

    def _compose(self, notice: Notice) -> Letter:
        id_, region = notice.person.removeprefix(PATIENT), region_of(self._view.shard)
        patient, file = self._file(id_)
        to = addresses(file, notice.channel)
        if not to:
            raise Refused(NO_ADDRESS)
        # The rest of a message's id is its slot and step, or the event that asked for a code.
        slot, _, step = notice.id.removeprefix(f"{id_}/").rpartition("/")[0].partition("/")
        links, is_code = self._stores.links(), notice.reason == "code"
        if not is_code and not self._base:
            raise Refused("no PUBLIC_URL")
        return Letter(
            notice=notice,
            key=key_of(notice.id),
            region=region,
            language="en" if file.language == "en" else "fr",
            ttl_s=max(0, notice.give_up_at - self._now()) // 1000,
            base=self._base,
            answer="" if is_code else links.link(region, id_, slot, notice.give_up_at, self._now(), patient.links),
            code=links.code(id_, step) if is_code else "",
            to=to,
        )

    def _file(self, id_: str) -> tuple[Patient, File]:
        patient, sealed = self._view.patients.get(id_), self._view.charts.get(id_)
        if patient is None or sealed is None:
            raise Refused("unknown patient")
        try:
            key = self._stores.keys().look(patient.key)
        except KeysLost:  # tried again, it would hold up everybody else's letters by this channel
            raise Refused("the patient's key is lost") from None
        if isinstance(key, Erased):
            raise Refused("erased")
        try:
            return patient, _chart(open_(key, sealed, About(id_, "chart"))).file
        except (NotOpened, msgspec.MsgspecError):
            raise Refused("chart can't be opened") from None  # its words would quote content

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
