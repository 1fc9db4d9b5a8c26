"""Web Push against a push service that checks VAPID and a browser that decrypts RFC 8291 with its own keys."""

import os
from pathlib import Path
from typing import Any

import http_ece
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from domain.places import Words
from people import reach
from people.directory import People, Subscription
from people.web_push import MOST_PAYLOAD, base64url, unbase64url, why_not
from streams.notify.channel import Refused, TryAgain, key_of
from streams.notify.web_push import WebPush, payload
from tests.streams.notify.letters import NOTICE, letter
from tests.streams.notify.peers import Answered, Asked, HttpPeer

CONTACT = "mailto:astreinte@example.fr"
TAKEN = Answered(201, {"Location": "https://push.example/message/canary"})


class Browser:
    """A browser's side of a subscription: its keys, with which it alone reads what is pushed."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._secret = os.urandom(16)
        self.p256dh = base64url(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        self.auth = base64url(self._secret)

    def read(self, asked: Asked) -> Any:
        """Return what was pushed."""
        assert asked.headers["content-encoding"] == "aes128gcm"
        said = http_ece.decrypt(asked.body, private_key=self._key, auth_secret=self._secret, version="aes128gcm")
        return msgspec.json.decode(said)


def signed_by(asked: Asked) -> tuple[str, dict[str, Any]]:
    """Return the key that signed a push, and what was signed, as a push service checks it (RFC 8292)."""
    scheme, _, parameters = asked.headers["authorization"].partition(" ")
    assert scheme == "vapid"
    told = dict(part.strip().split("=", 1) for part in parameters.split(","))
    point = unbase64url(told["k"])
    key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": base64url(point[1:33]), "y": base64url(point[33:])})
    return told["k"], dict(jwt.decode(told["t"], key, algorithms=["ES256"]).claims)


@pytest.fixture
def people(tmp_path: Path) -> People:
    """Return a directory store of the test's own."""
    return People(tmp_path)


def subscribed(people: People, peer: HttpPeer, *browsers: Browser) -> tuple[Subscription, ...]:
    """Return the subscriptions of a person with these browsers."""
    for number, browser in enumerate(browsers):
        people.subscribe("anne", f"{peer.url}/push/canary-{number}", browser.p256dh, browser.auth, now=number)
    return tuple(people.subscriptions("anne"))


async def sent(people: People, within_s: float = 5.0, *, allow_private: bool = True, **told: Any) -> str:
    """Return the receipt of a letter to all of the person's browsers."""
    async with reach.client(within_s=within_s) as http:
        channel = WebPush(people, CONTACT, http, allow_private=allow_private)
        return await channel.send(letter(subscriptions=tuple(people.subscriptions("anne")), **told))


async def test_the_browser_alone_reads_what_is_pushed_and_the_service_knows_who_sent_it(people: People) -> None:
    browser = Browser()
    async with HttpPeer(TAKEN).serving() as peer:
        (subscription,) = subscribed(people, peer, browser)
        assert await sent(people, ttl_s=900) == subscription.id, "nothing by which the message could be taken back"
    (asked,) = peer.asked
    assert browser.read(asked) == {
        "title": NOTICE.title.fr,
        "body": NOTICE.text.fr,
        "tag": "g1",
        "url": "/alerts?group=g1",
        "severity": "critical",
        "seen": "kLhRrSi5ES-rQrdyxIIp2uN-",
        "at": 1000,
    }
    key, claims = signed_by(asked)
    assert key == people.vapid().public
    assert (claims["aud"], claims["sub"]) == (peer.url, CONTACT)
    assert {name: asked.headers[name] for name in ("ttl", "urgency", "topic")} == {
        "ttl": "900",
        "urgency": "high",
        "topic": key_of(NOTICE.id),
    }
    assert len(key_of(NOTICE.id)) <= 32
    with pytest.raises(Exception, match=r"(?i)decrypt|tag"):
        Browser().read(asked)


async def test_all_browsers_are_told_and_one_is_enough(people: People) -> None:
    one, two = Browser(), Browser()
    async with HttpPeer(lambda asked: TAKEN if asked.path.endswith("1") else Answered(500)).serving() as peer:
        subscriptions = subscribed(people, peer, one, two)
        assert await sent(people) == subscriptions[1].id
    assert len(peer.asked) == 2


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_is_over_is_dropped_and_no_other(people: People, status: int) -> None:
    async with HttpPeer(lambda asked: Answered(status) if asked.path.endswith("0") else TAKEN).serving() as peer:
        subscribed(people, peer, Browser(), Browser())
        await sent(people)
        assert [kept.endpoint[-1] for kept in people.subscriptions("anne")] == ["1"]
        peer.answers = [Answered(status)]
        with pytest.raises(Refused, match=r"^no subscription$"):
            await sent(people)
    assert people.subscriptions("anne") == []


