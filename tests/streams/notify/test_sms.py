"""SMS through a gateway that is data: working, failing in turns, slow, down, lying."""

from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.gateway import Gateway
from people import reach
from streams.notify import texts
from streams.notify.channel import Refused, TryAgain, key_of
from streams.notify.sms import Sms
from tests.streams.notify.letters import NOTICE, letter
from tests.streams.notify.peers import Answered, HttpPeer

TO = ("+33639980142",)
BODY: dict[str, Any] = {"to": ["{to}"], "content": {"text": "{text}"}, "ref": "{reference}", "parts": "{parts}"}


async def sent(peer: HttpPeer, to: tuple[str, ...] = TO, within_s: float = 5.0, **told: Any) -> str:
    """Return the receipt of one SMS by a gateway at this peer."""
    gateway = Gateway(**{"url": f"{peer.url}/v1?key=canary", "body": BODY, "receipt": "messages.0.id", **told})
    async with reach.client(within_s=within_s, guarded=False) as http:
        return await Sms(gateway, http).send(letter(to=to, late_min=3))


def ok(**told: Any) -> Answered:
    """Return a gateway's yes."""
    return Answered(202, body=msgspec.json.encode({"messages": [{"id": "m-17", "status": "queued", **told}]}))


async def test_the_template_is_filled_and_the_receipt_found() -> None:
    async with HttpPeer(ok()).serving() as peer:
        assert await sent(peer, headers={"Authorization": "Bearer canary", "X-Ref": "{reference}"}) == "m-17"
    (asked,) = peer.asked
    told = msgspec.json.decode(asked.body)
    assert told["to"] == [*TO]
    assert told["ref"] == asked.headers["x-ref"] == key_of(NOTICE.id)
    assert told["parts"] == "1"
    assert told["content"]["text"] == texts.sms(letter(to=TO, late_min=3))
    assert asked.headers["authorization"] == "Bearer canary"


async def test_a_form_is_a_form() -> None:
    async with HttpPeer(Answered(200)).serving() as peer:
        assert await sent(peer, sort="form", body={"n": "{to}", "t": "{text}"}, receipt="") == ""
    assert parse_qs(peer.asked[0].body.decode())["n"] == [*TO]
    assert peer.asked[0].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_what_is_put_in_is_not_a_template_itself() -> None:
    async with HttpPeer(ok()).serving() as peer:
        await sent(peer, to=("{text}{reference}",))
    assert msgspec.json.decode(peer.asked[0].body)["to"] == ["{text}{reference}"]


async def test_a_gateway_that_fails_in_turns_gets_the_same_reference_each_time() -> None:
    answers = [Answered(503), Answered(429, {"Retry-After": "12"}), Answered(500), ok()]
    waits = []
    async with HttpPeer(*answers).serving() as peer:
        for _ in range(3):
            with pytest.raises(TryAgain) as why:
                await sent(peer)
            waits.append((why.value.reason, why.value.after_s))
        assert await sent(peer) == "m-17"
    assert waits == [("busy", None), ("busy", 12.0), ("busy", None)]
    assert len({msgspec.json.decode(asked.body)["ref"] for asked in peer.asked}) == 1


@pytest.mark.parametrize(
    ("answered", "raised", "reason"),
    [
        (Answered(400), Refused, "refused"),
        (Answered(302, {"Location": "http://127.0.0.1:1/"}), Refused, "refused"),
        (Answered(401), TryAgain, "sign-in refused"),
        (Answered(raw=b"\x00\x01 canary +33639980142\r\n\r\n"), TryAgain, "unreachable"),
        (Answered(raw=b""), TryAgain, "unreachable"),
        (Answered(slow=True), TryAgain, "slow"),
    ],
)
async def test_what_a_gateway_answers_decides(
    answered: Answered, raised: type[TryAgain | Refused], reason: str
) -> None:
    async with HttpPeer(answered).serving() as peer:
        with pytest.raises(raised) as why:
            await sent(peer, within_s=0.3)
    assert str(why.value) == reason


