"""A tiny OpenID Connect issuer, served on loopback: discovery, keys, and the code flow with PKCE."""

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.realtime_api.house import Server, serving

CLIENT, SECRET = "vigilits-pages", "s3cret"


@cache
def first_key() -> RSAKey:
    """Return the key that every issuer here begins with: to find one of RSA takes longer than most of the tests."""
    return RSAKey.generate_key(2048, auto_kid=True)


class IdentityProvider:
    """Knows one person, and counts how often it is asked for its keys."""

    def __init__(self) -> None:
        self.url = ""
        self.person = "dr-anne"
        self.keys: list[RSAKey | ECKey] = [first_key()]
        self.asked_for_keys = 0
        self.is_down = self.keys_are_down = False
        self.names_keys = True
        self.changes: dict[str, Any] = {}  # of the next token's claims
        self._codes: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/keys", self.jwks),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
            ]
        )

    def turn_keys(self) -> None:
        """Sign with a new key from now on, and publish it alone."""
        self.keys = [ECKey.generate_key("P-256", auto_kid=True)]

    def sign(self, *, key: Any = None, alg: str | None = None, **changes: Any) -> str:
        """Return a token of the person, for the API where it is not changed."""
        key = key or self.keys[0]
        at = int(time.time())
        claims = {"iss": self.url, "aud": "vigilits", "sub": self.person, "iat": at, "exp": at + 300} | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        alg = alg or ("ES256" if key.key_type == "EC" else "RS256")
        name = {"kid": key.kid} if self.names_keys else {}
        return jwt.encode({"alg": alg, **name}, claims, key, algorithms=[alg])

    async def discovery(self, _: Request) -> Response:
        """Tell of itself."""
        if self.is_down:
            return Response(status_code=500)
        return JSONResponse(
            {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
            }
        )

    async def jwks(self, _: Request) -> Response:
        """Tell its public keys."""
        self.asked_for_keys += 1
        if self.keys_are_down:
            return Response(status_code=500)
        keys = KeySet(list(self.keys)).as_dict(private=False)["keys"]
        shown = [key if self.names_keys else {name: key[name] for name in key if name != "kid"} for key in keys]
        return JSONResponse({"keys": shown})

    async def authorize(self, request: Request) -> Response:
        """Send the person back with a code, having asked nothing."""
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def token(self, request: Request) -> Response:
        """Give an id token for a code, to who can show what its challenge was made from."""
        told = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self._codes.pop(told.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(told.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or told.get("client_secret") != SECRET
            or challenge.rstrip(b"=").decode() != asked["code_challenge"]
            or told["redirect_uri"] != asked["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {"aud": CLIENT, "nonce": asked["nonce"]} | self.changes
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(**claims)})


@asynccontextmanager
async def identity_provider() -> AsyncIterator[IdentityProvider]:
    """Give a running issuer."""
    issuer = IdentityProvider()
    async with serving(Server(uvicorn.Config(issuer.app, port=0, log_config=None, lifespan="off"))) as url:
        issuer.url = url
        yield issuer
