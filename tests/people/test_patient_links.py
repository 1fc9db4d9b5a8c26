"""Links and codes of patients: derived, kept as digests, and over when they are over."""

import hmac
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people import patient_links
from people.keys import KeysAway
from people.patient_links import FILE, GRACE_MS, MOST_CODES, READS_MS, TRIES, LinksAway, PatientLinks

NOW = 1_700_000_000_000
HOUR = 3_600_000
PATIENT, OTHER = "a" * 26, "b" * 26


def derive(purpose: str) -> bytes:
    """Return what a key store derives."""
    return hmac.digest(b"the store's secret", purpose.encode(), "sha256")


@pytest.fixture
def links(tmp_path: Path) -> PatientLinks:
    return PatientLinks(tmp_path, derive)


def state_of(links: PatientLinks, secret: str, at: int) -> str:
    """Return whether a link opens at an instant."""
    opened = links.open(secret, at)
    assert opened is not None
    return opened.state


def test_the_same_slot_gives_the_same_link_in_every_process(links: PatientLinks, tmp_path: Path) -> None:
    secret = links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0)
    assert links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW + 1, 0) == secret
    assert PatientLinks(tmp_path, derive).link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0) == secret
    others = {
        links.link("la", PATIENT, "1-0900", NOW + HOUR, NOW, 0),
        links.link("ici", OTHER, "1-0900", NOW + HOUR, NOW, 0),
        links.link("ici", PATIENT, "2-0900", NOW + HOUR, NOW, 0),
    }
    assert len(others | {secret}) == 4
    assert len(secret) == 24


def test_whoever_has_the_file_and_not_the_key_store_makes_neither_links_nor_codes(
    links: PatientLinks, tmp_path: Path
) -> None:
    told = ("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    secret = links.link(*told)
    for file in tmp_path.glob(f"{FILE}*"):
        (elsewhere / file.name).write_bytes(file.read_bytes())
    copy = PatientLinks(elsewhere, lambda purpose: b"another's")
    assert copy.link(*told) != secret
    assert copy.code(PATIENT, "event-1") != links.code(PATIENT, "event-1")


def test_while_the_key_store_is_away_links_still_open_and_none_is_made(links: PatientLinks, tmp_path: Path) -> None:
    def away(purpose: str) -> bytes:
        raise KeysAway("away")

    secret, it = links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0), PatientLinks(tmp_path, away)
    assert state_of(it, secret, NOW) == "open"
    with pytest.raises(KeysAway):
        it.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0)


def test_a_link_opens_beyond_its_slot_as_long_as_there_is_no_newer_one(links: PatientLinks) -> None:
    secret = links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0)
    assert links.open(secret, NOW) == ("ici", PATIENT, "1-0900", NOW + HOUR + READS_MS, 0, "open")
    assert state_of(links, secret, NOW + HOUR + READS_MS - 1) == "open"
    assert state_of(links, secret, NOW + HOUR + READS_MS) == "expired"


def test_a_newer_link_ends_those_before_it_once_it_should_have_come(links: PatientLinks) -> None:
    first = links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0)
    due = NOW + 48 * HOUR
    second = links.link("ici", PATIENT, "3-0900", due + HOUR, due, 0)
    links.link("ici", PATIENT, "3-0900", due + HOUR, due + HOUR, 0)  # a reminder puts nothing off
    assert links.link("ici", PATIENT, "1-0900", NOW + HOUR, due + HOUR, 0) == first  # nor does the old one, sent again
    assert state_of(links, first, due + GRACE_MS - 1) == "open"
    assert state_of(links, first, due + GRACE_MS) == "expired"
    assert state_of(links, second, due + GRACE_MS) == "open"


def test_once_links_were_revoked_those_that_are_sent_are_others_and_say_how_often_they_were(
    links: PatientLinks,
) -> None:
    told = [links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, number) for number in (0, 1, 1)]
    assert told[0] != told[1] == told[2]
    found = [links.open(each, NOW) for each in told[:2]]
    assert [each and (each.number, each.state) for each in found] == [(0, "open"), (1, "open")]


@settings(max_examples=50)
@given(secret=st.text(max_size=40))
def test_what_was_never_made_opens_nothing(secret: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.getbasetemp() / "never-made"
    links = PatientLinks(home, derive)
    links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0)
    assert links.open(secret, NOW) is None


