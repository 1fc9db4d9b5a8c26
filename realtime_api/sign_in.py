"""Signing in and out: links and the issuer's page become a cookie; a cookie or a bearer token says who asks."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from starlette.requests import HTTPConnection
from starlette.responses import Response

from people.directory import People
from realtime_api.links import Held, Links
from realtime_api.oidc import NotProven, Tokens
from realtime_api.problems import Problem
from realtime_api.push.session import Who

FLOW_COOKIE = "vigilits-sign-in"
CALLBACK = "/api/v1/sign-in/callback"
BELIEVED_S = 2.0  # a session is looked up again after this long, so that one ended elsewhere ends here too
MOST_BELIEVED = 10_000


class Desk:
    """Where who asks is found out."""

    def __init__(
        self,
        links: Links,
        tokens: Tokens,
        people: People,
        public_url: str,
        session_hours: float,
        now: Callable[[], int],
        *,
        device_days: float = 0,
        by_links: bool = True,
    ) -> None:
        self._by_links = by_links  # False where an issuer alone says who people are
        if not by_links:
            links.end_opened()
        self._links, self._tokens, self._people, self._now = links, tokens, people, now
        self._public = public_url.rstrip("/")
        self._secure = public_url.startswith("https:")
        self._session_ms = round(session_hours * 3_600_000)
        self._device_ms = round(device_days * 86_400_000)
        # The prefix makes browsers refuse such a cookie from another host, or without TLS.
        self.cookie = "__Host-vigilits" if self._secure else "vigilits"
        self._believed: OrderedDict[str, tuple[float, Held]] = OrderedDict()

    # -- who

    async def identify(self, asking: HTTPConnection) -> Who:
        """Return who asks; raise Problem `not-signed-in`. A bearer token goes before a cookie."""
        scheme, _, token = asking.headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer":
                raise Problem("not-signed-in", "only bearer tokens are understood")
            try:
                proven = await self._tokens.prove(token.strip())
            except NotProven:
                raise Problem("not-signed-in", "this token proves nothing (any more)") from None
            return Who(*proven)
        secret = asking.cookies.get(self.cookie)
        held = None if secret is None else await self.session(secret)
        if held is None:
            raise Problem("not-signed-in")
        if asking.scope["type"] == "http" and asking.scope["method"] not in ("GET", "HEAD"):
            self.check_origin(asking.headers)
        return Who(held.subject, held.expires_at, secret)

    async def session(self, secret: str) -> Held | None:
        """Return whose session it is, None for one that is not (or no longer) there."""
        known = self._believed.get(secret)
        if known is not None and time.monotonic() - known[0] < BELIEVED_S:
            return known[1] if known[1].expires_at > self._now() else None
        held = await asyncio.to_thread(self._held, secret)
        self._believed.pop(secret, None)
        if held is not None:
            self._believed[secret] = (time.monotonic(), held)
            if len(self._believed) > MOST_BELIEVED:
                self._believed.popitem(last=False)
        return held

    async def ended(self, secrets: set[str]) -> set[str]:
        """Return those of the sessions that are no more: asked all at once, however many sockets there are."""
        if not secrets:
            return secrets
        ended = secrets - await asyncio.to_thread(self._there, secrets)
        for secret in ended:
            self._believed.pop(secret, None)
        return ended

    def _held(self, secret: str) -> Held | None:
        held = self._links.session(secret, self._now())
        return max(self._standing(held), key=lambda each: each.expires_at, default=None)

    def _there(self, secrets: Iterable[str]) -> set[str]:
        held = self._links.sessions(secrets, self._now())
        standing = set(self._standing(each for some in held.values() for each in some))
        return {secret for secret, some in held.items() if not standing.isdisjoint(some)}

    def _standing(self, held: Iterable[Held]) -> list[Held]:
        """Return what stands of these: by its device a session does only while that is pushed to in the same name."""
        some = list(held)
        asked = {(each.subject, each.device) for each in some if each.device is not None}
        devices = self._people.pushed_to(asked) if asked and self._device_ms else set()
        return [each for each in some if each.device is None or (each.subject, each.device) in devices]

    # -- devices that stay signed in

    async def enrol(self, who: Who, device: str, response: Response) -> None:
        """Let who asks by a cookie stay signed in on a device that is pushed to; the cookie's new end goes with it."""
        if who.cookie is None or not self._device_ms:
            return
        await asyncio.to_thread(self._links.enrol, who.cookie, device, self._now(), self._device_ms)
        self._believed.pop(who.cookie, None)
        held = await self.session(who.cookie)
        if held is not None:
            self.give(response, who.cookie, held)

    async def forget_device(self, who: Who, device: str) -> None:
        """Return once nobody is signed in on a device that is no longer pushed to, but for who asks from it."""
        await asyncio.to_thread(self._links.forget_device, who.subject, device, who.cookie)

    # -- where from

    def same_origin(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request may come from a page of ours; programs that are no browsers send no Origin."""
        origin = headers.get("origin")
        if origin is None:
            return True
        if self._public:
            return origin == self._public
        return origin.partition("://")[2] == headers.get("host")

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Raise Problem for a request from another site's page; SameSite=Strict is the first guard, this the second."""
        if not self.same_origin(headers):
            raise Problem("other-origin")

    # -- in and out

    async def exchange(self, link: str) -> tuple[str, Held]:
        """Return a session for a link's secret; raise Problem for one that opens nothing."""
        if not self._by_links:
            raise Problem("not-signed-in", "links open nothing here: the identity provider alone says who people are")
        opened = await asyncio.to_thread(self._links.exchange, link, self._now(), self._session_ms)
        if opened is None:
            raise Problem("not-signed-in", "this link opens nothing (any more)")
        return opened

    async def begin(self, subject: str) -> tuple[str, Held]:
        """Return a session for someone whom the issuer's page has named."""
        return await asyncio.to_thread(self._links.begin, subject, self._now(), self._session_ms)

    async def end(self, secret: str) -> None:
        """Return once the session is gone."""
        self._believed.pop(secret, None)
        await asyncio.to_thread(self._links.end, secret)

    def give(self, response: Response, secret: str, held: Held) -> None:
        """Put a session's cookie on an answer."""
        age = max(0, (held.expires_at - self._now()) // 1000)
        response.set_cookie(
            self.cookie, secret, max_age=age, path="/", secure=self._secure, httponly=True, samesite="strict"
        )

    def take(self, response: Response) -> None:
        """Take the session's cookie away."""
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="strict")

    def remember_flow(self, response: Response, sealed: str, minutes: int) -> None:
        """Put the cookie of a sign-in under way on an answer: Lax, since the issuer's page sends the browser back."""
        response.set_cookie(
            FLOW_COOKIE,
            sealed,
            max_age=minutes * 60,
            path=CALLBACK,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def forget_flow(self, response: Response) -> None:
        """Take the cookie of a sign-in under way away."""
        response.delete_cookie(FLOW_COOKIE, path=CALLBACK, secure=self._secure, httponly=True, samesite="lax")


def safe_path(to: str | None) -> str:
    """Return where to go after signing in: a path of ours, whatever was asked for."""
    if to is None or not to.startswith("/") or to.startswith(("//", "/\\")) or not to.isprintable() or "\\" in to:
        return "/"
    return to[:500]
