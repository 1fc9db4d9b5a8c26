"""`/ws` from outside, with the real client library: pictures, changes, liveness, and every way a socket ends."""

import asyncio
import socket as sockets
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime_api import app
from realtime_api.app import CHECKS_EVERY_S, now
from realtime_api.links import Held, Links
from realtime_api.push import messages
from realtime_api.push.codecs import CODECS
from tests.realtime_api.house import WITHIN_S, House, open_house

REA, MED = "310000001/rea-adulte", "310000001/medecine"


@pytest.mark.parametrize("codec", list(CODECS))
async def test_a_report_reaches_every_socket_in_its_own_codec(house: House, codec: str) -> None:
    async with house.socket("crisis", codec) as one, house.socket("crisis", codec) as other:
        assert one.raw.subprotocol == codec
        first = await one.subscribe()
        await other.subscribe()
        assert (first["type"], first["channel"], first["data"]["wards"]) == ("snapshot", "capacity:ici", {})
        await house.report("ward", {"ward": REA, "status": "02", "count": 3})
        for each in (one, other):
            told = await each.hear_a("changes")
            assert told["changes"]["wards"][REA]["available"] == 3
            assert told["changes"]["totals"]["region/ici/rea-adulte"]["available"] == 3
            assert told["token"] != first["token"]


@pytest.mark.parametrize("codec", list(CODECS))
async def test_what_is_said_has_the_shapes_that_asyncapi_describes(house: House, codec: str) -> None:
    async with house.socket("crisis", codec) as socket:
        await house.report("ward", {"ward": REA, "status": "02", "count": 3})
        told = [await socket.subscribe()]
        await house.report("ward", {"ward": REA, "status": "03", "splits": [{"count": 2, "assignment": "02"}]})
        told.append(await socket.hear_a("changes"))
        await socket.say(type="ping")
        told.append(await socket.hear_a("pong"))
        await socket.say(type="subscribe", channel="capacity:nowhere")
        told.append(await socket.hear_a("error"))
        await house.shard.tick()
        told.append(await socket.hear_a("live"))
        for message in told:
            for part in ("data", "changes"):  # wards travel without the rows that they follow from
                for ward in message.get(part, {}).get("wards", {}).values():
                    assert "rows" not in ward
                    ward["rows"] = []
            msgspec.convert(message, messages.Told)


async def test_the_picture_over_a_socket_is_the_one_over_http(house: House) -> None:
    await house.report("crisis", [{"ward": ward.id, "status": "02", "count": 2} for ward in house.document.wards])
    for subject in ("crisis", "regulator", "facility", "ward", "physician", "software", "ops"):
        async with house.socket(subject) as socket:
            over_socket = await socket.subscribe()
            over_http = await house.picture(subject)
            assert over_socket["token"] == over_http["token"]
            assert over_socket["data"] == {k: v for k, v in over_http.items() if k not in ("region", "token")}


async def test_a_return_is_told_what_changed_and_nothing_else(house: House) -> None:
    await house.report("crisis", {"ward": MED, "status": "02", "count": 9})
    async with house.socket("crisis") as socket:
        token = (await socket.subscribe())["token"]
    await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
    async with house.socket("crisis") as socket:
        told = await socket.subscribe(since=token)
        assert told["type"] == "changes"
        assert set(told["changes"]["wards"]) == {REA}
    async with house.socket("crisis") as socket:
        again = await socket.subscribe(since=told["token"])
        assert (again["type"], again["changes"].get("wards")) == ("changes", None)


@pytest.mark.parametrize("token", ["", "nonsense", "é", "gJKj", "A" * 5000])
async def test_a_token_that_is_none_gets_a_reset_and_a_snapshot(house: House, token: str) -> None:
    async with house.socket("crisis") as socket:
        await socket.say(type="subscribe", channel="capacity:ici", since=token)
        assert (await socket.hear())["type"] == "reset"
        assert (await socket.hear())["type"] == "snapshot"


async def test_a_token_of_another_view_gets_a_snapshot(house: House) -> None:
    async with house.socket("physician") as socket:
        token = (await socket.subscribe())["token"]
    async with house.socket("crisis") as socket:
        assert (await socket.subscribe(since=token))["type"] == "snapshot"


