"""What a patient's link opens: the slot that is asked and nothing else, and one answer for all that open nothing."""

import asyncio
import statistics
import time
import uuid
from typing import Any

import pytest
from msgspec.structs import replace

from domain.events import PatientErased
from domain.followup.chart import OwnThreshold
from domain.followup.patient import Member
from event_log.ids import new_id
from people.trail import Act
from realtime_api.alerts.bucket import Bucket, Buckets
from realtime_api.app import now
from realtime_api.follow_up import gate as gates
from tests.realtime_api.followed import DOCTOR, RED, WELL, FollowedHouse, person

SECRET = "Kanarienvogel"


def kind_of(answer: Any) -> tuple[int, str]:
    """Return the status and the kind of problem of an answer."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def opened(home: FollowedHouse, link: str, **headers: str) -> Any:
    """Open a link as the answering page does."""
    return await home.post("/answer/open", {"link": link}, **headers)


async def answer(home: FollowedHouse, link: str, answers: Any, slot: str, id_: str = "", **more: Any) -> Any:
    """Send answers as the answering page does."""
    body = {"link": link, "id": id_ or str(uuid.uuid4()), "slot": slot, "answers": answers, **more}
    return await home.post("/answers", body)


# --- what a link shows -----------------------------------------------------------------------------------------------


async def test_a_link_shows_what_is_asked_and_nothing_of_the_person(home: FollowedHouse) -> None:
    patient = await home.enrol(person(birth_name=SECRET))
    told = await opened(home, home.link(patient), accept_language="en-GB,fr;q=0.5")
    page = told.json()
    due = home.patient(patient).slot
    assert due is not None
    assert (told.status_code, page["slot"], page["closes_at"]) == (200, due.slot, due.closes_at)
    assert (page["status"], page["answered"], page["language"], page["region"]) == ("followed", False, "en", "ici")
    assert [item["link"] for item in page["questionnaire"]["items"]][:2] == ["measures", "breathless"]
    assert {flag["rule"] for flag in page["flags"]} == {"flag/breath", "flag/low"}
    assert "72" in page["stop"]["fr"]
    assert SECRET not in told.text
    assert patient not in told.text
    assert not home.trail.newest()
    assert told.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("own", "shown"), [(88.0, 88.0), (97.0, 97.0), (80.0, 85.0), (None, 90.0)])
async def test_a_page_looks_at_the_patients_own_limits_and_says_nothing_else_of_them(
    home: FollowedHouse, own: float | None, shown: float
) -> None:
    thresholds = {} if own is None else {"flag/low": OwnThreshold(own, "prescriber-7", now(), SECRET)}
    patient = await home.enrol(replace(person(birth_name=SECRET), thresholds=thresholds))
    told = await opened(home, home.link(patient))
    assert [flag["value"] for flag in told.json()["flags"] if flag["rule"] == "flag/low"] == [shown]
    assert SECRET not in told.text
    assert "prescriber-7" not in told.text
    assert not home.trail.newest()


async def test_with_the_key_store_away_a_page_opens_with_the_pathways_limits(home: FollowedHouse) -> None:
    patient = await home.enrol(replace(person(), thresholds={"flag/low": OwnThreshold(88.0, "p", now(), "-")}))
    link = home.link(patient)
    store = home.home / "keys.sqlite3"
    store.rename(home.home / "elsewhere")
    told = await opened(home, link)
    (home.home / "elsewhere").rename(store)
    assert told.status_code == 200
    assert [flag["value"] for flag in told.json()["flags"] if flag["rule"] == "flag/low"] == [90.0]


async def test_a_link_says_that_there_is_an_answer_and_not_which(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    assert (await answer(home, link, WELL | {"remark": SECRET}, slot)).status_code == 201
    told = await opened(home, link)
    assert (told.json()["answered"], told.json()["lacks"]) == (True, 1)
    assert SECRET not in told.text


async def test_a_link_says_how_many_answers_are_missing_and_not_which(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    assert (await opened(home, link)).json()["lacks"] == 0, "nothing was sent yet"
    assert (await answer(home, link, {"remark": SECRET}, slot)).status_code == 201
    assert (await opened(home, link)).json()["lacks"] == 4
    assert (await answer(home, link, WELL | {"spo2": None}, slot)).status_code == 201
    assert (await opened(home, link)).json()["lacks"] == 0


async def test_a_link_of_a_slot_to_come_shows_when_it_opens(home: FollowedHouse) -> None:
    patient = await home.enrol(starts=1)
    page = (await opened(home, home.link(patient))).json()
    assert page["slot"] is None
    assert page["opens_at"] > now()


# --- links that open nothing -----------------------------------------------------------------------------------------


async def links_of_nothing(home: FollowedHouse) -> dict[str, str]:
    """Return links that open nothing, each for another reason."""
    patient, revoked = await home.enrol(), await home.enrol()
    found = {
        "unknown": "x" * 24,
        "longer": "é" * 150,
        "expired": home.link(patient, expires_at=now() - 1),
        "revoked": home.link(revoked),
        "nobody's": home.links.link("ici", "a" * 26, "1-0900", now() + 60_000, now(), 0),
    }
    told = await home.post(f"/regions/ici/patients/{revoked}/revoke-links", {}, DOCTOR)
    assert told.status_code == 200
    return found


DOORS: dict[str, dict[str, Any]] = {
    "/answer/open": {},
    "/answers": {"id": str(uuid.uuid4()), "slot": "1-0900", "answers": {"pain": True}},
    "/answer/stop": {},
    "/answer/read": {"birth_date": "1956-03-01", "code": "000000"},
}


async def test_unknown_expired_and_revoked_links_are_one_and_the_same_answer(home: FollowedHouse) -> None:
    links = await links_of_nothing(home)
    ends = [await home.log.end(shard.sort.topic, shard.partition) for shard in home.patients.values()]
    for path, body in DOORS.items():
        answers = [await home.post(path, body | {"link": link}) for link in links.values()]
        assert {kind_of(each) for each in answers} == {(404, "no-such-link")}, path
        assert len({each.content for each in answers}) == 1
        assert len({str(sorted({**each.headers, "date": ""}.items())) for each in answers}) == 1
    answers = [await home.post("/answer/code", {"link": link}) for link in links.values()]
    assert {(each.status_code, each.text) for each in answers} == {(202, '{"minutes":15}')}
    after = [await home.log.end(shard.sort.topic, shard.partition) for shard in home.patients.values()]
    assert after == ends


async def test_they_take_alike_long(home: FollowedHouse) -> None:
    """The medians of many, taken in turns, so that what else the machine does falls on all of them."""
    links = await links_of_nothing(home)
    took: dict[str, list[float]] = {name: [] for name in links}
    gate = home.gate
    gate._by_address = Buckets(10_000, 1)
    gate._all = Bucket(10_000, 1)
    for _ in range(60):
        for name, link in links.items():
            began = time.perf_counter()
            await opened(home, link)
            took[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(each) for name, each in took.items()}
    assert max(medians.values()) < 2 * min(medians.values()), medians


async def test_ten_thousand_wrong_links_a_minute_keep_nobody_out(home: FollowedHouse) -> None:
    """Twenty at a time and without a pause, which is more than that; a link that opens waits like any of them."""
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    turns, began = asyncio.Semaphore(20), time.perf_counter()

    async def timed(secret: str) -> tuple[int, float]:
        at = time.perf_counter()
        return int((await opened(home, secret)).status_code), time.perf_counter() - at

    async def wrong(number: int) -> tuple[int, float]:
        async with turns:
            return await timed(f"{number:024}")

    flood = [asyncio.create_task(wrong(number)) for number in range(400)]
    right = [await timed(link) for _ in range(8)]
    assert (await answer(home, link, WELL, slot)).status_code == 201
    refused = await asyncio.gather(*flood)
    statuses = [status for status, _ in refused]
    most = gates.OF_ADDRESS + gates.OF_ADDRESS_A_SECOND * (time.perf_counter() - began)
    assert set(statuses) == {404, 429}
    assert gates.OF_ADDRESS <= statuses.count(404) <= most
    assert {status for status, _ in right} == {200}
    assert statistics.median(took for _, took in right) < 5 * statistics.median(took for _, took in refused)
    told = await opened(home, "y" * 24)
    assert kind_of(told) in ((429, "too-many"), (404, "no-such-link"))
    assert (await opened(home, link)).status_code == 200


async def test_too_many_wrong_links_are_told_when_to_try_again(home: FollowedHouse) -> None:
    home.gate._by_address = Buckets(1, 0.001)
    answers = [await opened(home, "y" * 24) for _ in range(2)]
    assert [kind_of(each) for each in answers] == [(404, "no-such-link"), (429, "too-many")]
    assert int(answers[1].headers["retry-after"]) >= 1


async def test_wrong_links_of_many_addresses_are_counted_together(home: FollowedHouse) -> None:
    home.gate._all = Bucket(2, 0.001)
    answers = [await opened(home, "y" * 24, x_forwarded_for=f"192.0.2.{number}") for number in range(4)]
    assert [each.status_code for each in answers] == [404, 404, 429, 429]


def test_callers_are_counted_by_address_and_of_ipv6_by_household() -> None:
    def at(host: str) -> str:
        return gates.address_of(type("Asked", (), {"client": type("Client", (), {"host": host})})())

    assert at("192.0.2.7") == at("::ffff:192.0.2.7") != at("192.0.2.8")
    assert at("2001:db8:1:2::1") == at("2001:db8:1:2:ffff::9") != at("2001:db8:1:3::1")
    assert at("nowhere") == "nowhere"


async def test_what_a_link_sends_has_an_end_too_and_keeps_no_other_out(home: FollowedHouse) -> None:
    patient, other = await home.enrol(), await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    answers = await asyncio.gather(*(answer(home, link, {"temperature": 36 + n / 100}, slot) for n in range(40)))
    assert {each.status_code for each in answers} - {202} == {201, 429}  # 202: taken, and folded a moment later
    assert (await answer(home, home.link(other), RED, home.slot(other))).status_code == 201


async def test_the_link_of_somebody_who_was_erased_is_a_link_that_opens_nothing(home: FollowedHouse) -> None:
    patient, other = await home.enrol(), await home.enrol()
    link, slot, secret = home.link(patient), home.slot(patient), home.link(other, expires_at=1)
    await opened(home, link)
    unknown = [await opened(home, secret), await answer(home, secret, WELL, slot)]
    home.keys.destroy(home.patient(patient).key, now())  # and the log does not say so yet
    assert (await answer(home, link, WELL, slot)).content == unknown[1].content
    await home.shard_of(patient).put(PatientErased(id=new_id(), received_at=now(), region="ici", patient=patient))
    await home.settled()
    told = [await opened(home, link), await answer(home, link, WELL, slot)]
    assert [(each.status_code, each.content) for each in told] == [(404, each.content) for each in unknown]


async def test_who_is_still_to_be_called_is_asked_nothing(home: FollowedHouse) -> None:
    patient = await home.enrol(on="ars", circle=(Member("agent", "tracing_agent"),))
    link, slot = home.link(patient), home.slot(patient)
    assert (await opened(home, link)).json()["slot"] is None
    assert kind_of(await answer(home, link, WELL, slot)) == (409, "slot-not-open")


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_answers_are_kept_sealed_and_scored_at_once(home: FollowedHouse) -> None:
    patient = await home.enrol()
    told = await answer(home, home.link(patient), RED | {"remark": SECRET}, home.slot(patient), by="caregiver")
    assert told.status_code == 201
    assert set(told.json()) == {"received_at", "call_15"}
    held = home.patient(patient)
    assert (held.colour, held.alert is not None) == ("red", True)
    assert held.slots[home.slot(patient)].by == "caregiver"
    assert (await home.current(patient)).answers["remark"] == SECRET


async def test_answers_that_are_not_whole_are_taken_and_raise_what_they_raise(home: FollowedHouse) -> None:
    """*Asked again* never blocks the sending of an alarming value."""
    patient = await home.enrol()
    told = await answer(home, home.link(patient), {"breathless": True}, home.slot(patient))
    assert told.status_code == 201
    held = home.patient(patient)
    assert (held.colour, held.incomplete) == ("red", True)


async def test_the_same_sending_is_kept_once(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot, id_ = home.link(patient), home.slot(patient), str(uuid.uuid4())
    for _ in range(3):
        assert (await answer(home, link, WELL, slot, id_)).status_code == 201
    assert len((await home.current(patient)).sent) == 1


async def test_other_answers_under_the_same_name_are_a_correction_and_are_not_lost(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot, id_ = home.link(patient), home.slot(patient), str(uuid.uuid4())
    for answers in (WELL, RED):
        assert (await answer(home, link, answers, slot, id_)).status_code == 201
    assert home.patient(patient).colour == "red"
    assert (await home.current(patient)).first == {"breathless": False}


async def test_what_was_received_is_said_to_be_though_its_slot_is_over_by_now(home: FollowedHouse) -> None:
    """The receipt was lost on its way, and the phone tries again after the slot, or after the follow-up."""
    patient = await home.enrol()
    link, slot, id_ = home.link(patient), home.slot(patient), str(uuid.uuid4())
    assert (await answer(home, link, RED, slot, id_)).status_code == 201
    assert (await home.post("/answer/stop", {"link": link})).status_code == 200
    home.hub_of(patient).outcomes.clear()  # this process may be another
    again = await answer(home, link, RED, slot, id_)
    assert (again.status_code, again.json()["call_15"]) == (201, True)
    assert kind_of(await answer(home, link, WELL, slot, id_)) == (409, "over")
    assert kind_of(await answer(home, link, RED, slot)) == (409, "over")


async def test_a_receipt_says_to_call_15_for_any_red_however_often_it_is_asked_for(home: FollowedHouse) -> None:
    """Of a limit of their own, and of a score, the page's own flags know nothing."""
    own = {"flag/low": OwnThreshold(95.0, "physician", now(), "known lung disease")}
    theirs, mine = await home.enrol(), await home.enrol(person(thresholds=own))
    answers, id_ = WELL | {"spo2": 92}, str(uuid.uuid4())
    told = await answer(home, home.link(theirs), answers, home.slot(theirs))
    assert (told.status_code, "call_15" in told.json()) == (201, False)
    for _ in range(2):
        told = await answer(home, home.link(mine), answers, home.slot(mine), id_)
        assert (told.status_code, told.json()["call_15"]) == (201, True)


