"""The directory store: who people are, how they are reached, links that mark seen; one file, several processes."""

import multiprocessing
import sqlite3
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people.directory import FILE, LINK_BYTES, MOST_SECRET, MOST_SUBSCRIPTIONS, Contact, Imported, People, masked
from people.web_push import unbase64url

ANNE = Contact(
    "anne", "Anne Canary", "cellule", "fr", addresses={"sms": ("+33639980001",), "mssante": ("a@mss.fr", "c@mss.fr")}
)
PAUL = Contact("paul", "Paul Canary", "cellule", "en", role="SAMU", addresses={"smtp": ("paul@example.fr",)})


@pytest.fixture
def people(tmp_path: Path) -> People:
    """Return a store of the test's own."""
    return People(tmp_path)


def test_an_import_says_what_it_changed_and_holds_nobody_else(people: People) -> None:
    assert people.import_contacts("occitanie", [ANNE, PAUL]) == Imported(2, 0, 0)
    assert people.import_contacts("occitanie", [ANNE, PAUL]) == Imported(0, 0, 0)
    moved = Contact("paul", "Paul Canary", "ailleurs", "en", role="SAMU", addresses={"smtp": ("p@example.fr",)})
    assert people.import_contacts("occitanie", [moved]) == Imported(0, 1, 1)
    assert list(people.names("occitanie")) == ["paul"]
    assert people.addresses("paul", "smtp") == ["p@example.fr"]
    assert people.person("anne") is None
    assert people.addresses("anne", "sms") == []


def test_people_of_one_region_are_not_another_s(people: People) -> None:
    people.import_contacts("occitanie", [ANNE])
    people.import_contacts("bretagne", [PAUL])
    assert list(people.names("occitanie")) == ["anne"]
    people.import_contacts("bretagne", [])
    assert people.person("anne") is not None


def test_somebody_of_two_regions_has_each_address_once(people: People) -> None:
    people.import_contacts("occitanie", [ANNE])
    people.import_contacts("bretagne", [Contact("anne", "Anne", addresses={"sms": ("+33639980001", "+33639980002")})])
    assert people.addresses("anne", "sms") == ["+33639980001", "+33639980002"]


def test_who_is_in_no_region_any_more_loses_subscriptions_and_links(people: People) -> None:
    people.import_contacts("occitanie", [ANNE])
    people.import_contacts("bretagne", [ANNE])
    people.subscribe("anne", "https://push.example/a", "p", "a", now=1)
    secret = people.link("occitanie", "g", "anne", 100)
    people.import_contacts("bretagne", [])
    assert people.subscriptions("anne")
    assert people.open_link(secret, 1)
    people.import_contacts("occitanie", [])
    assert people.subscriptions("anne") == []
    assert people.open_link(secret, 1) is None


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).touch(mode=0o644)
    people = People(tmp_path)
    people.import_contacts("occitanie", [ANNE])
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_what_is_deleted_is_not_left_in_the_file(tmp_path: Path) -> None:
    people = People(tmp_path)
    people.import_contacts("occitanie", [ANNE])
    people.import_contacts("occitanie", [])
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"+33639980001" not in kept
    assert b"Anne Canary" not in kept


def test_what_is_shown_of_a_person_s_secrets_holds_none(people: People) -> None:
    subscription = people.subscribe("anne", "https://push.example/canary", "canary", "canary", now=1)
    people.set_webhook("desk", "https://canary.example", "canary")
    shown = repr((ANNE, PAUL, subscription, people.webhook("desk"), people.vapid()))
    assert "anary" not in shown
    assert "+33639980001" not in shown
    assert "example.fr" not in shown


def test_masked_addresses_are_recognised_and_tell_nothing(people: People) -> None:
    people.import_contacts("occitanie", [ANNE])
    assert people.masked_addresses("anne") == [("mssante", "a…@mss.fr"), ("mssante", "c…@mss.fr"), ("sms", "…00 01")]
    assert masked("12") == "…"


# -- subscriptions


def test_a_browser_is_kept_once_and_belongs_to_who_signed_in_last(people: People) -> None:
    first = people.subscribe("anne", "https://push.example/1", "p", "a", now=1, label="Téléphone")
    again = people.subscribe("anne", "https://push.example/1", "p2", "a2", now=2)
    assert first.id == again.id
    assert [kept.p256dh for kept in people.subscriptions("anne")] == ["p2"]
    people.subscribe("paul", "https://push.example/1", "p2", "a2", now=3)
    assert people.subscriptions("anne") == []
    assert not people.unsubscribe("anne", first.id)
    assert people.unsubscribe("paul", first.id)


def test_the_oldest_of_too_many_browsers_makes_room(people: People) -> None:
    for number in range(MOST_SUBSCRIPTIONS + 3):
        people.subscribe("anne", f"https://push.example/{number}", "p", "a", now=number)
    kept = people.subscriptions("anne")
    assert len(kept) == MOST_SUBSCRIPTIONS
    assert kept[0].endpoint == "https://push.example/3"
    people.drop_subscription(kept[0].id)
    assert len(people.subscriptions("anne")) == MOST_SUBSCRIPTIONS - 1


# -- links


