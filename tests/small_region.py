"""A small invented region, and events on it, for every test that needs figures but no real place."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from domain.capacity.fold import Item
from domain.events import (
    AVAILABLE,
    CLOSED,
    OCCUPIED,
    STATUSES,
    SUPPLEMENTARY,
    BedsReported,
    Event,
    Genesis,
    GrantGiven,
    GrantRevoked,
    SettingsPublished,
    Source,
    Split,
    Tick,
)
from domain.places import BedKind, Departement, Facility, Freshness, Region, Ward, Words

START = 1_700_000_000_000  # a Tuesday of November 2023, 22:13 UTC
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def kind(code: str, **more: Any) -> BedKind:
    """Return a kind of bed that is named like its code."""
    return BedKind(code=code, label=Words(fr=code, en=code), short=Words(fr=code, en=code), **more)


def region(**changes: Any) -> Region:
    """Return two départements, three facilities and six wards."""
    made = Region(
        code="ici",
        insee="99",
        name="Ici",
        departements=(Departement(code="31", name="Haute-Garonne"), Departement(code="81", name="Tarn")),
        kinds=(kind("rea-adulte", critical=True), kind("medecine"), kind("had", nature="02", slow=True)),
        facilities=(
            Facility("310000001", "310000010", "Nord", "Toulouse", "31", lat=43.6, lon=1.44),
            Facility("310000002", "310000010", "Sud", "Muret", "31", lat=43.46, lon=1.33),
            Facility("810000001", "810000010", "Albi", "Albi", "81"),
        ),
        wards=(
            Ward("310000001/rea-adulte", "310000001", "rea-adulte", installed=20),
            Ward("310000001/medecine", "310000001", "medecine", installed=60),
            Ward("310000002/medecine", "310000002", "medecine"),
            Ward("310000002/had", "310000002", "had", installed=30),
            Ward("810000001/rea-adulte", "810000001", "rea-adulte", installed=8),
            Ward("810000001/medecine", "810000001", "medecine", installed=40),
        ),
    )
    return msgspec.structs.replace(made, **changes)


WARDS = tuple(ward.id for ward in region().wards)


def published(document: Region, at: int = START, id_: str = "region-1") -> SettingsPublished:
    """Return the event that puts a region directory in force."""
    content = msgspec.msgpack.encode(document)
    digest = hashlib.sha256(content).hexdigest()
    return SettingsPublished(id=id_, received_at=at, name="region", digest=digest, content=content)


def opening(at: int = START) -> list[Event]:
    """Return how every log here begins: its genesis, and the region."""
    return [Genesis(id="genesis", received_at=at, epoch="e1", shard="capacity:ici"), published(region(), at)]


def report(
    id_: str,
    ward: str,
    status: str,
    count: int,
    *,
    at: int,
    happened_at: int | None = None,
    by: str = "01",
    nature: str = "01",
    **split: str,
) -> BedsReported:
    """Return a report of one count."""
    return BedsReported(
        id=id_,
        received_at=at,
        happened_at=at if happened_at is None else happened_at,
        ward=ward,
        nature=nature,
        status=status,
        source=Source(id="someone", door="api", type=by),
        splits=(Split(count, **split),),
    )


def items(events: Sequence[Event], start: int = 0) -> list[Item]:
    """Return the events as records that follow one another on the log."""
    return [Item(start + place, event) for place, event in enumerate(events)]


def _splits(status: str) -> st.SearchStrategy[tuple[Split, ...]]:
    qualified = {
        AVAILABLE: [{}, {"gender": "01"}, {"gender": "04"}],
        CLOSED: [{}, {"closing": "01"}],
        SUPPLEMENTARY: [{}, {"extra": "01"}, {"extra": "03", "crisis": "02"}],
        OCCUPIED: [{}, {"assignment": "02"}, {"assignment": "03"}],
    }.get(status, [{}])
    chosen = st.lists(st.sampled_from(range(len(qualified))), min_size=1, max_size=3, unique=True)
    counts = st.tuples(*[st.integers(0, 30)] * 3)
    return st.builds(lambda c, n: tuple(Split(n[i], **qualified[i]) for i in c), chosen, counts)


_FIGURES = st.sampled_from(STATUSES).flatmap({s: st.tuples(st.just(s), _splits(s)) for s in STATUSES}.__getitem__)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 40, 5 * MINUTE, HOUR, 13 * HOUR, 30 * HOUR]),  # since the step before
        st.sampled_from(["report"] * 12 + ["again", "tick", "tick", "grant", "revoke", "region"]),
        st.sampled_from([*WARDS, "999999999/rea-adulte"]),
        _FIGURES,
        st.sampled_from([0, 0, 0, -1, -HOUR, -30 * HOUR, 2 * MINUTE]),  # when it happened, from when it was received
        st.integers(0, 5),
    ),
    max_size=25,
)


def events() -> st.SearchStrategy[list[Event]]:
    """Draw what may follow an opening: reports (late, repeated), ticks, grants, new directories; time goes on."""
    return _STEPS.map(_events)


def _events(steps: Sequence[tuple[int, str, str, tuple[str, tuple[Split, ...]], int, int]]) -> list[Event]:
    made: list[Event] = []
    now = START
    for place, (gap, what, ward, (status, splits), ago, some) in enumerate(steps):
        now += gap
        id_, person = f"id-{place}", ("anne", "paul")[some % 2]
        match what:
            case "again" if made:
                made.append(made[some % len(made)])
            case "tick":
                made.append(Tick(id=id_, received_at=now))
            case "grant":
                made.append(GrantGiven(id=id_, received_at=now, subject=person, role="ward", scope="ici", since=now))
            case "revoke":
                made.append(GrantRevoked(id=id_, received_at=now, subject=person, role="ward", scope="ici"))
            case "region":
                freshness = Freshness(divided_by=24.0 if some % 2 else 1.0)
                made.append(published(region(freshness=freshness, wards=region().wards[: 2 + some]), now, id_))
            case _:
                made.append(
                    BedsReported(
                        id=id_,
                        received_at=now,
                        happened_at=now + ago,
                        ward=ward,
                        nature="02" if ward.endswith("had") else "01",
                        status=status,
                        temporality="03" if some == 0 else "01",
                        source=Source(id=person, door="api", type="03" if some > 3 else "01"),
                        splits=splits,
                    )
                )
    return made
