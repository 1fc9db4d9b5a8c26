"""What can be measured, what is wrong with rules, and what alerts are called and say."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given

from domain.alerts.measures import LONGEST_TEXT, MEASURES, MOST_RULES, PLACES, Unit, check
from domain.alerts.rule import Concern, Level, Rule, Ruleset
from domain.alerts.wording import Names, duration, quantity, render
from domain.capacity.fold import CapacityState, fold
from domain.capacity.watch import Plan, SourceSeen, of_group, of_shard, of_source, of_ward
from domain.events import AVAILABLE, CLOSED, OCCUPIED, Event
from domain.places import Words
from tests.alert_rules import CROWDED, WORDS, rule
from tests.small_region import DAY, HOUR, START, WARDS, events, items, opening, region, report

REA, MEDECINE, UNKNOWN_BEDS = WARDS[0], WARDS[1], WARDS[2]


def paths(*rules: Rule) -> list[str]:
    """Return where mistakes are."""
    return [path for path, _ in check(Ruleset(rules))]


def with_levels(*levels: Level) -> list[str]:
    """Return where mistakes of these levels are."""
    return [path.removeprefix("rules[0].") for path in paths(msgspec.structs.replace(CROWDED, levels=levels))]


def changed(**changes: Any) -> list[str]:
    """Return where mistakes of a right rule with these changes are."""
    return [path.removeprefix("rules[0].") for path in paths(msgspec.structs.replace(CROWDED, **changes))]


def test_the_rules_of_these_tests_are_right() -> None:
    assert paths(CROWDED, msgspec.structs.replace(CROWDED, id="another")) == []


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"id": "Crowded"}, ["id"]),
        ({"id": ""}, ["id"]),
        ({"id": "a|b"}, ["id"]),
        ({"id": "a" * 65}, ["id"]),
        ({"on": "weather"}, ["on"]),
        ({"at": "source"}, ["at", "bed_kinds"]),
        ({"at": "village"}, ["at", "bed_kinds"]),
        ({"on": "closed_past"}, ["at"]),
        ({"concern": "system"}, ["concern"]),
        ({"hold_s": -1}, ["hold_s"]),
        ({"hold_s": float("nan")}, ["hold_s"]),
        ({"taken_s": float("inf")}, ["taken_s"]),
        ({"levels": ()}, ["levels"]),
        ({"link": "javascript:alert(1)"}, ["link"]),
        ({"link": "https://a b"}, ["link"]),
        ({"link": "/" + "x" * 500}, ["link"]),
        ({"link": "/map?kind=rea-adulte"}, []),
        ({"link": "https://cellule.example/consignes"}, []),
        ({"title": Words(fr="", en="x")}, ["title.fr"]),
        ({"text": Words(fr="{place}", en="{plce} and {}")}, ["text.en", "text.en"]),
        ({"todo": Words(fr="{place", en="}")}, ["todo.fr", "todo.en"]),
        ({"text": Words(fr="x" * (LONGEST_TEXT + 1), en="x")}, ["text.fr"]),
    ],
)
def test_each_mistake_is_told_by_its_path(changes: dict[str, Any], wrong: list[str]) -> None:
    assert changed(**changes) == wrong


@pytest.mark.parametrize(
    ("levels", "wrong"),
    [
        ((Level("info"),), ["levels[0].above"]),
        ((Level("info", above=1, below=0),), ["levels[0].above"]),
        ((Level("info", above=0.9, clear_below=0.95),), ["levels[0].clear_below"]),
        ((Level("info", above=0.9, clear_above=0.95),), ["levels[0].clear_above"]),
        ((Level("info", below=5, clear_above=4),), ["levels[0].clear_above"]),
        ((Level("info", below=5, clear_below=4),), ["levels[0].clear_below"]),
        ((Level("info", above=float("inf")),), ["levels[0].above"]),
        ((Level("warning", above=1), Level("info", above=2)), ["levels[1].severity"]),
        ((Level("info", above=1), Level("info", above=2)), ["levels[1].severity"]),
        ((Level("info", above=2), Level("warning", above=2)), ["levels[1].above"]),
        ((Level("info", below=2), Level("warning", below=3)), ["levels[1].below", "levels[1].clear_above"]),
        ((Level("info", above=2), Level("warning", below=1)), ["levels[1].above"]),
        ((Level("info", above=2), Level("warning", above=4, clear_below=1)), ["levels[1].clear_below"]),
        ((Level("info", below=4), Level("warning", below=2, clear_above=6)), ["levels[1].clear_above"]),
        ((Level("info", above=1), Level("warning", above=2, clear_below=1), Level("critical", above=3)), []),
        ((Level("info", below=5, clear_above=5), Level("critical", below=0, clear_above=0)), []),
    ],
)
def test_levels_rise_and_their_thresholds_agree(levels: tuple[Level, ...], wrong: list[str]) -> None:
    assert with_levels(*levels) == wrong


def test_a_threshold_that_cannot_be_reached_is_a_mistake() -> None:
    dead = rule("r", "dead_letters", "shard", Level("info", above=999), Level("critical", above=1000), concern="system")
    assert paths(dead) == ["rules[0].levels[1].above"]


def test_all_mistakes_are_told_at_once_and_ids_are_told_apart() -> None:
    bad = msgspec.structs.replace(CROWDED, on="weather", hold_s=-1)
    assert paths(CROWDED, bad) == ["rules[1].on", "rules[1].hold_s", "rules[1].id"]
    many = [msgspec.structs.replace(CROWDED, id=f"r{n}") for n in range(MOST_RULES + 1)]
    assert paths(*many) == ["rules"]


@pytest.mark.parametrize("on", list(MEASURES))
def test_every_measure_can_be_taken_at_each_of_its_levels_and_at_no_other(on: str) -> None:
    measure = MEASURES[on]
    assert measure.concern in get_args(Concern)
    for at in (*PLACES, "source", "shard", "channel"):
        wrong = paths(rule("r", on, at, Level("info", above=1), concern=measure.concern))
        assert wrong == ([] if at in measure.levels else ["rules[0].at"])


def state_of(*events: Event, at: int = START) -> CapacityState:
    """Return what these events make of the small region."""
    state = CapacityState()
    state.absorb(fold(state, items([*opening(), *events])))
    return state


def test_every_measure_of_a_ward() -> None:
    state = state_of(
        report("a", REA, OCCUPIED, 21, at=START),
        report("b", REA, AVAILABLE, 2, at=START),
        report("c", REA, CLOSED, 2, at=START),
        report("d", MEDECINE, AVAILABLE, 4, at=START - 2 * DAY),
        report("e", UNKNOWN_BEDS, OCCUPIED, 4, at=START - 2 * DAY),
    )
    wards = state.wards
    measures = [on for on, measure in MEASURES.items() if "ward" in measure.levels]
    assert {on: of_ward(on, wards[REA], START) for on in measures} == {
        "occupancy": 21 / 18,
        "available": 2,
        "undeclared_surge": 1,
        "closed_past": 0,
        "stale_beds": 0,
    }
    late = msgspec.structs.replace(wards[REA], closed_until=START, stale=True)
    assert of_ward("closed_past", late, START + 3 * HOUR) == 3
    assert of_ward("closed_past", late, START - HOUR) == 0
    assert of_ward("stale_beds", late, START) == 20
    assert {on: of_ward(on, wards[MEDECINE], START) for on in measures} == {
        "occupancy": None,
        "available": 4,
        "undeclared_surge": None,
        "closed_past": None,
        "stale_beds": 60,
    }
    assert wards[UNKNOWN_BEDS].stale
    assert of_ward("stale_beds", wards[UNKNOWN_BEDS], START) is None
    assert [of_ward(on, None, START) for on in measures] == [None] * 5
    with pytest.raises(ValueError, match="weather"):
        of_ward("weather", wards[REA], START)


@given(events())
def test_every_measure_of_a_group_is_what_its_total_says(run: list[Event]) -> None:
    state = state_of(*run)
    for key, total in state.totals.items():
        pictures = [state.wards[id_] for id_ in state.members[key] if id_ in state.wards]
        wards = len(state.members[key])
        assert of_group("occupancy", pictures, wards) == (total.occupancy if 2 * total.counted >= wards else None)
        tell = wards - total.available_lacking
        assert of_group("available", pictures, wards) == (total.available if 2 * tell >= wards else None)
        assert of_group("undeclared_surge", pictures, wards) == (total.undeclared_surge if total.counted else None)
        assert of_group("stale_beds", pictures, wards) == total.stale_beds


def test_what_a_minority_of_wards_tells_is_no_figure_to_raise_an_alert_by() -> None:
    state = state_of(report("a", REA, OCCUPIED, 21, at=START), report("b", REA, AVAILABLE, 2, at=START))
    pictures = [state.wards[REA]]
    assert [of_group(on, pictures, wards) for on in ("occupancy", "available") for wards in (2, 3)] == [
        *(21 / 20, None),
        *(2, None),
    ]


def test_a_group_is_measured_by_what_is_known_of_it() -> None:
    state = state_of(report("a", REA, OCCUPIED, 21, at=START), report("b", REA, AVAILABLE, 2, at=START))
    measures = [on for on, measure in MEASURES.items() if "region" in measure.levels]
    found = {on: of_group(on, [state.wards[REA]], 1) for on in measures}
    assert found == {"occupancy": 21 / 20, "available": 2, "undeclared_surge": 1, "stale_beds": 0}
    assert {on: of_group(on, [], 1) for on in measures} == dict.fromkeys(measures, None) | {"stale_beds": 0}
    assert of_group("stale_beds", [msgspec.structs.replace(state.wards[REA], stale=True)], 1) == 20
    with pytest.raises(ValueError, match="weather"):
        of_group("weather", [], 1)


def test_every_measure_of_a_source_and_of_the_shard() -> None:
    assert of_source("silent_for", SourceSeen(START, "03"), START + HOUR) == 3600
    assert of_source("silent_for", SourceSeen(START, "01"), START + HOUR) is None
    assert of_source("history_in_a_row", SourceSeen(START, "03", 4), START) == 4
    assert of_source("history_in_a_row", None, START) is None
    assert of_shard("dead_letters", [START, START + HOUR], START + HOUR) == 2
    assert of_shard("dead_letters", [START, START + HOUR], START + HOUR + 1) == 1
    with pytest.raises(ValueError, match="weather"):
        of_source("weather", SourceSeen(START, "03"), 0)
    with pytest.raises(ValueError, match="weather"):
        of_shard("weather", [], 0)


@pytest.mark.parametrize(
    ("narrowed", "subjects"),
    [
        ({}, ["departement/31/had", "departement/31/medecine", "departement/31/rea-adulte"]),
        ({"bed_kinds": ("had", "rea-adulte")}, ["departement/31/had", "departement/31/rea-adulte"]),
        ({"places": ("81",)}, []),
        ({"places": ("31",), "bed_kinds": ("medecine",)}, ["departement/31/medecine"]),
        ({"at": "facility", "places": ("310000002",)}, ["facility/310000002/had", "facility/310000002/medecine"]),
        ({"at": "ward", "places": ("31",)}, [f"ward/{id_}" for id_ in sorted(WARDS[:4])]),
        ({"at": "ward", "places": (REA,)}, [f"ward/{REA}"]),
        ({"at": "region", "places": ("ici",)}, [f"region/ici/{kind}" for kind in ("had", "medecine", "rea-adulte")]),
    ],
)
def test_a_rule_holds_for_the_subjects_that_it_is_narrowed_to(narrowed: dict[str, Any], subjects: list[str]) -> None:
    held = Ruleset((rule(**{"id_": "r", "on": "available", "at": "departement"} | narrowed),))
    plan = Plan(held, region())
    state = state_of()
    found = sorted(each for each in plan.subjects(state.members, ["a"]) if not each.startswith("departement/81"))
    assert found == subjects


@pytest.mark.parametrize(
    ("value", "unit", "fr", "en"),
    [
        (0.92, "ratio", "92\u00a0%", "92%"),
        (0.925, "ratio", "92,5\u00a0%", "92.5%"),
        (1.2, "ratio", "120\u00a0%", "120%"),
        (12, "count", "12", "12"),
        (12_500.0, "count", "12\u00a0500", "12,500"),
        (40, "seconds", "40\u00a0s", "40\u00a0s"),
        (14_400, "seconds", "4\u00a0h", "4\u00a0h"),
        (2 + 5 / 60, "hours", "2\u00a0h\u00a005", "2\u00a0h\u00a005"),
        (76, "hours", "3\u00a0j\u00a04\u00a0h", "3\u00a0d\u00a04\u00a0h"),
        (None, "ratio", "?", "?"),
    ],
)
def test_numbers_are_written_in_the_language(value: float | None, unit: Unit, fr: str, en: str) -> None:
    assert (quantity(value, unit, "fr"), quantity(value, unit, "en")) == (fr, en)


def test_a_span_of_time_is_told_in_its_two_largest_units() -> None:
    spans = [duration(seconds, "en").replace("\u00a0", " ") for seconds in (-1, 59.9, 60, 3599, 3600, 90_000, 172_800)]
    assert spans == ["0 s", "59 s", "1 min", "59 min", "1 h", "25 h", "2 d"]


@pytest.mark.parametrize(
    ("subject", "labels", "place"),
    [
        (
            f"ward/{REA}",
            {"facility": "310000001", "departement": "31", "bed_kind": "rea-adulte", "ward": REA},
            "Nord",
        ),
        (
            "facility/310000001/medecine",
            {"facility": "310000001", "departement": "31", "bed_kind": "medecine"},
            "Nord",
        ),
        ("departement/81/medecine", {"departement": "81", "bed_kind": "medecine"}, "Tarn"),
        ("region/ici/had", {"bed_kind": "had"}, "Ici"),
        ("source/chu-soft", {"source": "chu-soft"}, "chu-soft"),
        ("shard/capacity:ici", {"shard": "capacity:ici"}, "capacity:ici"),
        ("channel/smtp", {"channel": "smtp"}, "courriel"),
        ("channel/webhook:astreinte", {"channel": "webhook:astreinte"}, "webhook:astreinte"),
    ],
)
def test_subjects_are_labelled_and_named_by_the_directory(subject: str, labels: dict[str, str], place: str) -> None:
    names = Names(region())
    assert names.labels(subject) == labels | {"level": subject.partition("/")[0], "region": "ici"}
    assert names.words(subject, "fr")["place"] == place


def test_without_a_directory_subjects_are_called_by_their_codes() -> None:
    words = Names(code="ici").words("departement/31/rea-adulte", "en")
    assert (words["place"], words["kind"], words["region"], words["beds"]) == ("31", "rea-adulte", "ici", "?")


def test_texts_have_the_values_in_them_and_never_break() -> None:
    wordy = Words(
        fr="{kind}, {facility} ({departement}, {region}) : {value} > {threshold} depuis {since}, {beds} lits {source}",
        en="{place}{{place}}{nothing}",
    )
    each = rule("r", "occupancy", "ward", Level("info", above=0.9), text=wordy)
    names = Names(region(), beds=lambda subject: 1200)
    measured = {"value": "92 %", "threshold": "90 %", "since": "15 min"}
    title, text, todo = render(each, {"fr": names.words(f"ward/{REA}", "fr") | measured, "en": {"place": "Nord"}})
    assert text.fr == "rea-adulte, Nord (Haute-Garonne, Ici) : 92 % > 90 % depuis 15 min, 1\u00a0200 lits ?"
    assert text.en == "Nord{Nord}?"
    assert title == todo
    assert title.fr == "rea-adulte à Nord : 92 %"
    assert WORDS.en.startswith("{kind}")
