"""What people of a circle do, told to the real fold and answered as it says."""

from typing import Any

from realtime_api.app import now
from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import (
    CANARY,
    RED,
    act,
    answered,
    enrol,
    hub_of,
    kind_of,
    page,
    wrong_in,
)

HOUR = 3_600_000


async def red(house: House) -> tuple[str, str]:
    """Return a patient with a red, and the alert's id."""
    patient = await enrol(house)
    await answered(house, patient, RED)
    alert = hub_of(house, patient).patients[patient].alert
    assert alert is not None
    return patient, alert.id


def row(house: House, patient: str) -> Any:
    """Return a patient as the API knows them."""
    return hub_of(house, patient).patients[patient]


async def done(house: House, who: str, patient: str, act_: str, **more: Any) -> str:
    """Return the id of what was done."""
    answer = await act(house, who, patient, act_, **more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] == "applied"
    return str(answer.json()["id"])


async def test_an_alert_is_taken_handed_over_commented_and_closed_with_an_outcome(ward: House) -> None:
    patient, alert = await red(ward)
    check_at = now() + HOUR
    await done(ward, "nurse", patient, "take", alert=alert, seen=1, check_at=check_at)
    assert (row(ward, patient).alert.taken_by, row(ward, patient).alert.check_at) == ("nurse", check_at)
    await done(ward, "nurse", patient, "comment", alert=alert, text="j’appelle")
    assert wrong_in(await act(ward, "nurse", patient, "hand_over", alert=alert, to="colleague")) == {"to"}
    await done(ward, "nurse", patient, "hand_over", alert=alert, to="physician", check_at=check_at)
    assert row(ward, patient).alert.taken_by == "physician"
    await done(ward, "physician", patient, "close", alert=alert, seen=1, outcome="acted", text="SAMU envoyé")
    assert row(ward, patient).alert is None
    assert row(ward, patient).closed[-1].outcome == "acted"
    story = (await page(ward, "nurse", patient)).json()["story"]
    told = {(line["what"], line["text"]) for line in story}
    assert {("commented", "j’appelle"), ("closed", "SAMU envoyé")} <= told


async def test_who_comes_second_is_told_who_has_it_and_who_sends_again_has_it(ward: House) -> None:
    patient, alert = await red(ward)
    check_at = now() + HOUR
    await done(ward, "nurse", patient, "take", alert=alert, seen=1, check_at=check_at)
    second = await act(ward, "physician", patient, "take", alert=alert, seen=1, check_at=check_at)
    assert kind_of(second) == (409, "taken")
    assert (second.json()["taken_by"], second.json()["taken_by_name"]) == ("nurse", "Nina Infirmière")
    assert (await act(ward, "nurse", patient, "take", alert=alert, seen=1, check_at=check_at)).status_code == 200


async def test_an_alert_that_is_over_or_another_s_is_not_acted_on(ward: House) -> None:
    patient, alert = await red(ward)
    await done(ward, "nurse", patient, "close", alert=alert, seen=1, outcome="wrong")
    assert kind_of(await act(ward, "nurse", patient, "comment", alert=alert, text="x")) == (409, "over")
    assert kind_of(await act(ward, "nurse", patient, "comment", alert="0" * 16, text="x")) == (409, "over")


async def test_when_to_look_again_is_within_what_a_red_allows(ward: House) -> None:
    patient, alert = await red(ward)
    for check_at in (now() - HOUR, now() + 13 * HOUR, now() + 5 * HOUR):
        answer = await act(ward, "nurse", patient, "take", alert=alert, seen=1, check_at=check_at)
        assert wrong_in(answer) == {"check_at"}
    assert row(ward, patient).alert.taken_by is None


