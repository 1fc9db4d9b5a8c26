"""The national health identity (INS): its matricule, five traits and status; its key is only a check of typing."""

import re
from datetime import date
from typing import Literal

from domain.followup.questionnaire import Mistake
from domain.places import Place

Status = Literal["provisoire", "récupérée", "validée", "qualifiée"]
WITH_MATRICULE: tuple[Status, ...] = ("récupérée", "qualifiée")  # those that come from the national service (INSi)
Sex = Literal["male", "female", "unknown"]

OIDS = {
    "1.2.250.1.213.1.4.8": "NIR",
    "1.2.250.1.213.1.4.9": "NIA",
    "1.2.250.1.213.1.4.10": "test",
    "1.2.250.1.213.1.4.11": "demonstration",
}
MATRICULE = re.compile(r"(\d{5})(\d{2}|2A|2B)(\d{6})(\d{2})", re.ASCII)
CORSICA = {"2A": "19", "2B": "18"}  # what the letters count as in the key
KEY_OF = 97
BIRTH_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
BIRTH_PLACE = re.compile(r"(\d{2}|2A|2B)\d{3}", re.ASCII)  # INSEE: a commune, or 99 and a country
LONGEST_NAME = 100


class Traits(Place, frozen=True):
    """The five traits: family name, first names and date, sex and place (INSEE code) of birth."""

    birth_name: str
    first_names: tuple[str, ...]
    birth_date: str
    sex: Sex
    birth_place: str


class Ins(Place, frozen=True):
    """A national health identity as somebody typed it or a service gave it."""

    status: Status
    traits: Traits
    matricule: str = ""
    oid: str = ""


def plain(matricule: str) -> str:
    """Return a matricule without the spaces that people write it with, and with Corsica's letters as capitals."""
    return "".join(matricule.split()).upper()


def key(number: str) -> str:
    """Return the two key digits of the thirteen signs of a matricule."""
    digits = number[:5] + CORSICA.get(number[5:7], number[5:7]) + number[7:]
    return f"{KEY_OF - int(digits) % KEY_OF:02}"


def why_mistyped(matricule: str) -> str:
    """Return why a matricule can't be right, empty where it can: a slip of the finger, never a proof of identity."""
    told = plain(matricule)
    if not MATRICULE.fullmatch(told):
        return "must be 13 signs and 2 key digits"
    return "" if key(told[:13]) == told[13:] else "the key digits do not fit: something is mistyped"


def _is_date(told: str) -> bool:
    try:
        return BIRTH_DATE.fullmatch(told) is not None and bool(date.fromisoformat(told))
    except ValueError:
        return False


def mistakes(ins: Ins) -> list[Mistake]:
    """Return everything that is wrong with an identity as (path, message), none of which repeats it."""
    found: list[Mistake] = []
    if ins.matricule:
        wrong = why_mistyped(ins.matricule)
        found += [("matricule", wrong)] if wrong else []
        if ins.oid not in OIDS:
            found.append(("oid", f"must be one of {', '.join(OIDS)}"))
    elif ins.oid:
        found.append(("oid", "only goes with a matricule"))
    if not ins.matricule and ins.status in WITH_MATRICULE:
        found.append(("matricule", "is needed for an identity that the national service gave"))
    traits = ins.traits
    if not 0 < len(traits.birth_name.strip()) <= LONGEST_NAME:
        found.append(("traits.birth_name", f"from 1 to {LONGEST_NAME} characters"))
    if not traits.first_names or any(not 0 < len(name.strip()) <= LONGEST_NAME for name in traits.first_names):
        found.append(("traits.first_names", f"at least one, each from 1 to {LONGEST_NAME} characters"))
    if not _is_date(traits.birth_date):
        found.append(("traits.birth_date", "must be a date: YYYY-MM-DD"))
    if not BIRTH_PLACE.fullmatch(traits.birth_place):
        found.append(("traits.birth_place", "must be an INSEE code of five signs"))
    return found