@pytest.mark.parametrize(
    ("answered", "raised", "reason", "after_s"),
    [
        (Answered(413), Refused, "too large", None),
        (Answered(403, body=b"canary"), Refused, "refused", None),
        (Answered(301, {"Location": "http://127.0.0.1:1/"}), Refused, "refused", None),
        (Answered(429, {"Retry-After": "30"}), TryAgain, "busy", 30.0),
        (Answered(500), TryAgain, "server error", None),
        (Answered(raw=b"HTTP/1.1 canary\r\n\r\n"), TryAgain, "unreachable", None),
        (Answered(slow=True), TryAgain, "slow", None),
    ],
)
async def test_what_a_push_service_answers_decides(
    people: People, answered: Answered, raised: type[TryAgain | Refused], reason: str, after_s: float | None
) -> None:
    async with HttpPeer(answered).serving() as peer:
        subscribed(people, peer, Browser())
        with pytest.raises(raised) as why:
            await sent(people, within_s=0.3)
    assert str(why.value) == reason
    assert getattr(why.value, "after_s", None) == after_s
    assert people.subscriptions("anne"), "kept, whatever else went wrong"


async def test_a_service_that_is_down_is_unreachable_and_a_look_says_so(people: People) -> None:
    async with HttpPeer(TAKEN).serving() as peer:
        subscriptions = subscribed(people, peer, Browser())
    with pytest.raises(TryAgain, match=r"^unreachable$"):
        await sent(people)
    async with reach.client(within_s=5) as http:
        channel = WebPush(people, CONTACT, http, allow_private=True)
        for last in (None, letter(subscriptions=subscriptions)):  # who begins anew has sent none yet
            with pytest.raises(TryAgain, match=r"^unreachable$"):
                await channel.look("push", last)
            async with peer.serving():
                await channel.look("push", last)
        people.unsubscribe("anne", subscriptions[0].id)
        await channel.look("push", None)  # nobody to ask
    assert peer.asked == []


async def test_a_private_endpoint_is_spoken_to_only_where_that_is_allowed(people: People) -> None:
    async with HttpPeer(TAKEN).serving() as peer:
        subscribed(people, peer, Browser())
        with pytest.raises(Refused, match=r"^not allowed$"):
            await sent(people, allow_private=False)
    assert peer.asked == []


def test_a_subscription_that_nothing_can_be_pushed_to_says_why() -> None:
    browser = Browser()
    good = "https://push.example/x"
    assert why_not(good, browser.p256dh, browser.auth) is None
    assert why_not("http://push.example/x", browser.p256dh, browser.auth) == "the endpoint must be https"
    for port, allow_private, why in (
        (443, False, None),
        (22, False, "the endpoint must be on port 443"),
        (22, True, None),
    ):
        endpoint = f"https://push.example:{port}/x"
        assert why_not(endpoint, browser.p256dh, browser.auth, allow_private=allow_private) == why
    for p256dh, auth in [("", browser.auth), ("AAAA", browser.auth), ("é", browser.auth), (browser.p256dh, "AAAA")]:
        assert why_not(good, p256dh, auth) is not None
    # A point that is not on the curve would give the browser's key away bit by bit.
    off = bytearray(unbase64url(browser.p256dh))
    off[40] ^= 1
    assert why_not(good, base64url(bytes(off)), browser.auth) is not None


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_for_a_key_makes_the_judgement_fail(p256dh: str, auth: str) -> None:
    why_not("https://push.example/x", p256dh, auth)


@given(st.text(max_size=4000), st.text(max_size=4000))
def test_a_payload_is_never_larger_than_a_push_service_takes(title: str, text: str) -> None:
    notice = msgspec.structs.replace(NOTICE, title=Words(title, title), text=Words(text, text), reason="escalated")
    said = payload(letter(notice))
    assert len(said) <= MOST_PAYLOAD
    assert msgspec.json.decode(said)["tag"] == "g1"


def test_a_late_payload_says_so_and_names_no_person() -> None:
    said = msgspec.json.decode(payload(letter(late_min=5)))
    assert said["body"].startswith("retard 5 min - ")
    assert "anne" not in str(said)