def test_a_link_sent_again_is_the_same_and_names_whom_it_is_for(people: People, tmp_path: Path) -> None:
    secret = people.link("occitanie", "g", "anne", 1000)
    assert people.link("occitanie", "g", "anne", 1000) == secret
    assert People(tmp_path).link("occitanie", "g", "anne", 1000) == secret
    opened = people.open_link(secret, 999)
    assert opened is not None
    assert (opened.group, opened.region, opened.person) == ("g", "occitanie", "anne")
    assert people.open_link(secret, 999) == opened, "to ask changes nothing"


def test_a_link_that_is_over_or_revoked_or_of_another_store_opens_nothing(people: People, tmp_path: Path) -> None:
    secret = people.link("occitanie", "g", "anne", 1000)
    assert people.open_link(secret, 1000) is None
    assert People(tmp_path / "other").open_link(secret, 1) is None
    assert people.revoke_links("paul") == 0
    assert people.revoke_links("anne", "g") == 1
    assert people.open_link(secret, 1) is None
    assert people.link("occitanie", "g", "anne", 1000) == secret
    assert people.open_link(secret, 1) is None, "what was revoked is not brought back by sending it again"
    assert people.forget_links(1000) == 1


def test_no_secret_of_a_link_is_in_the_file(people: People, tmp_path: Path) -> None:
    secret = people.link("occitanie", "g", "anne", 1000)
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert secret.encode() not in kept
    assert unbase64url(secret) not in kept
    assert len(unbase64url(secret)) == LINK_BYTES >= 16


@given(text=st.text(max_size=2 * MOST_SECRET))
def test_no_text_that_we_did_not_make_opens_anything(shared: People, text: str) -> None:
    assert shared.open_link(text, 1) is None


told = st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.integers(1, 10))


@settings(max_examples=40)
@given(st.sets(told, min_size=2, max_size=6))
def test_two_different_links_have_two_secrets(shared: People, links: set[tuple[str, str, str, int]]) -> None:
    assert len({shared.link(*link) for link in links}) == len(links)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> People:
    """Return a store that a property's examples share."""
    return People(tmp_path_factory.mktemp("people"))


# -- webhooks and calendars


def test_webhooks_and_calendars_are_kept_by_name(people: People) -> None:
    people.set_webhook("desk", "https://desk.example", "s", allow_private=True)
    people.set_webhook("desk", "https://desk.example/2", "s2")
    kept = people.webhook("desk")
    assert kept is not None
    assert (kept.url, kept.secret, kept.allow_private) == ("https://desk.example/2", "s2", False)
    assert people.webhooks() == ["desk"]
    assert people.drop_webhook("desk")
    assert people.webhook("desk") is None
    people.set_calendar("occitanie", "samu", "https://cal.example/secret.ics")
    assert people.calendars("occitanie") == {"samu": "https://cal.example/secret.ics"}
    assert people.calendars("bretagne") == {}
    assert people.drop_calendar("occitanie", "samu")
    assert not people.drop_calendar("occitanie", "samu")


# -- several processes at once


def test_who_finds_no_keys_yet_and_comes_second_takes_those_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, looked, read = People(tmp_path), [], People._keys

    def keys(database: sqlite3.Connection) -> dict[str, bytes]:
        looked.append(1)
        return {} if len(looked) == 1 else read(database)  # it looked a moment before the first had made them

    monkeypatch.setattr(People, "_keys", staticmethod(keys))
    second = People(tmp_path)
    assert len(looked) == 2
    assert second.vapid().public == first.vapid().public
    assert second.link("occitanie", "g", "anne", 1) == first.link("occitanie", "g", "anne", 1)


PROCESSES, ROUNDS = 3, 10


def beside(home: str, number: int, together: Barrier, told: Any) -> None:
    """Open, import, link and subscribe as fast as it goes, at the same time as others."""
    try:
        together.wait(60)
        people = People(Path(home))
        for turn in range(ROUNDS):
            people.import_contacts(f"r{number}", [Contact(f"s{number}-{n}", f"n{turn}") for n in range(3)])
            people.subscribe(f"s{number}-0", f"https://push.example/{number}/{turn % 5}", "p", "a", now=turn)
            people.link("occitanie", "g", "anne", 1000 + turn)
        told.put((people.vapid().public, people.link("occitanie", "g", "anne", 1000)))
    except Exception as why:  # noqa: BLE001 - the test that waits for us says it
        told.put(repr(why))


def test_processes_that_begin_at_once_share_one_key_and_lose_nothing(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    together, told = spawn.Barrier(PROCESSES), spawn.Queue()
    running = [
        spawn.Process(target=beside, args=(str(tmp_path), number, together, told)) for number in range(PROCESSES)
    ]
    for process in running:
        process.start()
    results = {told.get(timeout=60) for _ in running}
    for process in running:
        process.join(30)
        assert process.exitcode == 0
    assert len(results) == 1, results
    assert not isinstance(next(iter(results)), str), results
    people = People(tmp_path)
    for number in range(PROCESSES):
        assert [known.name for known in people.names(f"r{number}").values()] == [f"n{ROUNDS - 1}"] * 3
        assert len(people.subscriptions(f"s{number}-0")) == 5
