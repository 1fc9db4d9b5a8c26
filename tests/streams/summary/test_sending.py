"""The summary on its way: recorded first, taken by the physician's mailbox, told on the log; and what it waits for."""

import email
import email.policy
import json
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from joserfc.jwk import ECKey
from msgspec.structs import replace
from structlog.testing import LogCapture

from domain.events import Event, SummaryGiven
from domain.followup.chart import Chart
from domain.followup.patient import Member, Patient, PatientAlert
from domain.followup.sealed import About
from event_log.log import LogAway
from live_state.hashes import hash_commands, pack
from live_state.memory import MemoryState
from live_state.state import Commit, Position
from people import trail as trails
from people.directory import Contact, People
from people.keys import Keys, pseudonym
from people.masters import FILE as MASTERS
from people.masters import FileMasters
from people.sealing import Key, seal
from people.signing import FILE as SIGNING
from people.signing import Signing
from people.trail import Act, Trail
from streams.measures import Measures
from streams.notify.smtp import Relay, Smtp
from streams.summary.sending import ALERT_WAITED_FOR_MS, DAY_MS, TELLS_AFTER_MS, TOLD_AGAIN_MS, Summaries
from tests.people.test_signing import verified
from tests.streams.notify.peers import MailServer
from tests.streams.summary.small_followup import COVID, FILE, OVER, PATIENT, SLOTS, STORY

SHARD = "followup:occitanie:0"
MARTIN = Contact("martin", "Dr Élodie Martin", addresses={"mssante": ("e.martin@medecin.mssante.fr",)})


class Followed:
    """A followup shard, folded and kept: one patient whose summary is due."""

    shard, ready, clock = SHARD, True, OVER

    def __init__(self, home: Path) -> None:
        self.pathways = {"medical-covid/1": COVID}
        self.keys = Keys(home, FileMasters(home / MASTERS), busy_within_s=0.05)
        self.trail, self.people, self.state = Trail(home), People(home), MemoryState()
        name = pseudonym()
        self.patient = replace(PATIENT, id=name, key=self.keys.create(name))
        self.patients: dict[str, Patient] = {name: self.patient}
        self.log: list[Event] = []
        self.away = False
        self._offset = -1

    async def append(self, event: Event) -> None:
        """Return once the event is on the log."""
        if self.away:
            raise LogAway("away")
        self.log.append(event)

    def told(self) -> list[str]:
        """Return what was told of the summary."""
        return [event.what for event in self.log if isinstance(event, SummaryGiven)]

    async def keep(self, patient: Patient) -> None:
        """Have the live state hold the patient so."""
        key = self.keys.look(self.patient.key)
        assert isinstance(key, Key)

        def sealed(kind: str, slot: str, content: object) -> bytes:
            return pack(seal(key, msgspec.msgpack.encode(content), About(patient.id, kind, slot)))

        story = {
            f"{line.at:013}/{line.id}/{line.what}": pack(
                replace(line, text=seal(key, msgspec.msgpack.encode(text), About(patient.id, "note", line.id)))
                if text
                else line
            )
            for line, text in STORY
        }
        writes: list[Any] = [
            *hash_commands("patients", {patient.id: pack(patient)}),
            *hash_commands("charts", {patient.id: sealed("chart", "", Chart(FILE))}),
            *hash_commands(f"slots:{patient.id}", {name: sealed("slot", name, slot) for name, slot in SLOTS.items()}),
            *hash_commands(f"story:{patient.id}", story),
        ]
        build = await self.state.current(SHARD) or await self.state.begin(SHARD, "e1", 1, None)
        assert build is not None
        at = await self.state.position(build)
        assert at is not None
        assert await self.state.commit(build, Commit(at, Position(at.epoch, at.offset + 1, 1), writes, b""))
        self.patient = self.patients[patient.id] = patient


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """Return the server of the mailboxes."""
    it = MailServer()
    async with it.serving():
        yield it


@pytest.fixture
async def view(tmp_path: Path) -> Followed:
    """Return a shard with a patient whose summary is due."""
    it = Followed(tmp_path)
    it.people.import_contacts("occitanie", [MARTIN])
    await it.keep(it.patient)
    return it


class Now:
    """The time, as a test has it."""

    def __init__(self) -> None:
        self.at = OVER + 1_000

    def __call__(self) -> int:
        """Return it."""
        return self.at


