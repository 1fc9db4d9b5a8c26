"""From a report to the person who acts: who is told, by what and when; whatever is killed, wiped or away, once."""

import json
import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from config.alerts import Alerting
from domain.alerts.routing import Chain, ChainStep, People, Person, Route, Routing, Zone
from domain.alerts.rule import Level, Ruleset
from domain.events import (
    AVAILABLE,
    AlertActed,
    AlertStepped,
    Event,
    NoticeDelivered,
    SystemMeasured,
    Tick,
)
from event_log.codec import encode
from event_log.ids import new_id
from event_log.kafka import KafkaLog
from event_log.topics import CAPACITY, NOTICES, init_shard
from launch import publish, regions
from launch.embedded import Engine
from launch.regions import Document
from live_state.redis import RedisState
from people.directory import Contact
from people.directory import People as Directory
from streams.forwarder import OUTBOX
from streams.notify.webhook import SIGNATURE, signature
from tests import notices_recount, recount
from tests.alert_rules import rule
from tests.end_to_end.conftest import CELL
from tests.end_to_end.peers import Message, Peers
from tests.end_to_end.screen import AlertDesk
from tests.end_to_end.system import System, beside, right, running, small
from tests.engines.chosen import EngineSet
from tests.streams.worker_process import WorkerProcess

pytestmark = [pytest.mark.engines, pytest.mark.timeout(240)]

ICI, PANNE, FAUTES, PASSE = "ici", "panne", "fautes", "passe"
ANNE, BRUNO, CARLA, DENIS, CHEF, FANNY = "anne", "bruno", "carla", "denis", "chef", "fanny"
GUARDS = ("garde-1", "garde-2", "garde-3")
WATCHES = tuple(f"veille-{number}" for number in range(4))  # of one ward each
BASE, HOOK, HOOK_SECRET = "https://lits.example.invalid", "salle", "canary" * 8
WAIT_S, LONG_S = 2.0, 3_600.0
WAIT_MS = round(WAIT_S * 1000)
ENOUGH, FEW = 9, 1
AGO_MS = 150_000


def rules(hold_s: float) -> Ruleset:
    """Return a rule on beds, whose condition must hold for so long, and two on vigilits itself."""
    few = rule("peu", "available", "ward", Level("warning", below=2.0), hold_s=hold_s)
    mute = rule("muet", "channel_down", "channel", Level("critical", above=0.0), concern="system")
    late = rule("tard", "position_lag", "shard", Level("critical", above=1_000_000.0), concern="system")
    return Ruleset((few, mute, late))


def wards_of(region: Document) -> list[str]:
    """Return the wards of a small region whose beds are counted at once."""
    return [ward.id for ward in region.region.wards if ward.kind != "had"]


def chain(id_: str, *steps: ChainStep) -> Chain:
    """Return a chain with a wait after each step, the last one long."""
    waits = [ChainStep(wait_s=WAIT_S)] * (len(steps) - 1) + [ChainStep(wait_s=LONG_S)]
    return Chain(id_, tuple(each for pair in zip(steps, waits, strict=True) for each in pair))


CHAINS = (
    chain("relais", ChainStep(person=ANNE), ChainStep(person=BRUNO)),
    chain("liens", ChainStep(person=CARLA), ChainStep(person=DENIS)),
    *(chain(each, ChainStep(person=each)) for each in (CHEF, FANNY, *WATCHES)),
    Chain(
        "garde", (ChainStep(cell="garde"), ChainStep(wait_s=600.0), ChainStep(person=CHEF), ChainStep(wait_s=LONG_S))
    ),
)
BY_MAIL = Person(dict.fromkeys(("info", "warning", "critical"), ("smtp",)))
PEOPLE = People(
    dict.fromkeys((ANNE, BRUNO, CARLA, DENIS, FANNY, *WATCHES), BY_MAIL)
    | dict.fromkeys(GUARDS, msgspec.structs.replace(BY_MAIL, team="garde"))
    | {CHEF: Person({"warning": ("app",), "critical": ("app",)})}
)


def alarmed(document: Document, *chains: str, otherwise: str = CHEF, hold_s: float = 0.0) -> Document:
    """Return a region that tells of each ward by itself: of the first by the first chain, and so on."""
    routes = (
        Route(f"lits-{number}", match={"ward": (ward,)}, chain=each, webhooks=(HOOK,) if each == "relais" else ())
        for number, (ward, each) in enumerate(zip(wards_of(document), chains, strict=False))
    )
    root = Route(
        "tout",
        group_by=("ward", "channel", "shard"),
        group_wait_s=1.0,
        group_interval_s=1.0,
        repeat_interval_s=LONG_S,
        chain=otherwise,
        routes=tuple(routes),
    )
    routing = Routing(root, CHAINS, Zone("UTC", ((0, 0),)))
    return document._replace(alerting=Alerting(rules(hold_s), routing, PEOPLE, (), {}, {}))


