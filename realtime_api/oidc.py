"""Who a token names: signatures checked against the issuer's keys, and its sign-in page (code flow with PKCE)."""

import asyncio
import hashlib
import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

import httpx
import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from realtime_api.issuer import AUDIENCE, NAME, LocalIssuer
from realtime_api.problems import Problem
from realtime_api.push.codecs import base64url, unbase64url

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
LEEWAY_S = 30
MOST_TOKEN = 8 * 1024  # characters
MOST_REMEMBERED = 10_000
DISCOVERY_KEPT_S = 3600.0
KEYS_FRESH_S = 300.0  # older ones are fetched anew while they are still used
KEYS_KEPT_S = 600.0  # older ones are not used: the issuer may have taken one back
REFETCH_GAP_S = 10.0  # a token with an unknown key makes us look again, but nobody can make us look all the time
RETRY_GAP_S = 1.0
FETCH_WITHIN_S = 5.0
FLOW_MINUTES = 10

log = structlog.get_logger("oidc")


class Proven(NamedTuple):
    """Whom a token names, and until when (ms)."""

    subject: str
    expires_at: int


class NotProven(Exception):
    """A token that proves nothing, and why; the reason holds nothing of the token."""


class WrongIssuer(Exception):
    """The discovery document is another issuer's."""


# What comes of asking an issuer that is away, or that answers with what are no keys.
UNTOLD = (httpx.HTTPError, msgspec.MsgspecError, WrongIssuer, JoseError, ValueError, TypeError, KeyError)


class Keys(Protocol):
    """Where an issuer's public keys come from."""

    async def all(self, *, anew: bool = False) -> KeySet:
        """Return the keys, fetched again where that is asked for and was not just done; the same ones as one object."""
        ...


class FixedKeys:
    """The local issuer's keys."""

    def __init__(self, issuer: LocalIssuer) -> None:
        self._keys = issuer.keys

    async def all(self, *, anew: bool = False) -> KeySet:
        """Return the keys."""
        return self._keys


class Discovery(msgspec.Struct, frozen=True):
    """What an issuer tells of itself (OpenID Connect Discovery 1.0), as far as it is used."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""


class Issuer:
    """An OpenID Connect issuer over HTTP: its discovery document and its keys, kept and looked up again with care."""

    def __init__(self, address: str, client: httpx.AsyncClient) -> None:
        self._address, self._client = address.rstrip("/"), client
        self._keys: KeySet | None = None
        self._told: Any = None  # what the keys were made from
        self._found: Discovery | None = None
        self._found_at = self._tried_at = self._keys_at = -1e9
        self._refreshing: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()

    async def discovery(self) -> Discovery:
        """Return what the issuer tells of itself; raise Problem where it can't be asked."""
        async with self._looking:
            return await self._discover()

    async def _discover(self) -> Discovery:
        if self._found is None or time.monotonic() - self._found_at > DISCOVERY_KEPT_S:
            raw = await self._get(f"{self._address}/.well-known/openid-configuration")
            found = msgspec.json.decode(raw, type=Discovery)
            if found.issuer.rstrip("/") != self._address:
                # OpenID Connect Discovery 4.3: another name here is another issuer's document.
                raise WrongIssuer("the issuer calls itself by another name")
            self._found, self._found_at = found, time.monotonic()
        return self._found

    async def all(self, *, anew: bool = False) -> KeySet:
        """Return the keys, fetched again where that is asked for and was not just done, or where they are old."""
        now = time.monotonic()
        age, since = now - self._keys_at, now - self._tried_at
        usable = self._keys is not None and age <= KEYS_KEPT_S
        if usable and age > KEYS_FRESH_S and since > REFETCH_GAP_S and not self._looking.locked():
            self._refreshing = asyncio.create_task(self._refresh())  # nobody waits for it while these may be used
        if self._keys is not None and usable and not (anew and since > REFETCH_GAP_S):
            return self._keys
        async with self._looking:
            return await self._fetch(anew=anew)

    async def _refresh(self) -> None:
        try:
            async with self._looking:
                await self._fetch(anew=True)
        except (Problem, *UNTOLD) as error:
            log.warning("the issuer's keys cannot be fetched", error=type(error).__name__)

    async def _fetch(self, *, anew: bool) -> KeySet:
        now = time.monotonic()
        since = now - self._tried_at
        usable = self._keys is not None and now - self._keys_at <= KEYS_KEPT_S
        if not usable and since < RETRY_GAP_S:
            raise Problem("issuer-away")  # many may wait for keys at once: one of them asks
        if not usable or (anew and since > REFETCH_GAP_S):
            self._tried_at = now
            told = msgspec.json.decode(await self._get((await self._discover()).jwks_uri))
            if self._keys is None or told != self._told:
                self._keys, self._told = KeySet.import_key_set(told), told
            self._keys_at = time.monotonic()
        assert self._keys is not None
        return self._keys

    async def _get(self, address: str) -> bytes:
        answer = await self._client.get(address, timeout=FETCH_WITHIN_S)
        answer.raise_for_status()
        return answer.content


