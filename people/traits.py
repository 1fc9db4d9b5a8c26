"""Identity traits as duplicates are found by them: written alike, and kept as keyed hashes alone."""

import hmac
import unicodedata
from dataclasses import dataclass, field
from datetime import date

import msgspec

DIGEST_BYTES = 32
MATRICULE = 13  # characters of an INS without its two key digits, which tell nothing new
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})


@dataclass(frozen=True, slots=True)
class Traits:
    """Who a patient is, as far as finding the same one again needs it. An INS may be absent."""

    birth_name: str = field(repr=False)
    first_names: str = field(repr=False)
    birth_date: date = field(repr=False)
    used_name: str = field(default="", repr=False)
    ins: str = field(default="", repr=False)


def alike(text: str) -> str:
    """Return a name as all its ways of writing have it: no accents, capitals, hyphens, apostrophes or spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LIGATURES))
    return "".join(filter(str.isalnum, plain.casefold()))


def digests(traits: Traits, key: bytes) -> set[bytes]:
    """Return what the traits are found by: each digest in common with another's is a reason to propose a duplicate.

    Names in either order, birth or used name, all first names or the first, each with the birth date; and the INS.
    """
    names = {alike(traits.birth_name), alike(traits.used_name)} - {""}
    firsts = {alike(traits.first_names), alike((traits.first_names.split() or [""])[0])} - {""}
    born = traits.birth_date.isoformat()
    told = [("person", *sorted((name, first)), born) for name in names for first in firsts]
    matricule = alike(traits.ins)[:MATRICULE]
    if len(matricule) == MATRICULE:
        told.append(("ins", matricule))
    return {hmac.digest(key, msgspec.msgpack.encode(one), "sha256") for one in told}
