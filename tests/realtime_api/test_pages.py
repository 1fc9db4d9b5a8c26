"""The web app's files: from memory, with a strict policy, and nothing outside them."""

import gzip
from pathlib import Path

import pytest

from realtime_api.pages import policy
from tests.realtime_api.house import House, open_house


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Return a home with a small web app."""
    home = tmp_path / "home"
    (home / "dist" / "assets").mkdir(parents=True)
    (home / "dist" / "index.html").write_text("<!doctype html><title>vigilits</title>" + " " * 1000)
    (home / "dist" / "assets" / "main-1a2b3c.js").write_text("console.log(1);" * 100)
    (home / "dist" / "sw.js").write_text("self.addEventListener('push', () => {});")
    (home / "dist" / "manifest.webmanifest").write_text('{"name": "vigilits"}')
    (home / "issuer.key.txt").write_text("secret")
    return home


async def test_the_index_is_asked_for_each_time_and_assets_never_again(dist: Path) -> None:
    async with open_house(dist) as house:
        index = await house.http.get("/")
        assert index.text.startswith("<!doctype html>")
        assert (index.headers["cache-control"], index.headers["content-encoding"]) == ("no-cache", "gzip")
        told = {"if-none-match": index.headers["etag"]}
        assert (await house.http.get("/", headers=told)).status_code == 304
        asset = await house.http.get("/assets/main-1a2b3c.js")
        assert "immutable" in asset.headers["cache-control"]
        assert asset.headers["content-type"].startswith("text/javascript")
        raw = await house.http.get("/assets/main-1a2b3c.js", headers={"accept-encoding": "identity"})
        assert raw.content == asset.content
        assert len(gzip.compress(raw.content)) < len(raw.content)


async def test_every_page_has_a_strict_policy(dist: Path) -> None:
    async with open_house(dist) as house:
        headers = (await house.http.get("/")).headers
        told = headers["content-security-policy"]
        assert "default-src 'none'" in told
        assert "unsafe" not in told
        assert "worker-src 'self' blob:" in told
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/alerts",
        "/alerts?group=abc",
        "/alerts?mine",
        "/alerts/worth",
        "/seen",
        "/a",
        "/patients",
        "/patients/new",
        "/patients/p-abc_1",
        "/sitting/310000001",
        "/calls",
        "/trail",
    ],
)
async def test_the_apps_own_addresses_are_its_index(dist: Path, path: str) -> None:
    async with open_house(dist) as house:
        answer = await house.http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.text.startswith("<!doctype html>")
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_service_worker_is_asked_for_each_time_and_may_have_every_page(dist: Path) -> None:
    async with open_house(dist) as house:
        worker = await house.http.get("/sw.js")
        assert worker.headers["service-worker-allowed"] == "/"
        assert worker.headers["cache-control"] == "no-cache"
        assert worker.headers["content-type"].startswith("text/javascript")
        assert "default-src 'none'" in worker.headers["content-security-policy"]
        manifest = await house.http.get("/manifest.webmanifest")
        assert manifest.headers["content-type"] == "application/manifest+json"
        assert "service-worker-allowed" not in manifest.headers


def test_tiles_come_from_where_they_are_and_nowhere_else() -> None:
    told = policy("https://tiles.example.fr:8443/{z}/{x}/{y}.png")
    assert "connect-src 'self' https://tiles.example.fr:8443;" in told
    assert "img-src 'self' data: blob: https://tiles.example.fr:8443;" in told
    assert "script-src 'self';" in told


@pytest.mark.parametrize(
    "path",
    [
        "/../issuer.key.txt",
        "/..%2fissuer.key.txt",
        "/assets/../../issuer.key.txt",
        "/assets",
        "/none.js",
        "//etc/passwd",
    ],
)
async def test_nothing_else_is_served(dist: Path, path: str) -> None:
    async with open_house(dist) as house:
        answer = await house.http.get(f"{house.url}{path}")
        assert answer.status_code == 404
        assert "secret" not in answer.text


async def test_a_web_app_that_is_not_built_is_said_to_be_missing(house: House) -> None:
    answer = await house.http.get("/")
    assert answer.status_code == 404
    assert "make web" in answer.json()["detail"]
