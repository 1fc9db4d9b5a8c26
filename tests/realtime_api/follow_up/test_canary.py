"""A canary identity, sent through every door of the follow-up, valid and broken: it sings nowhere but where it may."""

import base64
import copy
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import schemathesis

from domain.followup.ins import key as ins_key
from domain.followup.patient import Member
from people.stores import Stores
from people.trail import Trail
from realtime_api import openapi
from realtime_api.app import now
from realtime_api.doors import DOORS
from streams.notify import texts
from streams.notify.channel import Letter
from streams.notify.letters import ToPatients
from tests.realtime_api.followed import EHPAD, RED, STAFF, WELL, FollowedHouse, person

NUMBER = "1310755999123"
CANARY = {
    "birth name": "Zqxcanari",
    "used name": "Zqxserin",
    "first name": "Zqxpinson",
    "phone": "+33699887701",
    "e-mail": "zqxmail@canari.invalid",
    "birth date": "1931-07-19",
    "birth place": "31077",
    "ins": NUMBER + ins_key(NUMBER),
    "caregiver": "Zqxmoineau",
    "room": "Zqxchambre",
    "text": "Zqxbrochet <b>tousse</b>",
    "threshold": "Zqxseuil",
    "impossible": "471147.25",
}
# Of what may not be found, the part that would be found of it whatever is done to the rest.
MARKS = {name: value.split()[0].lstrip("+") for name, value in CANARY.items() if name != "birth place"}
REGION = "/regions/ici"
REMARK = {"remark": CANARY["text"]}


SCHEMA = schemathesis.openapi.from_dict(openapi.document())


def file(**more: Any) -> dict[str, Any]:
    """Return the canary's file, as a door takes it."""
    told = {
        "birth_name": CANARY["birth name"],
        "used_name": CANARY["used name"],
        "first_names": [CANARY["first name"]],
        "birth_date": CANARY["birth date"],
        "birth_place": CANARY["birth place"],
        "sex": "male",
        "contact": {"phone": CANARY["phone"], "email": CANARY["e-mail"]},
        "caregivers": [{"name": CANARY["caregiver"], "relation": CANARY["text"]}],
        "consent": {"text_version": "v1"},
        "thresholds": {},
        "ins": {"status": "qualifiée", "matricule": CANARY["ins"], "oid": "1.2.250.1.213.1.4.8"},
        "residence": {"room": CANARY["room"], "directives": CANARY["text"]},
    }
    return told | more