async def test_a_receipt_does_not_tell_whoever_finds_a_link_how_grave_the_answers_before_are(
    home: FollowedHouse,
) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    assert (await answer(home, link, RED, slot)).json()["call_15"] is True
    assert "call_15" not in (await answer(home, link, {"temperature": 37.5}, slot)).json()
    assert (await answer(home, link, {"spo2": 85}, slot)).json()["call_15"] is True  # red by itself
    assert (await answer(home, link, RED | {"spo2": 97}, slot)).json()["call_15"] is True  # whole: its own


async def test_a_link_says_when_somebody_is_there_to_read(home: FollowedHouse) -> None:
    page = (await opened(home, home.link(await home.enrol()))).json()
    (span,) = page["presence"]  # of a small pathway: always
    assert span["since"] <= page["at"] < page["at"] + 7 * 86_400_000 < span["until"]


async def test_html_is_kept_as_the_text_that_it_is(home: FollowedHouse) -> None:
    patient = await home.enrol()
    text = "<script>alert('15')</script><img src=x onerror=y> & « é »"
    assert (await answer(home, home.link(patient), WELL | {"remark": text}, home.slot(patient))).status_code == 201
    assert (await home.current(patient)).answers["remark"] == text


async def test_impossible_values_are_refused_by_field_and_not_repeated(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    wrong = {"temperature": 4711.25, "spo2": "97", "sleep": SECRET, "signs": ["cough", "cough"], "remark": 5, SECRET: 1}
    told = await answer(home, link, WELL | wrong, slot)
    assert kind_of(told) == (422, "wrong-fields")
    assert {each["path"].partition(".#")[0] for each in told.json()["errors"]} == {
        "answers.measures/temperature",
        "answers.measures/spo2",
        "answers.sleep",
        "answers.signs",
        "answers.remark",
        "answers",
    }
    assert SECRET not in told.text
    assert "4711" not in told.text
    assert home.patient(patient).colour is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"link":1}', b"[" * 100_000, b'{"link":"x","a":{}}'])
