"""Breaking the glass: one file, an hour, a reason, in front of everyone; and then it is whole again."""

import pytest

from domain.events import GlassBroken
from event_log.codec import decode
from people.trail import Act, Trail
from realtime_api.app import now
from realtime_api.patients import doors
from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import (
    CANARY,
    RED,
    act,
    answered,
    ask,
    board,
    enrol,
    file_of,
    hub_of,
    kind_of,
    page,
    shard_of,
    wrong_in,
)

HOUR = 3_600_000
REASON = {"reason": "patiente au téléphone, essoufflée"}


async def broken(house: House, patient: str) -> None:
    """Let the regulator break the glass."""
    answer = await ask(house, "POST", f"/patients/{patient}/break-glass", "regulator", REASON)
    assert answer.status_code == 201, answer.text
    assert abs(answer.json()["until"] - now() - HOUR) < 60_000


async def test_a_regulator_opens_one_file_for_an_hour_and_the_trail_says_so_first(ward: House) -> None:
    patient, other = await enrol(ward), await enrol(ward)
    assert kind_of(await page(ward, "regulator", patient)) == (404, "unknown-patient")
    await broken(ward, patient)
    shown = (await page(ward, "regulator", patient)).json()
    assert shown["file"]["birth_name"] == CANARY
    assert kind_of(await page(ward, "regulator", other)) == (404, "unknown-patient")
    assert [each["id"] for each in (await board(ward, "regulator"))["patients"]] == [patient]
    entries = [written.entry for written in Trail(ward.home).of_file(patient)][::-1]
    assert [(entry.act, entry.grant) for entry in entries if entry.who == "regulator"] == [
        (Act.BREAK_GLASS, "regulator@ici"),
        (Act.READ, "regulator@ici"),
        (Act.READ, "regulator@ici"),
    ]
    told = [line for line in (await page(ward, "nurse", patient)).json()["story"] if line["what"] == "glass_broken"]
    assert [(line["by"], line["text"]) for line in told] == [("regulator", REASON["reason"])]


async def test_sent_again_it_is_open_no_longer_than_it_was_to_be(ward: House) -> None:
    patient = await enrol(ward)
    first, again = [
        await ask(ward, "POST", f"/patients/{patient}/break-glass", "regulator", REASON, **{"idempotency-key": "glass"})
        for _ in range(2)
    ]
    (held,) = [each.until for each in hub_of(ward, patient).patients[patient].circle if each.subject == "regulator"]
    assert again.json()["until"] == first.json()["until"] == held


async def test_the_circle_and_the_dpo_are_told_at_once(ward: House) -> None:
    patient = await enrol(ward)
    await ward.grant("former-dpo", "dpo", "ici", until=now() - 1)
    await ward.settled()
    await broken(ward, patient)
    shard = shard_of(ward, patient)
    events = [decode(record.value or b"") async for record in ward.log.read(shard.sort.topic, shard.partition, 0)]
    (event,) = [each for each in events if isinstance(each, GlassBroken)]
    assert event.tell == ("dpo",)


async def test_who_broke_it_reads_comments_and_writes_and_does_nothing_else(ward: House) -> None:
    patient = await enrol(ward)
    await answered(ward, patient, RED)
    await broken(ward, patient)
    alert = (await page(ward, "regulator", patient)).json()["row"]["alert"]["id"]
    for act_, more in (
        ("message", {"text": "SAMU en route"}),
        ("comment", {"alert": alert, "text": "vue au téléphone"}),
        ("read", {"upto": now()}),
    ):
        assert (await act(ward, "regulator", patient, act_, **more)).status_code == 200
    for act_, more in (
        ("take", {"alert": alert, "seen": 1, "check_at": now() + HOUR}),
        ("close", {"alert": alert, "seen": 1, "outcome": "acted"}),
        ("hand_over", {"alert": alert, "to": "nurse"}),
        ("mute", {"rule": "x", "minutes": 1, "reason": "x"}),
        ("join", {"subject": "colleague", "role": "physician"}),
        ("leave", {"subject": "nurse"}),
        ("stop", {"reason": "x"}),
        ("memo", {"text": "x", "due_at": now() + HOUR}),
        ("summary_received", {}),
    ):
        assert kind_of(await act(ward, "regulator", patient, act_, **more)) == (403, "glass-broken"), act_
    answer = await ask(ward, "PUT", f"/patients/{patient}/file", "regulator", {"file": file_of(), "reason": "x"})
    assert kind_of(answer) == (403, "not-allowed")


async def test_glass_is_not_broken_without_a_reason_by_the_circle_or_for_whom_nobody_follows(ward: House) -> None:
    patient = await enrol(ward)
    path = f"/patients/{patient}/break-glass"
    assert wrong_in(await ask(ward, "POST", path, "regulator", {"reason": "  "})) == {"reason"}
    assert kind_of(await page(ward, "regulator", patient)) == (404, "unknown-patient")
    nobody = await ask(ward, "POST", f"/patients/{'a' * 26}/break-glass", "regulator", REASON)
    assert kind_of(nobody) == (404, "unknown-patient")
    await act(ward, "nurse", patient, "join", subject="samu", role="samu")
    assert kind_of(await ask(ward, "POST", path, "samu", REASON)) == (409, "in-the-circle")
    for subject in ("nurse", "crisis", "dpo", "support", "ops"):
        assert kind_of(await ask(ward, "POST", path, subject, REASON)) == (403, "not-allowed")


async def test_what_can_t_be_written_down_opens_nothing(ward: House) -> None:
    patient = await enrol(ward)
    end = await ward.log.end(shard_of(ward, patient).sort.topic, shard_of(ward, patient).partition)
    (ward.home / "trail.sqlite3").rename(ward.home / "away")
    answer = await ask(ward, "POST", f"/patients/{patient}/break-glass", "regulator", REASON)
    assert kind_of(answer) == (503, "trail-away")
    assert await ward.log.end(shard_of(ward, patient).sort.topic, shard_of(ward, patient).partition) == end


async def test_when_the_hour_is_over_the_file_is_shut_and_the_screen_is_emptied_whatever_became_of_the_shard(
    ward: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "GLASS_MS", 2_000)
    patient = await enrol(ward)
    channel = hub_of(ward, patient).channel
    async with ward.socket("regulator") as socket:
        assert (await socket.subscribe(channel=channel))["data"]["patients"] == {}
        answer = await ask(ward, "POST", f"/patients/{patient}/break-glass", "regulator", REASON)
        until = answer.json()["until"]
        changes = await socket.hear_a("changes")
        assert set(changes["changes"]["patients"]) == {patient}
        assert (await page(ward, "regulator", patient)).status_code == 200
        shard_of(ward, patient).working.clear()  # nothing is folded from here on
        emptied = await socket.hear_a("snapshot")
        assert emptied["data"]["patients"] == {}
        assert until <= now() < until + 5_000
    assert kind_of(await page(ward, "regulator", patient)) == (404, "unknown-patient")
    assert (await board(ward, "regulator"))["patients"] == []