async def test_a_rule_is_muted_for_hours_with_a_reason(ward: House) -> None:
    patient, _ = await red(ward)
    await done(ward, "nurse", patient, "mute", rule="flag/breathless-at-rest", minutes=60, reason="connu, BPCO")
    assert abs(row(ward, patient).muted_until - now() - HOUR) < 60_000
    (mute,) = (await page(ward, "physician", patient)).json()["mutes"]
    assert (mute["rule"], mute["reason"], mute["by"]) == ("flag/breathless-at-rest", "connu, BPCO", "nurse")


async def test_memos_are_kept_until_they_are_done(ward: House) -> None:
    patient = await enrol(ward)
    memo = await done(ward, "nurse", patient, "memo", text="rappeler la fille", due_at=now() + HOUR)
    assert set(row(ward, patient).memos) == {memo}
    await done(ward, "physician", patient, "memo_done", memo=memo)
    assert row(ward, patient).memos == {}


async def test_a_circle_changes_and_somebody_stays(ward: House) -> None:
    patient = await enrol(ward)
    await done(ward, "physician", patient, "join", subject="colleague", role="geriatrics")
    await done(ward, "physician", patient, "join", subject="samu", role="samu")
    await done(ward, "nurse", patient, "leave", subject="physician")
    assert {member.subject for member in row(ward, patient).circle} == {"nurse", "colleague", "samu"}
    for subject, role in (("stranger", "nurse"), ("colleague", "nurse"), ("home", "ehpad"), ("crisis", "samu")):
        assert wrong_in(await act(ward, "nurse", patient, "join", subject=subject, role=role)) == {"subject"}
    await done(ward, "nurse", patient, "leave", subject="samu")
    await done(ward, "nurse", patient, "leave", subject="colleague")
    assert wrong_in(await act(ward, "nurse", patient, "leave", subject="nurse")) == {"subject"}
    assert wrong_in(await act(ward, "nurse", patient, "leave", subject="colleague")) == {"subject"}


async def test_somebody_stays_who_can_see_the_patient(ward: House) -> None:
    patient = await enrol(ward)
    await ward.revoke("nurse", "nurse", "ici")
    await ward.settled()
    assert wrong_in(await act(ward, "physician", patient, "leave", subject="physician")) == {"subject"}


async def test_a_samu_that_is_in_the_circle_acts_as_others_do(ward: House) -> None:
    patient, alert = await red(ward)
    await done(ward, "nurse", patient, "join", subject="samu", role="samu")
    await done(ward, "samu", patient, "take", alert=alert, seen=1, check_at=now() + HOUR)


async def test_a_pathway_is_paused_resumed_and_stopped_with_reasons(ward: House) -> None:
    patient = await enrol(ward)
    await done(ward, "nurse", patient, "pause", reason="hospitalisée")
    assert row(ward, patient).status == "paused"
    assert kind_of(await act(ward, "nurse", patient, "pause", reason="x")) == (409, "paused")
    await done(ward, "nurse", patient, "resume")
    assert row(ward, patient).status == "followed"
    assert kind_of(await act(ward, "nurse", patient, "resume")) == (409, "not-now")
    await done(ward, "nurse", patient, "stop", reason="à sa demande")
    assert row(ward, patient).status == "stopped"
    assert kind_of(await act(ward, "nurse", patient, "resume")) == (409, "over")
    texts = [line["text"] for line in (await page(ward, "nurse", patient)).json()["story"] if line["text"]]
    assert texts == ["hospitalisée", "à sa demande"]


async def test_teleconsultations_are_counted_and_their_providers_are_those_configured(ward: House) -> None:
    patient = await enrol(ward)
    await done(ward, "nurse", patient, "teleconsultation", provider="teleo")
    assert row(ward, patient).teleconsultations == 1
    assert wrong_in(await act(ward, "nurse", patient, "teleconsultation", provider=CANARY)) == {"provider"}


