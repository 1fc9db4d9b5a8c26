"""Letters of patients to their circle: they lead to the patient's page, and say nothing of anybody."""

import msgspec
import pytest
from msgspec.structs import replace

from domain.alerts.notice import Notice
from domain.places import Words
from streams.notify import texts
from streams.notify.channel import Letter
from streams.notify.web_push import payload
from tests.streams.notify.letters import NOTICE, letter

RED = replace(
    NOTICE,
    title=Words("Patient suivi à domicile", "Patient followed at home"),
    text=Words("Une réponse demande quelqu’un", "An answer needs somebody"),
    todo=Words("Ouvrir le dossier", "Open the file"),
    link="/patients/kLhRrSi5ES-rQrdyxIIp2uN",
)
WORD = replace(
    RED,
    id="word/w1/anne-canary/smtp",
    group="word/w1",
    alerts=(),
    severity="info",
    reason="word",
    text=Words("Un suivi est arrêté", "A follow-up has stopped"),
)


def test_a_push_of_a_red_leads_straight_to_the_patients_page() -> None:
    told = msgspec.json.decode(payload(letter(RED)))
    assert told["url"] == RED.link
    assert (told["title"], told["body"]) == ("Patient suivi à domicile", "Une réponse demande quelqu’un")
    assert set(told) == {"title", "body", "tag", "url", "severity", "seen", "at"}


@pytest.mark.parametrize("notice", [RED, WORD])
def test_what_travels_in_the_clear_names_no_patient_but_by_pseudonym(notice: Notice) -> None:
    told: Letter = letter(notice, seen="")
    for text in (texts.sms(told), texts.body(told, sealed=False), texts.subject(told, sealed=False)):
        assert "suivi" not in text.lower()
        assert "patient" not in text.replace(notice.link, "").lower()
    assert texts.sms(told).endswith(f"https://lits.example.fr{notice.link}")


def test_a_word_says_that_there_is_something_to_read() -> None:
    assert texts.neutral(letter(WORD)) == "vigilits occitanie: message à lire"
