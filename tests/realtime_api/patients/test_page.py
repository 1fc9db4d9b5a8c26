"""A patient's page: all that is known, to the circle alone; who is not in it can't tell whether there is a patient."""

import pytest

from people.keys import Keys
from people.masters import named
from people.trail import Act, Trail
from realtime_api.app import now
from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import (
    CANARY,
    RED,
    WELL,
    act,
    answered,
    ask,
    enrol,
    erase,
    file_of,
    hub_of,
    kind_of,
    page,
    wrong_in,
)

DOORS = (
    ("GET", "", None),
    ("POST", "/acts", {"act": "message", "text": "x"}),
    ("POST", "/acts", {"act": "join", "subject": "colleague", "role": "physician"}),
    ("PUT", "/file", {"file": file_of(), "reason": "x"}),
)


async def test_a_page_has_every_slot_what_was_sent_what_counts_and_why(ward: House) -> None:
    patient = await enrol(ward)
    await answered(ward, patient, WELL)
    await answered(ward, patient, RED)
    shown = (await page(ward, "nurse", patient)).json()
    assert shown["row"]["id"] == patient
    assert shown["pathway"]["questionnaire"]["items"]
    (slot,) = [each for each in shown["slots"] if each["sent"]]
    assert (slot["slot"], slot["day"], slot["state"]["colour"]) == ("1-0900", 1, "red")
    assert len(slot["sent"]) == 2
    assert slot["answers"]["breathless"] == "at-rest"
    assert slot["first"]["breathless"] == "no"
    assert slot["result"]["colour"] == "red"
    assert {finding["rule"] for finding in shown["why"]} >= {"flag/breathless-at-rest"}
    assert [line["what"] for line in shown["story"]][:2] == ["enrolled", "answered"]
    assert shown["names"] == {"nurse": "Nina Infirmière", "physician": "Paul Médecin"}
    assert shown["providers"] == [
        {"id": "teleo", "name": "Téléo", "url": "https://teleo.example/visio"},
        {"id": "ortif", "name": "ORTIF", "url": "https://ortif.example"},
    ]
    entry = Trail(ward.home).of_file(patient)[0].entry
    assert (entry.who, entry.act, entry.grant, entry.screen) == ("nurse", Act.READ, "nurse@ici", "patient")


async def test_the_thread_says_who_wrote_what_and_who_read_it_when(ward: House) -> None:
    patient = await enrol(ward)
    await act(ward, "physician", patient, "message", text="<b>à surveiller</b>")
    shown = (await page(ward, "nurse", patient)).json()
    (line,) = [each for each in shown["story"] if each["what"] == "message"]
    assert (line["by"], line["text"]) == (
        "physician",
        "<b>à surveiller</b>",
    )  # as it was written: a page shows it as text
    await act(ward, "nurse", patient, "read", upto=line["at"])
    assert (await page(ward, "physician", patient)).json()["row"]["read"]["nurse"] == line["at"]


async def test_not_one_s_own_erased_and_never_there_are_one_answer(ward: House) -> None:
    theirs = await enrol(ward, "colleague", circle=[])
    erased = await enrol(ward)
    await erase(ward, erased)
    for method, path, body in DOORS:
        told = set()
        for patient in (theirs, erased, "a" * 26, "nobody", CANARY, "x" * 5_000):
            answer = await ask(ward, method, f"/patients/{patient}{path}", "nurse", body)
            told.add((answer.status_code, answer.text, tuple(sorted(set(answer.headers) - {"date"}))))
        assert len(told) == 1
        assert kind_of(answer) == (404, "unknown-patient")


async def test_for_who_is_not_in_the_circle_nothing_is_opened_and_no_store_is_asked(ward: House) -> None:
    theirs = await enrol(ward, "colleague", circle=[])
    for file in ("trail.sqlite3", "keys.sqlite3"):
        (ward.home / file).rename(ward.home / f"away-{file}")
    for method, path, body in DOORS:
        for patient in (theirs, "a" * 26):
            answer = await ask(ward, method, f"/patients/{patient}{path}", "nurse", body)
            assert kind_of(answer) == (404, "unknown-patient")


@pytest.mark.parametrize(("file", "kind"), [("keys.sqlite3", "key-store-away"), ("trail.sqlite3", "trail-away")])
async def test_while_a_store_is_away_nothing_is_read_and_no_file_is_changed(ward: House, file: str, kind: str) -> None:
    patient = await enrol(ward)
    shard = ward.patients[hub_of(ward, patient).shard]
    end = await ward.log.end(shard.sort.topic, shard.partition)
    await page(ward, "nurse", patient)  # keys and trail are open now
    ward.app.state.opening.forget_keys()
    (ward.home / file).rename(ward.home / "away")
    for method, path, body in (("GET", "", None), ("PUT", "/file", {"file": file_of(), "reason": "x"})):
        answer = await ask(ward, method, f"/patients/{patient}{path}", "nurse", body)
        assert kind_of(answer) == (503, kind)
        assert CANARY not in answer.text
    assert await ward.log.end(shard.sort.topic, shard.partition) == end
    (ward.home / "away").rename(ward.home / file)
    assert (await page(ward, "nurse", patient)).status_code == 200


async def test_who_left_the_circle_sees_nothing_any_more(ward: House) -> None:
    patient = await enrol(ward)
    assert (await act(ward, "physician", patient, "leave", subject="nurse")).status_code == 200
    assert kind_of(await page(ward, "nurse", patient)) == (404, "unknown-patient")
    assert (await ask(ward, "GET", "/patients", "nurse")).json()["patients"] == []