REGIONS = {
    ICI: alarmed(small(ICI, 1), "relais", "liens", hold_s=1.0),
    PANNE: alarmed(small(PANNE, 2), "garde", WATCHES[3]),
    FAUTES: alarmed(small(FAUTES, 3), *WATCHES[:3]),
    PASSE: alarmed(small(PASSE, 4), otherwise=FANNY),
}


def mailbox(subject: str) -> str:
    """Return somebody's address."""
    return f"{subject}@exemple.invalid"


@pytest.fixture(scope="module")
def peers() -> Iterator[Peers]:
    """Return those whom messages go to."""
    with Peers().serving() as peers:
        yield peers


@pytest.fixture(scope="module")
def alarms(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet, peers: Peers) -> Iterator[System]:
    """Return a vigilits with three regions that tell people of alerts, whose engines and parts may be harmed."""
    directory = tmp_path_factory.mktemp("alarms")
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    people = Directory(directory / "home")
    people.set_webhook(HOOK, f"{peers.hook.url}/alertes", HOOK_SECRET, allow_private=True)
    contacts = [
        Contact(each, each.title(), addresses={"smtp": (mailbox(each),)}, invented=True) for each in PEOPLE.people
    ]
    for code in REGIONS:
        people.import_contacts(code, contacts)
    founded = []
    for code in (ICI, PANNE, FAUTES):
        told = dict.fromkeys((ANNE, BRUNO, CARLA, DENIS), right("regulator", code))
        founded.append((REGIONS[code], {CELL: right("crisis_cell", code), **told}))
    mail = {
        "SMTP_URL": f"smtp://127.0.0.1:{peers.mail.port}",
        "SMTP_FROM": "vigilits@exemple.invalid",
        "SMTP_STARTTLS": "false",
        "SMTP_PER_SECOND": "100",
        "PUBLIC_URL": BASE,
    }
    with ExitStack() as open_:
        for engine in (kafka, redis):
            open_.callback(engine.stop)
            engine.start()
        yield open_.enter_context(running(directory / "home", kafka, redis, founded, mail))


def ward_of(region: str, place: int) -> str:
    """Return a ward of a region."""
    return wards_of(REGIONS[region])[place]


def say(system: System, ward: str, free: int) -> None:
    """Report how many beds a ward has left: one is an alert."""
    answer = system.tell(CELL, {"ward": ward, "status": AVAILABLE, "count": free})
    assert answer.status_code in (201, 202), answer.text


def raised(desk: AlertDesk, ward: str) -> str:
    """Return the id of the alert on a ward, once the desk shows it firing."""
    return str(desk.until_on(f"ward/{ward}", status="firing")["id"])


