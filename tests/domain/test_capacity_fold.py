"""The capacity fold: what must hold of any events, however the log was cut; and timelines that read as they happen."""

import hashlib
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.capacity.fold import APPLIED, CapacityState, Draft, Item, Said, fold
from domain.capacity.picture import draw
from domain.capacity.totals import add_up, groups
from domain.errors import Unreadable
from domain.events import (
    AVAILABLE,
    CLOSED,
    OCCUPIED,
    SUPPLEMENTARY,
    BedsReported,
    Event,
    SettingsPublished,
    Tick,
)
from domain.places import Freshness
from tests.small_region import DAY, HOUR, MINUTE, START, WARDS, events, items, opening, published, region, report

REA, ALBI_REA, MEDECINE, HAD = WARDS[0], WARDS[4], WARDS[1], WARDS[3]


def folded(run: Sequence[Event | Unreadable], cuts: Sequence[int] = ()) -> tuple[CapacityState, list[Draft]]:
    """Return the state after a run cut into batches, and the drafts on the way."""
    state, drafts = CapacityState(), []
    records = [Item(offset, event) for offset, event in enumerate(run)]
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(records)], strict=True):
        batch = records[start:stop]
        while batch:
            draft = fold(state, batch)
            state.absorb(draft)
            drafts.append(draft)
            batch = [item for item in batch if item.offset > state.offset]
    return state, drafts


def seen(state: CapacityState) -> dict[str, object]:
    """Return all of a state that does not depend on how its timers are kept."""
    waiting = [p.stale_at for p in state.wards.values() if p.stale_at is not None and not p.stale]
    assert all(state.next_due <= at for at in waiting), "no ward becomes stale unseen"
    said_in = {hour: sorted(ids) for hour, ids in state.said_in.items() if ids}
    fields = ("offset", "clock", "region", "wards", "totals", "settings", "grants", "said", "first_offset_of")
    return {name: getattr(state, name) for name in fields} | {"said_in": said_in}


@given(events(), st.data())
def test_the_state_does_not_depend_on_how_the_log_was_cut(run: list[Event], data: st.DataObject) -> None:
    run = [*opening(), *run]
    cuts = data.draw(st.lists(st.integers(1, len(run) - 1), unique=True, max_size=8))
    whole, in_one = folded(run)
    pieces, in_many = folded(run, cuts)
    assert seen(whole) == seen(pieces)
    assert [t for d in in_one for t in d.history] == [t for d in in_many for t in d.history]
    assert {h: c for d in in_one for h, c in d.hours.items()} == {h: c for d in in_many for h, c in d.hours.items()}


@given(events())
def test_folding_touches_the_state_only_when_it_is_absorbed(run: list[Event]) -> None:
    state, _ = folded(opening())
    before = seen(state)
    fold(state, items(run, start=2))
    assert seen(state) == before


@given(events())
def test_totals_are_the_sums_of_their_wards_and_pictures_what_their_rows_say(run: list[Event]) -> None:
    state, _ = folded([*opening(), *run])
    assert state.region is not None
    for id_, picture in state.wards.items():
        ward, kind = state.region.ward_of[id_], state.region.kind_of[picture.kind]
        again = draw(
            ward=id_,
            facility=ward.facility,
            kind=ward.kind,
            nature=kind.nature,
            installed=ward.installed,
            rows=picture.rows,
            limit_ms=state.region.freshness.limit_ms(kind),
            clock=state.clock,
        )
        assert picture == again
    for key, ids in groups(state.region).items():
        pictures = [state.wards[id_] for id_ in ids if id_ in state.wards]
        silent = [state.region.ward_of[id_] for id_ in ids if id_ not in state.wards]
        if pictures or not key.startswith("facility/"):
            assert state.totals[key] == add_up(pictures, silent)
        else:
            assert key not in state.totals
    assert set(state.totals) <= set(groups(state.region))


@given(events())
def test_an_event_twice_is_an_event_once(run: list[Event]) -> None:
    once, _ = folded([*opening(), *run])
    twice, _ = folded([*opening(), *(event for event in run for _ in "ab")])
    assert once.totals == twice.totals
    assert once.said == twice.said
    assert {i: _facts(p.rows) for i, p in once.wards.items()} == {i: _facts(p.rows) for i, p in twice.wards.items()}


