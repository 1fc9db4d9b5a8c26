"""What patients are written: where to, by which link, and nothing that anybody near should not read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.alerts.notice import Notice
from domain.followup.chart import Caregiver, Chart, Contact, File
from domain.followup.patient import Patient
from domain.followup.sealed import About, Sealed
from domain.places import Words
from people.keys import Keys, pseudonym
from people.patient_links import READS_MS
from people.sealing import seal
from people.stores import Stores
from streams.notify import texts
from streams.notify.channel import Letter, Refused, TryAgain
from streams.notify.channels import relay_of
from streams.notify.letters import ToPatients
from streams.notify.smtp import Smtp
from tests.small_followup import CANARY, PARIS, PHONE, START, Patients, Store

BASE = "https://suivi.example.fr"
NOW = START
FORBIDDEN = (
    "covid",
    "score",
    "rouge",
    "red",
    "orange",
    "alert",
    "sant",
    "health",
    "hôpital",
    "hospital",
    "suivi médical",
)


class View:
    """A followup shard that has one patient."""

    shard = "followup:ici:2"

    def __init__(self, keys: Keys, file: File) -> None:
        self.id = pseudonym()
        self.key = keys.create(self.id)
        key = keys.look(self.key)
        about = About(self.id, "chart")
        sealed = seal(key, msgspec.msgpack.encode(Chart(file=file)), about)  # type: ignore[arg-type]
        self.charts: dict[str, Sealed] = {self.id: sealed}
        row = {"id": self.id, "key": self.key, "pathway": "p/1", "status": "followed", "circle": (), "zone": PARIS}
        self.patients: dict[str, Patient] = {self.id: Patient(**row, first_day=1, enrolled_at=NOW)}  # type: ignore[arg-type]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Stores(tmp_path).keys()


def notice(view: View, reason: Any = "questionnaire", channel: str = "sms", step: str = "1-0900/due") -> Notice:
    """Return what the outbox holds for the patient."""
    nothing = Words("", "")
    return Notice(
        id=f"{view.id}/{step}/{channel}",
        group=view.id,
        alerts=(),
        person=f"patient:{view.id}",
        channel=channel,
        severity="info",
        reason=reason,
        title=nothing,
        text=nothing,
        todo=nothing,
        link="",
        made_at=NOW,
        due_at=NOW,
        give_up_at=NOW + 3_600_000,
        step=0,
    )


def file(**changes: Any) -> File:
    return Patients(Store()).file(0, **changes)


def letters(view: View, home: Path) -> ToPatients:
    return ToPatients(view, Stores(home), lambda: NOW, public_url=f"{BASE}/")


def written(by: ToPatients, told: Notice) -> Letter:
    """Return the letter that a notice becomes; raise why it becomes none."""
    (found,) = by.compose([told])
    if isinstance(found, Exception):
        raise found
    return found


def test_a_patient_is_written_to_where_their_sealed_file_says_with_a_link_of_the_slot(
    keys: Keys, tmp_path: Path
) -> None:
    view = View(keys, file(language="en"))
    letter = written(letters(view, tmp_path), notice(view))
    assert (letter.to, letter.language) == ((PHONE,), "en")
    opened = Stores(tmp_path).links().open(letter.answer, NOW)
    assert opened == ("ici", view.id, "1-0900", NOW + 3_600_000 + READS_MS, 0, "open")
    assert texts.sms(letter) == f"A questionnaire is waiting for you. {BASE}/a#{letter.answer}.en"
    assert texts.sms_parts(texts.sms(letter)) == 1


def test_a_reminder_has_the_same_link_and_so_has_a_letter_that_is_sent_again(keys: Keys, tmp_path: Path) -> None:
    view = View(keys, file())
    told = [
        written(letters(view, tmp_path), each).answer
        for each in (
            notice(view),
            notice(view),
            notice(view, "reminder", step="1-0900/remind"),
            notice(view, "reminder", "smtp", "1-0900/remind_again"),
        )
    ]
    assert len(set(told)) == 1


def test_once_a_patients_links_were_revoked_letters_have_another(keys: Keys, tmp_path: Path) -> None:
    view = View(keys, file())
    before = written(letters(view, tmp_path), notice(view)).answer
    view.patients[view.id] = replace(view.patients[view.id], links=1)
    after = written(letters(view, tmp_path), notice(view, step="1-0900/again-1")).answer
    assert after not in ("", before)
    opened = Stores(tmp_path).links().open(after, NOW)
    assert opened is not None
    assert (opened.slot, opened.number) == ("1-0900", 1)


def test_many_are_written_as_each_would_be_alone_and_one_who_cannot_be_written_to_keeps_no_other(
    keys: Keys, tmp_path: Path
) -> None:
    """The key of one is lost, another's chart is broken, a third has no address; the rest get their link or code."""
    views = [View(keys, file(contact=Contact()) if number == 2 else file()) for number in range(5)]
    one = views[0]
    for view in views[1:]:
        one.patients |= view.patients
        one.charts |= view.charts
    one.patients[one.id] = replace(one.patients[one.id], key="f" * 32)
    one.charts[views[1].id] = replace(one.charts[views[1].id], content=b"x" * 40)
    notices = [*map(notice, views), notice(views[3], "code", step="code/e1"), notice(views[4], step="2-0900/due")]
    it = letters(one, tmp_path)
    together = it.compose(notices)
    reasons = [each.reason for each in together if isinstance(each, Refused)]
    assert reasons == ["the patient's key is lost", "chart can't be opened", "no address"]
    assert [each for each in together if isinstance(each, Letter)] == [written(it, each) for each in notices[3:]]
    links = [each.answer for each in together if isinstance(each, Letter) and each.answer]
    assert len(set(links)) == 3
    opened = [Stores(tmp_path).links().open(link, NOW) for link in links]
    assert [each and (each.patient, each.slot) for each in opened] == [
        (views[3].id, "1-0900"),
        (views[4].id, "1-0900"),
        (views[4].id, "2-0900"),
    ]