async def test_who_has_no_right_any_more_sees_nothing_whatever_the_circle_says(ward: House) -> None:
    patient = await enrol(ward)
    await ward.revoke("nurse", "nurse", "ici")
    await ward.settled()
    assert kind_of(await page(ward, "nurse", patient)) == (403, "not-allowed")


async def test_what_is_erased_leaves_the_board_and_can_t_be_searched(ward: House) -> None:
    patient = await enrol(ward)
    assert (await page(ward, "nurse", patient)).status_code == 200  # its key is in memory now
    await erase(ward, patient)
    assert (await ask(ward, "GET", "/patients", "nurse")).json()["patients"] == []
    assert (await ask(ward, "POST", "/patients/search", "nurse", {"name": CANARY})).json()["patients"] == []


async def test_a_key_that_is_destroyed_opens_nothing_while_the_row_is_still_there(
    ward: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = await enrol(ward)
    monkeypatch.setattr("realtime_api.patients.opening.KEY_KEPT_S", 0.0)
    Keys(ward.home, named(ward.home)).destroy(hub_of(ward, patient).patients[patient].key, now())
    ward.app.state.opening.forget_keys()
    assert kind_of(await page(ward, "nurse", patient)) == (404, "unknown-patient")
    assert (await ask(ward, "GET", "/patients", "nurse")).json()["patients"] == []
    answer = await act(ward, "nurse", patient, "message", text="x")
    assert kind_of(answer) == (404, "unknown-patient")


async def test_whoever_has_a_role_is_told_the_public_keys_of_summaries_and_nothing_private(ward: House) -> None:
    answer = await ward.get("ops", "/summary-keys")
    (key,) = answer.json()["keys"]
    assert (key["use"], key["x5c"] != []) == ("sig", True)
    assert "d" not in key
    (ward.home / "summary-signing.pem").unlink()
    assert (await ward.get("nurse", "/summary-keys")).json() == answer.json()
    assert (await ward.get("nobody", "/summary-keys")).status_code == 403


# --- the file --------------------------------------------------------------------------------------------------------


async def test_a_file_is_changed_with_a_reason_and_what_stays_is_as_it_was_set(ward: House) -> None:
    own = {"oximetry/samu": {"value": 90, "reason": "BPCO"}}
    patient = await enrol(ward, file=file_of(thresholds=own))
    before = (await page(ward, "nurse", patient)).json()["file"]
    changed = file_of(
        used_name="Martin", consent=None, thresholds=own | {"flag/fever": {"value": 38, "reason": "neutropénie"}}
    )
    answer = await ask(ward, "PUT", f"/patients/{patient}/file", "nurse", {"file": changed, "reason": "mariage"})
    assert answer.status_code == 200, answer.text
    shown = (await page(ward, "physician", patient)).json()
    after = shown["file"]
    assert after["used_name"] == "Martin"
    assert after["consent"] == before["consent"]
    assert after["thresholds"]["oximetry/samu"] == before["thresholds"]["oximetry/samu"]
    assert after["thresholds"]["flag/fever"]["set_by"] == "nurse"
    assert [line["text"] for line in shown["story"] if line["what"] == "file_changed"] == ["mariage"]
    assert shown["row"]["channels"] == ["sms"]
    found = await ask(ward, "POST", "/patients/search", "nurse", {"name": "martin"})
    assert found.json()["patients"] == [patient]


async def test_who_moves_is_asked_by_the_clocks_of_where_they_live_now(ward: House) -> None:
    patient = await enrol(ward)
    was = (await page(ward, "nurse", patient)).json()["zone"]
    path = f"/patients/{patient}/file"
    moved = {"file": file_of(), "reason": "déménagement", "zone": "Indian/Reunion"}
    assert (await ask(ward, "PUT", path, "nurse", moved)).status_code == 200
    assert (await page(ward, "nurse", patient)).json()["zone"] == "Indian/Reunion" != was
    assert (await ask(ward, "PUT", path, "nurse", {"file": file_of(), "reason": "x"})).status_code == 200
    assert (await page(ward, "nurse", patient)).json()["zone"] == "Indian/Reunion"
    for wrong in ("", "Europe/Atlantis"):
        assert wrong_in(await ask(ward, "PUT", path, "nurse", moved | {"zone": wrong})) == {"zone"}


async def test_a_file_can_t_be_changed_into_one_that_can_t_be(ward: House) -> None:
    patient = await enrol(ward)
    path = f"/patients/{patient}/file"
    loose = file_of(thresholds={"oximetry/samu": {"value": 80, "reason": "x"}})
    assert wrong_in(await ask(ward, "PUT", path, "nurse", {"file": loose, "reason": "x"})) == {
        "file.thresholds.oximetry/samu"
    }
    silent = file_of(contact={})
    assert wrong_in(await ask(ward, "PUT", path, "nurse", {"file": silent, "reason": "x"})) == {"channels[0]"}
    assert wrong_in(await ask(ward, "PUT", path, "nurse", {"file": file_of(), "reason": " "})) == {"reason"}
    mute = {"file": file_of(), "reason": "x", "channels": []}
    assert wrong_in(await ask(ward, "PUT", path, "nurse", mute)) == {"channels"}
    changed = {"file": file_of(contact={"email": "zoe@example.org"}), "reason": "x", "channels": ["smtp"]}
    assert (await ask(ward, "PUT", path, "nurse", changed)).status_code == 200
    assert hub_of(ward, patient).patients[patient].channels == ("smtp",)