async def test_a_body_that_cannot_be_read_is_refused_and_changes_nothing(home: FollowedHouse, body: bytes) -> None:
    for path in [*DOORS, "/answer/code"]:
        assert (await home.post(path, body)).status_code in (400, 422)


async def test_a_body_that_is_too_large_is_refused(home: FollowedHouse) -> None:
    assert kind_of(await home.post("/answers", b"x" * 200_000)) == (413, "too-large")


async def test_a_link_writes_the_slot_that_is_asked_and_no_other(home: FollowedHouse) -> None:
    patient, other, before = await home.enrol(), await home.enrol(starts=1), await home.enrol(starts=-1)
    slot, late = home.slot(patient), home.slot(before)
    refused = [
        await answer(home, home.link(patient), WELL, slot.replace("1-", "2-")),  # a slot to come
        await answer(home, home.link(patient), WELL, "1-9999"),  # of nobody
        await answer(home, home.link(other), WELL, home.slot(other)),  # not open yet
        await answer(home, home.link(before, late.replace("2-", "1-")), WELL, late.replace("2-", "1-")),  # over
        await answer(home, home.link(before, late.replace("2-", "1-")), WELL, late),  # another than the link's
    ]
    kinds = ["slot-closed", "slot-closed", "slot-not-open", "slot-closed", "slot-closed"]
    assert [kind_of(each) for each in refused] == [(409, kind) for kind in kinds]
    for each in (patient, other, before):
        assert home.patient(each).answered_at is None