class Tokens:
    """Judges tokens; what was judged is remembered by its hash, since a signature costs more than a look."""

    def __init__(self, keys: Keys, issuer: str, audience: str, now: Callable[[], int]) -> None:
        self._keys, self._issuer, self._audience, self._now = keys, issuer.rstrip("/"), audience, now
        self._remembered: OrderedDict[bytes, Proven] = OrderedDict()
        self._by: KeySet | None = None  # the keys by which these were judged

    async def prove(self, token: str) -> Proven:
        """Return whom the token names; raise NotProven."""
        if len(token) > MOST_TOKEN:
            raise NotProven("too long")
        keys = await self._told_keys()
        if keys is not self._by:
            self._remembered.clear()
            self._by = keys
        digest = hashlib.sha256(token.encode()).digest()
        held = self._remembered.get(digest)
        if held is None:
            claims = await self.claims(token, self._audience)
            held = Proven(claims["sub"], int(claims["exp"] * 1000))
            self._remembered[digest] = held
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        if self._now() >= held.expires_at + LEEWAY_S * 1000:
            raise NotProven("expired")
        return held

    async def claims(self, token: str, audience: str) -> dict[str, Any]:
        """Return the claims of a token that is signed by the issuer, for this audience, now; raise NotProven."""
        try:
            keys = await self._told_keys()
            try:
                decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError):  # the issuer may have changed its keys, which need not have names
                newer = await self._told_keys(anew=True)
                if newer is keys:
                    raise
                decoded = jwt.decode(token, newer, algorithms=ALGORITHMS)
            rules = jwt.JWTClaimsRegistry(
                now=lambda: self._now() // 1000,
                leeway=LEEWAY_S,
                iss={"essential": True, "values": [self._issuer, f"{self._issuer}/"]},
                aud={"essential": True, "value": audience},
                exp={"essential": True},
                sub={"essential": True},
            )
            rules.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotProven(type(error).__name__) from None
        if not _is_instant(decoded.claims["exp"]) or not 0 < len(decoded.claims["sub"]) <= 200:
            raise NotProven("odd claims")
        return decoded.claims

    async def _told_keys(self, *, anew: bool = False) -> KeySet:
        try:
            return await self._keys.all(anew=anew)
        except UNTOLD as error:
            log.warning("the issuer cannot be asked", error=type(error).__name__)
            raise Problem("issuer-away") from None


def _is_instant(value: object) -> bool:
    """Return whether it is a NumericDate (RFC 7519), which may have a fraction."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _same(one: str, other: str) -> bool:
    """Return whether two strings are equal, in the same time wherever they differ; either may hold any character."""
    return hmac.compare_digest(one.encode(errors="backslashreplace"), other.encode(errors="backslashreplace"))


def local_tokens(issuer: LocalIssuer, now: Callable[[], int]) -> Tokens:
    """Return the judge of the local issuer's tokens."""
    return Tokens(FixedKeys(issuer), NAME, AUDIENCE, now)


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """One sign-in under way, kept by the browser in a cookie that only we can make."""

    state: str
    nonce: str
    verifier: str
    to: str
    expires_at: int


class SignInPage:
    """The issuer's sign-in page: the way there, and the way back."""

    def __init__(
        self,
        issuer: Issuer,
        tokens: Tokens,
        client: httpx.AsyncClient,
        client_id: str,
        client_secret: str,
        callback: str,
    ) -> None:
        self._issuer, self._tokens, self._client = issuer, tokens, client
        self._client_id, self._client_secret, self._callback = client_id, client_secret, callback
        # Of this process: who was on the way while it restarted begins again.
        self._key = secrets.token_bytes(32)

    async def go(self, to: str, now: int) -> tuple[str, str]:
        """Return the issuer's address to go to, and the cookie that must come back with the answer."""
        found = await self._asked(self._issuer.discovery())
        flow = Flow(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            to=to,
            expires_at=now + FLOW_MINUTES * 60_000,
        )
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._callback,
            "scope": "openid",
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": base64url(hashlib.sha256(flow.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in found.authorization_endpoint else "?"
        return f"{found.authorization_endpoint}{joint}{urlencode(query)}", self._seal(flow)

    async def back(self, code: str, state: str, cookie: str, now: int) -> tuple[str, str]:
        """Return who signed in, and where they were going; raise Problem for an answer that is not to our question."""
        flow = self._unseal(cookie)
        if flow is None or now >= flow.expires_at or not _same(flow.state, state):
            raise Problem("not-signed-in", "this sign-in was not begun here, or too long ago: begin again")
        found = await self._asked(self._issuer.discovery())
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "client_id": self._client_id,
            "code_verifier": flow.verifier,
        }
        if self._client_secret:
            form["client_secret"] = self._client_secret
        answer = await self._asked(self._client.post(found.token_endpoint, data=form, timeout=FETCH_WITHIN_S))
        try:
            answer.raise_for_status()
            claims = await self._tokens.claims(answer.json()["id_token"], self._client_id)
        except (httpx.HTTPError, ValueError, KeyError, TypeError, NotProven) as error:
            log.warning("sign-in refused", error=type(error).__name__)
            raise Problem("not-signed-in", "the issuer did not confirm this sign-in") from None
        if not _same(str(claims.get("nonce", "")), flow.nonce):
            raise Problem("not-signed-in", "this answer belongs to another sign-in")
        return claims["sub"], flow.to

    async def _asked(self, answer: Any) -> Any:
        try:
            return await answer
        except (httpx.HTTPError, msgspec.MsgspecError, WrongIssuer) as error:
            log.warning("the issuer cannot be asked", error=type(error).__name__)
            raise Problem("issuer-away") from None

    def _seal(self, flow: Flow) -> str:
        raw = msgspec.msgpack.encode(flow)
        return base64url(hmac.digest(self._key, raw, "sha256") + raw)

    def _unseal(self, cookie: str) -> Flow | None:
        try:
            sealed = unbase64url(cookie[:4096])
            if not hmac.compare_digest(sealed[:32], hmac.digest(self._key, sealed[32:], "sha256")):
                return None
            return msgspec.msgpack.decode(sealed[32:], type=Flow)
        except (ValueError, msgspec.MsgspecError):
            return None