async def test_a_new_directory_resets_and_shows_itself(house: House) -> None:
    await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
    async with house.socket("crisis") as socket:
        before = await socket.subscribe()
        fewer = msgspec.structs.replace(house.document, wards=house.document.wards[1:])
        await house.publish("region", msgspec.msgpack.encode(fewer))
        assert (await socket.hear_a("reset"))["reason"]
        after = await socket.hear_a("snapshot")
        assert after["data"]["region_digest"] != before["data"]["region_digest"]
        assert REA in before["data"]["wards"]
        assert REA not in after["data"]["wards"]
        directory = (await house.get("crisis", "/regions/ici")).json()
        assert (directory["digest"], len(directory["wards"])) == (after["data"]["region_digest"], 5)


async def test_a_log_that_came_back_empty_resets(house: House) -> None:
    async with house.socket("crisis") as socket:
        before = (await socket.subscribe())["token"]
        await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
        await socket.hear_a("changes")
        await house.begin_anew()
        assert (await socket.hear_a("reset"))["reason"]
        after = await socket.hear_a("snapshot")
        assert after["data"]["wards"] == {}
    async with house.socket("crisis") as socket:
        assert (await socket.subscribe(since=before))["type"] == "snapshot"
    # The first acknowledgement may be at an offset that was seen before: nothing is certain then, one tries again.
    first = await house.report("crisis", {"ward": REA, "status": "02", "count": 1}, key="again")
    assert first.status_code == 201 or first.json()["type"] == "urn:vigilits:problem:log-changed"
    second = await house.report("crisis", {"ward": REA, "status": "02", "count": 1}, key="again")
    assert (second.status_code, second.json()["outcome"]) == (201, "applied")


async def test_while_rebuilding_doors_say_so_and_sockets_wait_for_a_whole_picture(house: House) -> None:
    async with house.socket("crisis") as early:
        await early.subscribe()
        house.shard.rebuilding = True
        await house.shard.tick()
        assert (await early.hear_a("changes"))["changes"]["rebuilding"] is True
        answer = await house.get("crisis", "/regions/ici/capacity")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:vigilits:problem:rebuilding")
        assert "retry-after" in answer.headers
        assert (await house.http.get("/readyz")).status_code == 503
        async with house.socket("crisis") as late:
            await late.say(type="subscribe", channel="capacity:ici")
            assert (await late.hear())["code"] == "rebuilding"
            house.shard.rebuilding = False
            await house.shard.tick()
            for each in (early, late):
                assert (await each.hear_a("snapshot", "changes"))["type"] == "snapshot"


async def test_live_is_the_shards_clock_and_stops_with_it(house: House) -> None:
    async with house.socket("crisis") as socket:
        await socket.subscribe()
        await house.shard.tick()
        first = await socket.hear_a("live")
        await house.shard.tick(first["at"] + 1)
        assert (await socket.hear_a("live"))["at"] == first["at"] + 1
        house.shard.working.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await socket.hear_a("live")


async def test_a_scenario_is_told_and_taken_back(house: House) -> None:
    scenario = {"label": {"fr": "Printemps 2020", "en": "Spring of 2020"}, "date": "2020-04-08"}
    async with house.socket("physician") as socket:
        assert (await socket.subscribe())["data"]["scenario"] is None
        await house.publish("scenario", msgspec.json.encode(scenario))
        assert (await socket.hear_a("changes"))["changes"]["scenario"] == scenario
        assert (await house.picture("ward"))["scenario"] == scenario
        await house.publish("scenario", b"null")
        assert (await socket.hear_a("changes"))["changes"]["scenario"] is None


async def test_one_frame_carries_the_newest_of_many_changes(house: House) -> None:
    async with house.socket("crisis") as socket:
        await socket.subscribe()
        await house.report("crisis", [{"ward": REA, "status": "02", "count": n} for n in range(20)])
        await house.report("crisis", {"ward": REA, "status": "02", "count": 99})
        heard = 0
        while True:
            told = await socket.hear_a("changes")
            heard += 1
            if told["changes"]["wards"][REA]["available"] == 99:
                break
        assert heard <= 4


# --- the ways in -----------------------------------------------------------------------------------------------------


async def test_without_a_proof_of_who_asks_a_socket_is_told_to_sign_in_again(house: House) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"cookie": "vigilits=nonsense"}):
        async with connect(house.url.replace("http", "ws") + "/ws", additional_headers=headers, proxy=None) as raw:
            async with asyncio.timeout(WITHIN_S):
                await raw.wait_closed()
            assert raw.close_code == 4401