def _facts(rows: Sequence[object]) -> list[tuple[object, ...]]:
    return [tuple(getattr(row, f) for f in ("status", "temporality", "happened_at", "splits")) for row in rows]


@given(st.permutations(range(6)))
def test_an_older_figure_never_overwrites_a_newer_one_whatever_the_order(order: list[int]) -> None:
    late = START + DAY
    run = [report(f"r{n}", REA, OCCUPIED, n, at=late, happened_at=START + n) for n in order]
    state, drafts = folded([*opening(), *run])
    assert state.wards[REA].occupied == 5
    assert [told.row.count for draft in drafts for told in draft.history] == order, "history keeps every one"


def test_at_equal_instants_the_later_on_the_log_stands() -> None:
    first, second = (report(id_, REA, OCCUPIED, n, at=START, happened_at=START) for id_, n in (("a", 3), ("b", 4)))
    assert folded([*opening(), first, second])[0].wards[REA].occupied == 4


def test_a_row_replaces_all_older_splits_of_its_status() -> None:
    covid = report("a", REA, OCCUPIED, 7, at=START, assignment="02")
    state, _ = folded([*opening(), covid, report("b", REA, OCCUPIED, 4, at=START + 1, assignment="03")])
    assert (state.wards[REA].occupied, state.wards[REA].covid) == (4, 0)


def test_figures_of_a_ward_follow_from_its_rows() -> None:
    run = [
        report("a", REA, CLOSED, 4, at=START, closing="01"),
        report("b", REA, SUPPLEMENTARY, 2, at=START, extra="01"),
        report("c", REA, OCCUPIED, 20, at=START, assignment="02"),
        report("d", REA, AVAILABLE, 1, at=START),
    ]
    ward = folded([*opening(), *run])[0].wards[REA]
    assert (ward.installed, ward.closed, ward.supplementary, ward.open) == (20, 4, 2, 18)
    assert ward.occupancy == pytest.approx(20 / 18)
    assert (ward.undeclared_surge, ward.open_is_bound, ward.state, ward.covid) == (True, False, "nearly", 20)


def test_unknown_is_never_zero() -> None:
    ward = folded([*opening(), report("a", WARDS[2], OCCUPIED, 3, at=START)])[0].wards[WARDS[2]]
    assert (ward.installed, ward.open, ward.occupancy, ward.available, ward.state) == (
        None,
        None,
        None,
        None,
        "unknown",
    )


def test_occupancy_is_a_bound_while_closed_is_unknown() -> None:
    ward = folded([*opening(), report("a", REA, OCCUPIED, 10, at=START)])[0].wards[REA]
    assert (ward.occupancy, ward.occupancy_is_bound, ward.open_is_bound) == (0.5, True, True)


def test_beds_and_places_are_never_added() -> None:
    state, _ = folded([*opening(), report("a", HAD, AVAILABLE, 9, at=START, nature="01")])
    assert state.wards[HAD].available is None, "a count of beds says nothing of places"
    state, _ = folded([*opening(), report("a", HAD, AVAILABLE, 9, at=START, nature="02")])
    assert state.wards[HAD].available == 9


def test_a_report_from_ahead_of_its_receipt_happened_when_it_was_received() -> None:
    ahead = report("a", REA, OCCUPIED, 10, at=START, happened_at=START + 4 * MINUTE)
    assert folded([*opening(), ahead])[0].wards[REA].told_at == START


def test_a_persons_available_stands_over_softwares_while_it_is_fresh() -> None:
    said = report("a", REA, AVAILABLE, 2, at=START, by="01")
    soon = report("b", REA, AVAILABLE, 9, at=START + HOUR, by="03")
    late = report("c", REA, AVAILABLE, 9, at=START + 25 * HOUR, by="03")
    state, _ = folded([*opening(), said, soon])
    assert (state.wards[REA].available, state.said["b"].outcome) == (2, "history")
    assert folded([*opening(), said, soon, late])[0].wards[REA].available == 9


