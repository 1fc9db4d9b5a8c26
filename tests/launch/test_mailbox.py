"""The simulations' mailbox takes what our own sender sends, hands on the link in it, and outlives whoever hangs up."""

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage

from launch.embedded import LOOPBACK
from launch.mailbox import Letter, Mailbox, read
from streams.notify.smtp import Relay, Smtp


def served(work: Callable[[Mailbox], Awaitable[None]]) -> list[Letter]:
    """Return the letters that came while some work was done."""
    letters: list[Letter] = []

    async def run() -> None:
        async with Mailbox(letters.append).serving() as mailbox:
            await work(mailbox)

    asyncio.run(run())
    return letters


def sender(mailbox: Mailbox) -> Smtp:
    """Return our own channel, which sends there."""
    relay = Relay(host=LOOPBACK, port=mailbox.port, sender="vigilits@example.invalid", tls=False, starttls=False)
    return Smtp("smtp", relay, sealed=False)


def message(name: str, text: str) -> EmailMessage:
    """Return a message as a sender makes it."""
    made = EmailMessage()
    made["From"], made["Subject"], made["Message-ID"] = (
        "vigilits@example.invalid",
        "Rappel",
        f"<{name}@example.invalid>",
    )
    made.set_content(text, cte="quoted-printable")
    return made


def test_a_letter_comes_with_its_link_whatever_its_lines_begin_with() -> None:
    long = "https://suivi.example.invalid/a#" + "x" * 90 + ".fr"
    text = f"Un questionnaire vous attend, à présent.\n.\n..\n{long}\n"

    async def send(mailbox: Mailbox) -> None:
        assert await sender(mailbox).deliver(message("one", text), ["a@cohort.invalid"])

    assert served(send) == [Letter("a@cohort.invalid", "<one@example.invalid>", "x" * 90)]


def test_a_letter_to_two_is_two_and_one_without_a_link_has_none() -> None:
    to = ["a@cohort.invalid", "b@cohort.invalid"]

    async def send(mailbox: Mailbox) -> None:
        await sender(mailbox).deliver(message("two", "Une information vous attend."), to)

    assert [(letter.to, letter.secret) for letter in served(send)] == [(each, "") for each in to]
    assert read("a@cohort.invalid", b"\r\n") == Letter("a@cohort.invalid", "", "")


def test_whoever_hangs_up_or_says_what_is_no_mail_disturbs_nobody() -> None:
    async def send(mailbox: Mailbox) -> None:
        for said in (b"", b"EHLO x\r\nDATA\r\nhalf a letter", b"\xff\xfe\r\nGET / HTTP/1.1\r\n", b"x" * 200_000):
            _, writer = await asyncio.open_connection(LOOPBACK, mailbox.port)
            writer.write(said)
            writer.write_eof()
            writer.close()
        await sender(mailbox).deliver(message("three", "https://x.invalid/a#s"), ["a@cohort.invalid"])

    assert [letter.secret for letter in served(send)] == ["s"]
