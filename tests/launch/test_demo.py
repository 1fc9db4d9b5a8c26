"""`vigilits demo` as a newcomer meets it: a link for each role, a day of 2020 told, and nothing left."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from launch import demo, regions, rights, story
from launch.embedded import LOOPBACK
from people.patient_links import secret_in
from people.rights import MATRIX
from tests.launch.running import SLOW_S, Vigilits, none_left

DAY = "2020-03-28"
WITHOUT_BEDS = ("ops", "ehpad", "tracing_agent", "support", "dpo")  # who runs vigilits, or is there for patients alone


def test_everyone_of_the_demo_has_a_right_that_the_matrix_knows() -> None:
    region = regions.read(demo.REGION).region
    for subject, grants in (demo.rights_of_people(1) | story.rights_of_teller(region, 1)).items():
        for grant in grants:
            rights.check(subject, grant.role, grant.scope)
            assert rights.scope_is_in(region, grant.scope)


def test_the_teller_may_report_for_every_ward_and_as_software_only() -> None:
    region = regions.read(demo.REGION).region
    grants = story.rights_of_teller(region, 1)[story.TELLER]
    assert {grant.role for grant in grants} == {"source"}
    assert {grant.scope for grant in grants} == {f"ej:{facility.finess_ej}" for facility in region.facilities}
    assert MATRIX.roles["source"].writes.keys() == {"own"}


def test_limits_of_freshness_are_divided_by_the_speed_and_nothing_else_is() -> None:
    told = story.story_of(demo.REGION, DAY, DAY, 3600).document.region
    plain = regions.read(demo.REGION).region
    assert told.freshness.divided_by == 3600
    assert (told.wards, told.facilities, told.kinds) == (plain.wards, plain.facilities, plain.kinds)


def test_everyone_to_sign_in_as_who_is_told_of_alerts_is_among_the_contacts() -> None:
    told = regions.read(demo.REGION).alerting
    assert told is not None
    subjects = {person.subject for person in demo.PEOPLE}
    on_call = {shift.person for schedule in told.on_call.values() for shift in schedule.shifts}
    assert {"demo-crisis-cell", "demo-facility", "demo-on-call", "demo-on-call-night", "demo-ops"} <= subjects
    assert on_call - subjects <= {"demo-ops-second"}
    assert subjects <= set(told.people.people)  # in the trail and in circles all of them have names


@pytest.mark.parametrize(("first", "last"), [("2020-03-17", DAY), (DAY, "2020-07-01"), (DAY, "2020-03-18"), ("x", DAY)])
def test_days_that_are_not_there_are_not_told(first: str, last: str) -> None:
    with pytest.raises(story.NoStory):
        story.story_of(demo.REGION, first, last, 1)


@pytest.mark.timeout(SLOW_S)
def test_a_newcomer_signs_in_and_sees_a_day_of_2020(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        one = Vigilits(tmp_path / "home", {"PORT": str(port)}, ["--no-replay"], what="demo")
        one.hear(f"Port {port} is taken; using ")
    try:
        links = [one.hear("#connexion=").split()[-1] for _ in demo.PEOPLE]
        one.hear("Ctrl-C stops it")
        for link, person in zip(links, demo.PEOPLE, strict=True):
            assert link.startswith(f"{one.url}{person.page}#connexion=")
        one.hear("Patients are followed at home")
        assert is_asked(one.url, one.hear("/a#").split()[-1])

        told = one.run("replay", "--region", demo.REGION, "--from", DAY, "--to", DAY, "--speed", "0")
        assert DAY in told
        assert "reports told" in told

        for link, person in zip(links, demo.PEOPLE, strict=True):
            session, picture = sign_in(one.url, link)
            assert session["subject"] == person.subject
            assert [grant["role"] for grant in session["grants"]] == [person.role]
            assert picture["scenario"]["date"] == DAY
            assert (len(picture["wards"]) > 700) == (person.role not in WITHOUT_BEDS)
        physician = next(link for link in links if "/patients#" in link)
        shown = [(each.get("colour"), each.get("incomplete")) for each in board(one.url, physician)]
        assert {colour for colour, _ in shown} == {"red", "orange", "yellow", "green", None}
        assert ("yellow", True) in shown
        (tracing,) = [link for link in links if "/calls#" in link]
        assert len(calls(one.url, tracing)) == 2
        on_call = next(
            link for link, person in zip(links, demo.PEOPLE, strict=True) if person.subject == "demo-on-call"
        )
        desk = of_alerts(one.url, on_call)
        assert desk["on_call"]["cellule"]["person"] in ("demo-on-call", "demo-on-call-night")
        assert "demo-ops" in one.run("on-call", "show", "--region", demo.REGION)

        os.kill(one.pid("worker 1"), signal.SIGSTOP)  # it will not stop when asked
        one.process.send_signal(signal.SIGINT)
        one.hear("Stopping")
        assert one.end(signal.SIGINT, within_s=9) == 0  # a worker that was asked once has 10 s
        one.hear("Stopping at once")
        assert none_left(one) == {}
    finally:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def sign_in(url: str, link: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a person's session and picture, by their link."""
    with signed_in(url, link) as (browser, session):
        picture = browser.get(f"/api/v1/regions/{demo.REGION}/capacity")
        assert picture.status_code == 200, picture.text
        return session, picture.json()


def is_asked(url: str, link: str) -> bool:
    """Return whether a patient's link opens questions that can be answered now."""
    secret = secret_in(link)
    told = httpx.post(f"{url}/api/v1/answer/open", json={"link": secret}, trust_env=False, timeout=30)
    assert told.status_code == 200, told.text
    return told.json()["slot"] is not None


def board(url: str, link: str) -> list[dict[str, Any]]:
    """Return the patients on a person's board, by their link."""
    with signed_in(url, link) as (browser, _):
        told: list[dict[str, Any]] = browser.get(f"/api/v1/regions/{demo.REGION}/patients").json()["patients"]
        return told


def calls(url: str, link: str) -> list[dict[str, Any]]:
    """Return whom a person is to call, by their link."""
    with signed_in(url, link) as (browser, _):
        told: list[dict[str, Any]] = browser.get(f"/api/v1/regions/{demo.REGION}/calls").json()["calls"]
        return told


def of_alerts(url: str, link: str) -> dict[str, Any]:
    """Return the desk of alerts as a person sees it, by their link."""
    with signed_in(url, link) as (browser, _):
        desk = browser.get(f"/api/v1/regions/{demo.REGION}/alerts")
        assert desk.status_code == 200, desk.text
        told: dict[str, Any] = desk.json()
        return told


@contextmanager
def signed_in(url: str, link: str) -> Iterator[tuple[httpx.Client, dict[str, Any]]]:
    """Give a person's browser and session, by their link."""
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as browser:
        session = browser.post("/api/v1/session", json={"link": link.partition("=")[2]})
        assert session.status_code == 200, session.text
        yield browser, session.json()