def test_a_ward_becomes_stale_by_the_clock_alone_and_fresh_again_by_a_report() -> None:
    run: list[Event] = [report("a", REA, AVAILABLE, 2, at=START), report("b", REA, OCCUPIED, 10, at=START + HOUR)]
    state, _ = folded([*opening(), *run])
    timeline = []
    for n, event in enumerate(
        [
            Tick(id="t1", received_at=START + DAY - 1),
            Tick(id="t2", received_at=START + DAY),  # the older of 02 and 03 decides
            report("c", REA, AVAILABLE, 2, at=START + DAY + 1),
            Tick(id="t3", received_at=START + DAY + HOUR),  # now 03 is the older
        ]
    ):
        draft = fold(state, [Item(4 + n, event)])
        state.absorb(draft)
        timeline.append((state.wards[REA].stale, state.totals["region/ici/rea-adulte"].stale, REA in draft.wards))
    assert timeline == [(False, 0, False), (True, 1, True), (False, 0, True), (True, 1, True)]


def test_the_limit_is_longer_for_slow_kinds_shorter_for_critical_ones_in_tension_and_divided_for_the_demo() -> None:
    kinds = region().kind_of
    assert Freshness().limit_ms(kinds["rea-adulte"]) == DAY
    assert Freshness().limit_ms(kinds["had"]) == 3 * DAY
    assert Freshness(in_tension=True).limit_ms(kinds["rea-adulte"]) == DAY / 2
    assert Freshness(in_tension=True).limit_ms(kinds["medecine"]) == DAY
    assert Freshness(divided_by=3600).limit_ms(kinds["medecine"]) == 24_000


def test_a_total_says_what_it_lacks() -> None:
    total = folded([*opening(), report("a", REA, OCCUPIED, 25, at=START)])[0].totals["region/ici/rea-adulte"]
    assert (total.wards, total.unknown, total.counted, total.lacking, total.available_lacking) == (2, 1, 1, 1, 2)
    assert (total.installed, total.occupied, total.open, total.available) == (28, 25, 20, None)
    assert (total.occupancy, total.undeclared_surge, total.oldest_at, total.state) == (1.25, 1, START, "unknown")


def test_every_total_above_the_facilities_is_there_from_the_publication_on() -> None:
    keys = set(folded(opening())[0].totals)
    assert keys == {key for key in groups(region()) if not key.startswith("facility/")}


def test_a_published_directory_that_drops_a_ward_drops_its_picture_and_totals() -> None:
    fewer = region(wards=tuple(w for w in region().wards if w.id != ALBI_REA))
    run = [report("a", ALBI_REA, OCCUPIED, 3, at=START), published(fewer, START + 1, "region-2")]
    state, drafts = folded([*opening(), *run])
    assert ALBI_REA not in state.wards
    assert not any(key.endswith("81/rea-adulte") for key in state.totals)
    assert drafts[-1].anew