def test_neither_links_nor_codes_are_in_the_file(links: PatientLinks, tmp_path: Path) -> None:
    secret = links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0)
    assert links.expect_code(PATIENT, "event-1", NOW + HOUR, NOW)
    held = b"".join(file.read_bytes() for file in tmp_path.glob(f"{FILE}*"))
    assert PATIENT.encode() in held
    assert secret.encode() not in held
    assert links.code(PATIENT, "event-1").encode() not in held
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_code_has_six_digits_and_is_the_same_whenever_it_is_sent(links: PatientLinks, tmp_path: Path) -> None:
    code = links.code(PATIENT, "event-1")
    assert len(code) == 6
    assert code.isascii()
    assert code.isdigit()
    assert PatientLinks(tmp_path, derive).code(PATIENT, "event-1") == code
    assert len({links.code(PATIENT, f"event-{n}") for n in range(50)}) > 45


def test_a_code_opens_for_its_patient_and_in_time_alone(links: PatientLinks) -> None:
    code = links.code(PATIENT, "event-1")
    assert not links.try_code(PATIENT, code, NOW)  # nobody asked for it yet
    assert links.expect_code(PATIENT, "event-1", NOW + HOUR, NOW)
    assert not links.try_code(OTHER, code, NOW)
    assert links.try_code(PATIENT, code, NOW)
    assert not links.try_code(PATIENT, code, NOW + HOUR)


def wrong(links: PatientLinks, *right: str) -> str:
    """Return a code that is none of those."""
    return next(f"{n:06}" for n in range(10) if f"{n:06}" not in right)


def test_five_tries_and_then_the_right_code_opens_nothing_either(links: PatientLinks, tmp_path: Path) -> None:
    code = links.code(PATIENT, "event-1")
    links.expect_code(PATIENT, "event-1", NOW + HOUR, NOW)
    for n in range(TRIES):
        links = PatientLinks(tmp_path, derive)  # a restart gives no new tries
        assert not links.try_code(PATIENT, wrong(links, code), NOW + n)
    assert not links.try_code(PATIENT, code, NOW + 10)
    links.expect_code(PATIENT, "event-1", NOW + HOUR, NOW)  # nor does asking in the same name
    assert not links.try_code(PATIENT, code, NOW + 10)


def test_who_asks_for_code_after_code_gets_no_more_tries(links: PatientLinks) -> None:
    asked = [links.expect_code(PATIENT, f"event-{n}", NOW + HOUR, NOW + n) for n in range(MOST_CODES + 2)]
    assert asked == [True] * MOST_CODES + [False] * 2
    assert links.expect_code(OTHER, "event-x", NOW + HOUR, NOW)
    assert links.expect_code(PATIENT, "event-y", NOW + 26 * HOUR, NOW + 25 * HOUR)


def test_what_is_long_over_is_forgotten_and_what_is_not_stays(links: PatientLinks) -> None:
    old = links.link("ici", PATIENT, "1-0900", NOW, NOW, 0)
    fresh = links.link("ici", PATIENT, "9-0900", NOW + 9 * 24 * HOUR, NOW, 0)
    assert links.forget(NOW + GRACE_MS + 1) == 0
    assert links.forget(NOW + GRACE_MS + 7 * 24 * HOUR) == 1
    assert links.open(old, NOW) is None
    assert links.open(fresh, NOW) is not None


def test_nothing_of_a_patient_who_is_forgotten_stays_in_the_file(links: PatientLinks, tmp_path: Path) -> None:
    links.link("ici", PATIENT, "1-0900", NOW + HOUR, NOW, 0)
    links.expect_code(PATIENT, "event-1", NOW + HOUR, NOW)
    theirs = links.link("ici", OTHER, "1-0900", NOW + HOUR, NOW, 0)
    links.forget_patient(PATIENT)
    assert PATIENT.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob(f"{FILE}*"))
    assert links.open(theirs, NOW) is not None


def test_a_file_that_is_away_is_said_to_be_and_not_begun_anew(links: PatientLinks, tmp_path: Path) -> None:
    for file in tmp_path.glob(f"{FILE}*"):
        file.unlink()
    with pytest.raises(LinksAway):
        links.open("whatever", NOW)
    assert not (tmp_path / FILE).exists()


def test_the_secret_and_the_language_are_in_the_fragment() -> None:
    assert patient_links.address("https://suivi.example.fr/", "s3cret", "fr") == "https://suivi.example.fr/a#s3cret.fr"
