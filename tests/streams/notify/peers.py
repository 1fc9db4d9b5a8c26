"""Providers on loopback that work, stall, fall silent and lie, as a test tells them."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd import smtp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PASSWORD = "canary-password"


@dataclass
class Asked:
    """One request as a peer got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answered:
    """What a peer answers: a status, headers, a body; or `raw` bytes that are no HTTP; or nothing, ever (`slow`)."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes | None = None
    slow: bool = False


Answer = Callable[[Asked], Answered]


class HttpPeer:
    """Answers each request as the next of `answers` says, the last one for all further; keeps what it was asked."""

    def __init__(self, *answers: Answered | Answer) -> None:
        self.answers = list(answers) or [Answered()]
        self.asked: list[Asked] = []
        self.port = 0
        self.url = ""
        self._open: set[asyncio.Task[Any]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            asked = Asked(method, path, headers, body)
            if method != "GET":  # a look counts for nothing
                self.asked.append(asked)
            told = self.answers.pop(0) if len(self.answers) > 1 and method != "GET" else self.answers[0]
            answered = told if isinstance(told, Answered) else told(asked)
            if answered.slow:
                await asyncio.Event().wait()
            lines = [f"HTTP/1.1 {answered.status} told", f"Content-Length: {len(answered.body)}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in answered.headers.items()]
            whole = "\r\n".join(lines).encode() + b"\r\n\r\n" + answered.body
            writer.write(whole if answered.raw is None else answered.raw)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._open.discard(task)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["HttpPeer"]:
        """Serve on a free port until left; what still waits for an answer then never gets one."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            yield self
        finally:
            server.close()
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)


@dataclass
class Mail:
    """One message as a server took it."""

    sender: str
    to: list[str]
    content: bytes
    tls: bool


class MailServer:
    """An SMTP server that says what it is told to: at RCPT for an address, at the end of DATA in turns."""

    def __init__(self) -> None:
        self.taken: list[Mail] = []
        self.after_data: list[str] = []  # answers in turns; then it takes all
        self.refused: dict[str, str] = {}  # address → answer
        self.slow = False
        self.users: dict[str, str] = {}
        self.port = 0
        self.connections = 0
        self.left = asyncio.Event()  # somebody said goodbye
        self._sessions: list[smtp.SMTP] = []

    def hang_up(self) -> None:
        """End all connections, as a server does that has not heard of a client for a while."""
        for each in self._sessions:
            if each.transport is not None:
                each.transport.close()

    # What aiosmtpd calls; its names.

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Answer to one recipient."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take note that somebody left."""
        self.left.set()
        return "221 bye"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Answer to a whole message."""
        if self.slow:
            await asyncio.Event().wait()
        if self.after_data:
            answer = self.after_data.pop(0)
            if not answer.startswith("2"):
                return answer
        tls = session.ssl is not None
        self.taken.append(Mail(envelope.mail_from, list(envelope.rcpt_tos), envelope.content, tls))
        return f"250 2.0.0 Ok: queued as Q{len(self.taken)}"

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> smtp.AuthResult:
        good = self.users.get(data.login.decode()) == data.password.decode()
        return smtp.AuthResult(success=good, handled=False)

    @asynccontextmanager
    async def serving(
        self, trust: ssl.SSLContext | None = None, *, from_the_start: bool = False
    ) -> AsyncIterator["MailServer"]:
        """Serve on a free port until left: with STARTTLS where there is a certificate, or TLS from the start."""

        def connected() -> smtp.SMTP:
            self.connections += 1
            session = smtp.SMTP(
                self,
                tls_context=None if from_the_start else trust,
                require_starttls=trust is not None and not from_the_start,
                authenticator=self._authenticate,
                auth_required=bool(self.users),
                auth_require_tls=trust is not None and not from_the_start,
                enable_SMTPUTF8=True,
                loop=loop,
            )
            self._sessions.append(session)
            return session

        loop = asyncio.get_running_loop()
        server = await loop.create_server(connected, "127.0.0.1", self.port, ssl=trust if from_the_start else None)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


def certificate(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context for 127.0.0.1 and a client's that trusts it alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (directory / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return server, ssl.create_default_context(cafile=str(directory / "cert.pem"))
