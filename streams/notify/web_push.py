"""Web Push: a person's browsers, told through their makers' push services, which can read nothing of it."""

import asyncio
from urllib.parse import urlsplit

import httpx
import msgspec

from domain.alerts.notice import NO_ADDRESS
from domain.alerts.rule import Severity
from people.directory import People, Subscription
from people.web_push import MOST_PAYLOAD, push, why_not
from streams.notify import texts
from streams.notify.channel import Letter, Refused, TryAgain, receipt
from streams.notify.http import AGAIN, judged, look_at, why_again

URGENCY: dict[Severity, str] = {"info": "low", "warning": "normal", "critical": "high"}  # RFC 8030, 5.3
GONE = (404, 410)
SHORTEST_TTL_S = 60
MOST_LOOKED_AT = 20  # browsers, which have a few makers between them
MOST_TITLE, MOST_BODY = 200, 1200  # characters, of which the longest take four bytes
SAID_BESIDE = ("grew", "escalated", "repeat")  # what the title itself does not say
_CUT = 40


class WebPush:
    """The channel `push`. Its payload names no person; a letter is delivered once one browser's service took it."""

    name = "push"

    def __init__(
        self,
        people: People,
        contact: str,
        http: httpx.AsyncClient,
        *,
        per_second: float = 50.0,
        allow_private: bool = False,
    ) -> None:
        self.per_second = per_second
        self._people, self._contact, self._http, self._allow_private = people, contact, http, allow_private

    async def send(self, letter: Letter) -> str:
        """Return the first browser's receipt; raise TryAgain where none took it and one may yet, else Refused."""
        said = payload(letter)
        results = await asyncio.gather(
            *(self._push(letter, subscription, said) for subscription in letter.subscriptions), return_exceptions=True
        )
        taken = [result for result in results if isinstance(result, str)]
        if taken:
            return max(taken)
        for kind in (TryAgain, Refused):
            for result in results:
                if isinstance(result, kind):
                    raise result
        for result in results:
            if isinstance(result, BaseException):
                raise result
        raise Refused(NO_ADDRESS)

    async def _push(self, letter: Letter, to: Subscription, said: bytes) -> str:
        if why_not(to.endpoint, to.p256dh, to.auth, allow_private=self._allow_private) is not None:
            raise Refused("not allowed")
        answer = await judged(
            push(
                self._http,
                self._people.vapid(),
                self._contact,
                to,
                said,
                ttl_s=max(SHORTEST_TTL_S, letter.ttl_s),
                urgency="normal" if letter.notice.reason == "resolved" else URGENCY[letter.notice.severity],
                topic=letter.key,
                allow_private=self._allow_private,
            )
        )
        if 200 <= answer.status < 300:
            return receipt(to.id)  # the service's own name for it is an address by which it can be taken back
        if answer.status in GONE:
            await asyncio.to_thread(self._people.drop_subscription, to.id)
            raise Refused("no subscription")
        if answer.status in AGAIN or answer.status >= 500:
            raise TryAgain(why_again(answer), answer.retry_after_s)
        raise Refused("too large" if answer.status == 413 else "refused")

    async def look(self, lane: str, letter: Letter | None) -> None:
        """Return where the push services of the last letter, or of the newest browsers, answer; else raise TryAgain."""
        if letter is None:
            endpoints = await asyncio.to_thread(self._people.endpoints, MOST_LOOKED_AT)
        else:
            endpoints = [to.endpoint for to in letter.subscriptions]
        origins = set(map(_origin, endpoints))
        looks = (look_at(self._http, origin, allow_private=self._allow_private) for origin in origins)
        results = await asyncio.gather(*looks, return_exceptions=True)
        missed = [result for result in results if isinstance(result, BaseException)]
        if missed and len(missed) == len(results):
            raise missed[0]


def payload(letter: Letter) -> bytes:
    """Return what the service worker is told: what to show, where a tap leads, and the link that marks it seen."""
    notice, language = letter.notice, letter.language
    title, body = texts.say(notice.title, language), texts.say(notice.text, language)
    if notice.reason in SAID_BESIDE:
        body = f"{texts.say(texts.REASON[notice.reason], language)} - {body}"
    if late := texts.late(letter):
        body = f"{late} - {body}"
    told = {
        "title": title[:MOST_TITLE],
        "body": body[:MOST_BODY],
        "tag": notice.group,
        "url": texts.open_path(letter),
        "severity": notice.severity,
        "seen": letter.seen,
        "at": notice.due_at,
    }
    encoded = msgspec.json.encode(told)
    while len(encoded) > MOST_PAYLOAD and told["body"]:
        told["body"] = str(told["body"])[:-_CUT]
        encoded = msgspec.json.encode(told)
    return encoded


def _origin(endpoint: str) -> str:
    address = urlsplit(endpoint)
    return f"{address.scheme}://{address.netloc}/"