async def test_another_sites_page_gets_no_socket(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket("crisis", origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    async with house.socket("crisis", origin=house.url) as socket:
        await socket.subscribe()


async def test_an_unknown_subprotocol_is_refused(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket("crisis", "vigilits.v9+xml"):
            pass
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize(
    "message", [b"\xc1", b"", b"\x80", b"[1]", msgspec.msgpack.encode({"type": "shout"}), b"\x91" * 3000]
)
async def test_a_message_that_nobody_can_read_is_told_so_and_costs_nothing_else(house: House, message: bytes) -> None:
    async with house.socket("crisis") as socket:
        await socket.subscribe()
        await socket.raw.send(message)
        assert (await socket.hear_a("error"))["code"] == "unreadable"
        await socket.say(type="ping")
        await socket.hear_a("pong")


async def test_too_many_messages_end_a_socket(house: House) -> None:
    async with house.socket("crisis") as socket:
        for _ in range(60):
            await socket.say(type="ping")
        assert (await socket.until_closed())[0] == 1008


async def test_channels_can_be_left(house: House) -> None:
    async with house.socket("crisis") as socket:
        await socket.subscribe()
        await socket.say(type="unsubscribe", channel="capacity:ici")
        await socket.say(type="ping")
        await socket.hear_a("pong")
        await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
        await socket.say(type="ping")
        assert (await socket.hear())["type"] == "pong"


# --- the ends --------------------------------------------------------------------------------------------------------


async def test_who_has_no_right_here_is_closed_as_not_allowed(house: House) -> None:
    async with house.socket("nobody") as socket:
        await socket.say(type="subscribe", channel="capacity:ici")
        assert (await socket.until_closed())[0] == 4403


async def test_a_revoked_right_ends_its_socket_within_five_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "CHECKS_EVERY_S", CHECKS_EVERY_S)  # as it is outside of tests
    async with (
        open_house(tmp_path / "home") as house,
        house.socket("regulator") as socket,
        house.socket("crisis") as other,
    ):
        await socket.subscribe()
        await other.subscribe()
        await house.revoke("regulator", "regulator", "ici")
        assert (await socket.until_closed())[0] == 4403
        await other.say(type="ping")
        await other.hear_a("pong")


async def test_a_right_that_ends_by_its_date_ends_its_socket(house: House) -> None:
    await house.grant("guest", "regulator", "ici", until=now() + 1500)
    async with house.socket("guest") as socket:
        await socket.subscribe()
        assert (await socket.until_closed())[0] == 4403


async def test_a_narrower_right_is_shown_less_at_once(house: House) -> None:
    await house.grant("both", "physician", "ici")
    await house.grant("both", "crisis_cell", "ici")
    await house.report("crisis", {"ward": REA, "status": "03", "count": 3})
    async with house.socket("both") as socket:
        assert REA in (await socket.subscribe())["data"]["wards"]
        await house.revoke("both", "crisis_cell", "ici")
        await socket.hear_a("reset")
        assert (await socket.hear_a("snapshot"))["data"]["wards"] == {}


async def test_an_expired_token_ends_its_socket(house: House) -> None:
    token = house.issuer.issue("crisis", minutes=1.5 / 60)
    async with house.socket("crisis", additional_headers={"authorization": f"Bearer {token}"}) as socket:
        await socket.subscribe()
        assert (await socket.until_closed())[0] == 4401


async def test_a_client_that_stops_reading_costs_no_memory_and_is_closed(house: House) -> None:
    room = next(iter(house.rooms.values()))
    room.outbox._stays_slow_s = 1.0
    async with house.socket("crisis") as sleeper:
        await sleeper.subscribe()
        (listener,) = room.outbox.listeners
        ends: list[Any] = [sleeper.raw.transport, listener.transport]
        for end in ends:  # else the kernel keeps megabytes for it
            for side in (sockets.SO_RCVBUF, sockets.SO_SNDBUF):
                end.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, side, 4096)
        sleeper.raw.transport.pause_reading()
        async with house.socket("crisis") as reader:
            await reader.subscribe()
            most, told = 0, 0
            async with asyncio.timeout(20):
                while room.outbox.count == 2:
                    await house.report("crisis", [_row(n) for n in range(100)])
                    told += len((await reader.hear_a("changes"))["changes"]["wards"])  # the other never noticed
                    most = max([most, listener.transport.get_write_buffer_size()])
            assert told > 0
            assert 64 * 1024 < most < 256 * 1024
            assert listener not in room.outbox.listeners
        sleeper.raw.transport.abort()


def _row(n: int) -> dict[str, Any]:
    ward = (REA, MED, "310000002/medecine", "810000001/rea-adulte", "810000001/medecine")[n % 5]
    return {"ward": ward, "status": "02", "temporality": f"0{n % 5 + 1}", "count": n}


async def test_a_client_that_catches_up_is_told_the_newest_and_stays(house: House) -> None:
    room = next(iter(house.rooms.values()))
    async with house.socket("crisis", max_queue=1) as sleeper:
        await sleeper.subscribe()
        (listener,) = room.outbox.listeners
        listener.transport = full = Full(listener.transport)
        for audience in room.outbox._audiences.values():
            audience.in_step[listener] = full
        await house.report("crisis", {"ward": REA, "status": "02", "count": 1})
        await house.report("crisis", {"ward": REA, "status": "02", "count": 2})
        assert list(room.outbox._behind) == [listener]
        full.is_full = False
        told = await sleeper.hear_a("changes", "snapshot")
        assert told["changes"]["wards"][REA]["available"] == 2
        await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
        assert (await sleeper.hear_a("changes"))["changes"]["wards"][REA]["available"] == 3


class Full:
    """A transport that says that its buffer is full, for as long as it is told to."""

    def __init__(self, real: Any) -> None:
        self._real, self.is_full = real, True

    def write(self, data: bytes) -> None:
        """Write."""
        assert not self.is_full, "written to a full socket"
        self._real.write(data)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        return 10**6 if self.is_full else self._real.get_write_buffer_size()


async def test_a_server_that_stops_tells_its_sockets_to_come_back(tmp_path: Path) -> None:
    async with open_house(tmp_path / "home") as house:
        socket = house.socket("crisis")
        await socket.__aenter__()
        await socket.subscribe()
    assert (await socket.until_closed())[0] == 1012


async def test_the_live_state_may_go_and_come_back_with_nothing_missed(house: House) -> None:
    async with house.socket("crisis") as socket:
        await socket.subscribe()
        house.state.away = True
        await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
        house.state.away = False
        told = await socket.hear_a("changes", "snapshot")
        assert told["type"] == "changes"
        assert told["changes"]["wards"][REA]["available"] == 3


async def test_a_poisoned_record_does_not_stop_the_picture(house: House) -> None:
    async with house.socket("crisis") as socket:
        await socket.subscribe()
        await house.log.append("vigilits.capacity", house.shard.partition, b"ici", b"poison")
        await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
        assert (await socket.hear_a("changes"))["changes"]["wards"][REA]["available"] == 3


async def test_events_of_before_are_not_told_as_if_they_were_new(house: House) -> None:
    """A figure older than the one held changes nothing on any screen."""
    await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
    async with house.socket("crisis") as socket:
        await socket.subscribe()
        await house.report("crisis", {"ward": REA, "status": "02", "count": 9, "happened_at": now() - 3_600_000})
        await house.report("crisis", {"ward": MED, "status": "02", "count": 1})
        assert set((await socket.hear_a("changes"))["changes"]["wards"]) == {MED}


async def test_sockets_end_with_their_rights_though_the_file_of_sessions_fails(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = Links(house.home).issue("crisis", now(), 5)
    await house.http.post("/api/v1/session", json={"link": secret})
    cookie = f"vigilits={house.http.cookies['vigilits']}"
    async with house.socket("x", additional_headers={"cookie": cookie}) as held, house.socket("regulator") as socket:
        await held.subscribe()
        await socket.subscribe()
        failed, real = asyncio.Event(), Links.sessions
        loop = asyncio.get_running_loop()

        def fails(*_: object) -> dict[str, list[Held]]:
            loop.call_soon_threadsafe(failed.set)
            raise sqlite3.OperationalError("unable to open database file")

        monkeypatch.setattr(Links, "sessions", fails)
        async with asyncio.timeout(WITHIN_S):
            await failed.wait()
        await house.revoke("regulator", "regulator", "ici")
        assert (await socket.until_closed())[0] == 4403
        assert (await house.http.get("/healthz")).status_code == 200
        monkeypatch.setattr(Links, "sessions", real)
        Links(house.home).revoke("crisis")
        assert (await held.until_closed())[0] == 4401
