"""Sends the signed summary of each follow-up that is over to the mailboxes of its physicians, and says that it did."""

import asyncio
import hmac
import random
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec
import structlog

from domain.events import SummaryGiven
from domain.followup.chart import Chart, SlotContent
from domain.followup.holding import Line, members
from domain.followup.patient import MemberRole, Patient
from domain.followup.sealed import About, Sealed
from event_log.log import LogAway, UnknownTopic
from event_log.topics import region_of
from live_state import followup
from live_state.state import State, StateAway
from people.directory import People
from people.keys import Erased, Keys, KeysAway
from people.sealing import Key, NotOpened, open_
from people.signing import NoSigning, Signing
from people.trail import Act, Entry, Trail, TrailAway, who_of
from streams.erasing import FollowupView
from streams.measures import Measures, tens
from streams.notify.channel import Refused, TryAgain
from streams.summary.content import Told
from streams.summary.document import document

LOOKS_EVERY_S = 2.0
FIRST_WAIT_MS, LONGEST_WAIT_MS = 60_000, 6 * 3_600_000
TELLS_AFTER_MS = 3_600_000  # a server that is away for a moment is nobody's business
ALERT_WAITED_FOR_MS = (
    72 * 3_600_000
)  # what came of an open alert belongs into the summary, for as long as it can be had
DAY_MS = 86_400_000
TOLD_AGAIN_MS = 60_000
NAMES: Final = uuid.UUID("0b1b5c4e-8f0a-5d53-8a5f-6f6d7b0e4a53")  # of the ids of what we tell
PURPOSE: Final = b"vigilits summary"
READERS: tuple[MemberRole, ...] = ("physician", "coordinator")
SUBJECT = "Compte rendu de suivi à domicile"
BODY = """Bonjour,

Vous trouverez ci-joint le compte rendu du suivi à domicile, désormais terminé, de l’un de vos patients :
- compte-rendu.pdf, signé (PAdES), à lire et à classer ;
- compte-rendu.fhir.json, le même contenu pour votre logiciel (document FHIR R4), et sa signature (.jws).

Merci d’en confirmer la réception sur la page du patient dans vigilits{where}. Les données du suivi y sont alors
effacées ; sans confirmation, elles le sont au terme du délai prévu par le parcours.

Les scores et les couleurs aident un clinicien à décider ; vigilits n’est pas un dispositif médical certifié.
Message automatique ; ne pas répondre.
"""

_chart = msgspec.msgpack.Decoder(Chart).decode
_slot = msgspec.msgpack.Decoder(SlotContent).decode
_note = msgspec.msgpack.Decoder(str).decode

logger = structlog.get_logger("streams.summary")


class Mailbox(Protocol):
    """What takes a message to mailboxes: the channel `mssante`."""

    @property
    def sender(self) -> str:
        """Return the address that messages come from."""
        ...

    def reachable(self, addresses: Sequence[str]) -> list[str]:
        """Return those that may be written to; raise Refused where none is."""
        ...

    async def deliver(self, message: EmailMessage, to: Sequence[str]) -> str:
        """Return the server's word for having queued a message; raise TryAgain or Refused."""
        ...


