"""From the public doors to the end: enrolled, answered, ended, the summary in the physician's mailbox, and erased."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from joserfc.jwk import ECKey
from pypdf import PdfReader
from redis import Redis

from event_log.kafka import KafkaLog
from event_log.topics import DEAD_LETTERS, FOLLOWUP, NOTICES
from people.directory import Contact, People
from people.patient_links import secret_in
from people.signing import Signing
from people.trail import Act, Trail
from tests.end_to_end.at_home import AtHome
from tests.end_to_end.system import System, beside, right, running, small
from tests.engines.chosen import EngineSet
from tests.engines.test_erasure import Invented, ciphertexts, keys_of, opened, restored
from tests.people.test_signing import verified
from tests.realtime_api.patients.followed import body_of
from tests.small_followup import CANARY, RED, WELL, pathway
from tests.streams.notify.peers import MailServer, certificate

pytestmark = [pytest.mark.engines, pytest.mark.timeout(240)]

ICI, DOCTOR, NURSE = "ici", "doctor", "nurse"
MAILBOX = "e.martin@medecin.mssante.fr"
WITHIN_S = 60.0
T = TypeVar("T")


@contextmanager
def mailboxes(directory: Path) -> Iterator[tuple[MailServer, dict[str, str]]]:
    """Give the server of MSSanté mailboxes, in a thread of its own, and the settings by which it is written to."""
    served, _ = certificate(directory)
    loop, server = asyncio.new_event_loop(), MailServer()
    thread = threading.Thread(target=loop.run_forever, name="mailboxes", daemon=True)
    thread.start()
    stop, ready = asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with server.serving(served, from_the_start=True):
            ready.set()
            await stop.wait()

    serving = asyncio.run_coroutine_threadsafe(serve(), loop)
    assert ready.wait(WITHIN_S)
    settings = {
        "MSSANTE_URL": f"smtps://127.0.0.1:{server.port}",
        "MSSANTE_FROM": "vigilits@ars.mssante.fr",
        "MSSANTE_DOMAINS": "mssante.fr",
        "SSL_CERT_FILE": str(directory / "cert.pem"),
    }
    try:
        yield server, settings
    finally:
        loop.call_soon_threadsafe(stop.set)
        serving.result(WITHIN_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WITHIN_S)
        loop.close()


class House(AtHome):
    """A whole vigilits, its mailboxes, and what people do there."""

    def __init__(self, system: System, mail: MailServer) -> None:
        super().__init__(system, ICI)
        self.mail = mail

    def enrol(self, **more: Any) -> tuple[str, str]:
        """Return the pseudonym of a patient whom the physician enrolled, and the secret of their link."""
        answer = self.ask("POST", f"/regions/{ICI}/patients", DOCTOR, **body_of(**more))
        assert answer.status_code == 201, answer.text
        told = answer.json()
        return told["id"], secret_in(told["links"]["answer"])

    def answer(self, secret: str, answers: dict[str, Any], id_: str) -> None:
        """Return once a patient's answers are folded."""
        slot = self.ask("POST", "/answer/open", link=secret).json()["slot"]
        told = {"link": secret, "id": id_, "by": "patient", "slot": slot, "answers": answers}
        self.until(lambda: self.ask("POST", "/answers", **told).status_code == 201, "answers that are taken")

    def act(self, patient: str, act: str, by: str = DOCTOR, **more: Any) -> Any:
        """Return what comes of an act about a patient."""
        return self.ask("POST", f"/regions/{ICI}/patients/{patient}/acts", by, act=act, **more)

    def page(self, patient: str, by: str = DOCTOR) -> Any:
        """Return a patient's page."""
        return super().page(patient, by)

    def until(self, holds: Callable[[], T], what: str) -> T:
        """Return what comes to hold."""
        give_up_at = time.monotonic() + WITHIN_S
        while not (found := holds()):
            assert time.monotonic() < give_up_at, f"no {what} within {WITHIN_S:g} s{self.system.logs()}"
            time.sleep(0.1)
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> Iterator[House]:
    """Return a vigilits with one small region that follows patients, and a physician with a mailbox."""
    directory = tmp_path_factory.mktemp("ends")
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    document = small(ICI, 1)._replace(pathways=(pathway(),))
    rights = {DOCTOR: right("physician", ICI), NURSE: right("nurse", ICI)}
    with ExitStack() as open_:
        for engine in (kafka, redis):
            open_.callback(engine.stop)
            engine.start()
        mail, settings = open_.enter_context(mailboxes(directory))
        People(directory / "home").import_contacts(
            ICI, [Contact(DOCTOR, "Dr Élodie Martin", addresses={"mssante": (MAILBOX,)})]
        )
        system = open_.enter_context(running(directory / "home", kafka, redis, [(document, rights)], settings))
        yield House(system, mail)


def records(house: House) -> list[bytes]:
    """Return all that is on the log."""

    async def read() -> list[bytes]:
        async with KafkaLog(house.system.kafka.url) as log:
            return [
                record.value
                for topic in (FOLLOWUP, NOTICES, DEAD_LETTERS)
                for partition in range(await log.partitions(topic))
                async for record in log.read(topic, partition)
            ]

    return beside(read())