def who_was_told(group: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return who was told of a group, and how long after the first (ms)."""
    told = [(each["person"], each["at"]) for each in group.get("told", ()) if each["channel"] != "webhook"]
    return [(person, at - told[0][1]) for person, at in told]


def has_told(desk: AlertDesk, alert: str, number: int) -> list[tuple[str, int]]:
    """Return who was told, once so many were."""
    desk.until(lambda _: len(who_was_told(desk.group_of(alert))) >= number, f"{number} told")
    return who_was_told(desk.group_of(alert))


def delivered(desk: AlertDesk, alert: str) -> None:
    """Return once everyone who was told of an alert has received it, as far as their channels know."""
    desk.until(lambda _: _all_delivered(desk.group_of(alert)), f"receipts of {alert}")


def _all_delivered(group: Mapping[str, Any]) -> bool:
    told = group.get("told", ())
    return bool(told) and all("delivered_at" in each for each in told)


def timeline(system: System, region: str, alert: str) -> list[tuple[str, str | None]]:
    """Return what happened to an alert, and by or to whom."""
    answer = system.get(CELL, f"/regions/{region}/alerts/{alert}")
    assert answer.status_code == 200, answer.text
    return [(line["what"], line.get("by") or line.get("to")) for line in answer.json()["timeline"]]


def events(system: System, region: str, kind: type[Event], topic: str = NOTICES) -> list[Any]:
    """Return what stands of one kind on a region's log."""
    return [item.event for item in system.log_of(region, topic) if isinstance(item.event, kind)]


def keys_of(messages: list[Message]) -> list[str]:
    """Return the Message-ID of each."""
    return [message.key for message in messages]


def test_an_alert_reaches_the_right_person(alarms: System, peers: Peers) -> None:
    ward = ward_of(ICI, 0)
    with alarms.desk(CELL, ICI) as desk:
        say(alarms, ward, ENOUGH)
        say(alarms, ward, FEW)
        alert = raised(desk, ward)
        assert has_told(desk, alert, 2) == [(ANNE, 0), (BRUNO, WAIT_MS)]
        [to_anne], [to_bruno] = (peers.mailed(mailbox(each), 1) for each in (ANNE, BRUNO))
        assert to_anne.key.startswith("<")
        assert to_anne.key != to_bruno.key
        assert "nouvelle alerte" in to_anne.subject
        assert "restée sans réponse" in to_bruno.subject
        delivered(desk, alert)  # or the end of it would find a message that is still to be sent, and take it back

        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda who: alarms.act(who, ICI, alert, "take"), (BRUNO, ANNE)))
        assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
        taker = BRUNO if answers[0].status_code == 200 else ANNE
        [refused] = [answer.json() for answer in answers if answer.status_code == 409]
        assert refused["taken_by"] == taker
        shown = desk.until_on(f"ward/{ward}", status="acknowledged")
        assert shown["taken_by"] == taker
        assert desk.group_of(alert)["status"] == "taken"
        assert "next_at" not in desk.group_of(alert)  # the chain has stopped

        say(alarms, ward, ENOUGH)
        desk.until_on(f"ward/{ward}", status="resolved")
        for each in (ANNE, BRUNO):
            peers.mailed(mailbox(each), 2)
    told = [peers.mails(mailbox(each)) for each in (ANNE, BRUNO)]
    assert ["fin d'alerte" in message.subject for messages in told for message in messages] == [False, True] * 2
    receipts = [("delivered", ANNE), ("delivered", BRUNO)]
    alarms.until(lambda: all(timeline(alarms, ICI, alert).count(each) == 2 for each in receipts), "receipts")
    # They come when they come; the rest has an order.
    lines = [line for line in timeline(alarms, ICI, alert) if line[0] != "delivered"]
    assert lines[:4] == [("fired", None), ("told", ANNE), ("escalated", BRUNO), ("taken", taker)]
    assert lines[4] == ("resolved", None)
    assert sorted(lines[5:]) == [("told", ANNE), ("told", BRUNO)]


def test_a_receiver_of_webhooks_is_told_beside_and_knows_who_speaks(alarms: System, peers: Peers) -> None:
    """Of the alert before."""
    peers.until(lambda: len(peers.hook.asked) >= 2, "second webhook")
    asked = list(peers.hook.asked)
    for each in asked:
        told = each.headers[SIGNATURE.lower()]
        at_s = int(told.partition(",")[0].removeprefix("t="))
        assert told == signature(HOOK_SECRET, each.body, at_s)
    payloads = [json.loads(each.body) for each in asked]
    assert [payload["status"] for payload in payloads] == ["firing", "resolved"]
    assert payloads[0]["groupLabels"]["ward"] == ward_of(ICI, 0)


def test_a_link_marks_seen_when_told_to_and_buys_one_wait(alarms: System, peers: Peers) -> None:
    ward = ward_of(ICI, 1)

    def open_link(secret: str) -> httpx.Response:
        return alarms.http.post("/api/v1/seen", json={"link": secret})

    with alarms.desk(CELL, ICI) as desk:
        say(alarms, ward, FEW)
        alert = raised(desk, ward)
        [message] = peers.mailed(mailbox(CARLA), 1)
        assert f"{BASE}/seen#{message.secret}" in message.text
        # What looks at links before people do: it gets a page at best.
        for path in ("/seen", f"/seen?link={message.secret}", f"/api/v1/seen?link={message.secret}"):
            alarms.http.get(path)
            alarms.http.head(path)
        group = desk.group_of(alert)["id"]
        over = Directory(alarms.home).link(ICI, group, CARLA, regions.now() - 1)
        for bad in (over, "rubbish", message.secret[:-1], ""):
            assert open_link(bad).status_code == 410, bad
        assert alarms.get(CELL, f"/regions/{ICI}/alerts/{alert}").json()["alert"].get("seen_by") is None
        assert "delayed" not in desk.group_of(alert)

        for _ in range(2):
            answer = open_link(message.secret)
            assert answer.status_code == 200, answer.text
        desk.until(lambda _: desk.group_of(alert).get("delayed"), "delay")
        assert list(desk.alerts[alert]["seen_by"]) == [CARLA]
        assert desk.alert_on(f"ward/{ward}", status="firing")  # seen is not taken
        assert has_told(desk, alert, 2) == [(CARLA, 0), (DENIS, 2 * WAIT_MS)]
        peers.mailed(mailbox(DENIS), 1)
        assert alarms.act(DENIS, ICI, alert, "take").status_code == 200
    assert timeline(alarms, ICI, alert).count(("seen", CARLA)) == 1, "each person once"