@pytest.fixture
def now() -> Now:
    """Return a clock that stands."""
    return Now()


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """Return what is logged, whole."""
    seen = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[seen], wrapper_class=structlog.BoundLogger)
    yield seen.entries
    structlog.configure(**before)


def summaries(view: Followed, home: Path, now: Now, server: MailServer | None) -> Summaries:
    """Return what sends, by a server's mailboxes."""
    mailbox = None
    if server is not None:
        relay = Relay(
            host="127.0.0.1",
            port=server.port,
            sender="vigilits@ars.mssante.fr",
            tls=False,
            starttls=False,
            domains=("mssante.fr",),
            within_s=5.0,
        )
        mailbox = Smtp("mssante", relay, sealed=True)
    return Summaries(
        view,
        view.state,
        view.keys,
        view.trail,
        view.people,
        home,
        mailbox,
        now,
        Measures(),
        public_url="https://lits.example.fr/",
    )


def parsed(content: bytes) -> EmailMessage:
    """Return a message as a mail program reads it."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


async def test_the_physician_gets_page_document_and_signature_and_the_log_is_told(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    assert await summaries(view, tmp_path, now, server).send_due() == 1
    (mail,) = server.taken
    assert mail.to == ["e.martin@medecin.mssante.fr"]
    message = parsed(mail.content)
    parts = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_attachments()}
    assert set(parts) == {"compte-rendu.pdf", "compte-rendu.fhir.json", "compte-rendu.fhir.json.jws"}
    page, document, signature = parts.values()
    assert isinstance(document, bytes)
    assert isinstance(page, bytes)
    assert isinstance(signature, bytes)
    assert page.startswith(b"%PDF")
    assert json.loads(document)["entry"][1]["resource"]["name"][0]["family"] == FILE.birth_name
    assert len(
        [each for each in json.loads(document)["entry"] if each["resource"]["resourceType"] == "QuestionnaireResponse"]
    ) == len(SLOTS)
    assert "SAMU appelé ; O₂" in json.dumps(json.loads(document), ensure_ascii=False)
    told = Signing(tmp_path).public()
    assert verified(
        signature.decode(), document, ECKey.import_key({name: told[name] for name in ("kty", "crv", "x", "y")})
    )
    assert view.told() == ["sent"]


async def test_what_is_seen_of_the_message_itself_names_nobody(
    view: Followed, tmp_path: Path, now: Now, server: MailServer, lines: list[Any]
) -> None:
    """Subject and text are shown in lists and on locked screens; a pseudonym would lead from the name to the log."""
    await summaries(view, tmp_path, now, server).send_due()
    assert lines
    message = parsed(server.taken[0].content)
    body = message.get_body()
    assert body is not None
    shown = " ".join([message["Subject"], body.get_content(), str(lines)])
    for word in ("Canary", "Zoé", "COVID", "Açaï", view.patient.id, "martin@"):
        assert word not in shown
    assert view.patient.id.encode() not in server.taken[0].content
    assert "https://lits.example.fr/patients" in shown


async def test_the_trail_has_it_before_and_without_the_trail_nothing_goes(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    (tmp_path / trails.FILE).rename(tmp_path / "away")
    assert await summaries(view, tmp_path, now, server).send_due() == 0
    assert not server.taken
    (tmp_path / "away").rename(tmp_path / trails.FILE)
    assert await summaries(view, tmp_path, now, server).send_due() == 1
    [written] = view.trail.of_file(view.patient.id)
    entry = written.entry
    assert (entry.who, entry.act, entry.grant) == ("martin", Act.EXPORT, "circle:physician@occitanie")


async def test_killed_before_it_was_told_it_is_sent_again_as_the_same_message(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    view.away = True
    with pytest.raises(LogAway):
        await summaries(view, tmp_path, now, server).send_due()
    view.away = False
    await summaries(view, tmp_path, now, server).send_due()
    first, second = (parsed(mail.content) for mail in server.taken)
    assert first["Message-ID"] == second["Message-ID"]
    assert view.told() == ["sent"]


async def test_it_is_sent_once_while_the_word_of_it_is_on_its_way(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    sending = summaries(view, tmp_path, now, server)
    assert [await sending.send_due(), await sending.send_due()] == [1, 0]
    now.at += TOLD_AGAIN_MS
    await view.keep(replace(view.patient, summary="sent"))
    assert await sending.send_due() == 0
    assert len(server.taken) == 1


async def test_a_server_that_is_away_is_tried_again_and_the_circle_told_when_it_lasts(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    server.after_data = ["451 busy"] * 20
    sending = summaries(view, tmp_path, now, server)
    await sending.send_due()
    assert (view.told(), server.connections) == ([], 1)
    await sending.send_due()
    assert server.connections == 1  # not before its time
    for _ in range(8):
        now.at += TELLS_AFTER_MS // 2
        await sending.send_due()
    assert view.told() == ["failed"]  # once a day
    assert server.connections < 9
    server.after_data = []
    now.at += DAY_MS
    await sending.send_due()
    assert view.told() == ["failed", "sent"]


async def test_a_server_that_is_away_is_asked_once_a_look_whoever_waits(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    for number in range(3):
        view.patients[f"other-{number}"] = replace(view.patient, id=f"other-{number}", over_at=OVER + 1)
    server.after_data = ["451 busy"]
    sending = summaries(view, tmp_path, now, server)
    await sending.send_due()
    assert server.connections == 1
    await sending.send_due()  # the others are not known to the live state: it is only looked whether they are
    assert server.connections == 1
    now.at += TELLS_AFTER_MS
    assert await sending.send_due() == 1


@pytest.mark.parametrize("why", ["no address", "another domain", "no physician", "no mailbox"])
async def test_what_lasts_by_itself_is_told_at_once(
    view: Followed, tmp_path: Path, now: Now, server: MailServer, why: str
) -> None:
    if why == "no address":
        view.people.import_contacts("occitanie", [])
    elif why == "another domain":
        view.people.import_contacts("occitanie", [Contact("martin", "Canary", addresses={"mssante": ("m@mail.fr",)})])
    elif why == "no physician":
        await view.keep(replace(view.patient, circle=(Member("martin", "nurse"),)))
    await summaries(view, tmp_path, now, None if why == "no mailbox" else server).send_due()
    assert view.told() == ["failed"]
    assert not server.taken
    assert not view.trail.of_file(view.patient.id)


async def test_an_open_alert_is_waited_for_but_not_for_ever(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    alert = PatientAlert(id="a2", colour="red", status="firing", opened_at=OVER - 1, slot="14-0900")
    await view.keep(replace(view.patient, alert=alert))
    sending = summaries(view, tmp_path, now, server)
    assert await sending.send_due() == 0
    view.clock = OVER + ALERT_WAITED_FOR_MS
    assert await sending.send_due() == 1


async def test_what_the_live_state_does_not_know_yet_is_not_sent(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    """What is folded may be one commit ahead: a summary made then would lack the end."""
    await view.keep(replace(view.patient, summary=""))
    view.patients[view.patient.id] = replace(view.patient, summary="due")
    assert await summaries(view, tmp_path, now, server).send_due() == 0
    assert (view.log, server.taken) == ([], [])


async def test_of_who_is_erased_nothing_is_sent_and_nothing_said(
    view: Followed, tmp_path: Path, now: Now, server: MailServer
) -> None:
    view.keys.destroy(view.patient.key, now.at)
    assert await summaries(view, tmp_path, now, server).send_due() == 0
    assert (view.log, server.taken) == ([], [])


async def test_a_key_that_signs_nothing_is_named_and_nothing_sent_unsigned(
    view: Followed, tmp_path: Path, now: Now, server: MailServer, lines: list[Any]
) -> None:
    (tmp_path / SIGNING).write_text("no key")
    assert await summaries(view, tmp_path, now, server).send_due() == 0
    assert lines[0]["reason"] == "no signing key"
    assert not server.taken


async def test_content_that_does_not_open_is_named_without_a_word_of_it(
    view: Followed, tmp_path: Path, now: Now, server: MailServer, lines: list[Any]
) -> None:
    other = pseudonym()
    await view.keep(replace(view.patient, key=view.keys.create(other)))
    assert await summaries(view, tmp_path, now, server).send_due() == 0
    assert lines[0]["reason"] == "content can't be opened"
    assert "Canary" not in str(lines)
    assert view.told() == ["failed"]