def test_a_follow_up_ends_in_the_physician_s_mailbox_and_nowhere_else(
    house: House, tmp_path: Path, own_redis: Callable[[], Any]
) -> None:
    anne, link = house.enrol()
    bruno, others = house.enrol(file=body_of()["file"] | {"birth_name": "Bruno-canari", "birth_date": "1971-03-04"})
    house.answer(link, dict(WELL) | {"comment": f"{CANARY} va bien"}, "0191a2b3-0000-7000-8000-000000000001")
    house.answer(others, dict(WELL) | {"comment": "Bruno-canari aussi"}, "0191a2b3-0000-7000-8000-000000000002")
    assert house.act(anne, "message", text=f"{CANARY} : rien de neuf").status_code == 200

    old_log = records(house)
    with Redis.from_url(house.system.redis.url) as client:
        old_redis = {key: client.dump(key) for key in client.keys("*")}
    slots = [each["slot"] for each in house.page(anne).json()["slots"]]

    # It ends: the summary is handed over, and recorded before.
    assert house.act(anne, "end", reason="guérison").status_code == 200
    [mail] = house.until(lambda: list(house.mail.taken), "summary")
    assert mail.to == [MAILBOX]
    message = message_from_bytes(mail.content, policy=policy.default)
    parts = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_attachments()}  # type: ignore[attr-defined]
    document = parts["compte-rendu.fhir.json"]
    told = Signing(house.system.home).public()
    key = ECKey.import_key({name: told[name] for name in ("kty", "crv", "x", "y")})
    assert verified(parts["compte-rendu.fhir.json.jws"].decode(), document, key)
    assert f"{CANARY} va bien" in json.dumps(json.loads(document), ensure_ascii=False)
    (tmp_path / "page.pdf").write_bytes(parts["compte-rendu.pdf"])
    page = " ".join(each.extract_text() for each in PdfReader(tmp_path / "page.pdf").pages)
    assert "Dr Élodie Martin" in page
    assert CANARY in page
    exports = [each.entry for each in Trail(house.system.home).of_file(anne) if each.entry.act is Act.EXPORT]
    assert [(entry.who, entry.screen) for entry in exports] == [(DOCTOR, "summary")]
    assert not house.is_erased(anne)

    # Receipt is confirmed, and all of it is gone: of her, and of nobody else.
    house.until(lambda: house.act(anne, "summary_received").status_code == 200, "confirmation that is taken")
    house.until(lambda: house.is_erased(anne), "erasure")
    house.until(lambda: house.page(anne).status_code == 404, "page that is no more")
    assert house.page(bruno).status_code == 200
    assert house.ask("POST", "/answer/open", link=link).status_code == 404
    assert house.ask("POST", "/answer/open", link=others).status_code == 200

    # With the old copies, the key store and the master key as they are now.
    pieces = ciphertexts(old_log) | ciphertexts(restored(old_redis, own_redis()))
    events = [word for record in old_log for word in _ids(record)]
    keys = keys_of(house.system.home)
    for patient, content in ((anne, b""), (bruno, b"Bruno-canari")):
        found = opened(pieces, keys, Invented("", patient, keys[0], events), slots)
        assert any(content in each for each in found) == bool(content)
        assert bool(found) == bool(content)


def test_a_stop_with_a_red_open_waits_for_a_person(house: House) -> None:
    """Accepted at once, and nothing is erased before somebody closed what worries."""
    patient, link = house.enrol(file=body_of()["file"] | {"birth_name": "Carla", "birth_date": "1981-03-04"})
    before = len(house.mail.taken)
    house.answer(link, dict(RED), "0191a2b3-0000-7000-8000-000000000003")
    stopped = house.ask("POST", "/answer/stop", link=link)
    assert stopped.status_code == 200, stopped.text
    assert stopped.json()["waits"] is True
    alert = house.until(lambda: house.page(patient).json()["row"].get("alert"), "alert")
    assert house.page(patient).json()["row"]["status"] == "stopped"
    assert len(house.mail.taken) == before  # nor is a summary sent that would lack what came of it
    closed = house.act(
        patient, "close", alert=alert["id"], seen=alert.get("news", 1), outcome="acted", text="vue à domicile"
    )
    assert closed.status_code == 200, closed.text
    house.until(lambda: len(house.mail.taken) > before, "summary")


def test_nothing_of_anybody_is_in_a_log_line(house: House) -> None:
    lines = "".join(file.read_text(errors="replace") for file in house.system.home.glob("logs/*.log"))
    said = lines + "\n".join(house.system.said)
    for word in (CANARY, "Bruno-canari", "va bien", "guérison", "vue à domicile", MAILBOX, "+33639981234"):
        assert word not in said
    assert "summary sent" in said


def _ids(record: bytes) -> list[str]:
    told = msgspec.msgpack.decode(record)
    return [told["id"]] if isinstance(told, dict) and "id" in told else []