def test_a_code_is_sent_without_a_link_and_opens(keys: Keys, tmp_path: Path) -> None:
    view = View(keys, file())
    links = Stores(tmp_path).links()
    event = "0191-abcd"
    assert links.expect_code(view.id, event, NOW + 1000, NOW)
    letter = written(letters(view, tmp_path), notice(view, "code", step=f"code/{event}"))
    assert letter.answer == ""
    assert links.try_code(view.id, letter.code, NOW)
    assert texts.sms(letter) == f"Votre code : {letter.code}. Ne le donnez à personne."
    assert letter.code not in texts.subject(letter, sealed=False)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("reason", "step"),
    [("questionnaire", "1-0900/due"), ("reminder", "1-0900/remind"), ("code", "code/e1"), ("end", "end/end")],
)
def test_no_letter_names_a_person_a_disease_a_service_or_a_colour(
    keys: Keys, tmp_path: Path, reason: str, step: str, language: str
) -> None:
    view = View(keys, file(language=language))
    mail = Smtp("smtp", relay_of("smtp://localhost", "nous@example.fr", 1.0), sealed=False)
    for channel in ("sms", "smtp"):
        letter = written(letters(view, tmp_path), notice(view, reason, channel, step))
        message = mail.message(letter, ["x@y.fr"])
        said = f"{texts.sms(letter)} {texts.subject(letter, sealed=False)} {texts.body(letter, sealed=False)}".lower()
        said = said.replace(BASE, "").replace(letter.answer.lower() or " ", " ")
        assert not [word for word in (*FORBIDDEN, CANARY.lower(), "zoé", "ici", PHONE) if word in said]
        assert view.id not in message.as_string()
        assert CANARY not in message.as_string()


def test_what_is_secret_in_a_letter_is_in_no_log_line_that_shows_it(keys: Keys, tmp_path: Path) -> None:
    view = View(keys, file())
    asked, code = (
        written(letters(view, tmp_path), each) for each in (notice(view), notice(view, "code", step="code/e"))
    )
    assert not [secret for secret in (PHONE, asked.answer) if secret in repr(asked)]
    assert not [secret for secret in (PHONE, code.code) if secret in repr(code)]


def test_without_an_address_of_their_own_a_caregiver_is_written_to(keys: Keys, tmp_path: Path) -> None:
    near = Caregiver("Lou", contact=Contact(phone="+33639989999"))
    view = View(keys, file(contact=Contact(email="zoe@example.invalid"), caregivers=(near,)))
    it = letters(view, tmp_path)
    assert written(it, notice(view)).to == ("+33639989999",)
    assert written(it, notice(view, channel="smtp")).to == ("zoe@example.invalid",)


REFUSED: dict[str, Callable[[View, Keys], object]] = {
    "unknown patient": lambda view, keys: view.patients.clear(),
    "erased": lambda view, keys: keys.destroy(view.key, NOW),
    "chart can't be opened": lambda view, keys: view.charts.update(
        {view.id: replace(view.charts[view.id], content=b"x" * 40)}
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_who_cannot_be_written_to_is_refused_by_name(keys: Keys, tmp_path: Path, reason: str) -> None:
    view = View(keys, file())
    REFUSED[reason](view, keys)
    with pytest.raises(Refused) as caught:
        written(letters(view, tmp_path), notice(view))
    assert caught.value.reason == reason


def test_nobody_is_written_to_without_an_address_or_without_a_page_to_lead_to(keys: Keys, tmp_path: Path) -> None:
    view = View(keys, file(contact=Contact()))
    with pytest.raises(Refused, match="no address"):
        written(letters(view, tmp_path), notice(view))
    view = View(keys, file())
    with pytest.raises(Refused, match="no PUBLIC_URL"):
        written(ToPatients(view, Stores(tmp_path), lambda: NOW), notice(view))


def test_while_the_key_store_is_away_a_letter_waits(keys: Keys, tmp_path: Path) -> None:
    view = View(keys, file())
    it = letters(view, tmp_path)
    for path in tmp_path.glob("keys.sqlite3*"):
        path.rename(path.with_name(f"away-{path.name}"))
    with pytest.raises(TryAgain, match="key store away"):
        written(
            ToPatients(view, Stores(tmp_path / "nowhere", str(tmp_path / "no-such-file")), lambda: NOW), notice(view)
        )
    with pytest.raises(TryAgain, match="key store away"):
        written(it, notice(view))
