"""Speaking to addresses that others gave us: over TLS, to public machines alone, and never more than was asked for."""

import asyncio
import ipaddress
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

MOST_ANSWER = 64 * 1024  # bytes read of an answer
MOST_URL = 2000  # characters
MOST_ADDRESSES = 3  # of one name, tried in turn
RESOLVED_WITHIN_S = 5.0

Resolve = Callable[[str, int], Awaitable[list[str]]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")  # what a host that is a number ends in, and no name does
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class NotAllowed(Exception):
    """An address that we do not speak to; the reason holds nothing of it."""


class Answer(NamedTuple):
    """What came back: the status, when to try again (s) where it says so, and as much of the body as we read."""

    status: int
    retry_after_s: float | None
    body: bytes


def is_public(address: Address) -> bool:
    """Return whether an address is one of the open internet, also where it carries another within."""
    inner: ipaddress.IPv4Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def why_not(url: str, *, allow_private: bool = False) -> str | None:
    """Return why an address can't be spoken to, as far as it can be told without looking its name up."""
    if len(url) > MOST_URL or not url.isascii() or any(sign <= " " for sign in url):
        return "is too long, or holds what no address holds"
    try:
        told = urlsplit(url)
        told.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return "is no address"
    host = (told.hostname or "").removesuffix(".")
    if not host or told.username is not None or told.password is not None:
        return "must name a host, and no user"
    if told.scheme != "https" and not (allow_private and told.scheme == "http"):
        return "must be https"
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        name, _, last = host.rpartition(".")
        if _NUMBER.fullmatch(last):  # systems read 127.1 and 2130706433 as addresses, of which no name tells
            return "is no address"
        return None if allow_private or (name and last != "localhost") else "must be on the internet"
    return None if allow_private or is_public(literal) else "must be on the internet"


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guarded(httpx.AsyncBaseTransport):
    """Connects to the very addresses that were judged: a name that means another machine a moment later gains nothing.

    The name stays in the Host header and in the TLS handshake, against which the certificate is checked.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, resolve: Resolve = resolve) -> None:
        self._inner, self._resolve = inner, resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer of the first address that takes a connection; raise NotAllowed where one is not public."""
        allow_private = bool(request.extensions.get("allow_private"))
        why = why_not(str(request.url), allow_private=allow_private)
        if why is not None:
            raise NotAllowed(why)
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(RESOLVED_WITHIN_S):
                found = await self._resolve(host, port)
        except (OSError, TimeoutError, UnicodeError) as unknown:
            raise httpx.ConnectError("its name is not known") from unknown
        judged = [ipaddress.ip_address(address.partition("%")[0]) for address in found]
        if not allow_private and not all(map(is_public, judged)):
            raise NotAllowed("must be on the internet")
        for address in judged[:MOST_ADDRESSES]:
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,  # Host among them
                stream=request.stream,
                extensions=request.extensions | {"sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except httpx.ConnectError:
                continue
        raise httpx.ConnectError("it takes no connection")

    async def aclose(self) -> None:
        """Return once every connection is closed."""
        await self._inner.aclose()


def client(*, within_s: float, guarded: bool = True, resolve: Resolve = resolve) -> httpx.AsyncClient:
    """Return a client that follows nobody elsewhere, takes no proxy from its surroundings and logs no address."""
    for name in ("httpx", "httpcore"):  # they log whole addresses and headers, which hold secrets
        logging.getLogger(name).setLevel(logging.WARNING)
    inner = httpx.AsyncHTTPTransport(verify=_trust(), retries=0, trust_env=False)
    return httpx.AsyncClient(
        transport=Guarded(inner, resolve) if guarded else inner,
        timeout=within_s,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "vigilits"},
    )


@cache
def _trust() -> ssl.SSLContext:
    """Return the authorities that we believe, those of SSL_CERT_FILE where it is set: reading them takes a while."""
    return httpx.create_ssl_context()


async def ask(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    content: bytes,
    allow_private: bool = False,
) -> Answer:
    """Return the answer to one request; raise httpx.HTTPError where none came, NotAllowed where we may not ask."""
    extensions = {"allow_private": allow_private}
    async with http.stream(method, url, headers=headers, content=content, extensions=extensions) as response:
        body = b""
        async for part in response.aiter_raw():  # as it came: what is packed small could unpack without end
            body += part
            if len(body) >= MOST_ANSWER:
                break
        return Answer(response.status_code, _seconds(response.headers.get("retry-after")), body[:MOST_ANSWER])


def _seconds(told: str | None) -> float | None:
    """Return a Retry-After in seconds; a date is as good as nothing said."""
    try:
        return max(0.0, min(float(told), 3600.0)) if told else None
    except ValueError:
        return None
