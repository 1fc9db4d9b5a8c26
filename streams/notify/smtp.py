"""E-mail, and MSSanté mailboxes, by SMTP: always over TLS unless that is told otherwise, plain text alone."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from domain.alerts.notice import NO_ADDRESS
from streams.notify import texts
from streams.notify.channel import Letter, Refused, TryAgain, receipt

SIGN_IN_CODES = frozenset((530, 534, 535, 538))
NEVER_IN_THE_CLEAR = "no TLS"
KEPT_S = 5.0  # without a message, until a connection is let go
MOST_KEPT = 8
ANSWERS_WITHIN_S = 2.0  # to what is no message: a server that does not is not there
_QUEUED = re.compile(r"(?:queued as|id=|<)\s*([A-Za-z0-9._-]+)", re.IGNORECASE)
_ADDRESS = re.compile(r"[^@\s<>\",;:\\]+@[^@\s<>\",;:\\]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The server that takes our mail; `domains` (MSSanté's) are the only ones written to, where there are any."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = True  # from the first byte; else STARTTLS
    starttls: bool = True
    domains: tuple[str, ...] = ()
    per_second: float = 5.0
    within_s: float = 20.0
    trust: ssl.SSLContext | None = field(default=None, repr=False)  # None: the system's authorities


class Smtp:
    """The channels `smtp` and `mssante`: the first names nothing, the second, closed to all but carers, names all."""

    def __init__(self, name: str, relay: Relay, *, sealed: bool) -> None:
        self.name, self.per_second = name, relay.per_second
        self._relay, self._sealed = relay, sealed
        self._kept: dict[aiosmtplib.SMTP, asyncio.TimerHandle] = {}  # until they are let go; the one used last is last
        self._ending: set[asyncio.Future[None]] = set()

    async def send(self, letter: Letter) -> str:
        """Return the server's word for having queued a message; raise TryAgain or Refused."""
        to = self.reachable(letter.to)
        return await self.deliver(self.message(letter, to), to)

    def reachable(self, addresses: Sequence[str]) -> list[str]:
        """Return those that may be written to by this channel; raise Refused where none is."""
        to = [address for address in addresses if _ADDRESS.fullmatch(address)]
        if self._relay.domains:
            to = [address for address in to if is_within(address, self._relay.domains)]
            if not to:
                raise Refused("no MSSante address")
        if not to:
            raise Refused(NO_ADDRESS)
        return to

    async def deliver(self, message: EmailMessage, to: Sequence[str]) -> str:
        """Return the server's word for having queued any message, ours or another's; raise TryAgain or Refused."""
        try:
            async with self._lent() as session:
                _, answer = await session.send_message(message, sender=self.sender, recipients=list(to))
        except (SMTPException, OSError, ValueError) as why:
            raise _judged(why) from None  # the error's own words may hold addresses
        found = _QUEUED.search(answer)
        return receipt(found[1], to) if found else ""

    async def look(self, lane: str, letter: Letter | None) -> None:
        """Return where the server takes our name; raise TryAgain where not."""
        try:
            async with self._session() as session:
                await session.noop()
        except (SMTPException, OSError, ValueError) as why:
            judged = _judged(why)
            raise TryAgain(judged.reason) from None

    def message(self, letter: Letter, to: Sequence[str]) -> EmailMessage:
        """Return the message: its Message-ID is made from the letter's key, so that twice the same is seen as one."""
        host = self.sender.rpartition("@")[2]
        message = EmailMessage()
        message["From"] = Address("vigilits", addr_spec=self.sender)
        message["To"] = [Address(addr_spec=address) for address in to]
        message["Subject"] = texts.subject(letter, sealed=self._sealed)
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = f"<{letter.key}@{host}>"
        if not letter.is_to_patient:  # there the group is the pseudonym, which no address is to be seen beside
            message["References"] = f"<{letter.notice.group}@{host}>"  # a group's messages are one conversation
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence answers us
        if letter.notice.severity == "critical" and letter.notice.reason != "resolved":
            message["Importance"] = "high"
        message.set_content(texts.body(letter, sealed=self._sealed), cte="quoted-printable")
        message["Content-Language"] = letter.language  # after the content, which begins with no Content-* at all
        return message

    @property
    def sender(self) -> str:
        """Return the address that messages come from."""
        return self._relay.sender

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Lend a connection for one message; the next one goes by it too, if it comes soon.

        To connect, agree on TLS and sign in takes longer than the message.
        """
        session = await self._again()
        if session is None:
            session = self._session()
            await session.connect()
        try:
            yield session
        except (SMTPResponseException, SMTPRecipientsRefused):
            self._keep(session)  # it was the message that would not do, or not now
            raise
        except BaseException:
            session.close()
            raise
        self._keep(session)

    async def _again(self) -> aiosmtplib.SMTP | None:
        """Return a connection that was kept, and on which the server still listens; None where there is none."""
        if not self._kept:
            return None
        session, ends = self._kept.popitem()
        ends.cancel()
        try:
            await session.rset(timeout=ANSWERS_WITHIN_S)
        except (SMTPException, OSError):
            session.close()
            for other in list(self._kept):  # what ended this one ended them
                self._kept.pop(other).cancel()
                other.close()
            return None
        except BaseException:
            session.close()
            raise
        return session

    def _keep(self, session: aiosmtplib.SMTP) -> None:
        if session.is_connected and len(self._kept) < MOST_KEPT:
            self._kept[session] = asyncio.get_running_loop().call_later(KEPT_S, self._let_go, session)
        else:
            session.close()

    def _let_go(self, session: aiosmtplib.SMTP) -> None:
        del self._kept[session]
        ending = asyncio.ensure_future(_ended(session))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _session(self) -> aiosmtplib.SMTP:
        relay = self._relay
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.user or None,
            password=relay.password or None,
            use_tls=relay.tls,
            start_tls=relay.starttls and not relay.tls,  # without it on offer nothing is said at all
            tls_context=relay.trust,
            timeout=relay.within_s,
            local_hostname=relay.sender.rpartition("@")[2],
        )


async def _ended(session: aiosmtplib.SMTP) -> None:
    """Return once the server was told that this is all, and the connection is closed."""
    try:
        with suppress(SMTPException, OSError):
            await session.quit(timeout=ANSWERS_WITHIN_S)
    finally:
        session.close()


def is_within(address: str, domains: Sequence[str]) -> bool:
    """Return whether a mailbox is in one of these domains or below one."""
    host = address.rpartition("@")[2].lower()
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _judged(why: Exception) -> TryAgain | Refused:
    """Return what an error means for the letter, without its words."""
    if isinstance(why, SMTPRecipientsRefused):
        codes = [refusal.code for refusal in why.recipients]
        return Refused("address refused") if all(code >= 500 for code in codes) else TryAgain("busy")
    if isinstance(why, SMTPAuthenticationError) or (
        isinstance(why, SMTPResponseException) and why.code in SIGN_IN_CODES
    ):
        return TryAgain("sign-in refused")  # our settings' fault, not the letter's: it is seen as the channel down
    if isinstance(why, SMTPResponseException):
        if why.code < 500:
            return TryAgain("busy")
        # Only what comes after the message is about the message; before, it is about us.
        return Refused("refused") if isinstance(why, SMTPDataError) else TryAgain("refused us")
    if isinstance(why, TimeoutError):
        return TryAgain("slow")
    if isinstance(why, ssl.SSLError):
        return TryAgain("TLS failed")
    if isinstance(why, OSError):
        return TryAgain("unreachable")
    if isinstance(why, SMTPException):
        return TryAgain(NEVER_IN_THE_CLEAR if "STARTTLS" in str(why) else "unreachable")
    return Refused("not a message")
