"""What has no content is folded while the key store is away, however long ago the patient's file was closed."""

from typing import Any

import pytest

from domain.events import FollowUpMoved, MemoDone, MessagesRead, PatientAlertActed, Source
from domain.followup.holding import Answers
from live_state.memory import MemoryState
from streams.followup import KEYS_AWAY
from tests.small_followup import HOUR, MINUTE, NURSE, RED, WELL, Patients, Store, pseudonym
from tests.streams.test_followup_shard import DUE, folded, log_of, put, worker
from tests.streams.test_followup_unreadable import FORGIVING

PATIENT = pseudonym(0)
ORANGE: Answers = WELL | {"breathless": "on-effort"}
DOCTOR = Source(id="paul", door="api")


async def test_an_alert_is_taken_and_closed_and_a_patient_stops_while_the_key_store_is_away() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.answered(0, DUE, RED)])
    held = await folded(log, state, store)
    alert = held.patients[PATIENT].alert
    assert alert is not None
    store.away = True
    basics: dict[str, Any] = {"received_at": DUE + MINUTE, "source": NURSE, "patient": PATIENT}
    acted = basics | {"alert": alert.id}
    for event in (
        MessagesRead(id="1", upto=DUE, **basics),
        MemoDone(id="2", memo="none", **basics),
        PatientAlertActed(id="3", act="take", check_at=DUE + HOUR, **acted),
        PatientAlertActed(id="4", act="hand_over", to="paul", **acted),
        PatientAlertActed(id="5", act="close", outcome="acted", **acted),
        FollowUpMoved(id="6", move="stop", **basics | {"source": Source(id=f"patient:{PATIENT}", door="link")}),
    ):
        end = await put(log, event)
    async with worker(log, state, store) as reaches:
        shard = await reaches(lambda shard: shard.offset == end)
        row = shard.held.patients[PATIENT]
        assert (row.status, row.alert, row.closed[-1].closed_by) == ("stopped", None, "anne")
        assert shard.trouble is None
    store.away = False
    await folded(log, state, store)


async def test_what_needs_the_file_waits_for_the_key_store() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0)])
    await folded(log, state, store)
    store.away = True
    end = await put(log, patients.answered(0, DUE, RED))
    async with worker(log, state, store) as reaches:
        await reaches(lambda shard: shard.trouble == KEYS_AWAY)
        store.away = False
        shard = await reaches(lambda shard: shard.offset == end)
        assert shard.held.patients[PATIENT].colour == "red"


@pytest.mark.parametrize(("answers", "is_known"), [(RED, True), (ORANGE, False)])
async def test_a_shard_folded_anew_without_a_key_leaves_nothing_open_that_nobody_is_told_of(
    answers: Answers, is_known: bool
) -> None:
    """What can't be read may be a red; what was closed is so where it bore that name, and else is open again."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.answered(0, DUE, answers)])
    held = await folded(log, state, store)
    alert = held.patients[PATIENT].alert
    assert alert is not None
    assert alert.colour == ("red" if is_known else "orange")
    close = PatientAlertActed(
        id="c",
        received_at=DUE + MINUTE,
        source=NURSE,
        patient=PATIENT,
        alert=alert.id,
        act="close",
        outcome="acted",
    )
    await put(log, close)
    assert (await folded(log, state, store)).patients[PATIENT].alert is None
    store.lose(PATIENT)
    anew = MemoryState()
    async with worker(log, anew, store, **FORGIVING) as reaches:
        shard = await reaches(lambda shard: shard.offset == 4)
        row = shard.held.patients[PATIENT]
    assert row.unreadable
    if is_known:
        assert (row.alert, row.closed[-1].id) == (None, alert.id)
    else:
        assert row.alert is not None
        assert (row.alert.colour, row.closed) == ("red", ())
    store.lost.clear()
    assert (await folded(log, MemoryState(), store)).patients[PATIENT].closed[-1].id == alert.id
