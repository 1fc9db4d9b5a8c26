"""Signing in and out: links, cookies, origins, the local issuer's tokens, and where it is not."""

import sqlite3
import stat
from pathlib import Path

import httpx
import pytest

from realtime_api.app import now
from realtime_api.issuer import KEY_FILE, LocalIssuer
from realtime_api.links import FILE, Links
from realtime_api.oidc import NotProven, local_tokens
from realtime_api.sign_in import safe_path
from tests.realtime_api.house import House, open_house

REPORT = {"ward": "310000001/rea-adulte", "status": "02", "count": 3}


async def sign_in(house: House, link: str, **headers: str) -> httpx.Response:
    """Exchange a link."""
    return await house.http.post("/api/v1/session", json={"link": link}, headers=headers)


def link(house: House, subject: str = "crisis", minutes: float = 5, purpose: str = "sign-in") -> str:
    """Return a new link's secret."""
    return Links(house.home).issue(subject, now(), minutes, purpose)


# --- links and cookies ----------


async def test_a_link_opens_a_session_that_opens_doors_and_sockets(house: House) -> None:
    answer = await sign_in(house, link(house))
    assert answer.status_code == 200, answer.text
    assert answer.json()["subject"] == "crisis"
    assert answer.json()["grants"] == [{"role": "crisis_cell", "scope": "ici", "until": None}]
    assert (await house.http.get("/api/v1/session")).json()["subject"] == "crisis"
    assert (await house.http.get("/api/v1/regions/ici/capacity")).status_code == 200
    cookie = f"vigilits={house.http.cookies['vigilits']}"
    async with house.socket("x", additional_headers={"cookie": cookie}, origin=house.url) as socket:
        assert (await socket.subscribe())["type"] == "snapshot"


async def test_a_cookie_is_for_this_site_and_no_script(house: House) -> None:
    told = (await sign_in(house, link(house))).headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert "path=/" in told
    assert "secure" not in told


async def test_behind_tls_a_cookie_never_travels_without_it(tmp_path: Path) -> None:
    async with open_house(tmp_path / "home", public_url="https://lits.example.fr") as house:
        answer = await sign_in(house, link(house), origin="https://lits.example.fr")
        told = answer.headers["set-cookie"]
        assert told.startswith("__Host-vigilits=")
        assert "secure" in told.lower()
        assert (await sign_in(house, link(house), origin=house.url)).status_code == 403


async def test_a_link_can_be_used_until_it_expires(house: House) -> None:
    secret = link(house)
    assert [(await sign_in(house, secret)).status_code for _ in range(2)] == [200, 200]
    assert (await sign_in(house, link(house, minutes=-1))).status_code == 401


async def test_a_link_for_something_else_opens_no_session(house: House) -> None:
    assert (await sign_in(house, link(house, purpose="questionnaire"))).status_code == 401


@pytest.mark.parametrize("secret", ["", "nonsense", "x" * 10_000, "é"])
async def test_a_link_that_is_none_opens_nothing(house: House, secret: str) -> None:
    answer = await sign_in(house, secret)
    assert answer.status_code in (401, 413)
    assert "set-cookie" not in answer.headers
    assert secret[:20] not in answer.text or not secret


@pytest.mark.parametrize("body", [b"", b"{", b'{"link": 3}', b'{"links": "x"}', b"[]"])
async def test_a_body_that_is_no_link_is_unreadable(house: House, body: bytes) -> None:
    assert (await house.http.post("/api/v1/session", content=body)).status_code == 400


async def test_a_revoked_link_ends_its_sessions_and_their_sockets(house: House) -> None:
    secret = link(house)
    await sign_in(house, secret)
    cookie = f"vigilits={house.http.cookies['vigilits']}"
    async with house.socket("x", additional_headers={"cookie": cookie}) as socket:
        await socket.subscribe()
        assert Links(house.home).revoke("crisis") == 1
        assert (await socket.until_closed())[0] == 4401
    assert (await sign_in(house, secret)).status_code == 401


