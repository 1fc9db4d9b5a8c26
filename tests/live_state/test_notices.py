"""The notices shard as it is stored and told: whole values by key, what is gone, and commits of a bounded size."""

from typing import Any

import msgspec

from domain.alerts.fold import Item, fold
from domain.alerts.holding import STORED
from domain.alerts.lifecycle import Step
from domain.alerts.routing import ChainStep
from domain.events import (
    AlertStepped,
    CaseFound,
    ChannelChanged,
    ChannelsChosen,
    Counted,
    SilenceMade,
    Tick,
    WordSent,
)
from domain.followup.crossing import Case, Count, Word
from domain.followup.pathway import Cluster
from live_state import notices
from live_state.commands import mistake_in
from live_state.state import MOST_BYTES_ALONE, Commit, Position, bytes_at_most
from tests.small_notices import OWNER, START, Timeline, alert, patient


def busy() -> Timeline:
    """Return a timeline on which there is something of every kind."""
    day = Timeline()
    day.at(0).fires("w1", "w2")
    day.at(5).arrives()
    day.sees("anne", "w1")
    day.event(ChannelsChosen, by="paul", channels={"warning": ("sms",)})
    day.event(ChannelChanged, channel="sms", up=False)
    span: dict[str, Any] = {"since": START, "until": START + 900_000}
    day.event(SilenceMade, by="boss", id_="s1", matchers={"ward": ("w2",)}, reason="travaux", **span)
    day.at(545)
    day.fires("w3")
    day.ends("w3", outcome="wrong")
    plan = (ChainStep(person="anne"), ChainStep(wait_s=540), ChainStep(loop=5))
    day.step("fired", patient("p1", plan=plan, since=day.now))
    case = Case(at=day.now, facility="310780192", rule=Cluster(cases=2, days=4), tell=("anne",))
    for number in range(2):
        place: dict[str, Any] = {"shard": f"followup:ici:{number}", "epoch": "e1", "offset": 7}
        day.event(CaseFound, **place, n=0, case=case)
        day.event(Counted, **place, n=1, count=Count(START, number, 2, {"31/red": 20}))
        day.event(Counted, **place, n=2, count=Count(START + 3_600_000, number, 4, {"31/red": 20}))
    word = Word(day.now, "w", ("anne",), "info", alert("w").title, alert("w").text, "/patients/p1")
    day.event(WordSent, shard="followup:ici:0", epoch="e1", offset=8, n=0, word=word)
    return day


def test_what_is_stored_is_what_is_held() -> None:
    day = busy()
    loaded = day.stored.load(day.state.offset)
    for name in (*STORED, "offset", "clock", "shard", "said", "in_force", "tallies", "links", "due", "next_due"):
        assert getattr(loaded, name) == getattr(day.state, name), name


def test_a_feed_entry_holds_whole_values_by_key() -> None:
    day = busy()
    step = Step(what="fired", at=day.now, alert=alert("w9"))
    event = AlertStepped(id="s", received_at=day.now, shard=OWNER, epoch="e1", offset=900, n=0, step=step)
    draft = fold(day.state, [Item(len(day.events), event)])
    change = notices.read_feed(notices.feed(draft, rebuilding=False))

    assert (change.start, change.at, change.reload) == (day.state.offset, day.now, False)
    (group,) = (key for key in change.set if key.startswith("group/"))
    held, shown = change.set["alert/w9"], change.set[group]
    assert held is not None
    assert shown is not None
    assert notices.read_alert(held) == draft.alerts.get("w9")
    assert notices.read_group(shown) == draft.groups.get(group.removeprefix("group/"))
    assert {id_: said.outcome for id_, said in change.outcomes.items()} == {"s": "applied"}


def test_what_is_counted_is_told_once_it_is_published_and_never_what_it_is_made_of() -> None:
    day = busy()
    assert (list(day.state.counts), list(day.state.counting)) == ([str(START)], [str(START + 3_600_000)])
    told = []
    for number in (2, 3):
        count = Count(START + 3_600_000, number, 4, {"31/red": 1})
        basics: dict[str, Any] = {"id": f"c{number}", "received_at": day.now, "epoch": "e1", "offset": 9, "n": 0}
        event = Counted(shard=f"followup:ici:{number}", count=count, **basics)
        draft = fold(day.state, [Item(len(day.events), event)])
        told.append(notices.read_feed(notices.feed(draft, rebuilding=False)).set)
        day.fold(event)
    assert told[0] == {}
    (held,) = told[1].values()
    assert list(told[1]) == [f"counts/{START + 3_600_000}"]
    assert held is not None
    assert notices.read_counts(held).cells == {"31/red": 42}


def test_what_is_gone_is_none_and_who_is_to_be_told_by_what_is_not_told() -> None:
    day = busy()
    (silence,) = day.state.silences
    draft = fold(day.state, [Item(len(day.events), day.events[-1]), Item(len(day.events) + 1, _tick(day, 901))])
    change = notices.read_feed(notices.feed(draft, rebuilding=True))
    assert change.rebuilding
    assert change.set[f"silence/{silence}"] is None
    assert {key.partition("/")[0] for key in change.set} <= {"alert", "group", "silence", "override", "channel"}


def _tick(day: Timeline, seconds: float) -> Tick:
    return Tick(id="later", received_at=START + round(seconds * 1_000))


def test_the_end_of_an_epoch_with_2000_alerts_fits_into_one_commit() -> None:
    day = Timeline()
    steps = [
        AlertStepped(
            id=f"s{n}",
            received_at=START,
            shard=OWNER,
            epoch="e1",
            offset=n,
            n=0,
            step=Step(what="fired", at=START, alert=alert(f"w{n}", labels={"departement": f"{n % 13}"})),
        )
        for n in range(2_000)
    ]
    day.state.absorb(fold(day.state, [Item(len(day.events) + n, step) for n, step in enumerate(steps)]))
    anew = AlertStepped(id="n", received_at=START + 60_000, shard=OWNER, epoch="e2", offset=1, n=0, step=steps[0].step)
    draft = fold(day.state, [Item(day.state.offset + 1, anew)])
    writes = notices.writes(draft, rebuilding=False)
    assert [why for command in writes if (why := mistake_in(command))] == []
    feed = notices.feed(draft, rebuilding=False)
    at, to = (Position("e1", offset, 1) for offset in (day.state.offset, draft.offset))
    assert bytes_at_most(Commit(at, to, writes, feed)) < MOST_BYTES_ALONE
    assert notices.read_feed(feed).reload, "readers do better to load so much again"


def test_timelines_are_in_the_order_in_which_it_happened() -> None:
    day = busy()
    entries: dict[int, bytes] = {}
    for command in notices.writes(fold(day.state, [Item(len(day.events), _take(day))]), rebuilding=False):
        if command[:2] == ["ZADD", "timeline:w1"]:
            entries[int(command[2])] = bytes(command[3])  # type: ignore[arg-type]
    (line,) = notices.read_timeline([entries[place] for place in sorted(entries)])
    assert (line.what, line.by, list(entries)) == ("taken", "anne", [(START + 545_000) * 1_000])


def _take(day: Timeline) -> AlertStepped:
    taken = msgspec.structs.replace(day.alerts["w1"], status="acknowledged", taken_by="anne", taken_at=day.now)
    step = Step(what="taken", at=day.now, alert=taken, by="anne")
    return AlertStepped(id="take", received_at=day.now, shard=OWNER, epoch="e1", offset=901, n=0, step=step)
