"""Webhooks in the shape of Prometheus Alertmanager's (version 4), signed: what takes those takes ours."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from domain.alerts.lifecycle import Alert
from domain.alerts.notice import NO_ADDRESS
from domain.places import Words
from people import reach
from people.directory import Webhook
from streams.notify import texts
from streams.notify.channel import RECEIVER, Letter, Refused, TryAgain
from streams.notify.http import AGAIN, judged, look_at, why_again

SIGNATURE = "X-Vigilits-Signature"
DELIVERY = "X-Vigilits-Delivery"
MOST_ALERTS = 500  # of one payload; the rest are counted in truncatedAlerts, as Alertmanager does
NOT_ENDED = "0001-01-01T00:00:00Z"  # how Alertmanager says that an alert goes on
FINGERPRINT = 16  # hexadecimal digits


class Webhooks:
    """The channel `webhook`: receivers are known by name in the directory store, with the secret that signs."""

    name = "webhook"

    def __init__(
        self,
        http: httpx.AsyncClient,
        known: Callable[[str], Webhook | None],
        *,
        per_second: float = 5.0,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.per_second = per_second
        self._http, self._known, self._now_s = http, known, now_s

    async def send(self, letter: Letter) -> str:
        """Return nothing but that the receiver took it; raise TryAgain or Refused."""
        to = letter.webhook
        if to is None:
            raise Refused(NO_ADDRESS)
        content = msgspec.json.encode(payload(letter, to.name))
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(to.secret, content, int(self._now_s())),
            DELIVERY: letter.key,
            "Idempotency-Key": letter.key,
        }
        answer = await judged(
            reach.ask(self._http, "POST", to.url, headers=headers, content=content, allow_private=to.allow_private)
        )
        if 200 <= answer.status < 300:
            return str(answer.status)
        if answer.status in AGAIN or answer.status >= 500:
            raise TryAgain(why_again(answer), answer.retry_after_s)
        raise Refused("sends elsewhere" if 300 <= answer.status < 400 else "refused")

    async def look(self, lane: str, letter: Letter | None) -> None:
        """Return where the receiver answers, or there is none by that name; raise TryAgain where it does not."""
        to = await asyncio.to_thread(self._known, lane.removeprefix(RECEIVER))
        if to is not None:
            await look_at(self._http, _origin(to), allow_private=to.allow_private)


def signature(secret: str, content: bytes, at_s: int) -> str:
    """Return `t=<s>,v1=<hex>`: HMAC-SHA256 of `<s>.<body>`, so that an old message can't be sent again as new."""
    return f"t={at_s},v1={hmac.digest(secret.encode(), f'{at_s}.'.encode() + content, hashlib.sha256).hex()}"


def payload(letter: Letter, receiver: str) -> dict[str, Any]:
    """Return Alertmanager's webhook payload (https://prometheus.io/docs/alerting/latest/configuration/)."""
    group = letter.group
    alerts = [_alert(held.alert, letter) for held in letter.alerts[:MOST_ALERTS]] or [_bare(letter)]
    firing = any(alert["status"] == "firing" for alert in alerts)
    return {
        "version": "4",
        "groupKey": _group_key(letter),
        "truncatedAlerts": max(0, len(letter.alerts) - MOST_ALERTS),
        "status": "firing" if firing else "resolved",
        "receiver": receiver,
        "groupLabels": dict(group.labels) if group else {},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]) | _said(letter),
        "externalURL": letter.base,
        "alerts": alerts,
    }


def _said(letter: Letter) -> dict[str, str]:
    said = {"reason": letter.notice.reason, "late": texts.late(letter)}
    return {name: value for name, value in said.items() if value}


def _group_key(letter: Letter) -> str:
    """Return what names a group for good, in Alertmanager's manner where we know its route and labels."""
    group = letter.group
    if group is None:
        return f"{{}}:{letter.notice.group}"
    labels = ", ".join(f'{name}="{value}"' for name, value in sorted(group.labels.items()))
    return f"{{}}/{group.route}:{{{labels}}}"


def _alert(alert: Alert, letter: Letter) -> dict[str, Any]:
    resolved = alert.status == "resolved"
    return {
        "status": "resolved" if resolved else "firing",
        "labels": dict(sorted((dict(alert.labels) | {"alertname": alert.rule, "severity": alert.severity}).items())),
        "annotations": _annotations(alert.title, alert.text, alert.todo, letter),
        "startsAt": _instant(alert.raised_at or alert.since),
        "endsAt": _instant(alert.resolved_at or alert.changed_at) if resolved else NOT_ENDED,
        "generatorURL": f"{letter.base}{texts.open_path(letter)}" if letter.base else "",
        "fingerprint": _fingerprint(alert.key),
    }


def _bare(letter: Letter) -> dict[str, Any]:
    """Return one alert made from the notice alone, where the shard holds those that it tells of no more."""
    notice = letter.notice
    resolved = notice.reason == "resolved"
    return {
        "status": "resolved" if resolved else "firing",
        "labels": {"alertname": "vigilits", "region": letter.region, "severity": notice.severity},
        "annotations": _annotations(notice.title, notice.text, notice.todo, letter),
        "startsAt": _instant(notice.made_at),
        "endsAt": _instant(notice.made_at) if resolved else NOT_ENDED,
        "generatorURL": f"{letter.base}{texts.open_path(letter)}" if letter.base else "",
        "fingerprint": _fingerprint(notice.group),
    }


def _annotations(title: Words, text: Words, todo: Words, letter: Letter) -> dict[str, str]:
    said = {
        "summary": texts.say(title, letter.language),
        "description": texts.say(text, letter.language),
        "todo": texts.say(todo, letter.language),
    }
    return {name: value for name, value in said.items() if value}


def _common(all_of_them: list[Mapping[str, str]]) -> dict[str, str]:
    """Return what every one of them has with the same value."""
    first, *others = all_of_them
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def _fingerprint(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=FINGERPRINT // 2).hexdigest()


def _instant(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _origin(to: Webhook) -> str:
    address = urlsplit(to.url)
    return f"{address.scheme}://{address.netloc}/"
