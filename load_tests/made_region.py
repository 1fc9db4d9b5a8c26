"""Invented regions of any size, where no real one is large enough, or several are wanted."""

import math
import random

from domain.places import BedKind, Departement, Facility, Region, Ward, Words
from launch.regions import Document

KINDS = ("rea-adulte", "usic", "soins-continus", "medecine", "chirurgie", "smr")
SOUTH, NORTH, WEST, EAST = 42.4, 45.0, -0.3, 4.8  # about Occitanie
WARDS_A_SITE = 4


def made(code: str, wards: int, seed: int = 1) -> Document:
    """Return a region of so many wards, at sites spread by chance."""
    chance = random.Random(seed)
    sites = math.ceil(wards / WARDS_A_SITE)
    departements = tuple(Departement(code=f"{number:02}", name=f"Département {number:02}") for number in range(1, 14))
    facilities = tuple(
        Facility(
            finess_et=f"{990_000_000 + place:09}",
            finess_ej=f"{980_000_000 + place // 3:09}",
            name=f"Hôpital {place}",
            commune=f"Commune {place}",
            departement=departements[place % len(departements)].code,
            lat=round(chance.uniform(SOUTH, NORTH), 5),
            lon=round(chance.uniform(WEST, EAST), 5),
        )
        for place in range(sites)
    )
    found = [
        Ward(id=f"{site.finess_et}/{kind}", facility=site.finess_et, kind=kind, installed=chance.randrange(6, 60))
        for place, site in enumerate(facilities)
        for kind in (KINDS[(place + turn) % len(KINDS)] for turn in range(WARDS_A_SITE))
    ]
    region = Region(
        code=code,
        insee="99",
        name=code.capitalize(),
        departements=departements,
        kinds=tuple(BedKind(code=kind, label=Words(kind, kind), short=Words(kind, kind)) for kind in KINDS),
        facilities=facilities,
        wards=tuple(found[:wards]),
    )
    return Document(region, b'{"type":"FeatureCollection","features":[]}')