async def test_what_another_link_was_to_bring_in_time_is_heard_by_the_next_one(home: FollowedHouse) -> None:
    patient = await home.enrol(starts=-1)
    link, slot = home.link(patient), home.slot(patient)
    over = slot.replace("2-", "1-")
    assert kind_of(await answer(home, link, RED, over)) == (409, "slot-closed")
    held = home.patient(patient)
    assert held.alert is not None
    assert (held.alert.colour, held.answered_at) == ("red", None)


async def test_what_came_before_its_slot_is_taken_by_the_same_name_once_it_is_open(home: FollowedHouse) -> None:
    patient = await home.enrol(starts=1)
    link, slot, id_ = home.link(patient), home.slot(patient), str(uuid.uuid4())
    assert kind_of(await answer(home, link, WELL, slot, id_)) == (409, "slot-not-open")
    due = home.patient(patient).slot
    assert due is not None
    await home.shard_of(patient).tick(due.opens_at)
    await home.settled()
    assert (await answer(home, link, WELL, slot, id_)).status_code == 201


async def test_one_patients_link_never_writes_anothers_slot(home: FollowedHouse) -> None:
    mine, theirs = await home.enrol(), await home.enrol()
    assert (await answer(home, home.link(mine), RED, home.slot(theirs))).status_code == 201
    assert (home.patient(mine).colour, home.patient(theirs).colour) == ("red", None)


