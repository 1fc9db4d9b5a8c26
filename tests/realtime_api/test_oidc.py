"""An OpenID Connect issuer, a real small one: its tokens, its keys as they turn, and its sign-in page."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from realtime_api import oidc
from realtime_api.app import now
from realtime_api.issuer import LocalIssuer
from realtime_api.links import Links
from realtime_api.push.codecs import base64url
from tests.realtime_api.house import House, open_house
from tests.realtime_api.identity_provider import CLIENT, SECRET, IdentityProvider, identity_provider

PUBLIC = "https://lits.example.fr"


@pytest.fixture
async def issuer() -> AsyncIterator[IdentityProvider]:
    """Return a running issuer."""
    async with identity_provider() as running:
        yield running


@pytest.fixture
async def house(issuer: IdentityProvider, tmp_path: Path) -> AsyncIterator[House]:
    """Return an API that believes that issuer."""
    async with open_house(
        tmp_path / "home",
        oidc_issuer=issuer.url,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        public_url=PUBLIC,
    ) as opened:
        await opened.grant("dr-anne", "physician", "ici")
        await opened.settled()
        yield opened


async def who(house: House, token: str) -> httpx.Response:
    """Ask who the API takes one for."""
    return await house.http.get("/api/v1/session", headers={"authorization": f"Bearer {token}"})


# --- tokens ----------


async def test_its_tokens_say_who_and_grants_say_what(house: House, issuer: IdentityProvider) -> None:
    told = (await who(house, issuer.sign())).json()
    assert (told["subject"], [grant["role"] for grant in told["grants"]]) == ("dr-anne", ["physician"])
    told = (await who(house, issuer.sign(sub="someone", role="crisis_cell", groups=["crisis_cell"]))).json()
    assert (told["subject"], told["grants"]) == ("someone", [])


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": ["a", "b"]},
        {"aud": None},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 600},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 201},
        {"sub": 7},
    ],
)
async def test_a_token_with_a_wrong_claim_proves_nothing(
    house: House, issuer: IdentityProvider, changes: dict[str, Any]
) -> None:
    assert (await who(house, issuer.sign(**changes))).status_code == 401


async def test_one_of_several_audiences_may_be_ours(house: House, issuer: IdentityProvider) -> None:
    assert (await who(house, issuer.sign(aud=["other", "vigilits"]))).status_code == 200


async def test_forged_tokens_prove_nothing(house: House, issuer: IdentityProvider) -> None:
    right = issuer.sign()
    header, claims, _ = right.split(".")
    public_pem = issuer.keys[0].as_pem(private=False)
    same_kid = RSAKey.generate_key(2048, parameters={"kid": issuer.keys[0].kid or ""})
    by_hmac = f"{base64url(json.dumps({'alg': 'HS256', 'kid': issuer.keys[0].kid}).encode())}.{claims}"
    hs = f"{by_hmac}.{base64url(hmac.digest(public_pem, by_hmac.encode(), 'sha256'))}"
    for forged in (
        f"{header}.{claims}.",
        f"eyJhbGciOiJub25lIn0.{claims}.",  # {"alg":"none"}
        hs,  # signed with the public key as if it were a secret
        issuer.sign(key=same_kid),
        LocalIssuer(house.home / "local").issue("dr-anne"),
        right[:-4] + "AAAA",
    ):
        assert (await who(house, forged)).status_code == 401


async def test_the_local_issuer_is_never_believed_where_another_is_configured(house: House) -> None:
    assert (await who(house, house.issuer.issue("crisis"))).status_code == 401


async def test_turned_keys_are_found_without_asking_all_the_time(
    house: House, issuer: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issuer.sign(jti="before")
    assert (await who(house, old)).status_code == 200
    asked = issuer.asked_for_keys
    unknown = RSAKey.generate_key(2048, auto_kid=True)
    for n in range(5):
        assert (await who(house, issuer.sign(key=unknown, jti=str(n)))).status_code == 401
    assert issuer.asked_for_keys == asked  # it was asked a moment ago
    monkeypatch.setattr(oidc, "REFETCH_GAP_S", 0.0)
    issuer.turn_keys()
    assert (await who(house, issuer.sign())).status_code == 200
    assert issuer.asked_for_keys == asked + 1


async def test_an_issuer_that_is_down_is_said_to_be_and_asked_again(house: House, issuer: IdentityProvider) -> None:
    issuer.is_down = True
    answer = await who(house, issuer.sign())
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:vigilits:problem:issuer-away")


async def test_a_token_ends_with_the_key_that_signed_it(
    house: House, issuer: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issuer.sign()
    assert (await who(house, old)).status_code == 200
    issuer.turn_keys()
    monkeypatch.setattr(oidc, "KEYS_KEPT_S", 0.0)
    monkeypatch.setattr(oidc, "RETRY_GAP_S", 0.0)
    assert (await who(house, old)).status_code == 401
    assert (await who(house, issuer.sign())).status_code == 200


async def test_keys_are_fetched_anew_while_they_are_used_and_not_used_for_ever(
    house: House, issuer: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.sign()
    assert (await who(house, token)).status_code == 200
    asked = issuer.asked_for_keys
    monkeypatch.setattr(oidc, "KEYS_FRESH_S", 0.0)
    monkeypatch.setattr(oidc, "REFETCH_GAP_S", 0.0)
    async with asyncio.timeout(5):
        while issuer.asked_for_keys == asked:
            assert (await who(house, token)).status_code == 200
    monkeypatch.setattr(oidc, "KEYS_KEPT_S", 0.0)
    issuer.keys_are_down = True
    assert (await who(house, token)).status_code == 503


async def test_keys_without_names_may_turn(
    house: House, issuer: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.names_keys = False
    assert (await who(house, issuer.sign())).status_code == 200
    issuer.keys = [RSAKey.generate_key(2048)]
    assert (await who(house, issuer.sign())).status_code == 401  # the keys were fetched a moment ago
    monkeypatch.setattr(oidc, "REFETCH_GAP_S", 0.0)
    assert (await who(house, issuer.sign())).status_code == 200
    issuer.turn_keys()
    assert (await who(house, issuer.sign())).status_code == 200


async def test_a_token_may_end_at_a_fraction_of_a_second(house: House, issuer: IdentityProvider) -> None:
    assert (await who(house, issuer.sign(exp=time.time() + 300.5))).status_code == 200
    assert (await who(house, issuer.sign(exp=float("inf")))).status_code == 401


async def test_a_link_opens_nothing_where_an_issuer_says_who_people_are(
    issuer: IdentityProvider, tmp_path: Path
) -> None:
    links = Links(tmp_path)
    link = links.issue("crisis", now(), 5)
    opened = links.exchange(link, now(), 60_000)
    assert opened is not None
    async with open_house(tmp_path, oidc_issuer=issuer.url, oidc_client_id=CLIENT, public_url=PUBLIC) as house:
        assert (await house.http.post("/api/v1/session", json={"link": link})).status_code == 401
        cookie = {"cookie": f"__Host-vigilits={opened[0]}"}
        assert (await house.http.get("/api/v1/session", headers=cookie)).status_code == 401


# --- the sign-in page ----------


class Browser:
    """Follows redirects by hand, with the cookies of both sites."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.cookies: dict[str, str] = {}

    async def go(self, address: str) -> httpx.Response:
        """Ask an address of ours, or of the issuer."""
        address = address.replace(PUBLIC, "")
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self._house.http.get(address, headers={"cookie": cookies})
        for told in answer.headers.get_list("set-cookie"):
            name, _, value = told.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return answer