async def test_a_gateway_that_is_down_is_unreachable_and_a_look_says_so() -> None:
    async with HttpPeer(ok()).serving() as peer:
        pass
    with pytest.raises(TryAgain, match=r"^unreachable$"):
        await sent(peer)
    async with reach.client(within_s=5, guarded=False) as http:
        sms = Sms(Gateway(url=peer.url, body=BODY), http)
        with pytest.raises(TryAgain, match=r"^unreachable$"):
            await sms.look("sms", None)
        async with peer.serving():
            await sms.look("sms", None)
    assert peer.asked == [], "a look sends nothing"


SAYS: dict[str, Any] = {"says": "messages.0.status", "says_accepted": ("queued",), "says_again": ("throttled",)}


async def test_a_gateway_that_says_no_with_a_status_that_says_yes_is_believed_the_no() -> None:
    async with HttpPeer(
        ok(status="throttled"), ok(status="rejected"), Answered(200, body=b"<html>"), ok()
    ).serving() as p:
        with pytest.raises(TryAgain, match=r"^busy$"):
            await sent(p, **SAYS)
        with pytest.raises(Refused, match=r"^refused$"):
            await sent(p, **SAYS)
        with pytest.raises(TryAgain, match=r"^unclear answer$"):
            await sent(p, **SAYS)
        assert await sent(p, **SAYS) == "m-17"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"messages": 3}', b'{"messages": [{"id": {"x": 1}}]}', b"\xff", b"[" * 5000]
)
async def test_a_yes_without_a_receipt_is_a_yes(body: bytes) -> None:
    async with HttpPeer(Answered(200, body=body)).serving() as peer:
        assert await sent(peer) == ""


async def test_a_receipt_that_holds_the_number_is_none() -> None:
    async with HttpPeer(ok(id="sms-33639980142-1"), ok(id="x y"), ok(id="m" * 500)).serving() as peer:
        assert [await sent(peer) for _ in range(3)] == ["", "", ""]


async def test_a_person_s_next_telephone_is_tried_where_the_first_is_refused_and_no_further() -> None:
    to = ("+33639980001", "+33639980002", "+33639980003")
    async with HttpPeer(Answered(400), ok()).serving() as peer:
        assert await sent(peer, to=to) == "m-17"
    told = [msgspec.json.decode(asked.body) for asked in peer.asked]
    assert [each["to"] for each in told] == [[to[0]], [to[1]]]
    assert told[0]["ref"] != told[1]["ref"]


async def test_who_has_one_telephone_that_may_work_yet_is_tried_again() -> None:
    async with HttpPeer(Answered(503), Answered(400)).serving() as peer:
        with pytest.raises(TryAgain):
            await sent(peer, to=("+33639980001", "+33639980002"))


# -- what it says


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("reason", list(texts.REASON))
def test_an_sms_is_one_sms_and_names_no_service(language: Any, reason: Any) -> None:
    notice = msgspec.structs.replace(NOTICE, reason=reason, alerts=("a",) * 200)
    text = texts.sms(letter(notice, language=language, late_min=600, region="provence-alpes-cote-d-azur"))
    assert texts.sms_parts(text) == 1 or len(text) <= 175, text
    for words in ("animation", "intensive", "Hérault", "92", "anne"):
        assert words not in text


def test_the_usual_sms_takes_one() -> None:
    text = texts.sms(letter(late_min=12))
    assert text == (
        "vigilits occitanie: nouvelle alerte, gravité : critique, retard 12 min. "
        "https://lits.example.fr/seen#kLhRrSi5ES-rQrdyxIIp2uN-"
    )
    assert texts.sms_parts(text) == 1


@pytest.mark.parametrize(
    ("text", "parts"), [("a" * 160, 1), ("a" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("ç" * 71, 2)]
)
def test_parts_are_counted_as_gsm_counts_them(text: str, parts: int) -> None:
    assert texts.sms_parts(text) == parts


@given(st.text(max_size=300))
def test_any_text_becomes_one_that_gsm_can_carry(text: str) -> None:
    assert texts.sms_parts(texts.in_gsm(text)) <= -(-2 * 3 * max(1, len(text)) // 153) + 12
    assert texts.in_gsm(texts.in_gsm(text)) == texts.in_gsm(text)


def test_french_stays_readable() -> None:
    assert texts.in_gsm("« L’hôpital » – gravité ≥ 3, œuvre… à Nîmes, ça") == (
        '" L\'hopital " - gravité >= 3, oeuvre... à Nimes, ca'
    )
