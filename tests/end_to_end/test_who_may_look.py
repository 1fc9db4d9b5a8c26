"""A right or a proof that ends, ends what it let someone watch."""

import time

import pytest

from tests.end_to_end.conftest import CELL, ICI, LABAS
from tests.end_to_end.screen import Screen
from tests.end_to_end.system import System

pytestmark = pytest.mark.engines

WITHIN_S = 5.0  # the design's own bound


def test_a_revoked_right_closes_its_screen(system: System) -> None:
    system.give("visitor", "regulator", LABAS, LABAS)
    with system.screen("visitor", LABAS) as screen, system.screen(CELL, LABAS) as other:
        system.revoke("visitor", "regulator", LABAS, LABAS)
        revoked = time.monotonic()
        assert screen.until_closed(WITHIN_S) == (4403, "not allowed")
        print(f"closed {time.monotonic() - revoked:.1f} s after the revocation was folded")
        assert system.get("visitor", f"/regions/{LABAS}/capacity").status_code == 403
        assert other.closed is None


def test_a_token_that_expires_closes_its_screen(system: System) -> None:
    with system.screen(CELL, ICI, minutes=2 / 60) as screen:
        assert screen.until_closed(2 + WITHIN_S) == (4401, "sign in again")


def test_a_token_that_expired_opens_nothing(system: System) -> None:
    token = system.issuer.issue(CELL, minutes=-1)
    screen = Screen(system.url, token, ICI)
    assert screen.until_closed(WITHIN_S) == (4401, "sign in again")
    assert screen.types == []
    answer = system.http.get(f"/api/v1/regions/{ICI}/capacity", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_whoever_has_no_right_in_a_region_sees_nothing_of_it(system: System) -> None:
    system.give("visitor", "regulator", ICI, ICI)
    stranger = Screen(system.url, system.issuer.issue("visitor"), LABAS)
    assert stranger.until_closed(WITHIN_S) == (4403, "not allowed")
    assert stranger.types == []
    assert system.get("visitor", f"/regions/{LABAS}/capacity").status_code == 403
    assert [region["code"] for region in system.get("visitor", "/regions").json()] == [ICI]
