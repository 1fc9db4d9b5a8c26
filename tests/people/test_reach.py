"""What is spoken to: public machines over TLS, at the very address that was judged."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from people import reach
from people.reach import MOST_ANSWER, NotAllowed, ask, client, is_public, why_not


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "::1", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
    ],
)
def test_an_address_that_is_not_on_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "193.51.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_an_address_of_the_internet_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    assert is_public(ipaddress.IPv6Address(f"::ffff:{address}")) == is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://push.example/1", "must be https"),
        ("ftp://push.example/1", "must be https"),
        ("https://user:canary@push.example/1", "must name a host, and no user"),
        ("https:///1", "must name a host, and no user"),
        ("https://push.example:99999/", "is no address"),
        ("https://[::1", "is no address"),
        ("https://127.0.0.1/", "must be on the internet"),
        ("https://[::1]/", "must be on the internet"),
        ("https://localhost/", "must be on the internet"),
        ("https://LOCALHOST./", "must be on the internet"),
        ("https://push.localhost/", "must be on the internet"),
        ("https://intranet/", "must be on the internet"),
        ("https://127.0.0.1./", "must be on the internet"),
        *(
            (f"https://{number}/", "is no address")
            for number in ("127.1", "2130706433", "0x7f.1", "0177.0.0.1", "1.0x")
        ),
        ("https://./", "must name a host, and no user"),
        ("https://push.example/\r\nX: 1", "is too long, or holds what no address holds"),
        ("https://push.example/" + "a" * 2000, "is too long, or holds what no address holds"),
    ],
)
def test_an_address_that_can_t_be_spoken_to_says_why(url: str, why: str) -> None:
    assert why_not(url) == why


@pytest.mark.parametrize("host", ["push.example", "push.example.", "1.1.1.1", "1and1.example", "hook.example:8443"])
def test_an_address_on_the_internet_can_be_spoken_to(host: str) -> None:
    assert why_not(f"https://{host}/") is None


def test_what_a_setting_allows_may_be_private_and_without_tls() -> None:
    assert why_not("http://127.0.0.1:80/", allow_private=True) is None
    assert why_not("ftp://127.0.0.1/", allow_private=True) == "must be https"


@given(st.text(max_size=60))
def test_no_text_makes_the_judgement_fail(url: str) -> None:
    why_not(url)
    why_not("https://" + url)


class Peer:
    """A machine on loopback that counts who connects and answers as told."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """Return a machine that listens."""
    it = Peer()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    async with server:
        yield it


def resolving(*addresses: str) -> reach.Resolve:
    """Return a name service that knows one answer."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


async def test_a_name_that_means_a_private_machine_is_refused_before_any_connection(peer: Peer) -> None:
    async with client(within_s=5, resolve=resolving("1.1.1.1", "127.0.0.1")) as http:
        with pytest.raises(NotAllowed):
            await ask(http, "POST", f"https://hook.example:{peer.port}/", headers={}, content=b"x")
    assert peer.asked == []


async def test_the_connection_goes_to_the_address_that_was_judged_and_no_other(peer: Peer) -> None:
    """The name does not exist: had anything looked it up again, nothing would have come of it."""
    looked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        looked.append(host)
        return ["127.0.0.1"]

    async with client(within_s=5, resolve=resolve) as http:
        url = f"http://nowhere.invalid:{peer.port}/hook?x=1"
        answer = await ask(http, "POST", url, headers={}, content=b"x", allow_private=True)
    assert (answer.status, answer.body, looked) == (200, b"ok", ["nowhere.invalid"])
    assert f"Host: nowhere.invalid:{peer.port}".encode() in peer.asked[0]


async def test_a_redirect_is_not_followed(peer: Peer) -> None:
    peer.answer = f"HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:{peer.port}/x\r\nContent-Length: 0\r\n\r\n".encode()
    async with client(within_s=5) as http:
        url = f"http://127.0.0.1:{peer.port}/"
        answer = await ask(http, "POST", url, headers={}, content=b"x", allow_private=True)
    assert answer.status == 307
    assert len(peer.asked) == 1


async def test_no_more_of_an_answer_is_read_than_is_needed(peer: Peer) -> None:
    peer.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n" + b"x" * (4 * MOST_ANSWER)
    async with client(within_s=5) as http:
        url = f"http://127.0.0.1:{peer.port}/"
        answer = await ask(http, "POST", url, headers={}, content=b"x", allow_private=True)
    assert len(answer.body) == MOST_ANSWER


@pytest.mark.parametrize(
    ("told", "seconds"), [("7", 7.0), ("-3", 0.0), ("1e9", 3600.0), ("nan", 0.0), ("Wed, 21 Oct", None)]
)
async def test_what_a_peer_asks_us_to_wait_has_a_bound(peer: Peer, told: str, seconds: float | None) -> None:
    peer.answer = f"HTTP/1.1 429 x\r\nRetry-After: {told}\r\nContent-Length: 0\r\n\r\n".encode()
    async with client(within_s=5) as http:
        url = f"http://127.0.0.1:{peer.port}/"
        answer = await ask(http, "POST", url, headers={}, content=b"x", allow_private=True)
    assert answer.retry_after_s == seconds


async def test_a_name_that_nobody_knows_is_a_machine_that_does_not_answer() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    async with client(within_s=5, resolve=resolve) as http:
        with pytest.raises(httpx.ConnectError):
            await ask(http, "POST", "https://hook.example/", headers={}, content=b"x")