class NotGiven(Exception):
    """Why a summary can't be handed over now: a few words for a metric, with nothing of the content."""

    def __init__(self, reason: str, *, lasts: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.lasts = reason, lasts


@dataclass(slots=True)
class _Failing:
    since: int
    failures: int = 0
    next_at: int = 0
    told_on: int = -1


class Summaries:
    """Works beside one followup shard: one summary at a time, each until a mailbox took it.

    What is sent twice, because we were killed before it was told, has the same Message-ID and the same document.
    """

    def __init__(
        self,
        view: FollowupView,
        state: State,
        keys: Keys,
        trail: Trail,
        people: People,
        home: Path,
        mailbox: Mailbox | None,
        now: Callable[[], int],
        measures: Measures,
        *,
        public_url: str = "",
    ) -> None:
        self._view, self._state, self._keys, self._trail, self._people = view, state, keys, trail, people
        self._home, self._mailbox, self._now, self._measures = home, mailbox, now, measures
        self._base = public_url.rstrip("/")
        self._signing: Signing | None = None
        self._failing: dict[str, _Failing] = {}
        self._told: dict[str, int] = {}

    async def run(self, every_s: float = LOOKS_EVERY_S) -> None:
        """Send what is due, until cancelled; what can't be sent now is tried again, at longer and longer distances."""
        while True:
            try:
                if self._view.ready:
                    await self.send_due()
            except (LogAway, UnknownTopic) as why:
                logger.debug("not told", shard=self._view.shard, why=str(why))
            await asyncio.sleep(every_s)

    async def send_due(self) -> int:
        """Return how many summaries were handed over and told of."""
        due, sent = self.due(), 0
        known = {patient.id for patient in due}
        self._measures.summaries_waiting.labels(self._view.shard).set(tens(len(due)))
        self._failing = {id_: each for id_, each in self._failing.items() if id_ in known}
        self._told = {id_: at for id_, at in self._told.items() if id_ in known}
        for patient in due:
            failing, now = self._failing.get(patient.id), self._now()
            if (failing is not None and now < failing.next_at) or now - self._told.get(patient.id, 0) < TOLD_AGAIN_MS:
                continue
            try:
                if await self._give(patient.id):
                    self._told[patient.id] = self._now()
                    self._failing.pop(patient.id, None)
                    sent += 1
            except NotGiven as why:
                await self._failed(patient.id, why)
                if not why.lasts:
                    break  # it will hardly be another's luck: a server that is away is asked once a look
        return sent

    def due(self) -> list[Patient]:
        """Return whose summary is due, the first who was over first; an open alert is waited for, as long as it may."""
        clock = self._view.clock
        found = [
            (patient.over_at or 0, patient)
            for patient in self._view.patients.values()
            if patient.summary == "due"
            and (patient.alert is None or clock - (patient.over_at or 0) >= ALERT_WAITED_FOR_MS)
        ]
        return [patient for _, patient in sorted(found, key=lambda pair: pair[0])]

    async def _failed(self, patient: str, why: NotGiven) -> None:
        """Note a failure, and have the circle told: at once where it lasts by itself, else when it has lasted."""
        now = self._now()
        failing = self._failing.setdefault(patient, _Failing(now))
        wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** min(failing.failures, 16))
        failing.failures += 1
        failing.next_at = now + round(wait_ms * random.uniform(0.5, 1.0))
        self._measures.summaries_failed.labels(self._view.shard, why.reason).inc()
        logger.warning("summary not sent", shard=self._view.shard, reason=why.reason, tries=failing.failures)
        if (why.lasts or now - failing.since >= TELLS_AFTER_MS) and failing.told_on != now // DAY_MS:
            await self._view.append(given(self._view.shard, patient, "failed", now))
            failing.told_on = now // DAY_MS

    # -- one summary

    async def _give(self, id_: str) -> bool:
        """Return whether it was handed over and told; not, where the live state does not know yet that it is due."""
        if self._mailbox is None:
            raise NotGiven("no mailbox is set up")
        read = await self._read(id_)
        if read is None:
            return False
        patient, chart, slots, story = read
        readers = members(patient, READERS)
        if not readers:
            raise NotGiven("no physician in the circle")
        try:
            to = self._mailbox.reachable(await asyncio.to_thread(self._addresses, readers))
            now = self._now()
            await asyncio.to_thread(self._record, patient, readers, now)  # first: what is not written is not sent
            message = await asyncio.to_thread(self._message, patient, chart, slots, story, to, now)
            if message is None:
                return False
            await self._mailbox.deliver(message, to)
        except Refused as why:
            raise NotGiven(why.reason) from None
        except TryAgain as why:
            raise NotGiven(why.reason, lasts=False) from None
        except KeysAway:
            raise NotGiven("key store away", lasts=False) from None
        except TrailAway:
            raise NotGiven("access trail away", lasts=False) from None
        except NoSigning:
            raise NotGiven("no signing key") from None
        except sqlite3.Error:
            raise NotGiven("directory away", lasts=False) from None
        await self._view.append(given(self._view.shard, id_, "sent", self._now()))
        logger.info("summary sent", shard=self._view.shard, mailboxes=len(to))
        return True

    async def _read(self, id_: str) -> tuple[Patient, Sealed, dict[str, Sealed], list[Line]] | None:
        """Return a patient as the live state has them, all of one moment; None where it does not have them due."""
        try:
            build = await self._state.current(self._view.shard)
            if build is None:
                return None
            for _ in range(3):
                before = await self._state.position(build)
                row, chart = [(await self._state.fields(build, name, [id_]))[0] for name in ("patients", "charts")]
                loaded = await self._state.load(build, [f"slots:{id_}", f"story:{id_}"])
                if loaded is not None and loaded[0] == before:
                    break
            else:
                return None
        except StateAway:
            raise NotGiven("live state away", lasts=False) from None
        if row is None or chart is None or (patient := followup.read_patient(row)).summary != "due":
            return None
        held = loaded[1]
        slots = {slot: followup.read_sealed(each) for slot, each in held.get(f"slots:{id_}", {}).items()}
        lines = sorted(held.get(f"story:{id_}", {}).items())
        return patient, followup.read_sealed(chart), slots, [followup.read_line(line) for _, line in lines]

    def _addresses(self, readers: list[str]) -> list[str]:
        return [address for subject in readers for address in self._people.addresses(subject, "mssante")]

    def _record(self, patient: Patient, readers: list[str], now: int) -> None:
        roles = {member.subject: member.role for member in patient.circle}
        region = region_of(self._view.shard)
        who = [(who_of(subject), f"circle:{roles[subject]}@{region}") for subject in readers]
        self._trail.write(*(Entry(now, name, grant, Act.EXPORT, patient.id, "summary") for name, grant in who))

    def _message(
        self, patient: Patient, chart: Sealed, slots: Mapping[str, Sealed], story: list[Line], to: list[str], now: int
    ) -> EmailMessage | None:
        """Return the message, None where the key is destroyed by now."""
        key = self._keys.look(patient.key)
        if isinstance(key, Erased):
            return None
        self._signing = self._signing or Signing(self._home)
        pathway = self._view.pathways.get(patient.pathway)
        if pathway is None:
            raise NotGiven("unknown pathway")
        known = self._people.names(region_of(self._view.shard))
        try:
            told = Told(
                patient=patient,
                pathway=pathway,
                file=_chart(open_(key, chart, About(patient.id, "chart"))).file,
                slots=_opened(key, patient.id, slots),
                story=[(line, _text(key, patient.id, line)) for line in story],
                names={subject: person.name for subject, person in known.items()},
                region=region_of(self._view.shard),
                made_at=now,
                seed=hmac.digest(key.secret, PURPOSE, "sha256"),
            )
            return self._composed(told, to, self._signing)
        except (NotOpened, msgspec.MsgspecError):
            raise NotGiven("content can't be opened") from None
        except Exception as error:  # noqa: BLE001 - its words could hold content, which a log line must not
            raise NotGiven(f"not made: {type(error).__name__}") from None

    def _composed(self, told: Told, to: list[str], signing: Signing) -> EmailMessage:
        # What sets and signs pages takes a second to load: at the first summary, not at each start of a worker.
        from streams.summary.pdf import signed_page

        assert self._mailbox is not None
        sender = self._mailbox.sender
        content = document(told)
        message = EmailMessage()
        message["From"] = Address("vigilits", addr_spec=sender)
        message["To"] = [Address(addr_spec=address) for address in to]
        message["Subject"] = SUBJECT  # a list of messages is read over shoulders: no name, no pathway
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = f"<{told.seed[:16].hex()}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        where = f" ({self._base}/patients)" if self._base else ""
        message.set_content(BODY.format(where=where), cte="quoted-printable")
        message["Content-Language"] = "fr"
        attached = (
            (signed_page(told, signing), "application/pdf", "compte-rendu.pdf"),
            (content, "application/fhir+json", "compte-rendu.fhir.json"),
            (signing.jws(content).encode(), "application/jose", "compte-rendu.fhir.json.jws"),
        )
        for payload, kind, name in attached:
            main, _, sub = kind.partition("/")
            message.add_attachment(payload, maintype=main, subtype=sub, filename=name)
        return message


def _opened(key: Key, patient: str, slots: Mapping[str, Sealed]) -> dict[str, SlotContent]:
    return {slot: _slot(open_(key, sealed, About(patient, "slot", slot))) for slot, sealed in slots.items()}


def _text(key: Key, patient: str, line: Line) -> str:
    return "" if line.text is None else _note(open_(key, line.text, About(patient, "note", line.id)))


def given(shard: str, patient: str, what: Literal["sent", "failed"], now: int) -> SummaryGiven:
    """Return what the log is told of a summary: the same event however often; a failure once a day."""
    day = f"/{now // DAY_MS}" if what == "failed" else ""
    id_ = str(uuid.uuid5(NAMES, f"{patient}/{what}{day}"))
    return SummaryGiven(id=id_, received_at=now, region=region_of(shard), patient=patient, what=what)
