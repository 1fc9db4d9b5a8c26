"""One's own channels and browsers, and links that mark what they stand for as seen."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.grants import Grant
from launch import accounts
from people.directory import MOST_SUBSCRIPTIONS
from people.directory import People as Directory
from people.web_push import base64url
from realtime_api.alerts.bucket import MOST_BUCKETS, Bucket, Buckets
from realtime_api.app import now
from realtime_api.links import FILE, Links
from realtime_api.push.alerts import AlertsHub
from realtime_api.push.hub import Hub
from tests.realtime_api.alarmed import MED, hub, kind_of, no_bed, set_up
from tests.realtime_api.house import House

HOUR = 3_600_000
POINT = base64url(
    ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)
AUTH = base64url(b"a" * 16)


async def ask(house: House, method: str, path: str, body: Any = None, who: str = "physician") -> httpx.Response:
    """Return the answer of one of one's own doors."""
    return await house.http.request(method, f"/api/v1/me{path}", json=body, headers=house.bearer(who))


def browser(n: int = 0, **changes: Any) -> dict[str, Any]:
    """Return what a browser says of a subscription."""
    made = {"endpoint": f"https://push.example/{n}", "keys": {"p256dh": POINT, "auth": AUTH}, "label": f"Téléphone {n}"}
    return made | changes


def answered(status: int) -> httpx.Response:
    """Return an answer whose body is read as it comes, as over a network."""

    async def body() -> AsyncIterator[bytes]:
        yield b"{}"

    return httpx.Response(status, content=body())


# --- channels --------------------------------------------------------------------------------------------------------


async def test_channels_are_as_published_until_they_are_chosen(desk: House) -> None:
    await set_up(desk)
    told = (await ask(desk, "GET", "/channels")).json()
    assert told["channels"] == {"info": ["app"], "warning": ["app"], "critical": ["app", "push"]}
    assert told["known"] == [{"channel": "sms", "address": "…00 01"}]
    chosen = {"channels": {"critical": ["sms", "app"]}}
    answer = await ask(desk, "PUT", "/channels", chosen)
    assert answer.status_code == 200
    expected = {"info": ["app"], "warning": ["app"], "critical": ["sms", "app"]}
    assert answer.json()["channels"] == expected
    await desk.settled()
    assert (await ask(desk, "GET", "/channels")).json()["channels"] == expected
    assert (await ask(desk, "PUT", "/channels", {"channels": {}})).json()["channels"] == told["channels"]


async def test_what_is_critical_must_keep_a_channel_that_is_known_for_one(desk: House) -> None:
    await set_up(desk)
    for channels in (["push"], ["smtp", "push"], ["mssante"]):  # no browser is known yet, and no other address
        answer = await ask(desk, "PUT", "/channels", {"channels": {"critical": channels}})
        assert kind_of(answer) == (422, "wrong-fields"), channels
        assert [wrong["path"] for wrong in answer.json()["errors"]] == ["channels.critical"]
    await desk.settled()
    assert desk.alerts.memory.choices == {}
    assert (await ask(desk, "POST", "/push-subscriptions", browser())).status_code == 201
    for channels in (["push"], ["smtp", "sms"], ["mssante", "app"]):
        answer = await ask(desk, "PUT", "/channels", {"channels": {"critical": channels, "info": ["smtp"]}})
        assert answer.status_code == 200, channels


async def test_a_region_where_one_has_no_role_keeps_nobody_from_their_channels(desk: House) -> None:
    await set_up(desk)
    desk.rooms.alerts["ailleurs"] = AlertsHub(Hub("ailleurs"))  # its notices are not read yet
    desk.rooms.hubs["ailleurs"] = desk.rooms.alerts["ailleurs"].rights
    assert (await ask(desk, "GET", "/channels")).status_code == 200
    assert (await ask(desk, "PUT", "/channels", {"channels": {}})).status_code == 200
    grant = Grant("crisis_cell", "ailleurs", now() - HOUR, None)
    desk.rooms.hubs["ailleurs"].grants = {"physician": (grant,)}
    assert kind_of(await ask(desk, "PUT", "/channels", {"channels": {}})) == (503, "not-ready")


