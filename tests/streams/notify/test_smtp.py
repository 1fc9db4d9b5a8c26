"""E-mail and MSSanté against a real SMTP server: over TLS, slow, down, and saying yes before it says no."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from ssl import SSLContext

import msgspec
import pytest

from streams.notify import smtp
from streams.notify.channel import Refused, TryAgain
from streams.notify.smtp import Relay, Smtp, is_within
from tests.streams.notify.letters import NOTICE, letter
from tests.streams.notify.peers import PASSWORD, MailServer, certificate

TO = ("anne.canary@example.fr",)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[SSLContext, SSLContext]:
    """Return a server's TLS context, and a client's that trusts it."""
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def server(contexts: tuple[SSLContext, SSLContext]) -> AsyncIterator[MailServer]:
    """Return a server that speaks STARTTLS and knows one user."""
    it = MailServer()
    it.users = {"vigilits": PASSWORD}
    async with it.serving(contexts[0]):
        yield it


@pytest.fixture
def relay(server: MailServer, contexts: tuple[SSLContext, SSLContext]) -> Relay:
    """Return how that server is spoken to."""
    return Relay(
        host="127.0.0.1",
        port=server.port,
        sender="vigilits@ars.example.fr",
        user="vigilits",
        password=PASSWORD,
        tls=False,
        within_s=5.0,
        trust=contexts[1],
    )


def parsed(content: bytes) -> EmailMessage:
    """Return a message as a mail program reads it."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


async def test_a_message_goes_over_tls_and_its_receipt_is_the_server_s_name_for_it(
    server: MailServer, relay: Relay
) -> None:
    sent = letter(to=TO, late_min=7)
    assert await Smtp("smtp", relay, sealed=False).send(sent) == "Q1"
    (mail,) = server.taken
    assert (mail.sender, mail.to, mail.tls) == ("vigilits@ars.example.fr", [*TO], True)
    message = parsed(mail.content)
    assert message["Message-ID"] == f"<{sent.key}@ars.example.fr>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "fr"
    assert message.get_content_type() == "text/plain"
    assert "List-Unsubscribe" not in message
    assert "retard 7 min" in message["Subject"]
    assert f"https://lits.example.fr/seen#{sent.seen}" in message.get_content()


async def test_plain_mail_names_no_service_and_no_title_and_mssante_does(server: MailServer, relay: Relay) -> None:
    await Smtp("smtp", relay, sealed=False).send(letter(to=TO))
    await Smtp("mssante", relay, sealed=True).send(letter(to=TO, language="en"))
    plain, sealed = (parsed(mail.content) for mail in server.taken)
    for words in ("animation", "Hérault", "92"):
        assert words not in plain["Subject"] + plain.get_content()
    assert "critique" in plain["Subject"]
    assert "Adult intensive care, Hérault: 92 %" in sealed["Subject"]
    assert "Open beds" in sealed.get_content()


async def test_a_message_sent_again_has_the_same_name(server: MailServer, relay: Relay) -> None:
    channel = Smtp("smtp", relay, sealed=False)
    for _ in range(2):
        await channel.send(letter(to=TO))
    assert len({parsed(mail.content)["Message-ID"] for mail in server.taken}) == 1


async def test_tls_from_the_first_byte_works_too(contexts: tuple[SSLContext, SSLContext], relay: Relay) -> None:
    server = MailServer()
    async with server.serving(contexts[0], from_the_start=True):
        channel = Smtp("smtp", replace(relay, port=server.port, tls=True, user="", password=""), sealed=False)
        assert await channel.send(letter(to=TO)) == "Q1"


async def test_nothing_is_said_to_a_server_without_tls(relay: Relay) -> None:
    server = MailServer()
    async with server.serving():
        with pytest.raises(TryAgain, match=r"^no TLS$"):
            await Smtp("smtp", replace(relay, port=server.port), sealed=False).send(letter(to=TO))
        assert server.taken == []
        allowed = replace(relay, port=server.port, starttls=False, user="", password="")
        assert await Smtp("smtp", allowed, sealed=False).send(letter(to=TO)) == "Q1"


async def test_nothing_is_said_to_a_server_whose_certificate_nobody_vouches_for(
    server: MailServer, relay: Relay
) -> None:
    with pytest.raises(TryAgain, match=r"^TLS failed$"):
        await Smtp("smtp", replace(relay, trust=None), sealed=False).send(letter(to=TO))
    assert server.taken == []


@pytest.mark.parametrize(
    ("answer", "raised", "reason"),
    [
        ("451 4.7.1 later canary", TryAgain, "busy"),
        ("421 4.3.2 closing", TryAgain, "busy"),
        ("550 5.7.1 spam canary", Refused, "refused"),
        ("554 5.6.0 no", Refused, "refused"),
    ],
)
async def test_a_server_that_says_yes_and_then_no_is_believed_the_no(
    server: MailServer, relay: Relay, answer: str, raised: type[TryAgain | Refused], reason: str
) -> None:
    server.after_data = [answer]
    with pytest.raises(raised) as why:
        await Smtp("smtp", relay, sealed=False).send(letter(to=TO))
    assert str(why.value) == reason, "its own words may hold an address"
    assert server.taken == []


async def test_an_address_that_is_refused_is_not_the_channel_s_fault(server: MailServer, relay: Relay) -> None:
    channel = Smtp("smtp", relay, sealed=False)
    server.refused = {TO[0]: "550 5.1.1 unknown", "busy@example.fr": "450 4.2.1 greylisted"}
    with pytest.raises(Refused, match=r"^address refused$"):
        await channel.send(letter(to=TO))
    with pytest.raises(TryAgain, match=r"^busy$"):
        await channel.send(letter(to=("busy@example.fr",)))
    assert await channel.send(letter(to=(*TO, "other@example.fr"))) == "Q1", "one of them took it"
    assert server.taken[0].to == ["other@example.fr"]


