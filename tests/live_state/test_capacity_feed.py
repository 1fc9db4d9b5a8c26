"""A feed entry says what a draft changed: whole new values, and what is gone."""

import msgspec

from domain.capacity.fold import CapacityState, Item, fold
from domain.events import GrantGiven, GrantRevoked
from domain.grants import Grant
from live_state.capacity import feed, read_feed, read_grants, read_picture, read_total
from tests.small_region import START, items, opening, report

WARD = "310000001/medecine"


def test_a_feed_entry_holds_whole_values_by_key() -> None:
    state = CapacityState()
    state.absorb(fold(state, items(opening())))
    told = report("r1", WARD, "03", 12, at=START + 1)
    grant = GrantGiven(id="g1", received_at=START + 2, subject="anne", role="ward", scope="ici", since=START)
    draft = fold(state, items([told, grant], start=2))

    change = read_feed(feed(draft, rebuilding=False))

    assert (change.start, change.at, change.reload) == (1, START + 2, False)
    ward, total, held = (change.set[key] for key in (f"ward/{WARD}", "total/region/ici/medecine", "grant/anne"))
    assert ward is not None
    assert read_picture(ward) == draft.wards[WARD]
    assert total is not None
    assert read_total(total).occupied == 12
    assert held is not None
    assert read_grants(bytes(held)) == (Grant(role="ward", scope="ici", since=START),)
    assert {id_: said.outcome for id_, said in change.outcomes.items()} == {"r1": "applied", "g1": "applied"}


def test_what_is_gone_is_none() -> None:
    state = CapacityState()
    state.absorb(fold(state, items(opening())))
    grant = GrantGiven(id="g1", received_at=START, subject="anne", role="ward", scope="ici", since=START)
    state.absorb(fold(state, [Item(2, grant)]))
    revoked = GrantRevoked(id="g2", received_at=START, subject="anne", role="ward", scope="ici")

    change = read_feed(feed(fold(state, [Item(3, revoked)]), rebuilding=True))

    assert change.set == {"grant/anne": None}
    assert change.rebuilding
    assert isinstance(change.set, dict)
    assert not isinstance(change.set["grant/anne"], msgspec.Raw)