async def test_what_is_paused_is_not_answered(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    told = await home.post(
        f"/regions/ici/patients/{patient}/acts", {"act": "pause", "reason": "hospitalisé"}, subject="physician"
    )
    assert told.status_code == 200, told.text
    assert kind_of(await answer(home, link, WELL, slot)) == (409, "paused")
    page = (await opened(home, link)).json()
    assert (page["status"], page["slot"]) == ("paused", None)
    assert home.patient(patient).refused_at == {}
    assert kind_of(await answer(home, link, RED, slot)) == (409, "paused")
    assert set(home.patient(patient).refused_at) == {"red"}, "the circle was told: somebody calls"
    assert home.patient(patient).answered_at is None


async def test_corrections_have_an_end_but_for_what_is_graver(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    for temperature in (37.0, 37.1, 37.2, 37.3):
        assert (await answer(home, link, WELL | {"temperature": temperature}, slot)).status_code == 201
    assert (await answer(home, link, WELL | {"temperature": 37.4}, slot)).status_code == 201
    assert (await home.current(patient)).answers["temperature"] == 37.3
    assert (await answer(home, link, RED, slot)).status_code == 201
    assert home.patient(patient).colour == "red"


async def test_whether_a_correction_was_one_too_many_tells_nobody_how_grave_the_slot_is(home: FollowedHouse) -> None:
    told: list[list[tuple[int, set[str]]]] = []
    for first in (WELL, WELL | {"pain": True}):
        patient = await home.enrol()
        sent = [first, *({"remark": f"{n}"} for n in range(5)), {"pain": True}]
        answers = [await answer(home, home.link(patient), each, home.slot(patient)) for each in sent]
        told.append([(each.status_code, set(each.json())) for each in answers])
    assert told[0] == told[1]


# --- what is away ----------------------------------------------------------------------------------------------------


async def test_with_the_key_store_away_nothing_is_accepted_and_nothing_is_in_clear(home: FollowedHouse) -> None:
    patient, other = await home.enrol(), await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    assert (await answer(home, home.link(other), WELL, slot)).status_code == 201
    ends = [await home.log.end(shard.sort.topic, shard.partition) for shard in home.patients.values()]
    store = home.home / "keys.sqlite3"
    store.rename(home.home / "elsewhere")
    refused = await answer(home, link, RED | {"remark": SECRET}, slot)
    assert kind_of(refused) == (503, "key-store-away")
    assert int(refused.headers["retry-after"]) > 0
    assert [await home.log.end(s.sort.topic, s.partition) for s in home.patients.values()] == ends
    (home.home / "elsewhere").rename(store)
    assert (await answer(home, link, RED | {"remark": SECRET}, slot)).status_code == 201
    assert not any(SECRET.encode() in value for value in await everything_on(home))


async def everything_on(home: FollowedHouse) -> list[bytes]:
    """Return the records of the followup shards."""
    return [
        record.value or b""
        for shard in home.patients.values()
        async for record in home.log.read(shard.sort.topic, shard.partition, 0)
    ]


async def test_with_the_file_of_links_away_no_link_opens_and_that_is_said(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    assert (await opened(home, link)).status_code == 200
    store = home.home / "patient-links.sqlite3"
    store.rename(home.home / "elsewhere")
    assert kind_of(await opened(home, link)) == (503, "links-away")
    (home.home / "elsewhere").rename(store)
    assert (await opened(home, link)).status_code == 200


async def test_with_the_log_away_it_is_said_and_sent_again_it_is_kept_once(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot, id_ = home.link(patient), home.slot(patient), str(uuid.uuid4())
    home.log.away = True
    assert (await answer(home, link, WELL, slot, id_)).status_code == 503
    home.log.away = False
    assert (await answer(home, link, WELL, slot, id_)).status_code == 201


async def test_what_is_on_the_log_and_not_folded_yet_is_pending(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot, id_ = home.link(patient), home.slot(patient), str(uuid.uuid4())
    shard = home.shard_of(patient)
    shard.working.clear()
    home.app.state.commands._outcome_within_s = 0.05
    told = await answer(home, link, WELL, slot, id_)
    assert (told.status_code, told.json()["pending"]) == (202, True)
    shard.working.set()
    home.app.state.commands._outcome_within_s = 2.0
    assert (await answer(home, link, WELL, slot, id_)).status_code == 201
    assert len((await home.current(patient)).sent) == 1


async def test_another_sites_page_may_send_nothing(home: FollowedHouse) -> None:
    patient = await home.enrol()
    told = await opened(home, home.link(patient), origin="https://elsewhere.example")
    assert kind_of(told) == (403, "other-origin")


# --- stopping --------------------------------------------------------------------------------------------------------


async def test_stopping_is_at_once_and_tells_by_when_all_is_erased(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    told = await home.post("/answer/stop", {"link": link})
    held = home.patient(patient)
    assert (told.status_code, held.status, held.stopped_by_patient) == (200, "stopped", True)
    assert told.json() == {"over_at": held.over_at, "erased_by": held.erase_at, "waits": False}
    again = await home.post("/answer/stop", {"link": link})
    assert (again.status_code, again.json()) == (200, told.json())
    assert kind_of(await answer(home, link, WELL, slot)) == (409, "over")
    assert (await opened(home, link)).json()["status"] == "stopped"


async def test_with_a_red_open_erasure_waits_and_the_patient_is_told_so(home: FollowedHouse) -> None:
    patient = await home.enrol(on="ars", circle=(Member("agent", "tracing_agent"),))
    called = {"act": "call", "outcome": "agreed"}
    assert (await home.post(f"/regions/ici/patients/{patient}/acts", called, subject="agent")).status_code == 200
    link = home.link(patient)
    assert (await answer(home, link, RED, home.slot(patient))).status_code == 201
    told = (await home.post("/answer/stop", {"link": link})).json()
    assert told["waits"]
    assert told["erased_by"] == told["over_at"] + 72 * 3_600_000


# --- reading ---------------------------------------------------------------------------------------------------------


async def code_of(home: FollowedHouse, link: str, patient: str) -> str:
    """Ask for a code, and return it as the patient's telephone shows it."""
    assert (await home.post("/answer/code", {"link": link})).status_code == 202
    await home.settled()
    event = list(home.patient(patient).codes)[-1]
    return home.links.code(patient, event)


async def read(home: FollowedHouse, link: str, code: str, born: str = "1956-03-01") -> Any:
    """Read one's own file."""
    return await home.post("/answer/read", {"link": link, "birth_date": born, "code": code})


async def test_patients_read_what_they_answered_their_file_and_who_read_it(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    assert (await answer(home, link, WELL | {"remark": SECRET}, slot)).status_code == 201
    seen = await home.get("physician", f"/regions/ici/patients/{patient}")
    assert seen.status_code == 200, seen.text
    told = await read(home, link, await code_of(home, link, patient))
    assert told.status_code == 200, told.text
    own = told.json()
    assert own["file"]["birth_name"] == "DUPONT"
    assert [each["answers"]["remark"] for each in own["slots"]] == [SECRET]
    assert own["slots"][0]["due_at"] is not None
    assert "result" not in own["slots"][0]
    assert {"physician", "patient"} <= {each["who"] for each in own["trail"]}
    assert own["trail"][0]["screen"] == "answer-read"
    (entry, *_) = home.trail.of_file(patient)
    assert (entry.entry.who, entry.entry.act) == (f"patient:{patient}", Act.READ)


async def test_a_wrong_date_and_a_wrong_code_are_one_and_the_same_answer(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    code = await code_of(home, link, patient)
    other = f"{(int(code) + 1) % 10**6:06}"
    answers = [await read(home, link, code, "1956-03-02"), await read(home, link, other)]
    assert {kind_of(each) for each in answers} == {(403, "wrong-code")}
    assert len({each.content for each in answers}) == 1
    assert (await read(home, link, code)).status_code == 200


async def test_whoever_fails_to_read_a_file_is_in_the_trail_and_not_as_its_patient_nor_as_a_reader(
    home: FollowedHouse,
) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    code = await code_of(home, link, patient)
    for told in (("000000", "1956-03-01"), (code, "1956-03-02")):
        assert kind_of(await read(home, link, *told)) == (403, "wrong-code")
    wrong = [each.entry for each in home.trail.of_file(patient)]
    assert [(each.who, each.act, each.grant, each.screen) for each in wrong] == [
        (f"link:{patient}", Act.REFUSED, "link@ici", "answer-code")
    ] * 2
    own = (await read(home, link, code)).json()
    assert [(each["who"], each["act"]) for each in own["trail"]] == [("patient", "read"), *[("link", "refused")] * 2]
    seen = (await home.get("dpo", "/regions/ici/trail", file=patient)).json()["entries"]
    assert [each["act"] for each in seen] == ["read", "refused", "refused"]


async def test_five_tries_and_then_none_of_that_code(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    code = await code_of(home, link, patient)
    for _ in range(5):
        assert kind_of(await read(home, link, code, "1956-03-02")) == (403, "wrong-code")
    assert kind_of(await read(home, link, code)) == (429, "too-many")
    home.gate.asked_anew(patient)  # as in a process that counted none of these
    assert kind_of(await read(home, link, code)) == (403, "wrong-code")
    assert (await read(home, link, await code_of(home, link, patient))).status_code == 200


async def test_without_a_code_nothing_is_read(home: FollowedHouse) -> None:
    patient = await home.enrol()
    assert kind_of(await read(home, home.link(patient), "000000")) == (403, "wrong-code")


async def test_anothers_code_opens_nothing(home: FollowedHouse) -> None:
    mine, theirs = await home.enrol(), await home.enrol()
    code = await code_of(home, home.link(theirs), theirs)
    assert kind_of(await read(home, home.link(mine), code)) == (403, "wrong-code")


async def test_with_the_trail_away_nothing_is_read(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    code = await code_of(home, link, patient)
    assert (await read(home, link, code)).status_code == 200
    store = home.home / "trail.sqlite3"
    store.rename(home.home / "elsewhere")
    refused = await read(home, link, code)
    assert kind_of(refused) == (503, "trail-away")
    assert "DUPONT" not in refused.text
    (home.home / "elsewhere").rename(store)
    assert (await read(home, link, code)).status_code == 200


async def test_many_codes_are_asked_for_and_few_are_sent_and_the_answer_never_tells(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    answers = [await home.post("/answer/code", {"link": link}) for _ in range(8)]
    assert {(each.status_code, each.text) for each in answers} == {(202, '{"minutes":15}')}
    await home.settled()
    assert len(home.patient(patient).codes) == 5


async def test_reasons_of_own_thresholds_are_the_circles(home: FollowedHouse) -> None:
    own = {"flag/low": OwnThreshold(88.0, "physician", now(), SECRET)}
    patient = await home.enrol(replace(person(), thresholds=own))
    link = home.link(patient)
    told = await read(home, link, await code_of(home, link, patient))
    assert told.json()["file"]["thresholds"]["flag/low"]["value"] == 88.0
    assert SECRET not in told.text


# --- strange values --------------------------------------------------------------------------------------------------

STRANGE = [
    r'"\ud800"',
    r'"\u0000"',
    "1" + "0" * 400,
    "1e400",
    "-0.0",
    "1e-400",
    r'"\u202e"',
    '"' + "é" * 4_001 + '"',
    "[[]]",
]


@pytest.mark.parametrize("value", STRANGE)
async def test_no_value_is_too_strange_to_be_answered(home: FollowedHouse, value: str) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    for item in ("temperature", "spo2", "breathless", "sleep", "signs", "remark", "measures"):
        body = f'{{"link":"{link}","id":"{uuid.uuid4()}","slot":"{slot}","answers":{{"{item}":{value}}}}}'
        assert (await home.post("/answers", body.encode())).status_code in (201, 400, 422), item
    for body in (
        f'{{"link":{value}}}',
        f'{{{value if value[0] == chr(34) else "0"}:"x"}}',
        f'{{"link":"x","a":{value}}}',
    ):
        assert (await home.post("/answer/open", body.encode())).status_code in (400, 404, 422)
    body = f'{{"link":"{link}","birth_date":{value},"code":{value}}}'
    assert (await home.post("/answer/read", body.encode())).status_code in (400, 422)
