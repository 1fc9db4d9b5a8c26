"""Bed reports over HTTP with as little work as that takes: the client must not be what is measured."""

import asyncio
import time
from collections import deque
from typing import NamedTuple

import msgspec

ANSWERS_WITHIN_S = 10.0


class Answer(NamedTuple):
    """A report's answer, and between which instants it was on its way (of the monotonic clock)."""

    status: int
    body: bytes
    sent_at: float
    answered_at: float


class Poster:
    """Connections to one door, kept open; each carries one request at a time, and more are opened when all are busy."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host, self._port = host, port
        self._head = f"Host: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        self._free: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()

    async def post(self, path: str, content: object) -> Answer:
        """Return the answer to a JSON body."""
        body = msgspec.json.encode(content)
        head = (
            f"POST {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return await self._ask(head.encode() + body)

    async def get(self, path: str) -> Answer:
        """Return the answer of a door that is only read."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def _ask(self, request: bytes) -> Answer:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            reader, writer = pair = self._idle() or await asyncio.open_connection(self._host, self._port)
            sent_at = time.monotonic()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            size = next(
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )
            answer = Answer(status, await reader.readexactly(size), sent_at, time.monotonic())
        self._free.append(pair)
        return answer

    def _idle(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Return a connection that waits for a request; the server closes those that wait for long."""
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._free:
            writer.close()
