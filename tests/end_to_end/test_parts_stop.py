"""A worker that stands still, a worker and an API that are killed: it is seen, and nothing is missed afterwards."""

import pytest

from domain.events import AVAILABLE, OCCUPIED
from tests.end_to_end.conftest import CELL, ICI
from tests.end_to_end.system import System

pytestmark = pytest.mark.engines

REA, MEDICINE = "310100001/rea-adulte", "310100002/medecine"
QUIET_S = 3.0  # after which a tick (every 2 s) that was under way has been told
SILENT_S = 3.0  # beside the 2 s that the answer to a report takes meanwhile


def test_a_worker_that_stands_still_stops_the_clock_and_nothing_is_missed_when_it_goes_on(system: System) -> None:
    """The API answers as before, and only the shard's clock says that nobody folds."""
    with system.screen(CELL, ICI) as screen:
        assert system.tell_and_hear(CELL, {"ward": REA, "status": AVAILABLE, "count": 5}).status_code == 201
        screen.until_shown(REA, available=5)
        with system.stopped("worker 1"):
            at = screen.at
            answer = system.tell(CELL, {"ward": REA, "status": AVAILABLE, "count": 1})
            assert answer.status_code == 202, answer.text
            told = answer.json()
            assert told["outcome"] == "pending"
            assert _outcome(system, told) == "pending"
            stood_at = screen.at
            assert stood_at - at <= QUIET_S * 1000
            screen.still(lambda seen: seen.at == stood_at, "clock that stands still", SILENT_S)
            assert system.picture(CELL, ICI)["at"] == stood_at
            assert screen.wards[REA]["available"] == 5
        screen.until_shown(REA, available=1)
        screen.until(lambda seen: seen.at >= stood_at + SILENT_S * 1000, "clock that goes on")
        assert screen.reasons == []
        system.until(lambda: _outcome(system, told) == "applied", "outcome")
    system.is_the_fold_of_its_log(ICI)


def test_a_worker_killed_among_reports_loses_none(system: System) -> None:
    """Each is answered at once or later, each is applied once, and the one that is told last stands."""
    with system.screen(CELL, ICI) as screen:
        answers = []
        for count in range(40):
            if count == 10:
                system.kill("worker 1")
            # One is waited for as it is told, the others go as a list: most find nobody who folds.
            rows = [{"ward": MEDICINE, "status": OCCUPIED, "count": count}]
            if count > 10:
                rows = [{"ward": MEDICINE, "status": OCCUPIED, "count": each} for each in range(count, 40)]
            answer = system.tell(CELL, rows)
            assert answer.status_code in (200, 202), answer.text
            answers += answer.json()["rows"]
            if len(rows) > 1:
                break
        assert len(answers) == 40
        screen.until_shown(MEDICINE, occupied=39)
        for row in answers:
            assert system.get(CELL, f"/commands/{row['id']}").json()["outcome"] == "applied"
    lines = system.get(CELL, f"/regions/{ICI}/wards/{MEDICINE}").json()["history"]
    counts = [line["splits"][0]["count"] for line in lines]
    assert counts[:40] == list(range(39, -1, -1))
    system.is_the_fold_of_its_log(ICI)


def test_who_comes_back_after_an_api_was_killed_sees_what_they_would_have_seen(
    system: System, another_api: str
) -> None:
    """One screen loses its API and resumes by its token; the other never left, at an API beside it."""
    with system.screen(CELL, ICI, url=another_api) as stayed:
        with system.screen(CELL, ICI) as left:
            assert system.tell_and_hear(CELL, {"ward": REA, "status": OCCUPIED, "count": 7}).status_code == 201
            left.until_shown(REA, occupied=7)
            killed = system.kill("api")
            left.until(lambda seen: seen.closed, "end")
            for count in (8, 9):
                row = {"ward": REA, "status": OCCUPIED, "count": count}
                answer = system.tell_and_hear(CELL, row, url=another_api)
                assert answer.status_code == 201, answer.text
        system.until(lambda: system.told["pids"]["api"] not in (None, killed), "API")
        system.until_ready()
        with system.screen(CELL, ICI, since=left.token) as back:
            assert back.types[0] == "changes"
            assert set(back.wards) == {REA}  # only what changed while it was away
            stayed.until_shown(REA, occupied=9)
            whole = {"wards": left.wards | back.wards, "totals": left.totals | back.totals}
            assert whole == stayed.picture
    system.is_the_fold_of_its_log(ICI)


def _outcome(system: System, told: dict[str, dict[str, str]]) -> str:
    return str(system.http.get(told["links"]["self"], headers=system.bearer(CELL)).json()["outcome"])
