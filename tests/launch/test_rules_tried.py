"""Rules tried on the past: how many alerts, to whom, which are new and which gone; and nothing is changed by it."""

import json
from pathlib import Path

import msgspec
import pytest

from config.alerts import RULES
from config.reading import DirectoryErrors
from domain.alerts.routing import OnCall, Shift
from domain.events import OCCUPIED, BedsReported, Event, Source, Split, Tick
from event_log.codec import encode
from event_log.topics import CAPACITY
from launch import alert_command, regions, rules_tried
from launch.rules_tried import Outcome, whole
from tests.config.test_alerts import SMALL
from tests.launch.test_alerting import Here

MINUTE, HOUR = 60_000, 3_600_000


async def told(here: Here, minutes_ago: float, event: Event) -> None:
    """Put an event on the capacity log."""
    at = regions.now() - round(minutes_ago * MINUTE)
    event = msgspec.structs.replace(event, received_at=at)
    if isinstance(event, BedsReported):
        event = msgspec.structs.replace(event, happened_at=at)
    await here.log.append(CAPACITY, 0, b"ici", encode(event))


async def occupied(here: Here, minutes_ago: float, count: int, ward: str = "310000001/rea-adulte") -> None:
    """Have a ward of 20 beds say how many are occupied, and that time goes on."""
    row = BedsReported(
        id=f"{ward} {minutes_ago}",
        received_at=0,
        region="ici",
        ward=ward,
        status=OCCUPIED,
        happened_at=0,
        source=Source("somebody", "http"),
        splits=(Split(count),),
    )
    closed = msgspec.structs.replace(row, id=f"{row.id} closed", status="05", splits=(Split(0),))
    await told(here, minutes_ago, closed)
    await told(here, minutes_ago, row)
    await told(here, minutes_ago - 1, Tick(id=f"tick {minutes_ago}", received_at=0))


async def tried(here: Here, rules: str | None = None, since: str = "12h") -> Outcome:
    """Return what rules raise of the past."""
    path = None
    if rules is not None:
        path = here.home.parent / "tried.yaml"
        path.write_text(rules, encoding="utf-8")
    return await alert_command.tried(
        here.log, here.state, here.home, code="ici", since=since, rules=path, directory=here.directory
    )


def counts(found: Outcome) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """Return the lines of an outcome without whom they tell."""
    return {(each.rule, each.severity): (each.in_force, each.tried, each.new, each.gone) for each in found.lines}


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """Return a small region, its rules in force for six hours: one ward was 85 %, 95 %, 50 %, then 95 % full."""
    made, then = Here(tmp_path), regions.now() - 6 * HOUR
    with monkeypatch.context() as past:
        past.setattr(regions, "now", lambda: then)
        await made.found()
        await made.publish()
    for minutes_ago, count in ((300, 17), (240, 19), (180, 10), (120, 19), (60, 19)):
        await occupied(made, minutes_ago, count)
    return made


async def test_the_rules_in_force_tried_again_bring_nothing_new(here: Here) -> None:
    found = await tried(here)
    assert counts(found) == {("rea-full", "warning"): (2, 2, 0, 0)}
    assert (found.new, found.gone, found.not_tried) == ([], [], [])
    assert found.lines[0].to == {"alice": 2}  # alerts
    assert found.messages == {"alice": {"in_force": 6, "tried": 6}}  # each time at once, after 90 s and 9 min more
    assert found.escalated == {"in_force": 4, "tried": 4}


async def test_a_lower_threshold_raises_what_is_new_and_a_higher_one_loses_what_is_gone(here: Here) -> None:
    lower = SMALL[RULES].replace("above: 90 %, clear_below: 85 %", "above: 80 %, clear_below: 75 %")
    found = await tried(here, lower)
    assert counts(found) == {("rea-full", "warning"): (2, 2, 0, 0)}  # it only began earlier
    higher = SMALL[RULES].replace("above: 90 %", "above: 96 %")
    found = await tried(here, higher)
    assert counts(found) == {("rea-full", "warning"): (2, 0, 0, 2)}
    assert [each.split(" | ")[:2] for each in found.gone] == [["rea-full", "departement/31/rea-adulte"]] * 2
    everywhere = SMALL[RULES].replace("at: departement", "at: region").replace('    places: ["31"]\n', "")
    found = await tried(here, everywhere)
    assert len(found.new) == len(found.gone) == 2


async def test_only_what_was_raised_since_then_counts(here: Here) -> None:
    assert counts(await tried(here, since="150m")) == {("rea-full", "warning"): (1, 1, 0, 0)}
    assert counts(await tried(here, since="30m")) == {}
    assert rules_tried.table(await tried(here, since="30m")) == [
        "no alert, neither by the rules in force nor by those tried"
    ]


async def test_nothing_is_changed_by_it(here: Here) -> None:
    length, held = await here.length(), (await here.held()).settings
    await tried(here, SMALL[RULES].replace("above: 90 %", "above: 96 %"))
    assert await here.length() == length
    assert (await here.held()).settings == held


async def test_rules_with_mistakes_are_not_tried(here: Here) -> None:
    with pytest.raises(DirectoryErrors, match=r"tried\.yaml:4: on 'fullness'"):
        await tried(here, SMALL[RULES].replace("on: occupancy", "on: fullness"))


async def test_a_record_that_nobody_can_read_is_passed_over(here: Here) -> None:
    await here.log.append(CAPACITY, 0, b"ici", b"\xff")
    assert counts(await tried(here)) == {("rea-full", "warning"): (2, 2, 0, 0)}


async def test_rules_of_the_system_are_named_as_not_tried(here: Here) -> None:
    late = SMALL[RULES].replace("on: silent_for", "on: position_lag").replace("at: source", "at: shard")
    found = await tried(here, late.replace("concern: data", "concern: system"))
    assert found.not_tried == ["silent"]
    assert rules_tried.table(found)[-1].endswith("not on this log: silent")


async def test_an_outcome_is_a_table_and_json(here: Here) -> None:
    found = await tried(here)
    head, line, *_ = rules_tried.table(found)
    assert head.split() == ["rule", "severity", "in", "force", "tried", "new", "gone", "told"]
    assert line.split() == ["rea-full", "warning", "2", "2", "0", "0", "alice", "2"]
    assert json.loads(msgspec.json.encode(found))["lines"][0]["rule"] == "rea-full"


def test_what_a_schedule_said_in_the_past_is_put_together_and_the_later_reading_counts() -> None:
    first = OnCall((Shift("alice", 0, 10), Shift("bob", 10, 40)), 1)
    second = OnCall((Shift("carol", 20, 30),), 2)
    assert whole([first, second]).shifts == (Shift("alice", 0, 10), Shift("bob", 10, 20), Shift("carol", 20, 30))
    failed = OnCall((), 3)
    assert whole([first, failed]).shifts == (Shift("alice", 0, 3),)
