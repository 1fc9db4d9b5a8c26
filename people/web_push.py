"""One push to one subscription: what is said is encrypted for the browser (RFC 8291), and signed as ours (RFC 8292)."""

import asyncio
import binascii
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from people import reach

SIGNED_FOR_S = 12 * 3600  # RFC 8292: at most 24 h
HTTPS = 443
AUTH_BYTES = 16
POINT_BYTES = 65
MOST_PAYLOAD = 3 * 1024  # bytes; push services take 4 KiB encrypted
MOST_KEY = 500  # characters


class Reached(Protocol):
    """What a push needs to know of a subscription."""

    @property
    def endpoint(self) -> str:
        """Return the push service's address for this browser."""
        ...

    @property
    def p256dh(self) -> str:
        """Return the browser's public key."""
        ...

    @property
    def auth(self) -> str:
        """Return the browser's secret."""
        ...


@dataclass(frozen=True)
class VapidKeys:
    """The key pair by which push services know us."""

    private: bytes = field(repr=False)

    @cached_property
    def signer(self) -> Vapid02:
        """Return what signs with it."""
        return Vapid02(ec.derive_private_key(int.from_bytes(self.private), ec.SECP256R1()))

    @cached_property
    def public(self) -> str:
        """Return the public key as browsers want it (applicationServerKey: base64url of the uncompressed point)."""
        return base64url(self.signer.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def new_private_key() -> bytes:
    """Return a new private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32)


def why_not(endpoint: str, p256dh: str, auth: str, *, allow_private: bool = False) -> str | None:
    """Return why nothing can be pushed to such a subscription, None where it can."""
    why = reach.why_not(endpoint, allow_private=allow_private)
    if why is None and not allow_private and urlsplit(endpoint).port not in (None, HTTPS):
        why = "must be on port 443"  # browsers' makers use no other, and we are nobody's scanner
    if why is not None:
        return f"the endpoint {why}"
    try:
        point, secret = unbase64url(p256dh), unbase64url(auth)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (ValueError, binascii.Error):
        return "p256dh must be a point of P-256, auth 16 bytes, both in base64url"
    return None if len(point) == POINT_BYTES and len(secret) == AUTH_BYTES else "the keys are not as long as keys are"


async def push(
    http: httpx.AsyncClient,
    keys: VapidKeys,
    contact: str,
    to: Reached,
    payload: bytes,
    *,
    ttl_s: int,
    urgency: str = "normal",
    topic: str = "",
    allow_private: bool = False,
) -> reach.Answer:
    """Return what a push service says to one message: 201 taken, 404 and 410 that the subscription is no more.

    Raise httpx.HTTPError where it says nothing, `reach.NotAllowed` where it is not to be spoken to.
    """
    body = await asyncio.to_thread(encrypted, to, payload)
    service = urlsplit(to.endpoint)
    claims = {
        "aud": f"{service.scheme}://{service.netloc}",
        "exp": int(time.time()) + SIGNED_FOR_S,
        "sub": contact,
    }
    headers = keys.signer.sign(claims) | {
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(ttl_s),
        "Urgency": urgency,
    }
    if topic:
        headers["Topic"] = topic
    return await reach.ask(http, "POST", to.endpoint, headers=headers, content=body, allow_private=allow_private)


def encrypted(to: Reached, payload: bytes) -> bytes:
    """Return a payload that the subscription's browser alone can read."""
    # Here, since it brings aiohttp and requests along: a quarter of what a command that pushes nothing takes to start.
    from pywebpush import WebPusher

    told = {"endpoint": to.endpoint, "keys": {"p256dh": to.p256dh, "auth": to.auth}}
    return bytes(WebPusher(told).encode(payload, content_encoding="aes128gcm")["body"])


def base64url(value: bytes) -> str:
    """Return the bytes in the alphabet of URLs, unpadded."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """Return the bytes that `base64url` wrote; raise ValueError for anything else, and for what is no key's length."""
    if len(text) > MOST_KEY:
        raise ValueError("too long")
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
