"""A mail server for simulations: it takes every letter on loopback, hands it on, and sends none anywhere."""

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from launch.embedded import LOOPBACK

LONGEST_LINE = 64 * 1024  # of a command or of a letter
LONGEST_LETTER = 1024 * 1024
IDLE_S = 60.0
_LINK = re.compile(r"/a#([^\s.]+)")
_ADDRESS = re.compile(r"<([^>]*)>")


class Letter(NamedTuple):
    """A letter as it came: to whom, under which name of its sender's, and the secret of the link in it."""

    to: str
    name: str
    secret: str


def read(to: str, content: bytes) -> Letter:
    """Return a letter to somebody; without a link in it the secret is empty."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("plain",))
    found = _LINK.search("" if body is None else body.get_content())
    return Letter(to, str(message["Message-ID"] or ""), found[1] if found else "")


class Mailbox:
    """Everybody's letters; `take` is called with each."""

    def __init__(self, take: Callable[[Letter], None]) -> None:
        self._take = take
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def settings(self) -> dict[str, str]:
        """Return the variables by which vigilits sends its mail here."""
        return {
            "SMTP_URL": f"smtp://{LOOPBACK}:{self.port}",
            "SMTP_FROM": "vigilits@example.invalid",
            "SMTP_STARTTLS": "false",  # it does not leave the machine
            "SMTP_PER_SECOND": "1000",
        }

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Mailbox"]:
        """Take letters on a free port until left."""
        server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=LONGEST_LINE)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._session(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            pass  # whoever sends tries again
        finally:
            self._open.discard(task)
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to: list[str] = []
        writer.write(b"220 mailbox\r\n")
        while line := await self._line(reader):
            match line[:4].upper().decode(errors="replace"):
                case "RCPT":
                    to += _ADDRESS.findall(line.decode(errors="replace"))[:1]
                    writer.write(b"250 OK\r\n")
                case "DATA":
                    writer.write(b"354 go on\r\n")
                    content = await self._content(reader)
                    for each in to:
                        self._take(read(each, content))
                    to = []
                    writer.write(b"250 2.0.0 Ok: queued as L1\r\n")
                case "MAIL" | "RSET":  # whatever was begun, this is another letter
                    to = []
                    writer.write(b"250 mailbox\r\n")
                case "EHLO" | "HELO" | "NOOP":
                    writer.write(b"250 mailbox\r\n")
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    return
                case _:
                    writer.write(b"502 not here\r\n")

    async def _content(self, reader: asyncio.StreamReader) -> bytes:
        lines: list[bytes] = []
        size = 0
        while (line := await self._line(reader)) != b".\r\n":
            size += len(line)
            if not line or size > LONGEST_LETTER:
                raise ValueError("a letter without an end")
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(IDLE_S):
            return await reader.readline()
