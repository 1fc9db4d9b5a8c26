"""`vigilits up` as a person meets it: live, kept up, started over, and gone without a trace."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

import launch.up
from launch import home
from launch.demo import OTHER_ISSUER
from launch.embedded import LOOPBACK, Engine
from launch.supervise import Program, gone
from launch.up import PORTS_TRIED, NoPort, Plan, Up, free_port
from tests.engines.chosen import EngineSet
from tests.launch import tiny_directory
from tests.launch.running import SLOW_S, Vigilits, none_left, up, vigilits

WARD = "310000001/medecine"
CHANNEL = "capacity:ici"


@contextmanager
def watching(one: Vigilits, token: str) -> Iterator["Watcher"]:
    """Give a subscribed WebSocket."""
    address = one.url.replace("http", "ws") + "/ws"
    headers = {"Authorization": f"Bearer {token}"}
    with connect(address, subprotocols=["vigilits.v1+json"], additional_headers=headers, proxy=None) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "subscribe", "channel": CHANNEL}))
        yield Watcher(socket)


class Watcher:
    """What a page would know, from a socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.wards: dict[str, Any] = {}
        self.types: list[str] = []

    def until(self, ready: Callable[["Watcher"], bool], within_s: float = 60.0) -> None:
        """Return once the frames that came make it so."""
        give_up_at = time.monotonic() + within_s
        while not ready(self):
            frame = json.loads(self._socket.recv(timeout=max(0.0, give_up_at - time.monotonic())))
            self.types.append(frame["type"])
            match frame["type"]:
                case "snapshot":
                    self.wards = frame["data"]["wards"]
                case "changes":
                    self.wards |= frame["changes"].get("wards", {})

    def occupied(self, count: int) -> Callable[["Watcher"], bool]:
        """Return whether the ward's occupied beds are as many."""
        return lambda watcher: (watcher.wards.get(WARD) or {}).get("occupied") == count


@pytest.fixture
def addresses(engines: EngineSet, own_kafka: Callable[[], Engine], own_redis: Callable[[], Engine]) -> dict[str, str]:
    """Return the settings of engines that are started already; none where `up` is to start the embedded ones."""
    if not engines.kafka_persists:
        return {}
    return {"KAFKA_URL": own_kafka().url, "REDIS_URL": own_redis().url}


def test_the_port_asked_for_is_taken_or_the_next_free_one() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        assert port < free_port(LOOPBACK, port) <= port + PORTS_TRIED
    assert free_port(LOOPBACK, port) == port
    assert free_port(LOOPBACK, 0) > 0
    with pytest.raises(NoPort, match="no port from 65535 to 65535 is free"):
        free_port("192.0.2.1", 65535)  # an address that this machine does not have


def test_programs_are_told_of_the_engines_and_not_of_what_they_must_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OIDC_ISSUER", "https://auth.example.fr")
    monkeypatch.setenv("TILE_URL", "https://tiles.example.fr/{z}/{x}/{y}.png")
    plan = Plan(tmp_path, [], LOOPBACK, 0, workers=2, kafka_url="k:1", redis_url="redis://r", worker_port=9100)
    one = Up(plan._replace(without=OTHER_ISSUER), print)
    one.make_programs()
    assert one.api is not None
    assert one.api.env["PORT"] == str(one.port)
    assert one.url == f"http://{LOOPBACK}:{one.port}"
    assert [worker.env["WORKER_PORT"] for worker in one.workers] == ["9100", "9101"]
    for program in (one.api, *one.workers):
        assert "OIDC_ISSUER" not in program.env
        assert program.env["TILE_URL"] == "https://tiles.example.fr/{z}/{x}/{y}.png"
        assert (program.env["KAFKA_URL"], program.env["REDIS_URL"]) == ("k:1", "redis://r")
        assert program.env["VIGILITS_HOME"] == str(tmp_path)


