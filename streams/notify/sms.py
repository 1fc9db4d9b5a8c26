"""SMS by whichever HTTP gateway there is: how it is spoken to is data."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec

from domain.alerts.gateway import Gateway
from domain.alerts.notice import NO_ADDRESS
from people import reach
from streams.notify import texts
from streams.notify.channel import Letter, Refused, TryAgain, receipt
from streams.notify.http import judged, look_at

SIGN_IN = (401, 403)


class Sms:
    """The channel `sms`. What it says names no person, disease or service."""

    name = "sms"

    def __init__(self, gateway: Gateway, http: httpx.AsyncClient) -> None:
        self.per_second = gateway.per_second
        self._gateway, self._http = gateway, http

    async def send(self, letter: Letter) -> str:
        """Return the gateway's name for a message that it took; raise TryAgain or Refused.

        Several telephones of one person are tried in turn until one is taken: a try more writes to none twice.
        """
        text = texts.sms(letter)
        why: TryAgain | Refused = Refused(NO_ADDRESS)
        for place, number in enumerate(letter.to):
            reference = letter.key if place == 0 else f"{letter.key}-{place}"
            try:
                return await self._send(text, number, reference)
            except Refused as refused:
                why = why if isinstance(why, TryAgain) else refused
            except TryAgain as later:
                why = later
        raise why

    async def _send(self, text: str, number: str, reference: str) -> str:
        gateway = self._gateway
        values = {"to": number, "text": text, "reference": reference, "parts": str(texts.sms_parts(text))}
        filled = _filled(gateway.body, values)
        headers = {name: _put(value, values) for name, value in gateway.headers.items()}
        if gateway.sort == "json":
            content, kind = msgspec.json.encode(filled), "application/json"
        else:
            content, kind = urlencode(filled).encode(), "application/x-www-form-urlencoded"
        answer = await judged(
            reach.ask(
                self._http, gateway.method, gateway.url, headers={"Content-Type": kind} | headers, content=content
            )
        )
        if answer.status in gateway.again or (answer.status in SIGN_IN and answer.status not in gateway.refused):
            raise TryAgain("sign-in refused" if answer.status in SIGN_IN else "busy", answer.retry_after_s)
        if answer.status not in gateway.accepted:
            raise Refused("refused")
        return self._receipt(answer.body, number)

    def _receipt(self, body: bytes, number: str) -> str:
        """Return the receipt in an answer whose status says yes; raise what the answer itself says otherwise."""
        gateway = self._gateway
        try:
            told = msgspec.json.decode(body) if gateway.receipt or gateway.says else None
        except (msgspec.MsgspecError, ValueError, RecursionError):
            told = None
        if gateway.says:
            word = _found(told, gateway.says)
            if word is None or str(word) in gateway.says_again:
                raise TryAgain("busy" if word is not None else "unclear answer")
            if str(word) not in gateway.says_accepted:
                raise Refused("refused")
        return receipt(_found(told, gateway.receipt), [number]) if gateway.receipt else ""

    async def look(self, lane: str, letter: Letter | None) -> None:
        """Return where the gateway's machine answers; raise TryAgain where it does not."""
        address = urlsplit(self._gateway.url)
        await look_at(self._http, f"{address.scheme}://{address.netloc}/", allow_private=True)


def _filled(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return a template with {to}, {text}, {reference} and {parts} put in, at any depth."""

    def fill(part: Any) -> Any:
        if isinstance(part, str):
            return _put(part, values)
        if isinstance(part, Mapping):
            return {name: fill(value) for name, value in part.items()}
        if isinstance(part, list | tuple):
            return [fill(value) for value in part]
        return part

    return {name: fill(value) for name, value in template.items()}


def _put(text: str, values: Mapping[str, str]) -> str:
    """Return a text with values put in; what was put in is not looked at again."""
    parts = text.split("{")
    out = [parts[0]]
    for part in parts[1:]:
        name, closed, rest = part.partition("}")
        out.append(values[name] + rest if closed and name in values else "{" + part)
    return "".join(out)


def _found(told: Any, path: str) -> Any:
    """Return what is at `messages.0.id` of an answer, None where nothing is."""
    for name in path.split("."):
        if isinstance(told, Mapping):
            told = told.get(name)
        elif isinstance(told, list) and name.isdigit() and int(name) < len(told):
            told = told[int(name)]
        else:
            return None
    return told