async def test_signing_out_ends_the_session_and_its_sockets_at_once(house: House) -> None:
    await sign_in(house, link(house))
    cookie = f"vigilits={house.http.cookies['vigilits']}"
    async with house.socket("x", additional_headers={"cookie": cookie}) as socket:
        await socket.subscribe()
        assert (await house.http.delete("/api/v1/session")).status_code == 204
        assert (await socket.until_closed())[0] == 4401
    answer = await house.http.get("/api/v1/session", headers={"cookie": cookie})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:vigilits:problem:not-signed-in")
    assert "sign_in" not in answer.json()


async def test_no_secret_is_stored_only_its_hash(house: House) -> None:
    secret = link(house)
    await sign_in(house, secret)
    session = house.http.cookies["vigilits"]
    stored = b"".join(path.read_bytes() for path in house.home.glob(f"{FILE}*"))
    assert secret.encode() not in stored
    assert session.encode() not in stored
    assert len(secret) >= 43  # 256 bits
    rows = sqlite3.connect(house.home / FILE).execute("SELECT count(*) FROM links").fetchone()
    assert rows == (1,)
    assert stat.S_IMODE((house.home / FILE).stat().st_mode) == 0o600


async def test_another_sites_page_cannot_act_with_a_cookie(house: House) -> None:
    await sign_in(house, link(house))
    evil = {"origin": "https://evil.example"}
    assert (await house.http.post("/api/v1/bed-reports", json=REPORT, headers=evil)).status_code == 403
    assert (await house.http.delete("/api/v1/session", headers=evil)).status_code == 403
    assert (await sign_in(house, link(house), **evil)).status_code == 403
    assert (await house.http.post("/api/v1/bed-reports", json=REPORT, headers={"origin": house.url})).status_code == 201


# --- tokens ----------


async def test_a_token_that_proves_nothing_is_not_looked_past(house: House) -> None:
    """A wrong bearer token beside a right cookie is a mistake to be told, not to be covered."""
    await sign_in(house, link(house))
    for told in ("Bearer nonsense", "Bearer", "Basic YTpi", "Bearer a.b.c"):
        answer = await house.http.get("/api/v1/session", headers={"authorization": told})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_local_issuers_key_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    token = LocalIssuer(home).issue("anne")
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert (await local_tokens(LocalIssuer(home), now).prove(token)).subject == "anne"
    assert [path.name for path in home.iterdir()] == [KEY_FILE]


async def test_another_homes_tokens_and_old_ones_prove_nothing(tmp_path: Path) -> None:
    tokens = local_tokens(LocalIssuer(tmp_path / "one"), now)
    for token in (LocalIssuer(tmp_path / "other").issue("anne"), LocalIssuer(tmp_path / "one").issue("anne", -2)):
        with pytest.raises(NotProven):
            await tokens.prove(token)


async def test_a_remembered_token_still_expires(tmp_path: Path) -> None:
    at = now()
    issuer = LocalIssuer(tmp_path)
    tokens = local_tokens(issuer, lambda: at)
    token = issuer.issue("anne", 1)
    assert (await tokens.prove(token)).subject == "anne"
    at += 3 * 60_000
    with pytest.raises(NotProven):
        await tokens.prove(token)


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        (None, "/"),
        ("", "/"),
        ("/?region=ici#carte", "/?region=ici#carte"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nset-cookie: x", "/"),
    ],
)
def test_signing_in_leads_nowhere_but_here(asked: str | None, led: str) -> None:
    assert safe_path(asked) == led


async def test_without_an_identity_provider_there_is_no_sign_in_page(house: House) -> None:
    for path in ("/api/v1/sign-in", "/api/v1/sign-in/callback?code=x&state=y"):
        assert (await house.http.get(path)).status_code == 404
