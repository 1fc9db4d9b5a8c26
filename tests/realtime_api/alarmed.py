"""Alerts for the API's tests, raised by the real folds: rules, people and routing of the small region."""

import asyncio
from typing import Any

import msgspec

from domain.alerts.notice import HeldAlert
from domain.alerts.routing import Chain, ChainStep, OnCall, People, Person, Route, Routing, Shift, Zone
from domain.alerts.rule import Level, Rule, Ruleset
from domain.events import SystemMeasured
from domain.places import Words
from event_log.ids import new_id
from people.directory import Contact
from people.directory import People as Directory
from realtime_api.app import now
from realtime_api.push.alerts import AlertsHub
from tests.realtime_api.house import WITHIN_S, House

REA, MED = "310000001/rea-adulte", "310000001/medecine"
SAME = Words(fr="{place}", en="{place}")
DAY = 24 * 3_600_000


def rule(id_: str, on: str, at: str, concern: Any, level: Level) -> Rule:
    """Return a rule without a hold."""
    return Rule(id=id_, concern=concern, on=on, at=at, levels=(level,), title=SAME, text=SAME, todo=SAME)


RULES = Ruleset(
    rules=(
        rule("no-bed", "available", "ward", "beds", Level(severity="critical", below=1)),
        rule("older", "history_in_a_row", "source", "data", Level(severity="warning", above=0)),
        rule("behind", "position_lag", "shard", "system", Level(severity="warning", above=10)),
    )
)
ROUTING = Routing(
    route=Route(id="root", chain="cell", group_by=("rule",), group_wait_s=0),
    chains=(
        Chain(
            id="cell",
            steps=(
                ChainStep(person="physician"),
                ChainStep(wait_s=600),
                ChainStep(person="nurse"),
                ChainStep(wait_s=600),
            ),
        ),
    ),
    zone=Zone(name="UTC", offsets=((0, 0),)),
    schedules=("astreinte",),
)
NAMES = {"crisis": "Claire Cellule", "physician": "Paul Médecin", "nurse": "Nina Infirmière"}
TEAM = [f"cell-{n}" for n in range(5)]
PEOPLE = People(
    people={
        **{subject: Person(channels={"critical": ("app", "push")}, team="garde") for subject in NAMES},
        **{subject: Person(channels={}, team="cellule") for subject in TEAM},
    }
)


async def set_up(house: House) -> None:
    """Publish rules, people, routing and a schedule, and name some of the people."""
    Directory(house.home).import_contacts(
        "ici",
        [Contact(subject, name, "garde", addresses={"sms": ("+33600000001",)}) for subject, name in NAMES.items()],
    )
    at = now()
    calendar = OnCall(
        shifts=(Shift(person="nurse", since=at - DAY, until=at + DAY),), read_at=at, source="astreinte.ics"
    )
    for name, content in (
        ("people", PEOPLE),
        ("routing", ROUTING),
        ("on-call/astreinte", calendar),
        ("alert_rules", RULES),
    ):
        await house.publish(name, msgspec.json.encode(content), house.alerts)
    await house.publish("alert_rules", msgspec.json.encode(RULES))
    await house.settled()


def hub(house: House) -> AlertsHub:
    """Return the API's mirror of the region's alerts."""
    return house.rooms.alerts["ici"]


async def until_there(house: House, rule_: str, subject: str = "") -> HeldAlert:
    """Return the alert of a rule once the API knows it, letting clocks go on."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            for held in hub(house).alerts.values():
                if held.alert.rule == rule_ and subject in held.alert.subject and held.alert.status != "resolved":
                    return held
            await house.tick(now() + 1_001)  # what changed within a second is judged at its end
            await house.settled()


async def no_bed(house: House, ward: str = REA) -> HeldAlert:
    """Let a ward run out of beds, and return the alert of it; the physician is told."""
    answer = await house.report("crisis", {"ward": ward, "status": "02", "count": 0})
    assert answer.status_code == 201, answer.text
    return await until_there(house, "no-bed", ward)


async def behind(house: House, by_s: float = 99.0) -> HeldAlert:
    """Let a shard fall behind, and return the alert of it: the notices shard's own."""
    event = SystemMeasured(
        id=new_id(), received_at=now(), measure="position_lag", subject="shard/capacity:ici", value=by_s
    )
    await house.alerts.put(event)
    return await until_there(house, "behind")


async def older(house: House) -> HeldAlert:
    """Let a source's clock be wrong, and return the alert of it: one of the data."""
    for happened_at in (now(), now() - 60_000):
        row = {"ward": MED, "status": "03", "count": 1, "source_type": "03", "happened_at": happened_at}
        assert (await house.report("software", row)).status_code == 201
    return await until_there(house, "older")


async def act(house: House, subject: str, act_: str, *alerts: str, key: str = "", **more: Any) -> Any:
    """Do something with alerts as someone, and return the answer."""
    body = {"act": act_, "alerts": list(alerts), **more}
    headers = house.bearer(subject) | ({"idempotency-key": key} if key else {})
    return await house.http.post("/api/v1/regions/ici/alerts/acts", json=body, headers=headers)


def kind_of(answer: Any) -> tuple[int, str]:
    """Return the status and the kind of problem of an answer."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2]
