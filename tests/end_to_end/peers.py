"""Those whom messages go to, in a thread of their own beside the system: a mail server and a webhook's receiver."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from email import message_from_bytes, policy
from typing import Any, NamedTuple, TypeVar

from tests.streams.notify.peers import Answered, Asked, HttpPeer, Mail, MailServer

T = TypeVar("T")
WITHIN_S = 60.0


class Message(NamedTuple):
    """A mail as its reader has it."""

    key: str  # its Message-ID
    to: str
    subject: str
    text: str

    @property
    def secret(self) -> str:
        """Return what its link ends with that marks it seen."""
        return self.text.partition("/seen#")[2].split("\n")[0]


class MailRoom(MailServer):
    """A mail server that keeps what it is handed open, or takes it and never says so, as a test tells it."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self.holds = False  # nothing is taken, and no session ends
        self.mute = False  # all is taken, and no session ends
        self.handed: list[Mail] = []  # whole, whether they were taken or not
        self._tell = tell
        self._held: list[asyncio.BaseTransport] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Answer to a whole message."""
        self.handed.append(Mail(envelope.mail_from, list(envelope.rcpt_tos), envelope.content, tls=False))
        if self.holds:
            self._held.append(server.transport)
            self._tell()
            await asyncio.Event().wait()
        answer = await super().handle_DATA(server, session, envelope)
        self._tell()
        if self.mute:
            await asyncio.Event().wait()
        return answer

    def cut(self) -> None:
        """End every session that is held without a word, as a server does that falls over."""
        self.holds = False
        for transport in self._held:
            transport.close()
        self._held.clear()


class Peers:
    """A mail server and a receiver of webhooks, both on loopback."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.mail = MailRoom(self._tell)
        self.hook = HttpPeer(self._asked)
        self._loop = asyncio.new_event_loop()
        self._mail_open = AsyncExitStack()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _asked(self, _: Asked) -> Answered:
        self._tell()
        return Answered()

    # -- from the test's thread

    def mails(self, *to: str) -> list[Message]:
        """Return what the mail server took, oldest first; of these addressees alone where some are named."""
        with self._changed:
            messages = [read(mail) for mail in self.mail.taken]
        return [message for message in messages if not to or message.to in to]

    def handed(self) -> list[Message]:
        """Return what the mail server was handed, taken or not."""
        with self._changed:
            return [read(mail) for mail in self.mail.handed]

    def until(self, holds: Callable[[], T], what: str, within_s: float = WITHIN_S) -> T:
        """Return what comes to hold once something was sent here; raise AssertionError where it does not in time."""
        give_up_at = time.monotonic() + within_s
        with self._changed:
            while not (found := holds()):
                left_s = give_up_at - time.monotonic()
                told = [(mail.to, mail.subject) for mail in self.mails()]
                assert left_s > 0, f"no {what} within {within_s:g} s; mails: {told}"
                self._changed.wait(left_s)
        return found

    def mailed(self, to: str, number: int, within_s: float = WITHIN_S) -> list[Message]:
        """Return the mails to an addressee, once there are so many."""
        return self.until(
            lambda: found if len(found := self.mails(to)) >= number else [], f"mail {number} to {to}", within_s
        )

    def close_mail(self) -> None:
        """Have nobody answer at the mail server's port, nor on what was open to it."""

        async def close() -> None:
            await self._mail_open.aclose()
            self.mail.hang_up()

        self._do(close())

    def open_mail(self) -> None:
        """Have the mail server answer (again), at the port that it had."""
        self._do(self._serve_mail())

    def cut(self) -> None:
        """End every session that the mail server holds, and hold no more."""

        async def cut() -> None:
            self.mail.cut()

        self._do(cut())

    async def _serve_mail(self) -> None:
        await self._mail_open.enter_async_context(self.mail.serving())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    @contextmanager
    def serving(self) -> Iterator["Peers"]:
        """Serve until left."""
        thread = threading.Thread(target=self._loop.run_forever, name="peers", daemon=True)
        thread.start()
        hook_open = AsyncExitStack()
        try:
            self.open_mail()
            self._do(hook_open.enter_async_context(self.hook.serving()))
            yield self
        finally:
            self._do(hook_open.aclose())
            self.close_mail()
            self._do(_end_all())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(WITHIN_S)
            self._loop.close()


async def _end_all() -> None:
    """Return once whatever still waits here has ended."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def read(mail: Mail) -> Message:
    """Return a mail as its reader has it."""
    message = message_from_bytes(mail.content, policy=policy.default)
    text = message.get_content().replace("\r\n", "\n")
    return Message(str(message["Message-ID"]), mail.to[0], str(message["Subject"]), text)
