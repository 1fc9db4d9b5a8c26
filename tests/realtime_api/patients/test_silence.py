"""A canary through every door, valid and broken: in no log line, problem, metric, trail or live frame."""

import msgspec
import pytest
import structlog

from realtime_api.app import now
from realtime_api.patients.doors import PATIENT_DOORS
from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import (
    CANARY,
    PHONE,
    RED,
    act,
    answered,
    ask,
    board,
    body_of,
    enrol,
    file_of,
    hub_of,
    page,
)

SECRETS = (CANARY, CANARY.lower(), "bulon-canari", PHONE, PHONE[3:], "1960-02-29")


def silent(text: str) -> bool:
    """Return whether a text holds nothing of the patient."""
    return not any(secret in text for secret in SECRETS)


async def test_nothing_of_a_patient_is_logged_counted_or_quoted(
    ward: House, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()  # else what a test before has configured writes past what is captured
    async with ward.socket("nurse") as socket:
        for index in range(4):
            first = await socket.subscribe(channel=f"patients:me:ici:{index}")
            assert silent(str(first))
        patient = await enrol(ward)
        await answered(ward, patient, RED)
        await act(ward, "nurse", patient, "message", text=f"{CANARY} {PHONE}")
        await act(ward, "nurse", patient, "memo", text=CANARY, due_at=now() + 60_000)
        await act(ward, "nurse", patient, "mute", rule="flag/fever", minutes=5, reason=CANARY)
        await ask(ward, "PUT", f"/patients/{patient}/file", "nurse", {"file": file_of(), "reason": CANARY})
        await ask(ward, "POST", f"/patients/{patient}/break-glass", "regulator", {"reason": CANARY})
        await ask(ward, "POST", "/patients/search", "nurse", {"name": CANARY})
        assert CANARY in (await page(ward, "nurse", patient)).text
        assert CANARY in str(await board(ward, "nurse"))
        await broken_bodies(ward, patient)
        await ward.settled()
        held = hub_of(ward, patient)
        frame = await socket.hear_a("changes")
        assert silent(str(frame))
        assert silent(str(held.patients) + str(held.outcomes))
    written = capsys.readouterr()
    assert "followup:ici" in written.out + written.err  # there is something that it could have been in
    assert silent(written.out + written.err)
    assert silent((await ward.http.get("/metrics")).text)
    trail = b"".join(path.read_bytes() for path in ward.home.glob("trail.sqlite3*"))
    assert not any(secret.encode() in trail for secret in SECRETS)
    keys = b"".join(path.read_bytes() for path in ward.home.glob("keys.sqlite3*"))
    assert not any(secret.encode() in keys for secret in SECRETS)


async def broken_bodies(house: House, patient: str) -> None:
    """Send the canary where nothing of the kind is wanted, and fail where an answer repeats it."""
    whole = msgspec.json.encode(body_of(file=file_of(comment=CANARY)))
    for body in (
        whole,
        whole[:-9],
        msgspec.json.encode({CANARY: CANARY}),
        msgspec.json.encode([CANARY]),
        msgspec.json.encode({"pathway": CANARY, "file": CANARY, "circle": [{"subject": CANARY, "role": CANARY}]}),
        msgspec.json.encode({"act": CANARY, "text": CANARY}),
        msgspec.json.encode({"act": "close", "alert": CANARY, "outcome": CANARY}),
        msgspec.json.encode({"name": [CANARY], "reason": [CANARY]}),
        f'{{"file": {{"birth_name": "{CANARY}'.encode(),
        CANARY.encode("latin-1"),
    ):
        for door in PATIENT_DOORS:
            if door.method == "GET":
                continue
            for named in (patient, CANARY):
                path = door.path.removeprefix("/api/v1/regions/{code}").replace("{id}", named)
                answer = await ask(house, door.method, path, "nurse", body)
                assert 400 <= answer.status_code < 500 or door.body is None, (door.name, answer.text)
                assert silent(answer.text), door.name
    for path in (f"/patients?ids={CANARY}&x={CANARY}", f"/patients/{CANARY}"):
        answer = await ask(house, "GET", path, "nurse")
        assert answer.status_code in (400, 404)
        assert silent(answer.text)