async def test_a_password_that_is_refused_is_the_channel_s_fault(server: MailServer, relay: Relay) -> None:
    with pytest.raises(TryAgain, match=r"^sign-in refused$"):
        await Smtp("smtp", replace(relay, password="wrong"), sealed=False).send(letter(to=TO))


async def test_a_server_that_stalls_is_slow_and_one_that_is_down_unreachable(server: MailServer, relay: Relay) -> None:
    server.slow = True
    with pytest.raises(TryAgain, match=r"^slow$"):
        await Smtp("smtp", replace(relay, within_s=0.3), sealed=False).send(letter(to=TO))
    channel = Smtp("smtp", replace(relay, port=1), sealed=False)
    with pytest.raises(TryAgain, match=r"^unreachable$"):
        await channel.send(letter(to=TO))
    with pytest.raises(TryAgain, match=r"^unreachable$"):
        await channel.look("smtp", None)


async def test_a_look_sends_nothing(server: MailServer, relay: Relay) -> None:
    await Smtp("smtp", relay, sealed=False).look("smtp", None)
    assert server.connections == 1
    assert server.taken == []


async def test_letters_that_follow_one_another_go_by_one_connection_also_after_one_that_was_refused(
    server: MailServer, relay: Relay
) -> None:
    channel = Smtp("smtp", relay, sealed=False)
    server.refused = {"gone@example.fr": "550 5.1.1 unknown"}
    server.after_data = ["250 2.0.0 Ok: queued as Q1", "554 5.6.0 no"]
    assert await channel.send(letter(to=TO)) == "Q1"
    with pytest.raises(Refused, match=r"^refused$"):
        await channel.send(letter(to=TO))
    with pytest.raises(Refused, match=r"^address refused$"):
        await channel.send(letter(to=("gone@example.fr",)))
    assert await channel.send(letter(to=("other@example.fr",))) == "Q2"
    assert [mail.to for mail in server.taken] == [[*TO], ["other@example.fr"]], "nobody is written to for another"
    assert server.connections == 1


async def test_letters_that_are_sent_beside_one_another_have_a_connection_each(
    server: MailServer, relay: Relay
) -> None:
    channel = Smtp("smtp", relay, sealed=False)
    for _ in range(2):
        await asyncio.gather(*(channel.send(letter(to=(f"{number}@example.fr",))) for number in range(3)))
    assert sorted(mail.to[0][0] for mail in server.taken) == ["0", "0", "1", "1", "2", "2"]
    assert server.connections == 3


async def test_a_letter_goes_by_a_new_connection_where_the_server_ended_the_kept_one(
    server: MailServer, relay: Relay
) -> None:
    channel = Smtp("smtp", relay, sealed=False)
    await asyncio.gather(*(channel.send(letter(to=TO)) for _ in range(2)))
    server.hang_up()
    assert await channel.send(letter(to=TO)) == "Q3"
    assert server.connections == 3


async def test_a_connection_in_which_something_stalled_is_not_used_again(server: MailServer, relay: Relay) -> None:
    channel = Smtp("smtp", replace(relay, within_s=0.3), sealed=False)
    server.slow = True
    with pytest.raises(TryAgain, match=r"^slow$"):
        await channel.send(letter(to=TO))
    server.slow = False
    assert await channel.send(letter(to=TO)) == "Q1"
    assert server.connections == 2


async def test_a_connection_that_nothing_is_sent_by_is_let_go(
    server: MailServer, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "KEPT_S", 0.01)
    await Smtp("smtp", relay, sealed=False).send(letter(to=TO))
    async with asyncio.timeout(5.0):
        await server.left.wait()


async def test_mssante_writes_to_its_own_domains_alone(server: MailServer, relay: Relay) -> None:
    channel = Smtp("mssante", replace(relay, domains=("mssante.fr",)), sealed=True)
    personal, organisational, outside = "anne@medecin.mssante.fr", "cellule.crise@chu.mssante.fr", "a@gmail.com"
    await channel.send(letter(to=(personal, organisational, outside)))
    assert server.taken[0].to == [personal, organisational]
    with pytest.raises(Refused, match=r"^no MSSante address$"):
        await channel.send(letter(to=(outside, "a@notmssante.fr")))
    assert len(server.taken) == 1


def test_a_domain_holds_what_is_below_it_and_nothing_that_only_ends_alike() -> None:
    assert is_within("a@MSSante.fr", ("mssante.fr",))
    assert is_within("a@x.mssante.fr", ("mssante.fr",))
    assert not is_within("a@xmssante.fr", ("mssante.fr",))
    assert not is_within("a@mssante.fr.evil.com", ("mssante.fr",))


@pytest.mark.parametrize("address", ["", "nobody", "a@b\r\nBcc: x@y.fr", "a b@c.fr", "a@b,c@d.fr", "<a@b.fr>", "a@b@c"])
async def test_what_is_no_address_is_not_written_to(server: MailServer, relay: Relay, address: str) -> None:
    with pytest.raises(Refused, match=r"^no address$"):
        await Smtp("smtp", relay, sealed=False).send(letter(to=(address,)))
    assert server.connections == 0


async def test_a_title_with_line_ends_makes_no_header(server: MailServer, relay: Relay) -> None:
    title = msgspec.structs.replace(NOTICE.title, fr="Hérault\r\nBcc: canary@example.fr")
    await Smtp("mssante", relay, sealed=True).send(letter(msgspec.structs.replace(NOTICE, title=title), to=TO))
    message = parsed(server.taken[0].content)
    assert message["Bcc"] is None
    assert "Hérault Bcc: canary" in message["Subject"]
