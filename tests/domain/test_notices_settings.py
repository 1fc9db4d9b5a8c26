"""What is published: a setting that makes no sense is refused with its reason, and the one in force stays."""

import hashlib
from typing import Any

import msgspec
import pytest

from domain.alerts.routing import (
    Chain,
    ChainStep,
    Inhibition,
    OnCall,
    People,
    Person,
    Route,
    Routing,
    Window,
    Zone,
    mistakes,
)
from domain.events import SettingsPublished
from tests.small_notices import PEOPLE, START, Timeline, chain, published, routing

ANNE, WAIT = ChainStep(person="anne"), ChainStep(wait_s=60)
KNOWN = People(people=PEOPLE)


def test_a_sound_routing_has_no_mistakes() -> None:
    assert mistakes(routing(chain(ANNE, WAIT, ChainStep(cell="cell"), ChainStep(loop=2))), KNOWN) == []


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (routing(route={"chain": None}), "route.chain"),
        (routing(route={"chain": "none"}), "route.chain"),
        (routing(chain(WAIT)), "chains[0].steps"),
        (routing(chain()), "chains[0].steps"),
        (routing(chain(ChainStep(person="nobody"))), "chains[0].steps[0].person"),
        (routing(chain(ChainStep(cell="nobody"))), "chains[0].steps[0].cell"),
        (routing(chain(ChainStep(on_call="none"))), "chains[0].steps[0].on_call"),
        (routing(chain(ANNE, ChainStep(person="anne", wait_s=5))), "chains[0].steps[1]"),
        (routing(chain(ANNE, ChainStep())), "chains[0].steps[1]"),
        (routing(chain(ANNE, ChainStep(wait_s=0))), "chains[0].steps[1].wait_s"),
        (routing(chain(ANNE, ChainStep(loop=2))), "chains[0].steps[1].loop"),
        (routing(chain(ANNE, WAIT, ChainStep(loop=1_000))), "chains[0].steps[2].loop"),
        (routing(chain(ANNE), chain(ANNE)), "chains[1].id"),
        (routing(route={"routes": (Route(id="root"),)}), "route.routes[0].id"),
        (routing(route={"routes": (Route(id="a", chain="none"),)}), "route.routes[0].chain"),
        (routing(route={"routes": (Route(id="a", match={"level": ()}),)}), "route.routes[0].match.level"),
        (routing(route={"routes": (Route(id="a", hours=(Window(0, 2_000),)),)}), "route.routes[0].hours[0].end"),
        (routing(route={"routes": (Route(id="a", hours=(Window(0, 9, (8,)),)),)}), "route.routes[0].hours[0].days"),
        (routing(route={"match": {"level": ("ward",)}}), "route.match"),
        (routing(route={"group_wait_s": -1}), "route.group_wait_s"),
        (routing(inhibitions=(Inhibition(source={}, target={"level": ("ward",)}),)), "inhibitions[0].source"),
        (routing(zone=Zone(name="Europe/Paris", offsets=())), "zone.offsets"),
        (routing(zone=Zone(name="Europe/Paris", offsets=((5, 0), (5, 1)))), "zone.offsets"),
    ],
)
def test_a_mistake_in_a_routing_is_told_with_where_it_is(wrong: Routing, path: str) -> None:
    assert path in [where for where, _ in mistakes(wrong, KNOWN)]


def test_without_people_nothing_is_said_of_who_is_named() -> None:
    assert mistakes(routing(chain(ChainStep(person="nobody"))), None) == []


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("routing", routing(route={"chain": None})),
        ("routing", b"{"),
        ("routing", b"[]"),
        ("people", People(people={"anne": Person(channels={"warning": ("fax",)})})),
        ("people", b'{"people": {"anne": {"channels": {"grave": []}}}}'),
        ("people", People(people={"anne": Person(channels={}, quiet=Window(0, 5_000))})),
        ("on-call/medical", b'{"shifts": 3}'),
        ("alert_rules", b'{"rules": [{}]}'),
        ("anything", b"\xff"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_and_the_one_in_force_stays(name: str, document: Any) -> None:
    day = Timeline()
    before, settings = day.state.in_force, dict(day.state.settings)
    said = day.fold(published(name, document, at=START + 1))
    assert said.outcome == "refused"
    assert said.reason
    assert (day.state.in_force, day.state.settings) == (before, settings)
    day.at(1).fires("w1")
    assert day.at(6).told() == [("anne", "sms", "first")]


def test_a_setting_in_parts_is_in_force_with_its_last_one() -> None:
    day = Timeline()
    content = msgspec.json.encode(OnCall(shifts=(), read_at=5, source="medical.ics"))
    digest = hashlib.sha256(content).hexdigest()
    for part in (0, 1):
        assert day.state.in_force.on_call == {}
        event = SettingsPublished(
            id=f"p{part}",
            received_at=START,
            name="on-call/medical",
            digest=digest,
            content=content[:10] if part == 0 else content[10:],
            part=part,
            parts=2,
        )
        assert day.fold(event).outcome == "applied"
    assert day.state.in_force.on_call["medical"].source == "medical.ics"
    assert set(day.state.settings) >= {"on-call/medical", "on-call/medical:digest"}
    assert not [name for name in day.state.settings if name.count(":") == 2]


def test_a_chain_may_name_who_comes_with_the_next_people_once_they_are_there() -> None:
    day = Timeline()
    newer = routing(Chain(id="default", steps=(ChainStep(person="eva"),)))
    assert day.fold(published("routing", newer, at=START + 1)).outcome == "refused"
    more = People(people=PEOPLE | {"eva": Person(channels={"warning": ("sms",)})})
    assert day.fold(published("people", more, at=START + 2)).outcome == "applied"
    assert day.fold(published("routing", newer, at=START + 3, id_="again")).outcome == "applied"
