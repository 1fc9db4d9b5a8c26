"""The national health identity: its key digits catch slips of the finger, and nothing more is made of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.followup.ins import Ins, Traits, key, mistakes, why_mistyped

TRAITS = Traits("DURAND", ("ANNE", "MARIE"), "1985-07-31", "female", "2A004")
FITS = "the key digits do not fit: something is mistyped"


@pytest.mark.parametrize(
    "matricule",
    [
        "2 55 08 14 168 025 38",  # the example that textbooks have
        "255081416802538",
        "1800192099001" + key("1800192099001"),
        "180012a004001" + key("180012A004001"),
        "180012B004001" + key("180012B004001"),
    ],
)
def test_a_matricule_whose_key_fits_is_taken(matricule: str) -> None:
    assert why_mistyped(matricule) == ""


def test_corsica_counts_as_19_and_18() -> None:
    assert key("180012A004001") == key("1800119004001") != key("180012B004001")
    assert key("180012B004001") == key("1800118004001")


@pytest.mark.parametrize(
    "told", ["", "255081416802539", "25508141680253", "2550814168025380", "18001XA00400112", "²" * 15]
)
def test_a_slip_of_the_finger_is_told(told: str) -> None:
    assert why_mistyped(told) in (FITS, "must be 13 signs and 2 key digits")


@given(st.integers(0, 10**13 - 1), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(number: int, place: int, by: int) -> None:
    """97 is a prime, and no step of one digit is a multiple of it."""
    right = f"{number:013}"
    wrong = right[:place] + str((int(right[place]) + by) % 10) + right[place + 1 :]
    assert why_mistyped(right + key(right)) == ""
    assert why_mistyped(wrong + key(right)) == FITS


@given(st.text())
def test_any_text_is_judged(told: str) -> None:
    assert isinstance(why_mistyped(told), str)


def test_no_matricule_is_needed_but_with_a_status_that_has_one() -> None:
    nir = "1.2.250.1.213.1.4.8"
    assert mistakes(Ins("provisoire", TRAITS)) == []
    assert mistakes(Ins("qualifiée", TRAITS, "255081416802538", nir)) == []
    assert [path for path, _ in mistakes(Ins("qualifiée", TRAITS))] == ["matricule"]
    assert [path for path, _ in mistakes(Ins("qualifiée", TRAITS, "255081416802538", "1.2.3"))] == ["oid"]
    assert [path for path, _ in mistakes(Ins("validée", TRAITS, oid=nir))] == ["oid"]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"birth_name": " "}, "traits.birth_name"),
        ({"first_names": ()}, "traits.first_names"),
        ({"birth_date": "1985-02-30"}, "traits.birth_date"),
        ({"birth_date": "19850731"}, "traits.birth_date"),
        ({"birth_place": "2C004"}, "traits.birth_place"),
    ],
)
def test_each_trait_is_checked_by_its_field(changed: dict[str, Any], path: str) -> None:
    wrong = {name: getattr(TRAITS, name) for name in Traits.__struct_fields__} | changed
    assert [where for where, _ in mistakes(Ins("provisoire", Traits(**wrong)))] == [path]