WRONG_CHANNELS: list[tuple[Any, str]] = [
    ({"critical": []}, "channels.critical"),
    ({"critical": ["pigeon"]}, "channels.critical"),
    ({"critical": ["app", "app"]}, "channels.critical"),
    ({"grave": ["app"]}, "channels"),
    ({"critical": "app"}, "channels"),
    (None, "channels"),
]


async def test_wrong_channels_are_refused_and_change_nothing(desk: House) -> None:
    await set_up(desk)
    for channels, path in WRONG_CHANNELS:
        answer = await ask(desk, "PUT", "/channels", {"channels": channels})
        assert kind_of(answer) == (422, "wrong-fields"), channels
        assert path in {wrong["path"] for wrong in answer.json()["errors"]}, channels
    await desk.settled()
    assert desk.alerts.memory.choices == {}


async def test_who_is_told_of_nothing_has_no_channels_to_choose(desk: House) -> None:
    await set_up(desk)
    assert kind_of(await ask(desk, "PUT", "/channels", {"channels": {}}, who="regulator")) == (403, "not-allowed")
    assert (await ask(desk, "GET", "/channels", who="regulator")).json() == {"channels": {}, "known": []}
    assert kind_of(await ask(desk, "GET", "/channels", who="software")) == (403, "not-allowed")


# --- browsers --------------------------------------------------------------------------------------------------------


async def test_a_browser_is_kept_shown_without_its_secrets_and_given_up(desk: House) -> None:
    key = (await ask(desk, "GET", "/push-key")).json()["key"]
    assert key == Directory(desk.home).vapid().public
    made = await ask(desk, "POST", "/push-subscriptions", browser(expirationTime=None))
    assert made.status_code == 201
    (shown,) = (await ask(desk, "GET", "/push-subscriptions")).json()
    assert shown == made.json()
    assert (shown["label"], shown["service"]) == ("Téléphone 0", "push.example")
    assert POINT not in str(shown)
    assert (await ask(desk, "GET", "/push-subscriptions", who="nurse")).json() == []
    path = f"/push-subscriptions/{shown['id']}"
    assert kind_of(await ask(desk, "DELETE", path, who="nurse")) == (404, "unknown")
    assert (await ask(desk, "DELETE", path)).status_code == 204
    assert kind_of(await ask(desk, "DELETE", path)) == (404, "unknown")


async def test_where_nothing_is_ever_pushed_no_browser_is_asked_to_subscribe(house: House) -> None:
    for method, path, body in (
        ("GET", "/push-key", None),
        ("POST", "/push-subscriptions", browser()),
        ("POST", "/push-subscriptions/x/test", None),
    ):
        assert kind_of(await ask(house, method, path, body)) == (404, "unknown")


WRONG_BROWSERS: list[tuple[dict[str, Any], str]] = [
    ({"endpoint": "http://push.example/1"}, "endpoint"),
    ({"endpoint": "https://127.0.0.1/1"}, "endpoint"),
    ({"endpoint": "https://[::1]/1"}, "endpoint"),
    ({"endpoint": "https://10.1.2.3/1"}, "endpoint"),
    ({"endpoint": "https://me:secret@push.example/1"}, "endpoint"),
    ({"endpoint": "https://" + "x" * 3_000}, "endpoint"),
    ({"endpoint": 5}, "endpoint"),
    ({"keys": {"p256dh": AUTH, "auth": AUTH}}, "keys"),
    ({"keys": {"p256dh": POINT, "auth": POINT}}, "keys"),
    ({"keys": {"p256dh": "é", "auth": "é"}}, "keys"),
    ({"keys": {"p256dh": POINT}}, "keys"),
    ({"label": "x" * 500}, "label"),
    ({"more": 1}, "more"),
]


async def test_a_browser_that_cannot_be_pushed_to_is_refused(desk: House) -> None:
    for changes, path in WRONG_BROWSERS:
        answer = await ask(desk, "POST", "/push-subscriptions", browser(**changes))
        assert kind_of(answer) == (422, "wrong-fields"), changes
        assert path in {wrong["path"] for wrong in answer.json()["errors"]}, changes
    assert Directory(desk.home).subscriptions("physician") == []


