"""Whether a red would ring anybody: said on the page and at enrolment, and neither whom nor how."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from domain.alerts.routing import OnCall, People, Person, Shift
from people.directory import Contact
from people.directory import People as Directory
from realtime_api.app import now
from tests.realtime_api.house import House, open_house
from tests.realtime_api.patients.followed import ask, body_of, enrol, page, set_up

HOUR = 3_600_000
SMS = "+33639980042"


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[House]:
    """Return a running API with followed patients and a notices shard."""
    async with open_house(tmp_path / "home", patients=True, alerts=True) as opened:
        await set_up(opened)
        yield opened


async def choose(house: House, **channels: tuple[str, ...]) -> None:
    """Publish by what people are told of what is critical."""
    people = People({subject: Person(channels={"critical": told}) for subject, told in channels.items()})
    await house.publish("people", msgspec.json.encode(people), house.alerts)
    await house.settled()


def give(house: House, **addresses: dict[str, tuple[str, ...]]) -> None:
    """Let people have addresses."""
    contacts = [Contact(subject, subject.title(), "soins", addresses=told) for subject, told in addresses.items()]
    Directory(house.home).import_contacts("ici", contacts)


async def test_an_app_that_one_has_to_open_rings_nobody(night: House) -> None:
    await choose(night, nurse=("app", "push", "sms", "mssante"), physician=("app", "sms"))
    give(night, nurse={"mssante": ("nina@mss.example",)})
    patient = await enrol(night)
    assert (await page(night, "nurse", patient)).json()["rings"] is False  # with neither browser, number nor address
    give(night, nurse={"sms": (SMS,)})
    told = await page(night, "physician", patient)
    assert told.json()["rings"] is True
    assert SMS not in told.text
    await choose(night, nurse=("app",), physician=("app", "sms"))
    assert (await page(night, "nurse", patient)).json()["rings"] is False  # they have one, and are not told by it


async def test_a_browser_that_is_pushed_to_rings(night: House) -> None:
    await choose(night, nurse=("app", "push"))
    patient = await enrol(night)
    assert (await page(night, "nurse", patient)).json()["rings"] is False
    Directory(night.home).subscribe("nurse", "https://push.example/1", "p", "a", now())
    assert (await page(night, "nurse", patient)).json()["rings"] is True


async def test_whoever_is_on_call_rings_for_the_circle(night: House) -> None:
    await choose(night, nurse=("app",), colleague=("sms",))
    give(night, colleague={"sms": (SMS,)})
    patient = await enrol(night)
    assert (await page(night, "nurse", patient)).json()["rings"] is False
    at = now()
    shifts = (Shift(person="colleague", since=at - HOUR, until=at + HOUR),)
    calendar = OnCall(shifts=shifts, read_at=at, source="a.ics")
    await night.publish("on-call/telesuivi", msgspec.json.encode(calendar), night.alerts)
    await night.settled()
    assert (await page(night, "nurse", patient)).json()["rings"] is True


async def test_whoever_enrols_is_told_and_support_is_not(night: House) -> None:
    await choose(night, nurse=("app",))
    answer = await ask(night, "POST", "/patients", "physician", body_of())
    assert answer.json()["rings"] is False
    answer = await ask(night, "POST", "/patients", "support", body_of(**{"for": "physician"}))
    assert answer.status_code == 201
    assert "rings" not in answer.json()


async def test_where_alerts_are_not_known_nothing_is_said_of_it(ward: House) -> None:
    patient = await enrol(ward)
    assert (await page(ward, "nurse", patient)).json()["rings"] is None
