"""How an SMS gateway is spoken to over HTTP, as data."""

import string
from typing import Any, Literal

import msgspec

from domain.places import Place

KNOWN = frozenset(("to", "text", "reference", "parts"))


class Gateway(Place, frozen=True):
    """A gateway: where a message goes, in which form, and how its answer is read.

    `body` holds {to}, {text}, {reference} (the same at every try) and {parts} (how many SMS it takes) where they
    belong; it is sent as JSON, or as a form (`sort`). By the answer's status a message was `accepted`, is to be tried
    `again`, or is refused: by any that is in neither. 401 and 403 are tried again, as a sign-in that went wrong, unless
    they are named in `refused`. `receipt` is where in a JSON answer the gateway's name for the message is
    (`messages.0.id`). A gateway that says no with a status that says yes: `says` is where it does, `says_accepted` and
    `says_again` which words mean that.
    """

    url: str
    body: dict[str, Any]
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    sort: Literal["json", "form"] = "json"
    accepted: tuple[int, ...] = (200, 201, 202)
    again: tuple[int, ...] = (408, 425, 429, 500, 502, 503, 504)
    refused: tuple[int, ...] = ()
    receipt: str = ""
    says: str = ""
    says_accepted: tuple[str, ...] = ()
    says_again: tuple[str, ...] = ()
    per_second: float = 2.0


def mistakes(gateway: Gateway) -> list[str]:
    """Return what is wrong with a gateway, beyond the types of its fields."""
    found = []
    if not gateway.url.startswith(("https://", "http://")):
        found.append("url must begin with https:// or http://")
    named = {name for text in _texts(gateway.body) for name in _named(text)}
    found += [f"body has no {{{name}}}" for name in ("to", "text") if name not in named]
    found += [f"body has {{{name}}}, which nothing is put in for" for name in sorted(named - KNOWN)]
    if gateway.sort == "form" and not all(isinstance(value, str) for value in gateway.body.values()):
        found.append("a form's body holds texts alone")
    if not gateway.accepted:
        found.append("accepted must name a status")
    if set(gateway.accepted) & set(gateway.again):
        found.append("a status is accepted or tried again, not both")
    if gateway.says and not gateway.says_accepted:
        found.append("says without says_accepted: no message would ever be taken as accepted")
    if not 0 < gateway.per_second <= 1000:
        found.append("per_second must be more than 0, and at most 1000")
    return found


def _texts(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [text for value in inner for text in _texts(value)]


def _named(text: str) -> list[str]:
    try:
        return [name for _, name, _, _ in string.Formatter().parse(text) if name]
    except ValueError:
        return []  # a brace that is only a brace
