"""What readers see of wards and totals: nothing that is hidden can be worked out from what is shown."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain.capacity.fold import CapacityState, fold
from domain.capacity.picture import WardPicture
from domain.capacity.totals import total_of
from domain.capacity.view import NEEDS, Sight, see_total, see_ward, visible
from domain.events import AVAILABLE, OCCUPIED, STATUSES, SUPPLEMENTARY, BedsReported, Event, Tick
from tests.small_region import START, WARDS, events, items, opening, report

SIGHTS = st.builds(
    Sight,
    statuses=st.frozensets(st.sampled_from(STATUSES)),
    reporter=st.booleans(),
    only_from=st.sampled_from([None, "anne"]),
)


def folded(run: Sequence[Event]) -> CapacityState:
    """Return the state after an opening and a run."""
    state = CapacityState()
    state.absorb(fold(state, items([*opening(), *run])))
    return state


def totals_seen(state: CapacityState, sight: Sight) -> dict[str, dict[str, object]]:
    """Return the totals as a reader may see them, without those that are not there for them."""
    document = state.region
    assert document is not None

    def drawn(id_: str) -> WardPicture | None:
        picture = state.wards.get(id_)
        return None if picture is None else visible(picture, sight, document, state.clock)

    found = {key: total_of(key, ids, drawn, document) for key, ids in state.members.items()}
    return {key: see_total(total, sight) for key, total in found.items() if total is not None}


def _tick(event: Event) -> Tick:
    return Tick(id=f"{event.id}-time", received_at=event.received_at)


@given(events(), SIGHTS)
def test_what_is_hidden_does_not_change_what_is_seen(run: list[Event], sight: Sight) -> None:
    """The same log without the rows that a reader may not see gives the reader the same picture."""
    hidden = [e for e in run if getattr(e, "status", None) in set(STATUSES) - sight.statuses]
    # Time goes on alike: what is left out still said what time it was.
    whole, without = folded(run), folded([_tick(e) if e in hidden else e for e in run])
    if any(isinstance(e, BedsReported) and sight.only_from not in (None, e.source.id) for e in run):
        return  # hiding a source's rows may let an older row of another stand: not the same log
    assert whole.region is not None
    for id_, picture in whole.wards.items():
        shown = see_ward(picture, sight, whole.region, whole.clock)
        if shown is None or id_ not in without.wards:
            continue
        again = see_ward(without.wards[id_], sight, whole.region, whole.clock)
        assert again is not None
        assert shown == again
    assert totals_seen(whole, sight) == totals_seen(without, sight)


@given(events())
def test_a_reader_of_everything_sees_the_totals_that_were_folded(run: list[Event]) -> None:
    state, sight = folded(run), Sight(frozenset(STATUSES))
    assert totals_seen(state, sight) == {key: see_total(total, sight) for key, total in state.totals.items()}


def test_a_total_tells_a_reader_of_available_alone_nothing_of_occupied() -> None:
    """Not even that a ward has given it, how long ago, or that it is stale."""
    at = START - 30 * 3_600_000
    run = [report("a", WARDS[0], AVAILABLE, 2, at=START), report("b", WARDS[0], OCCUPIED, 19, at=START, happened_at=at)]
    run.append(report("c", WARDS[2], OCCUPIED, 1, at=START))
    seen = totals_seen(folded(run), Sight(frozenset((AVAILABLE,))))
    assert "facility/310000002/medecine" not in seen
    assert seen["facility/310000001/rea-adulte"] == {
        "wards": 1,
        "unknown": 0,
        "stale": 0,
        "state": "free",
        "available": 2,
        "available_lacking": 0,
        "oldest_at": START,
    }


@given(events(), SIGHTS)
def test_a_field_whose_statuses_are_hidden_is_absent(run: list[Event], sight: Sight) -> None:
    state = folded(run)
    assert state.region is not None
    shown = [see_ward(p, sight, state.region, state.clock, rows=True) or {} for p in state.wards.values()]
    for row in (row for ward in shown for row in ward.get("rows", [])):
        told = row if isinstance(row, dict) else {f: getattr(row, f) for f in row.__struct_fields__}
        assert told["status"] in sight.statuses
        assert sight.reporter or "id" not in told["source"]
    for fields in [*shown, *totals_seen(state, sight).values()]:
        assert all(NEEDS.get(name, frozenset()) <= sight.statuses for name in fields)


def test_a_reader_of_available_alone_sees_no_more() -> None:
    run = [report("a", WARDS[0], AVAILABLE, 2, at=START), report("b", WARDS[0], OCCUPIED, 19, at=START - 1000)]
    state = folded(run)
    assert state.region is not None
    seen = see_ward(state.wards[WARDS[0]], Sight(frozenset((AVAILABLE,))), state.region, state.clock)
    assert seen == {
        "id": WARDS[0],
        "facility": "310000001",
        "kind": "rea-adulte",
        "state": "free",
        "stale": False,
        "told_at": START,
        "stale_at": START + 86_400_000,
        "available": 2,
    }


def test_a_ward_with_nothing_to_see_is_not_there() -> None:
    state = folded([report("a", WARDS[0], SUPPLEMENTARY, 2, at=START, extra="01")])
    assert state.region is not None
    assert see_ward(state.wards[WARDS[0]], Sight(frozenset((AVAILABLE,))), state.region, state.clock) is None