def test_a_dead_channel_leads_to_the_next_person_at_once_and_is_itself_an_alert(alarms: System, peers: Peers) -> None:
    """Three people by mail alone, none of whom it reaches; the chief, next after ten minutes, has the desk open."""
    ward = ward_of(PANNE, 0)
    peers.close_mail()
    try:
        with alarms.desk(CELL, PANNE) as desk:
            say(alarms, ward, FEW)
            alert = raised(desk, ward)
            told = has_told(desk, alert, 4)
            assert [person for person, _ in told] == [*GUARDS, CHEF]
            print(f"three by a dead channel, the next after {told[-1][1] / 1000:.1f} s")
            assert told[-1][1] < 30_000

            down = desk.until_on("channel/smtp", status="firing")
            assert desk.channels["smtp"]["up"] is False
            assert desk.alerts[down["id"]]["shard"] == f"notices:{PANNE}"
            assert alarms.act(CELL, PANNE, down["id"], "take").status_code == 200
            assert desk.until_on("channel/smtp", status="acknowledged")["taken_by"] == CELL
    finally:
        peers.open_mail()
    assert [event.alert for event in events(alarms, PANNE, AlertActed)] == [down["id"]]
    assert events(alarms, PANNE, AlertActed, CAPACITY) == []


def test_a_live_state_wiped_between_commit_and_send_costs_no_message_and_doubles_none(
    alarms: System, peers: Peers
) -> None:
    ward, who = ward_of(FAUTES, 0), mailbox(WATCHES[0])
    with alarms.desk(CELL, FAUTES) as desk:
        peers.mail.holds = True
        say(alarms, ward, FEW)
        alert = raised(desk, ward)
        _found_in_the_past(alarms)
        waiting = {who, mailbox(FANNY)}
        peers.until(lambda: waiting <= {message.to for message in peers.handed()}, "two sessions that are held")
        before = _of_others(peers, *waiting)
        alarms.wipe()
        for code in (PASSE, FAUTES):
            alarms.tells_what_its_log_says(code)
        assert not peers.mails(*waiting)
        peers.cut()

        [late] = peers.mailed(mailbox(FANNY), 1)
        assert "retard 2 min" in late.subject
        [sent] = peers.mailed(who, 1)
        assert "retard" not in sent.subject
        delivered(desk, alert)
    for code in (ICI, FAUTES):
        alarms.is_the_fold_of_its_log(code)
    for code in (PASSE, FAUTES, ICI):
        alarms.tells_what_its_log_says(code)
    assert sorted(peers.mails(*waiting)) == sorted([sent, late]), "once each, and not what had its receipt"
    assert _of_others(peers, *waiting) == before


def _of_others(peers: Peers, *but: str) -> list[Message]:
    """Return the mails to all but these and the guards, who are told whenever their channel works again."""
    aside = {*but, *map(mailbox, GUARDS)}
    return [message for message in peers.mails() if message.to not in aside]


def _found_in_the_past(system: System) -> None:
    """Found a region whose log ends two and a half minutes ago: two messages to the same person, one has its receipt.

    So it is where everything was away for that long.
    """
    at = regions.now() - AGO_MS
    settings = REGIONS[PASSE].settings.items()
    told = [
        event
        for name, content in settings
        if NOTICES in publish.topics_of(name)
        for event in publish.parts(name, content, at)
    ]
    measured: dict[str, Any] = {"received_at": at, "measure": "position_lag", "value": 2_000_000.0}
    late = [SystemMeasured(id=new_id(at), subject=f"capacity:ailleurs-{n}", **measured) for n in (1, 2)]
    later = at + 3_000

    async def found() -> None:
        async with KafkaLog(system.kafka.url) as log:
            partition = (await init_shard(log, f"notices:{PASSE}", at, NOTICES)).partition
            last = -1
            for event in (*told, *late, Tick(id=new_id(later), received_at=later)):
                last = await log.append(NOTICES, partition, PASSE.encode(), encode(event))
            told_then = notices_recount.of_fold(await recount.items_of(log, NOTICES, partition, last))
            first, _ = sorted(key.removeprefix("outbox/") for key in told_then.values if key.startswith("outbox/"))
            receipt = NoticeDelivered(id=new_id(later), received_at=later, notice=first, receipt="250")
            await log.append(NOTICES, partition, PASSE.encode(), encode(receipt))

    beside(found())