def test_a_directory_in_parts_is_in_force_from_its_last_part_on() -> None:
    one = published(region())
    half = len(one.content) // 2
    parts: list[Event] = [
        type(one)(id=f"p{n}", received_at=START, name="region", digest=one.digest, content=content, part=n, parts=2)
        for n, content in enumerate((one.content[:half], one.content[half:]))
    ]
    state, _ = folded([opening()[0], parts[0]])
    assert state.region is None
    state, _ = folded([opening()[0], *parts])
    assert state.region == region()
    assert set(state.settings) == {"region", "region:digest"}


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80", b"\x81\xa4code\x01"])
def test_a_directory_that_nobody_can_read_is_refused_and_the_one_before_stays(content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    bad = SettingsPublished(id="bad", received_at=START, name="region", digest=digest, content=content)
    state, _ = folded([*opening(), bad])
    assert state.region == region()
    assert state.said["bad"].outcome == "refused"


@pytest.mark.parametrize(
    ("name", "content", "part", "parts"),
    [
        ("scenario", b"\xff", 0, 1),
        ("scenario", b"[1", 0, 1),
        ("boundaries", b"", 0, 1),
        ("region:digest", b"1", 0, 1),
        ("scenario", b"1", 0, 10**12),
        ("scenario", b"1", 1, 1),
        ("scenario", b"1", -1, 1),
        ("scenario", b"1", 0, 0),
    ],
)
def test_a_setting_that_nobody_could_read_or_end_is_refused(name: str, content: bytes, part: int, parts: int) -> None:
    """Else the feed entry that should hold it would stop its region for ever."""
    digest = hashlib.sha256(content).hexdigest()
    bad = SettingsPublished(
        id="bad", received_at=START, name=name, digest=digest, content=content, part=part, parts=parts
    )
    before, _ = folded(opening())
    state, _ = folded([*opening(), bad])
    assert state.settings == before.settings
    assert state.said["bad"].outcome == "refused"


def test_an_unknown_ward_and_a_negative_count_are_refused_and_change_nothing() -> None:
    run = [report("a", "999999999/x", OCCUPIED, 3, at=START), report("b", REA, OCCUPIED, -3, at=START)]
    state, _ = folded([*opening(), *run])
    assert not state.wards
    assert {state.said[id_].outcome for id_ in "ab"} == {"refused"}


def test_an_unreadable_record_is_a_dead_letter_and_the_shard_goes_on() -> None:
    state, drafts = folded([*opening(), Unreadable("not an event"), report("a", REA, OCCUPIED, 3, at=START)])
    assert drafts[0].dead == {2: "not an event"}
    assert state.wards[REA].occupied == 3


def test_an_event_that_breaks_the_fold_is_a_dead_letter_and_is_not_half_folded() -> None:
    poison = report("poison", REA, OCCUPIED, 3, at=START)
    poison = BedsReported(**{f: getattr(poison, f) for f in poison.__struct_fields__} | {"happened_at": "now"})
    run = [*opening(), report("a", REA, AVAILABLE, 1, at=START), poison, report("b", REA, OCCUPIED, 4, at=START)]
    state, drafts = folded(run)
    assert drafts[0].dead == {3: "TypeError while folding"}
    assert (state.wards[REA].available, state.wards[REA].occupied) == (1, 4)
    assert state.said["poison"].outcome == "dead"


def test_ids_are_forgotten_after_48_hours_of_the_shards_clock() -> None:
    first = report("a", REA, OCCUPIED, 3, at=START)
    state, _ = folded([*opening(), first, Tick(id="t", received_at=START + 48 * HOUR)])
    assert "a" in state.said
    state, _ = folded([*opening(), first, Tick(id="t", received_at=START + 50 * HOUR)])
    assert "a" not in state.said
    assert all("a" not in ids for ids in state.said_in.values())


def test_every_full_hour_leaves_a_census_of_what_stood_then() -> None:
    run = [
        report("a", REA, OCCUPIED, 10, at=START),
        report("b", REA, OCCUPIED, 12, at=START + 2 * HOUR),
    ]
    _, drafts = folded([*opening(), *run])
    hours = drafts[-1].hours
    assert [hours[hour]["region/ici/rea-adulte"].occupied for hour in sorted(hours)] == [10, 10]
    assert not any(key.startswith("facility/") for census in hours.values() for key in census)


def test_a_clock_that_leaps_years_costs_no_more_hours_than_are_kept() -> None:
    _, drafts = folded([*opening(), Tick(id="t", received_at=START + 40 * 365 * DAY)])
    assert sum(len(draft.hours) for draft in drafts) == 48


def test_history_is_kept_for_30_days() -> None:
    run: list[Event] = [report("a", REA, OCCUPIED, 1, at=START)]
    run += [Tick(id=f"t{day}", received_at=START + day * DAY) for day in range(1, 32)]
    state, kept_from = CapacityState(), {}
    for item in items([*opening(), *run]):
        draft = fold(state, [item])
        kept_from[draft.clock] = draft.history_from
        state.absorb(draft)
    assert kept_from[START + 30 * DAY] == 0
    assert kept_from[START + 31 * DAY] > 2


@pytest.mark.parametrize("cuts", [[], [3], [4], [3, 4]], ids=str)
def test_an_id_that_was_forgotten_and_comes_again_is_a_new_event_however_the_log_was_cut(cuts: list[int]) -> None:
    run = [
        *opening(),
        report("twice", REA, AVAILABLE, 3, at=START),
        report("twice", REA, AVAILABLE, 4, at=START + 60 * HOUR),
        report("twice", REA, AVAILABLE, 5, at=START + 61 * HOUR),
    ]
    state, _ = folded(run, cuts)
    assert state.wards[REA].available == 4
    assert state.said["twice"].outcome == "applied"
    assert list(state.said_in.values()) == [["twice"]]


def test_a_million_reports_of_few_wards_leave_no_more_behind_than_few() -> None:
    """Once each report left a timer that stayed until it was due, and every draft copied them all."""
    state, _ = folded(opening())
    sizes = set()
    for n in range(200):
        run = [report(f"r{n}", REA, OCCUPIED, n % 9, at=START + n)]
        draft = fold(state, items(run, start=2 + n))
        state.absorb(draft)
        sizes.add(len(state.wards) + len(state.totals))
    assert len(sizes) == 1
    assert state.next_due <= START + DAY + 199


def test_a_sender_whose_clock_is_ahead_cannot_take_the_shards_clock_with_it() -> None:
    state, _ = folded([*opening(), report("a", REA, OCCUPIED, 3, at=START)])
    ahead = report("b", REA, OCCUPIED, 4, at=START + 365 * DAY)
    state.absorb(fold(state, [Item(3, ahead, appended_at=START + MINUTE)]))
    assert state.clock == START + MINUTE
    assert (state.wards[REA].occupied, state.wards[REA].told_at) == (4, START + MINUTE)
    state.absorb(fold(state, [Item(4, report("c", REA, OCCUPIED, 5, at=START + 2 * MINUTE))]))
    assert state.wards[REA].occupied == 5, "the next report is not older"


def test_what_promises_something_is_refused_when_it_is_folded_too_late() -> None:
    promise = report("a", REA, AVAILABLE, 2, at=START)
    in_time = msgspec.structs.replace(promise, id="in-time", not_after=START + MINUTE)
    late = msgspec.structs.replace(promise, id="late", not_after=START + MINUTE)
    state, _ = folded([*opening(), in_time, Tick(id="t", received_at=START + 2 * MINUTE), late])
    assert (state.said["in-time"].outcome, state.said["late"]) == ("applied", Said("refused", "too late"))


def test_what_belongs_to_another_region_is_refused() -> None:
    stray = msgspec.structs.replace(report("a", REA, AVAILABLE, 2, at=START), region="ailleurs")
    state, _ = folded([*opening(), stray])
    assert state.said["a"] == Said("refused", "another region's")


def test_a_publication_that_was_broken_off_leaves_nothing_behind() -> None:
    broken = SettingsPublished(id="p", received_at=START, name="note", digest="d1", content=b"[1", part=0, parts=2)
    whole = SettingsPublished(
        id="q", received_at=START, name="note", digest=hashlib.sha256(b"[]").hexdigest(), content=b"[]"
    )
    state, _ = folded([*opening(), broken, whole])
    assert {name for name in state.settings if name.startswith("note")} == {"note", "note:digest"}


def test_an_event_that_was_read_but_cannot_be_kept_has_an_outcome() -> None:
    state, drafts = folded([*opening(), Unreadable("too large", "a")])
    assert drafts[0].dead == {2: "too large"}
    assert state.said["a"] == Said("dead", "too large")


def test_an_outcome_tells_of_which_report_it_is_where_the_sender_named_it() -> None:
    named = msgspec.structs.replace(report("a", REA, AVAILABLE, 3, at=START), digest="one")
    other = msgspec.structs.replace(report("a", REA, AVAILABLE, 8, at=START), digest="other")
    state, drafts = folded([*opening(), named, named, other, report("b", REA, OCCUPIED, 1, at=START)], [4])
    assert state.said["a"] == Said("applied", digest="one")
    assert state.said["b"] is APPLIED
    assert drafts[-1].outcomes["a"] == state.said["a"]
    assert state.wards[REA].available == 3
