"""Names on the log: an event's id and a pseudonym say nothing to whoever knows what was sent, or guesses it."""

from realtime_api.commands import command_id, deed_id
from realtime_api.follow_up.reading import CallRow
from tests.realtime_api.followed import AGENT, DOCTOR, FollowedHouse

PERSON = {"birth_name": "Durand", "first_names": "Ali", "birth_date": "1960-01-02", "phone": "+33600000001"}


async def test_what_is_done_under_a_key_bears_an_id_that_follows_from_nothing_that_was_sent(
    home: FollowedHouse,
) -> None:
    patient, key = await home.enrol(), "guess-me"
    acted = [
        await home.post(
            f"/regions/ici/patients/{patient}/acts", {"act": "pause", "reason": "x"}, DOCTOR, Idempotency_Key=key
        )
        for _ in range(2)
    ]
    ids = {each.json()["id"] for each in acted}
    assert len(ids) == 1, "sent again, it is the same"
    (id_,) = ids
    assert id_ not in {command_id(DOCTOR, key), deed_id(DOCTOR, key, 0, patient, "pause")}


async def test_a_list_sent_again_names_the_same_files_and_another_house_would_name_them_otherwise(
    home: FollowedHouse,
) -> None:
    rows = {"pathway": "ars", "rows": [PERSON]}
    path = "/regions/ici/calls/import"
    told = [(await home.post(path, rows, AGENT, Idempotency_Key="list-1")).json()["rows"][0] for _ in range(2)]
    assert told[0]["id"] == told[1]["id"]
    opening = home.app.state.opening
    what = ("import", "ars", 1, CallRow(**PERSON))
    id_ = await opening.deed_id(AGENT, "list-1", 0, *what)
    assert await opening.pseudonym_of(id_) == told[0]["id"]
    opening._naming = b"another store's".ljust(32)
    assert await opening.deed_id(AGENT, "list-1", 0, *what) != id_
    assert await opening.pseudonym_of(id_) != told[0]["id"]