async def test_a_person_signs_in_at_the_issuer_and_comes_back(house: House, issuer: IdentityProvider) -> None:
    browser = Browser(house)
    refused = await browser.go("/api/v1/session")
    there = await browser.go(f"{refused.json()['sign_in']}?to=/%3Fregion%3Dici")
    assert there.status_code == 302
    assert "samesite=lax" in there.headers["set-cookie"].lower()
    back = await browser.go(there.headers["location"])
    assert urlsplit(back.headers["location"]).path == "/api/v1/sign-in/callback"
    home = await browser.go(back.headers["location"])
    assert (home.status_code, home.headers["location"]) == (303, "/?region=ici")
    strict = next(told for told in home.headers.get_list("set-cookie") if told.startswith("__Host-vigilits="))
    assert all(word in strict.lower() for word in ("httponly", "secure", "samesite=strict"))
    assert (await browser.go("/api/v1/session")).json()["subject"] == "dr-anne"


async def test_an_answer_is_taken_only_by_the_browser_that_asked(house: House) -> None:
    asking, other = Browser(house), Browser(house)
    there = await asking.go("/api/v1/sign-in")
    back = await asking.go(there.headers["location"])
    answer = await other.go(back.headers["location"])  # a link sent to a victim
    assert answer.status_code == 401
    await other.go("/api/v1/sign-in")
    assert (await other.go(back.headers["location"])).status_code == 401  # its own flow, and another's state
    assert not any(name.startswith("__Host") for name in other.cookies)


async def test_a_sign_in_expires(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "FLOW_MINUTES", 0)
    browser = Browser(house)
    there = await browser.go("/api/v1/sign-in")
    back = await browser.go(there.headers["location"])
    assert (await browser.go(back.headers["location"])).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [{"nonce": "another"}, {"nonce": None}, {"aud": "vigilits"}, {"iss": "https://other.example"}, {"exp": 1}],
)
async def test_an_id_token_that_is_not_the_answer_signs_nobody_in(
    house: House, issuer: IdentityProvider, changes: dict[str, Any]
) -> None:
    issuer.changes = changes
    browser = Browser(house)
    there = await browser.go("/api/v1/sign-in")
    back = await browser.go(there.headers["location"])
    assert (await browser.go(back.headers["location"])).status_code == 401


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=y", "?code=x&state=y", "?code=x&state=%C3%A9", "?error=access_denied"]
)
async def test_a_callback_out_of_nowhere_signs_nobody_in(house: House, query: str) -> None:
    browser = Browser(house)
    await browser.go("/api/v1/sign-in")
    assert (await browser.go(f"/api/v1/sign-in/callback{query}")).status_code == 401
    browser.cookies = {"vigilits-sign-in": "nonsense"}
    assert (await browser.go(f"/api/v1/sign-in/callback{query}")).status_code == 401


async def test_each_sign_in_has_secrets_of_its_own(house: House) -> None:
    asked = [
        parse_qs(urlsplit((await Browser(house).go("/api/v1/sign-in")).headers["location"]).query) for _ in range(2)
    ]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
    assert asked[0]["redirect_uri"] == [f"{PUBLIC}/api/v1/sign-in/callback"]


async def test_a_socket_is_told_to_come_back_where_the_issuer_cannot_be_asked(
    house: House, issuer: IdentityProvider
) -> None:
    issuer.is_down = True
    async with house.socket("x", additional_headers={"authorization": f"Bearer {issuer.sign()}"}) as socket:
        assert (await socket.until_closed())[0] == 1013
