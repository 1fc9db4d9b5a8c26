"""Webhooks against a receiver that checks the signature: slow, down, lying, and on addresses that are not to be had."""

import hashlib
import hmac
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from people import reach
from people.directory import Webhook
from streams.notify.channel import Refused, TryAgain, key_of
from streams.notify.webhook import MOST_ALERTS, Webhooks, payload
from tests.streams.notify.letters import GROUP, NOTICE, held, letter
from tests.streams.notify.peers import Answered, HttpPeer

SECRET = "canary-secret"
NOW_S = 1_700_000_000


def receiver(peer: HttpPeer, *, allow_private: bool = True) -> Webhook:
    """Return the receiver at this peer."""
    return Webhook("desk", f"{peer.url}/hook?token=canary", SECRET, allow_private=allow_private)


def nobody(name: str) -> None:
    """Return that no receiver is known by that name."""


async def sent(to: Webhook, within_s: float = 5.0, **told: Any) -> str:
    """Return the receipt of one letter."""
    async with reach.client(within_s=within_s) as http:
        return await Webhooks(http, nobody, now_s=lambda: NOW_S).send(
            letter(webhook=to, group=GROUP, alerts=(held(),), **told)
        )


def is_ours(headers: dict[str, str], body: bytes) -> bool:
    """Return whether a receiver that knows the secret believes a message, as docs/channels.md tells it to."""
    told = dict(part.split("=", 1) for part in headers["x-vigilits-signature"].split(","))
    wanted = hmac.new(SECRET.encode(), told["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, told["v1"]) and int(told["t"]) == NOW_S


async def test_a_receiver_of_alertmanager_s_takes_ours_and_believes_the_signature() -> None:
    async with HttpPeer().serving() as peer:
        assert await sent(receiver(peer)) == "200"
    (asked,) = peer.asked
    assert is_ours(asked.headers, asked.body)
    assert not is_ours(asked.headers, asked.body + b" ")
    assert asked.headers["x-vigilits-delivery"] == key_of(NOTICE.id)
    told = msgspec.json.decode(asked.body)
    assert set(told) == {
        *("version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels"),
        *("commonAnnotations", "externalURL", "alerts"),
    }
    assert (told["version"], told["status"], told["receiver"]) == ("4", "firing", "desk")
    assert told["groupKey"] == '{}/lits:{departement="34"}'
    assert told["groupLabels"] == {"departement": "34"}
    assert told["commonLabels"]["alertname"] == "rea-pleine"
    (alert,) = told["alerts"]
    assert set(alert) == {
        *("status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"),
    }
    assert (alert["startsAt"], alert["endsAt"]) == ("1970-01-01T00:15:00.000Z", "0001-01-01T00:00:00Z")
    assert alert["annotations"]["summary"] == NOTICE.title.fr
    assert alert["generatorURL"] == "https://lits.example.fr/alerts?group=g1"
    assert len(alert["fingerprint"]) == 16


def test_a_group_is_over_once_all_of_it_is() -> None:
    over = held(status="resolved", resolved_at=960_000)
    told = payload(letter(alerts=(over, held(subject="departement/30/rea_adulte"))), "desk")
    assert told["status"] == "firing"
    assert [alert["status"] for alert in told["alerts"]] == ["resolved", "firing"]
    assert len({alert["fingerprint"] for alert in told["alerts"]}) == 2
    told = payload(letter(alerts=(over,)), "desk")
    assert (told["status"], told["alerts"][0]["endsAt"]) == ("resolved", "1970-01-01T00:16:00.000Z")


def test_what_is_told_of_alerts_that_are_gone_comes_from_the_notice() -> None:
    notice = msgspec.structs.replace(NOTICE, reason="resolved")
    told = payload(letter(notice, late_min=4), "desk")
    assert told["status"] == "resolved"
    assert told["commonAnnotations"]["late"] == "retard 4 min"
    assert told["commonAnnotations"]["reason"] == "resolved"


def test_a_great_many_alerts_are_cut_and_counted() -> None:
    told = payload(letter(alerts=(held(),) * (MOST_ALERTS + 7)), "desk")
    assert (len(told["alerts"]), told["truncatedAlerts"]) == (MOST_ALERTS, 7)


@pytest.mark.parametrize(
    ("answered", "raised", "reason"),
    [
        (Answered(400, body=b"canary"), Refused, "refused"),
        (Answered(302, {"Location": "http://127.0.0.1:1/"}), Refused, "sends elsewhere"),
        (Answered(429, {"Retry-After": "5"}), TryAgain, "busy"),
        (Answered(502), TryAgain, "server error"),
        (Answered(slow=True), TryAgain, "slow"),
        (Answered(raw=b"no http"), TryAgain, "unreachable"),
        (Answered(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"), TryAgain, "unreachable"),
    ],
)
async def test_what_a_receiver_answers_decides(
    answered: Answered, raised: type[TryAgain | Refused], reason: str
) -> None:
    async with HttpPeer(answered).serving() as peer:
        with pytest.raises(raised) as why:
            await sent(receiver(peer), within_s=0.3)
    assert str(why.value) == reason


async def test_a_receiver_that_is_down_is_unreachable_and_a_look_says_so() -> None:
    async with HttpPeer().serving() as peer:
        to = receiver(peer)
    with pytest.raises(TryAgain, match=r"^unreachable$"):
        await sent(to)
    async with reach.client(within_s=5) as http:
        channel = Webhooks(http, {"desk": to}.get)
        for last in (None, letter(webhook=to)):  # who begins anew has sent none yet, and looks all the same
            with pytest.raises(TryAgain, match=r"^unreachable$"):
                await channel.look("webhook:desk", last)
        async with peer.serving():
            await channel.look("webhook:desk", None)
        peer.answers = [Answered(503)]
        async with peer.serving():
            with pytest.raises(TryAgain, match=r"^server error$"):
                await channel.look("webhook:desk", None)
        await channel.look("webhook:taken-away", None)


async def test_a_private_receiver_is_spoken_to_only_where_it_was_allowed() -> None:
    async with HttpPeer().serving() as peer:
        to = receiver(peer, allow_private=False)
        for url in (to.url, to.url.replace("http:", "https:"), "https://localhost/", "https://169.254.169.254/"):
            with pytest.raises(Refused, match=r"^not allowed$"):
                await sent(replace(to, url=url))
    assert peer.asked == []


async def test_a_name_that_turns_private_after_it_was_judged_gains_nothing() -> None:
    """It is looked up once, judged, and connected to by number: there is no second look to lie to."""
    answers = [["127.0.0.1"], ["1.1.1.1"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async with HttpPeer().serving() as peer, reach.client(within_s=5, resolve=rebinding) as http:
        to = Webhook("desk", f"https://hook.example:{peer.port}/", SECRET)
        with pytest.raises(Refused, match=r"^not allowed$"):
            await Webhooks(http, nobody).send(letter(webhook=to))
    assert peer.asked == []
    assert len(answers) == 1


async def test_a_receiver_that_was_taken_away_is_no_address() -> None:
    async with reach.client(within_s=5) as http:
        with pytest.raises(Refused, match=r"^no address$"):
            await Webhooks(http, nobody).send(letter())