def broken(body: Any) -> Iterator[Any]:
    """Yield a body broken in many ways: every part of it missing, of another type, or the canary itself."""
    text = CANARY["text"]
    for path in _paths(body):
        for wrong in (text, [text], {text: text}, 471147.25, text * 500, None):
            yield _put(body, path, wrong)
        if path and isinstance(path[-1], str):
            yield _put(body, path, ...)
            yield _put(body, path[:-1], {**_at(body, path[:-1]), text: text})


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from _paths(each, (*above, name))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _put(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value if value is not ... else {}
    made = copy.deepcopy(body)
    held = _at(made, path[:-1])
    if value is ...:
        del held[path[-1]]
    else:
        held[path[-1]] = value
    return made


class Doors:
    """Sends bodies through doors, and keeps what the refusals said."""

    def __init__(self, home: FollowedHouse) -> None:
        self.home = home
        self.refusals: list[bytes] = []
        self.knocked: set[str] = set()
        self.accepted: set[str] = set()
        self.described: set[tuple[str, int]] = set()

    async def send(self, method: str, path: str, door: str, body: Any = None, subject: str = "", **more: Any) -> Any:
        """Send one request, and return the answer; `door` is its path in the table of doors."""
        content = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        headers = {"content-type": "application/json", **(self.home.bearer(subject) if subject else {})}
        headers |= more.pop("headers", {})
        answer = await self.home.http.request(method, f"/api/v1{path}", content=content, headers=headers, **more)
        name = f"{method} /api/v1{door or path}"
        self.knocked.add(name)
        if (name, answer.status_code) not in self.described:
            self.described.add((name, answer.status_code))
            described = SCHEMA[f"/api/v1{door or path}"][method]
            assert str(answer.status_code) in described.definition.raw["responses"], (name, answer.text)
            described.validate_response(answer)
        if answer.status_code < 300:
            self.accepted.add(name)
        if answer.status_code >= 207:
            self.refusals.append(answer.content + str(sorted(answer.headers.items())).encode())
        assert answer.status_code != 500, (path, answer.text)
        return answer

    async def post(self, path: str, body: Any, subject: str = "", door: str = "", *, breaks: bool = True) -> Any:
        """Send a body broken in every way, and then as it is; return the last answer."""
        for each in (*broken(body), *_bytes(body)) if breaks else ():
            await self.send("POST", path, door, each, subject)
        return await self.send("POST", path, door, body, subject)


def _bytes(body: Any) -> tuple[bytes, ...]:
    whole = msgspec.json.encode(body)
    return whole[:-1], whole + whole, whole.replace(b'"', b"'"), b"\xff" + whole, whole.decode().encode("utf-16")


async def every_door(doors: Doors) -> list[str]:
    """Send the canary through every door, and return the files that are its."""
    home = doors.home
    opened = f"{REGION}/patients"
    told = await doors.post(
        opened, {"pathway": "small", "file": file(), "channels": ["sms", "smtp"]}, "physician", door("patients")
    )
    assert told.status_code == 201, told.text
    patient = told.json()["id"]
    await doors.post(
        opened, {"pathway": "small", "file": file(), "for": "physician"}, "support", door("patients"), breaks=False
    )
    one = f"{opened}/{patient}"
    await doors.post(
        f"{opened}/search",
        {"name": CANARY["birth name"], "first_name": CANARY["first name"]},
        "physician",
        door("patients/search"),
    )
    whole = {"name": CANARY["birth name"], "first_name": CANARY["first name"], "birth_date": CANARY["birth date"]}
    await doors.post(f"{opened}/search", whole, "regulator", door("patients/search"), breaks=False)
    await doors.post(f"{one}/break-glass", {"reason": CANARY["text"]}, "regulator", door("patients/{id}/break-glass"))
    for place in ("", "?ids=" + CANARY["birth name"], f"?{CANARY['birth name']}=1"):
        await doors.send("GET", f"{opened}{place}", door("patients"), subject="physician")
    for id_ in (patient, CANARY["birth name"]):
        await doors.send("GET", f"{opened}/{id_}", door("patients/{id}"), subject="physician")
    await doors.send("GET", f"{REGION}/pathways", door("pathways"), subject="physician")
    changed = {"file": file(), "reason": CANARY["text"]}
    for each in (*broken(changed), changed):
        await doors.send("PUT", f"{one}/file", door("patients/{id}/file"), each, "physician")

    await doors.send("POST", f"{one}/revoke-links", door("patients/{id}/revoke-links"), subject="physician")

    await patients_side(doors, patient)
    for act in acts(home, patient):
        await doors.post(f"{one}/acts", act, "physician", door("patients/{id}/acts"))
    resident = await home.enrol(own(), "ehpad", circle=(Member("ehpad-nurse", "nurse"),), facility=EHPAD)
    row = {"patient": resident, "slot": home.slot(resident), "id": str(uuid.uuid4()), "answers": RED | REMARK}
    await doors.post(f"{REGION}/sittings/{EHPAD}", {"rows": [row]}, STAFF, door("sittings/{finess}"))
    for finess in (EHPAD, CANARY["birth name"]):
        await doors.send("GET", f"{REGION}/sittings/{finess}", door("sittings/{finess}"), subject="ehpad-nurse")
    await lists(doors)
    for query in (
        "",
        f"?file={CANARY['birth name']}",
        f"?before={CANARY['birth name']}",
        f"?person={CANARY['e-mail']}",
    ):
        await doors.send("GET", f"{REGION}/trail{query}", door("trail"), subject="dpo")
    return [patient, resident]


async def patients_side(doors: Doors, patient: str) -> None:
    """Send it through the doors that a link opens."""
    home = doors.home
    link, slot = home.link(patient), home.slot(patient)
    sending = {"link": link, "id": str(uuid.uuid4()), "slot": slot, "by": "caregiver", "answers": WELL | REMARK}
    wrong = {"temperature": 471147.25, "sleep": CANARY["text"], CANARY["birth name"]: CANARY["text"]}
    await doors.post("/answers", sending)
    await doors.send("POST", "/answers", "", sending | {"answers": wrong})
    await doors.post("/answer/open", {"link": link})
    item = [{"linkId": "remark", "answer": [{"valueString": CANARY["text"]}]}]
    response = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": "https://example.invalid/small|1",
        "identifier": {"value": CANARY["text"]},
        "item": [*item, {"linkId": "breathless", "answer": [{"valueBoolean": True}]}],
    }
    bearer = {"authorization": f"Bearer {link}"}
    for each in (*broken(response), response):
        await doors.send("POST", "/fhir/QuestionnaireResponse", "", each, headers=bearer)
    for query in ("", f"?url={CANARY['birth name']}", f"?{CANARY['birth name']}=1"):
        await doors.send("GET", f"/fhir/Questionnaire{query}", "/fhir/Questionnaire")
    await doors.post("/answer/code", {"link": link})
    await home.settled()
    code = home.links.code(patient, list(home.patient(patient).codes)[-1])
    home.gate.asked_anew(patient)
    told = await doors.send(
        "POST", "/answer/read", "", {"link": link, "birth_date": CANARY["birth date"], "code": code}
    )
    assert CANARY["text"] in told.json()["slots"][0]["answers"]["remark"]
    await doors.post("/answer/read", {"link": link, "birth_date": CANARY["birth date"], "code": code})
    gone = await home.enrol(own())
    await doors.post("/answer/stop", {"link": home.link(gone)})


