"""Connections that are held and not used: each is taken away in time, and there are only so many."""

import asyncio

import pytest

from realtime_api import connections
from tests.realtime_api.house import WITHIN_S, House


async def answer_to(house: House, *parts: bytes) -> bytes:
    """Return all that comes back on a connection that its peer never closes."""
    host, port = house.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(WITHIN_S):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.05)
            try:
                return await reader.read()
            except ConnectionError:
                return b"reset"
    finally:
        writer.close()


HALF = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize("parts", [(), (b"G",), (HALF, *[b"a: b\r\n"] * 12)])
async def test_who_sends_no_whole_request_is_let_go(
    house: House, monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 0.4)
    assert await answer_to(house, *parts) in (b"", b"reset")


async def test_a_second_request_has_no_more_time_than_the_first(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 0.4)
    assert await answer_to(house, HALF + b"\r\n", HALF, *[b"a: b\r\n"] * 12) != b""


async def test_who_was_refused_reads_why_and_cannot_go_on_sending_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 0.4)
    head = b"POST /api/v1/bed-reports HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n"
    host, port = house.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head)
    async with asyncio.timeout(WITHIN_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.05)
    writer.close()


async def test_a_socket_outlives_the_time_that_a_request_has(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 0.2)
    async with house.socket("crisis") as socket:
        await asyncio.sleep(0.4)
        await socket.subscribe()


async def test_there_are_only_so_many_connections(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    async with house.socket("crisis") as socket:  # the second one: the house's own client holds the first
        assert await answer_to(house, HALF + b"\r\n") in (b"", b"reset")
        await socket.subscribe()
