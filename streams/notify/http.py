"""What the channels over HTTP share: what becomes of a letter whose peer does not answer, and a look at the peer."""

from collections.abc import Awaitable

import httpx

from people import reach
from streams.notify.channel import Refused, TryAgain

AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))


async def judged(asked: Awaitable[reach.Answer]) -> reach.Answer:
    """Return the answer; raise TryAgain where none came, Refused where we may not ask: without an address in it."""
    try:
        return await asked
    except reach.NotAllowed:
        raise Refused("not allowed") from None
    except httpx.TimeoutException:
        raise TryAgain("slow") from None
    except httpx.TransportError:
        raise TryAgain("unreachable") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise Refused("not an address") from None


def why_again(answer: reach.Answer) -> str:
    """Return the word for an answer after which we try again."""
    return "busy" if answer.status in (425, 429) else "server error"


async def look_at(http: httpx.AsyncClient, origin: str, *, allow_private: bool) -> None:
    """Return where a machine answers anything but an error of its own; raise TryAgain where it does not."""
    try:
        answer = await judged(
            reach.ask(http, "GET", origin, headers={}, content=b"", allow_private=allow_private),
        )
    except Refused as why:
        raise TryAgain(why.reason) from None
    if answer.status >= 500:
        raise TryAgain(why_again(answer))