async def lists(doors: Doors) -> None:
    """Send it through the tracing team's doors."""
    row = {"birth_name": CANARY["birth name"], "first_names": CANARY["first name"], "birth_date": CANARY["birth date"]}
    row |= {"phone": CANARY["phone"], "email": CANARY["e-mail"], "sex": "male"}
    path = f"{REGION}/calls/import"
    await doors.post(path, {"pathway": "ars", "rows": [row]}, "agent", door("calls/import"))
    table = ";".join(row) + "\n" + ";".join(row.values())
    shifted = table.replace(";", "|", 3)
    for text in (
        table,
        shifted,
        table.replace("birth_date", CANARY["text"]),
        table + f";{CANARY['text']}",
        f'"{table}',
    ):
        headers = {"content-type": "text/csv"}
        await doors.send("POST", f"{path}?pathway=ars", door("calls/import"), text.encode(), "agent", headers=headers)
        await doors.send(
            "POST",
            f"{path}?pathway={CANARY['birth name']}",
            door("calls/import"),
            text.encode(),
            "agent",
            headers=headers,
        )
    told = await doors.send("GET", f"{REGION}/calls", door("calls"), subject="agent")
    called = next(iter(told.json()["calls"]))["id"]
    note = {"act": "call", "outcome": "call_again", "note": CANARY["text"]}
    await doors.post(f"{REGION}/patients/{called}/acts", note, "agent", door("patients/{id}/acts"))


def acts(home: FollowedHouse, patient: str) -> list[dict[str, Any]]:
    """Return acts of the circle, each with the canary in its text."""
    text, alert = CANARY["text"], home.patient(patient).alert
    assert alert is not None
    return [
        {"act": "comment", "alert": alert.id, "text": text},
        {"act": "take", "alert": alert.id, "seen": 1, "check_at": now() + 3_600_000},
        {"act": "hand_over", "alert": alert.id, "to": text},
        {"act": "hand_over", "alert": alert.id, "to": "nurse"},
        {"act": "close", "alert": alert.id, "seen": 1, "outcome": "acted", "text": text},
        {"act": "mute", "rule": "flag/breath", "minutes": 60, "reason": text},
        {"act": "message", "text": text},
        {"act": "memo", "text": text, "due_at": now() + 60_000},
        {"act": "memo_done", "memo": text},
        {"act": "join", "subject": text, "role": "nurse"},
        {"act": "join", "subject": "colleague", "role": "physician"},
        {"act": "leave", "subject": text},
        {"act": "leave", "subject": "colleague"},
        {"act": "read", "upto": now()},
        {"act": "teleconsultation", "provider": text},
        {"act": "call", "outcome": "agreed", "note": text},
        {"act": "summary_received"},
        {"act": "pause", "reason": text},
        {"act": "resume"},
        {"act": "end", "reason": text},
    ]


def door(path: str) -> str:
    """Return the path of a region's door, as the table of doors has it."""
    return f"/regions/{{code}}/{path}"


def own() -> Any:
    """Return the canary's file, as it is kept."""
    made = person(birth_name=CANARY["birth name"], first_names=(CANARY["first name"],), birth_date=CANARY["birth date"])
    return msgspec.structs.replace(made, used_name=CANARY["used name"])


# --- where it is looked for ------------------------------------------------------------------------------------------


def found_in(content: bytes) -> list[str]:
    """Return what of the canary is in some bytes: as it is, in any case, or packed as base64."""
    lower = content.lower()
    return [name for name, mark in MARKS.items() if mark.lower().encode() in lower or _packed(mark, content)]