async def test_first_calls_are_the_tracing_team_s(ward: House) -> None:
    patient = await enrol(ward, "tracer", pathway="ars-contact", circle=[{"subject": "nurse", "role": "nurse"}])
    assert row(ward, patient).status == "calling"
    assert kind_of(await act(ward, "nurse", patient, "call", outcome="agreed")) == (403, "not-allowed")
    await done(ward, "tracer", patient, "call", outcome="call_again", next_at=now() + HOUR, note="répondeur")
    assert row(ward, patient).calls == 1
    await done(ward, "tracer", patient, "call", outcome="agreed")
    assert row(ward, patient).status == "followed"


async def test_nobody_closes_or_takes_what_they_did_not_see_all_of(ward: House) -> None:
    patient, alert = await red(ward)
    for name, more in (("take", {"check_at": now() + HOUR}), ("close", {"outcome": "acted"})):
        answer = await act(ward, "nurse", patient, name, alert=alert, seen=0, **more)
        assert kind_of(answer) == (409, "news")
    await done(ward, "nurse", patient, "close", alert=alert, seen=1, outcome="acted")


BAD: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no act": ({"act": CANARY}, {"act"}),
    "nothing": ({"act": "message", "text": " "}, {"text"}),
    "too long": ({"act": "message", "text": "x" * 4_001}, {"text"}),
    "a field that is none": ({"act": "resume", CANARY: 1}, {"#0"}),
    "muted for ever": ({"act": "mute", "rule": "x", "minutes": 241, "reason": "x"}, {"minutes"}),
    "muted without a reason": ({"act": "mute", "rule": "x", "minutes": 1, "reason": ""}, {"reason"}),
    "no rule": ({"act": "mute", "rule": "Zébulon", "minutes": 1, "reason": "x"}, {"rule"}),
    "an outcome that is none": ({"act": "close", "alert": "x", "seen": 1, "outcome": CANARY}, {"outcome"}),
    "another type": ({"act": "take", "alert": "x", "seen": 1, "check_at": CANARY}, {"check_at"}),
    "missing": ({"act": "take"}, {"alert", "seen", "check_at"}),
    "a memo of the past": ({"act": "memo", "text": "x", "due_at": 1}, {"due_at"}),
    "read in the future": ({"act": "read", "upto": 1 << 50}, {"upto"}),
    "a memo that is none": ({"act": "memo_done", "memo": CANARY}, {"memo"}),
}


async def test_an_act_that_can_t_be_is_refused_by_field_and_without_its_values(ward: House) -> None:
    patient = await enrol(ward)
    for name, (body, paths) in BAD.items():
        more = {key: value for key, value in body.items() if key != "act"}
        assert wrong_in(await act(ward, "nurse", patient, body["act"], **more)) == paths, name


async def test_the_same_act_under_the_same_key_is_done_once(ward: House) -> None:
    patient = await enrol(ward)
    for text in ("un", "un"):
        assert (await act(ward, "nurse", patient, "message", key="k", text=text)).status_code == 200
    other = await act(ward, "nurse", patient, "message", key="k", text="deux")
    assert kind_of(other) == (409, "other-command"), "it is not written, and not said to be"
    story = (await page(ward, "nurse", patient)).json()["story"]
    assert [line["text"] for line in story if line["what"] == "message"] == ["un"]
    assert (await act(ward, "nurse", patient, "pause", key="k", reason="x")).status_code == 200  # is another act
    assert row(ward, patient).status == "paused"


async def test_while_the_key_store_is_away_nothing_is_written_in_clear(ward: House) -> None:
    patient = await enrol(ward)
    ward.app.state.opening.forget_keys()
    (ward.home / "keys.sqlite3").rename(ward.home / "away")
    for more in ({"act": "message", "text": CANARY}, {"act": "pause", "reason": CANARY}):
        told = {key: value for key, value in more.items() if key != "act"}
        assert kind_of(await act(ward, "nurse", patient, more["act"], **told)) == (503, "key-store-away")
    (ward.home / "away").rename(ward.home / "keys.sqlite3")
    assert row(ward, patient).status == "followed"
    assert (await act(ward, "nurse", patient, "message", text="x")).status_code == 200