async def test_an_api_that_says_that_it_is_broken_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.up, "LOOKS_AT_API_EVERY_S", 0.02)
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        status = b"200 OK" if asked == 3 else b"500 Broken"
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, LOOPBACK, 0) as served:
        one = Up(Plan(tmp_path, [], LOOPBACK, 0), print)
        one.port = served.sockets[0].getsockname()[1]
        one.api = Program("api", [sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path / "api.log")
        one.api.start()
        watching = asyncio.create_task(one.watch_api())
        async with asyncio.timeout(20):
            await gone(lambda: one.api.pid if one.api else None)
        watching.cancel()
        await asyncio.wait({watching})
    assert asked >= 6  # one good answer among them begins the count anew


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    one = Vigilits(tmp_path / "home", {})
    one.hear("Starting Tansu and Valkey")
    assert one.end(signal.SIGINT) == 0
    assert none_left(one) == {}


def test_it_goes_on_and_stops_in_order_when_nobody_reads_what_it_says(tmp_path: Path) -> None:
    tiny_directory.write(tmp_path / "ici")
    reader, writer = os.pipe()
    env = {**os.environ, "VIGILITS_HOME": str(tmp_path / "home"), "PORT": "0"}
    words = [*vigilits(), "up", "--directory", str(tmp_path / "ici")]
    with subprocess.Popen(words, env=env, stdout=writer, stderr=subprocess.PIPE, start_new_session=True) as process:
        os.close(writer)
        assert os.read(reader, 8) == b"Starting"
        os.close(reader)
        give_up_at = time.monotonic() + 60
        while not (tmp_path / "home" / "logs" / "api.log").exists() and time.monotonic() < give_up_at:
            time.sleep(0.05)  # it has said more by then, to nobody
        process.terminate()
        assert process.wait(40) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert not (tmp_path / "home" / "engines.json").exists()


def test_a_second_one_in_the_same_home_is_refused(tmp_path: Path) -> None:
    with home.taken(tmp_path / "home"):
        one = Vigilits(tmp_path / "home", {})
        one.hear("vigilits: another vigilits runs in")
        assert one.process.wait(20) == 1


@pytest.mark.engines
@pytest.mark.timeout(SLOW_S)
def test_a_report_reaches_a_page_whatever_is_killed_and_ctrl_c_leaves_nothing(
    tmp_path: Path, addresses: dict[str, str]
) -> None:
    with up(tmp_path / "home", addresses) as one:
        token = one.token("crisis_cell", "ici")
        with watching(one, token) as page:
            page.until(lambda seen: "snapshot" in seen.types)
            answer = one.report(token, WARD, 41)
            assert answer.status_code in (201, 202), answer.text  # as busy as the machine is
            page.until(page.occupied(41))

            before = one.pid("worker 1")
            os.kill(before, signal.SIGKILL)
            assert "killed by SIGKILL" in one.hear("worker 1 ended")
            assert one.report(token, WARD, 42).status_code in (201, 202)
            page.until(page.occupied(42))
            assert one.pid("worker 1") != before

        assert one.processes()
        assert one.end(signal.SIGINT) == 0
        assert none_left(one) == {}
        assert not (one.home / "engines.json").exists()


@pytest.mark.timeout(SLOW_S)
def test_a_broker_that_comes_back_empty_begins_a_new_epoch_and_says_so(tmp_path: Path) -> None:
    with up(tmp_path / "home", {}) as one:
        token = one.token("crisis_cell", "ici")
        with watching(one, token) as page:
            page.until(lambda seen: "snapshot" in seen.types)
            assert one.report(token, WARD, 41).status_code in (201, 202)
            page.until(page.occupied(41))

            one.run("region", "init", "--region", "occitanie")  # another one, of which `up` was not told

            os.kill(one.pid("kafka"), signal.SIGKILL)
            one.hear("Tansu ended, and with it the log")
            assert "gave 1 grants" in one.hear("ici: a new log")
            assert "published region and boundaries" in one.hear("occitanie: a new log")
            page.until(lambda seen: "reset" in seen.types)
            page.until(lambda seen: WARD not in seen.wards)
            give_up_at = time.monotonic() + 40
            while (answer := one.report(token, WARD, 43)).status_code == 503 and time.monotonic() < give_up_at:
                assert "Retry-After" in answer.headers
                time.sleep(0.2)
            assert answer.status_code in (201, 202), answer.text
            page.until(page.occupied(43))

        one.end(signal.SIGKILL)
        assert none_left(one) == {}