def _packed(mark: str, content: bytes) -> bool:
    # Whole groups of three bytes read the same wherever they begin, but for the three ways to begin.
    for skipped in range(3):
        some = mark.encode()[skipped:]
        if base64.b64encode(some[: len(some) // 3 * 3]) in content:
            return True
    return False


def letters_of(home: FollowedHouse) -> Iterator[str]:
    """Yield what patients are sent, as every channel words it."""
    for shard in home.patients.values():
        view = SimpleNamespace(shard=shard.name, patients=shard.memory.patients, charts=shard.memory.sealed)
        stores = Stores(home.home)
        writes = ToPatients(view, stores, now, public_url="https://example.invalid")
        for notice in shard.memory.outbox.values():
            (letter,) = writes.compose([notice])
            assert isinstance(letter, Letter)
            yield texts.sms(letter) + texts.subject(letter, sealed=False) + texts.body(letter, sealed=False)
            yield texts.body(letter, sealed=True) + str(msgspec.to_builtins(notice))


def test_the_canary_is_found_where_it_is() -> None:
    """A search that finds nothing anywhere would show nothing."""
    for name, mark in MARKS.items():
        for content in (mark.encode(), mark.upper().encode(), msgspec.msgpack.encode({"a": [mark]})):
            assert name in found_in(b"..." + content + b"...")
        assert name in found_in(base64.b64encode(b"x" + mark.encode() + b"yz")) or len(mark) < 8
    assert found_in(b"nothing") == []


async def test_the_canary_sings_nowhere(
    home: FollowedHouse, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the tests' own client, which says what it asks for
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    logging.getLogger("websockets").setLevel(logging.WARNING)
    home.gate.asked_anew("")
    doors = Doors(home)
    async with home.socket("physician") as socket:
        frames = await heard(home, socket)
        patients = await every_door(doors)
        await home.settled()
        frames += await heard_since(socket)
    of_patients = {
        each.name
        for each in DOORS
        if each.of.__module__.startswith(("realtime_api.patients", "realtime_api.follow_up"))
    }
    silent = {
        "GET /api/v1/summary-keys",
        "POST /api/v1/regions/{code}/patients/{id}/on-call",
    }  # of no content either way
    assert doors.knocked == of_patients - silent
    assert doors.accepted == doors.knocked
    assert len(doors.refusals) > 300

    out, err = capfd.readouterr()
    metrics = (await home.http.get("/metrics")).content
    places: dict[str, list[bytes]] = {
        "a log line": [out.encode(), err.encode(), caplog.text.encode()],
        "a refusal": doors.refusals,
        "a metric": [metrics],
        "a frame": frames,
        "the log": list(records_of(home)),
        "the live state": list(hashes_of(home)),
        "a feed entry": list(feeds_of(home)),
        "a letter": [each.encode() for each in letters_of(home)],
        "the trail": [str(Trail(home.home).newest()).encode()],
        "a file": [path.read_bytes() for path in sorted(Path(home.home).rglob("*")) if path.is_file()],
    }
    assert all(places.values()), {name: len(held) for name, held in places.items()}
    assert len(places["a letter"]) > 4
    for name, held in places.items():
        whole = b"\x00".join(held)
        assert not found_in(whole), (name, found_in(whole), _around(whole))
    # It is there all the same, for those whose it is.
    chart = await home.chart(patients[0])
    assert chart.file.birth_name == CANARY["birth name"]
    assert (await home.chart(patients[1])).file.birth_name == CANARY["birth name"]


def _around(content: bytes) -> bytes:
    at = min(
        (
            content.lower().find(mark.lower().encode())
            for mark in MARKS.values()
            if mark.lower().encode() in content.lower()
        ),
        default=0,
    )
    return content[max(0, at - 120) : at + 60]


async def heard(home: FollowedHouse, socket: Any) -> list[bytes]:
    """Return the first frames of all that a physician can follow of patients and alerts."""
    channels = (*(hub.channel for hub in home.rooms.patients_of("ici")), "alerts:me:ici", "capacity:ici")
    return [repr(await socket.subscribe(channel=channel)).encode() for channel in channels]


async def heard_since(socket: Any) -> list[bytes]:
    """Return the frames that came since, up to the answer to a ping."""
    await socket.say(type="ping")
    frames = []
    while (message := await socket.hear())["type"] != "pong":
        frames.append(repr(message).encode())
    return frames


def records_of(home: FollowedHouse) -> Iterator[bytes]:
    """Yield every record of every topic, dead letters too."""
    for partitions in home.log._topics.values():
        for records in partitions:
            yield from (record.value for record in records if record.value is not None)


def hashes_of(home: FollowedHouse) -> Iterator[bytes]:
    """Yield all that the live state holds."""
    for held in home.state._held.values():
        for name, hashed in held.hashes.items():
            yield name.encode()
            yield from (key + b" " + value for key, value in hashed.items())
        yield from (key for each in held.sorted.values() for key in each)


def feeds_of(home: FollowedHouse) -> Iterator[bytes]:
    """Yield every feed entry."""
    for held in home.state._held.values():
        yield from (msgspec.msgpack.encode(entry) for entry in held.feed)