async def test_a_person_has_so_many_browsers_and_the_oldest_makes_room(desk: House) -> None:
    for n in range(MOST_SUBSCRIPTIONS + 1):
        assert (await ask(desk, "POST", "/push-subscriptions", browser(n))).status_code == 201
    held = (await ask(desk, "GET", "/push-subscriptions")).json()
    assert len(held) == MOST_SUBSCRIPTIONS


@pytest.mark.parametrize(("status", "expected"), [(201, 200), (404, 404), (410, 404), (500, 502), (None, 502)], ids=str)
async def test_a_test_push_says_what_became_of_it(
    desk: House, monkeypatch: pytest.MonkeyPatch, status: int | None, expected: int
) -> None:
    asked: list[httpx.Request] = []

    def service(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if status is None:
            raise httpx.ConnectError("no route")
        return answered(status)

    monkeypatch.setattr(desk.app.state.own, "http", httpx.AsyncClient(transport=httpx.MockTransport(service)))
    id_ = (await ask(desk, "POST", "/push-subscriptions", browser())).json()["id"]
    answer = await ask(desk, "POST", f"/push-subscriptions/{id_}/test")
    assert answer.status_code == expected
    (request,) = asked
    assert (str(request.url), request.headers["content-encoding"]) == ("https://push.example/0", "aes128gcm")
    assert b"vigilits" not in request.content
    gone = status in (404, 410)
    assert (Directory(desk.home).subscriptions("physician") == []) == gone
    assert kind_of(await ask(desk, "POST", f"/push-subscriptions/{id_}/test", who="nurse")) == (404, "unknown")


async def test_test_pushes_are_not_for_flooding(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = httpx.MockTransport(lambda _: answered(201))
    monkeypatch.setattr(desk.app.state.own, "http", httpx.AsyncClient(transport=transport))
    id_ = (await ask(desk, "POST", "/push-subscriptions", browser())).json()["id"]
    answers = [await ask(desk, "POST", f"/push-subscriptions/{id_}/test") for _ in range(15)]
    assert {answer.status_code for answer in answers} == {200, 429}
    # Whoever has had theirs takes none of anybody else's.
    other = (await ask(desk, "POST", "/push-subscriptions", browser(1), who="nurse")).json()["id"]
    assert (await ask(desk, "POST", f"/push-subscriptions/{other}/test", who="nurse")).status_code == 200


# --- devices that stay signed in -------------------------------------------------------------------------------------


@pytest.fixture
def each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look each session up anew."""
    monkeypatch.setattr("realtime_api.sign_in.BELIEVED_S", 0.0)


async def signed_in(desk: House, subject: str = "physician") -> str:
    """Return the cookie's secret of somebody who signed in by a link."""
    answer = await desk.http.post("/api/v1/session", json={"link": Links(desk.home).issue(subject, now(), 5)})
    assert answer.status_code == 200, answer.text
    desk.http.cookies.clear()
    return str(answer.cookies["vigilits"])


async def as_cookie(desk: House, secret: str, method: str, path: str, body: Any = None) -> httpx.Response:
    """Return the answer to somebody whom their cookie names."""
    return await desk.http.request(method, f"/api/v1{path}", json=body, headers={"cookie": f"vigilits={secret}"})


def hours_go_by(desk: House, hours: float) -> None:
    """Let all that was proven of sign-ins be so much older."""
    with sqlite3.connect(desk.home / FILE) as database:
        for table in ("links", "sessions", "devices"):
            database.execute(f"UPDATE {table} SET expires_at = expires_at - ?", (round(hours * HOUR),))


@pytest.mark.usefixtures("each_time")
async def test_a_device_that_is_pushed_to_is_signed_in_at_night_though_its_session_began_in_the_afternoon(
    desk: House,
) -> None:
    """A push at three in the morning is two taps from the patient's page, after signing in at two in the afternoon."""
    device, other = await signed_in(desk), await signed_in(desk)
    made = await as_cookie(desk, device, "POST", "/me/push-subscriptions", browser())
    told = made.headers["set-cookie"].lower()
    assert "httponly" in told
    assert f"max-age={30 * 86_400}" in told or f"max-age={30 * 86_400 - 1}" in told
    hours_go_by(desk, 13)
    assert (await as_cookie(desk, device, "GET", "/session")).json()["subject"] == "physician"
    assert (await as_cookie(desk, other, "GET", "/session")).status_code == 401
    again = await as_cookie(desk, device, "POST", "/me/push-subscriptions", browser())
    assert again.status_code == 201
    hours_go_by(desk, 29 * 24)  # each time that it is opened, it is so for another 30 days
    assert (await as_cookie(desk, device, "GET", "/session")).status_code == 200
    hours_go_by(desk, 2 * 24)
    assert (await as_cookie(desk, device, "GET", "/session")).status_code == 401


@pytest.mark.usefixtures("each_time")
async def test_a_device_that_was_revoked_is_refused_and_its_sockets_end(desk: House) -> None:
    lost, kept = await signed_in(desk), await signed_in(desk)
    id_ = (await as_cookie(desk, lost, "POST", "/me/push-subscriptions", browser())).json()["id"]
    cookie = f"vigilits={lost}"
    async with desk.socket("x", additional_headers={"cookie": cookie}) as socket:
        await socket.subscribe()
        assert (await as_cookie(desk, kept, "DELETE", f"/me/push-subscriptions/{id_}")).status_code == 204
        assert (await socket.until_closed())[0] == 4401
    assert (await as_cookie(desk, lost, "GET", "/session")).status_code == 401
    assert (await as_cookie(desk, kept, "GET", "/session")).status_code == 200


@pytest.mark.usefixtures("each_time")
async def test_who_turns_pushes_off_on_their_own_device_stays_signed_in_as_long_as_others(desk: House) -> None:
    device = await signed_in(desk)
    id_ = (await as_cookie(desk, device, "POST", "/me/push-subscriptions", browser())).json()["id"]
    assert (await as_cookie(desk, device, "DELETE", f"/me/push-subscriptions/{id_}")).status_code == 204
    assert (await as_cookie(desk, device, "GET", "/session")).status_code == 200
    hours_go_by(desk, 13)
    assert (await as_cookie(desk, device, "GET", "/session")).status_code == 401


@pytest.mark.usefixtures("each_time")
async def test_a_device_whose_pushes_are_another_persons_by_now_is_signed_in_no_longer(desk: House) -> None:
    device = await signed_in(desk)
    await as_cookie(desk, device, "POST", "/me/push-subscriptions", browser())
    hours_go_by(desk, 13)
    await ask(desk, "POST", "/push-subscriptions", browser(), "nurse")
    assert (await as_cookie(desk, device, "GET", "/session")).status_code == 401


@pytest.mark.usefixtures("each_time")
async def test_signing_out_or_a_revoked_link_ends_a_device_too(desk: House) -> None:
    out, revoked = await signed_in(desk), await signed_in(desk)
    for n, each in enumerate((out, revoked)):
        await as_cookie(desk, each, "POST", "/me/push-subscriptions", browser(n))
    hours_go_by(desk, 13)
    assert (await as_cookie(desk, out, "DELETE", "/session")).status_code == 204
    assert (await as_cookie(desk, out, "GET", "/session")).status_code == 401
    await signed_in(desk, "nurse")  # which clears away what is over
    Links(desk.home).revoke("physician")
    assert (await as_cookie(desk, revoked, "GET", "/session")).status_code == 401


async def test_a_session_that_is_over_enrols_no_device(desk: House) -> None:
    Links(desk.home).enrol("x" * 43, "device", now(), HOUR)
    assert Links(desk.home).session("x" * 43, now()) == []


@pytest.mark.usefixtures("each_time")
async def test_who_is_signed_out_for_good_is_pushed_to_and_signed_in_nowhere(desk: House) -> None:
    device = await signed_in(desk)
    await as_cookie(desk, device, "POST", "/me/push-subscriptions", browser())
    assert accounts.sign_out(desk.home, "physician") == (1, 1)
    assert (await as_cookie(desk, device, "GET", "/session")).status_code == 401
    assert Directory(desk.home).subscriptions("physician") == []
    assert accounts.sign_out(desk.home, "physician") == (0, 0)


# --- links -----------------------------------------------------------------------------------------------------------


async def test_a_link_marks_its_group_as_seen_by_its_person_and_nothing_else(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    secret = Directory(desk.home).link("ici", held.groups[0], "physician", now() + HOUR)
    for path in ("/seen", "/api/v1/seen"):  # whoever only looks, as scanners of links do, marks nothing
        assert (await desk.http.get(path)).status_code in (404, 405)
    await desk.settled()
    assert hub(desk).alerts[held.alert.id].seen_by == {}
    answer = await desk.http.post("/api/v1/seen", json={"link": secret})
    assert answer.status_code == 200
    title = {"fr": held.alert.title.fr, "en": held.alert.title.en}
    (group,) = held.groups
    assert answer.json() == {"title": title, "seen": True, "group": group, "link": f"/alerts?group={group}"}
    await desk.settled()
    after = hub(desk).alerts[held.alert.id]
    assert (set(after.seen_by), after.alert.status) == ({"physician"}, "firing")
    assert "set-cookie" not in answer.headers
    link_as_token = {"authorization": f"Bearer {secret}"}
    assert (await desk.http.get("/api/v1/session", headers=link_as_token)).status_code == 401
    assert (await desk.http.post("/api/v1/session", json={"link": secret})).status_code == 401


async def test_links_that_open_nothing_are_all_answered_alike(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    directory = Directory(desk.home)
    expired = directory.link("ici", held.groups[0], "physician", now() - 1)
    revoked = directory.link("ici", held.groups[0], "nurse", now() + HOUR)
    directory.revoke_links(person="nurse")
    over = directory.link("ici", "a-group-that-is-gone", "physician", now() + HOUR)
    answers = [
        await desk.http.post("/api/v1/seen", json={"link": link})
        for link in (expired, revoked, over, "", "x" * 24, "é" * 24, "x" * 5_000)
    ]
    assert {kind_of(answer) for answer in answers} == {(410, "link-over")}
    assert len({answer.text for answer in answers}) == 1
    await desk.settled()
    assert hub(desk).alerts[held.alert.id].seen_by == {}


async def test_a_link_marks_and_tells_of_what_its_person_was_told_of_alone(desk: House) -> None:
    await set_up(desk)
    told, other = await no_bed(desk), await no_bed(desk, MED)  # one group; of the second, nobody is told yet
    assert (told.groups, other.told) == (other.groups, ())
    directory = Directory(desk.home)
    secret = directory.link("ici", told.groups[0], "physician", now() + HOUR)
    answer = await desk.http.post("/api/v1/seen", json={"link": secret})
    assert answer.status_code == 200
    await desk.settled()
    assert [set(hub(desk).alerts[each.alert.id].seen_by) for each in (told, other)] == [{"physician"}, set()]
    never_told = directory.link("ici", told.groups[0], "nurse", now() + HOUR)
    assert kind_of(await desk.http.post("/api/v1/seen", json={"link": never_told})) == (410, "link-over")
    await desk.settled()
    assert set(hub(desk).alerts[told.alert.id].seen_by) == {"physician"}


async def test_links_are_not_for_trying_many(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    secret = Directory(desk.home).link("ici", held.groups[0], "physician", now() + HOUR)
    answers = await asyncio.gather(
        *(desk.http.post("/api/v1/seen", json={"link": f"guess-{n}"}) for n in range(60)),
    )
    assert {answer.status_code for answer in answers} == {410, 429}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
    # And who tries many keeps nobody out.
    assert (await desk.http.post("/api/v1/seen", json={"link": secret})).status_code == 200


async def test_another_sites_page_marks_nothing(desk: House) -> None:
    headers = {"origin": "https://evil.example"}
    answer = await desk.http.post("/api/v1/seen", json={"link": "x"}, headers=headers)
    assert kind_of(answer) == (403, "other-origin")


def test_each_has_a_bucket_of_their_own_and_only_so_many_are_remembered() -> None:
    buckets = Buckets(1, 0.0, lambda: 0.0)
    assert [buckets.take(name) for name in ("anne", "anne", "paul")] == [True, False, True]
    for n in range(MOST_BUCKETS - 1):
        buckets.take(str(n))
    assert not buckets.take("paul")
    assert buckets.take("anne")


def test_a_bucket_fills_up_by_itself() -> None:
    at = 0.0
    bucket = Bucket(2, 1.0, lambda: at)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    at = 1.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    at = 100.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]