def test_a_worker_killed_before_a_receipt_or_before_a_telling_tells_once(alarms: System, peers: Peers) -> None:
    sent, not_yet = ward_of(FAUTES, 1), ward_of(FAUTES, 2)
    peers.mail.mute = True
    with alarms.desk(CELL, FAUTES) as desk:
        say(alarms, sent, FEW)
        [first] = peers.mailed(mailbox(WATCHES[1]), 1)
        say(alarms, not_yet, FEW)
        alert = raised(desk, not_yet)
        alarms.kill("worker 1")
        assert not peers.mails(mailbox(WATCHES[2]))
        peers.mail.mute = False
        assert keys_of(peers.mailed(mailbox(WATCHES[1]), 2, 40)) == [first.key, first.key]
        peers.mailed(mailbox(WATCHES[2]), 1, 40)
        for each in (alert, raised(desk, sent)):
            delivered(desk, each)
        assert len(peers.mails(mailbox(WATCHES[2]))) == 1


def test_a_worker_killed_at_any_moment_has_each_told_under_one_key(alarms: System, peers: Peers) -> None:
    ward, who = ward_of(PANNE, 1), mailbox(WATCHES[3])
    with alarms.desk(CELL, PANNE) as desk:
        say(alarms, ward, FEW)
        moment_s = random.uniform(0, 4)
        print(f"killed {moment_s:.2f} s after the report")
        desk.still(lambda _: True, "life", moment_s)
        alarms.kill("worker 1")
        peers.mailed(who, 1, 40)
        delivered(desk, raised(desk, ward))
    assert len(set(keys_of(peers.mails(who)))) == 1
    alarms.tells_what_its_log_says(PANNE)


def test_a_second_live_state_made_from_the_same_logs_has_the_same_alerts_and_tells_nobody(
    alarms: System, peers: Peers, engines: EngineSet, tmp_path: Path
) -> None:
    before = _of_others(peers)
    mail = {
        "smtp_url": f"smtp://127.0.0.1:{peers.mail.port}",
        "smtp_from": "vigilits@exemple.invalid",
        "smtp_starttls": False,
    }
    store, home = engines.redis(tmp_path / "redis"), str(alarms.home)
    with ExitStack() as open_:
        open_.callback(store.stop)
        store.start()
        worker = WorkerProcess(
            tmp_path, alarms.kafka.url, store.url, group="beside", home=home, channels=mail, watchdog_s=60.0
        )
        open_.callback(worker.kill)
        for region in (ICI, FAUTES):
            alarms.is_the_fold_of_its_log(region, on=store.url)
            alarms.until(partial(_nothing_waits, store, region), "end of what is told")
            alarms.tells_what_its_log_says(region, on=store.url)
            alerts = alerts_of(store, region)
            assert alerts
            assert alerts == alerts_of(alarms.redis, region)
            steps = {
                (event.offset, event.n, event.step.alert.id, event.step.what)
                for event in events(alarms, region, AlertStepped)
            }
            assert len(steps) == len({(offset, n) for offset, n, _, _ in steps})
    assert _of_others(peers) == before


def _nothing_waits(store: Engine, region: str) -> bool:
    return _outbox(store, region) == {}


def _outbox(store: Engine, region: str) -> Mapping[str, bytes] | None:
    """Return the steps that are on their way, as a live state holds them; None where it has nothing of the region."""

    async def held() -> Mapping[str, bytes] | None:
        async with RedisState(store.url) as state:
            build = await state.current(f"capacity:{region}")
            loaded = None if build is None else await state.load(build, [OUTBOX])
            return None if loaded is None else loaded[1].get(OUTBOX, {})

    return beside(held())


def alerts_of(store: Engine, region: str) -> set[str]:
    """Return the ids of the alerts that a live state holds of a region."""

    async def held() -> set[str]:
        async with RedisState(store.url) as state:
            found = await notices_recount.shown(state, f"notices:{region}")
            assert found is not None
            return {key for key in found[1].values if key.startswith("alerts/")}

    return beside(held())


def test_a_channel_that_works_again_ends_its_alert_and_brings_what_waited(alarms: System, peers: Peers) -> None:
    """That of the dead channel, some tests ago."""
    with alarms.desk(CELL, PANNE) as desk:
        over = desk.until_on("channel/smtp", status="resolved")
        assert over["why"] == "cleared"
        assert desk.channels["smtp"]["up"] is True
    for each in GUARDS:
        assert len(set(keys_of(peers.mailed(mailbox(each), 1, 60)))) == 1
