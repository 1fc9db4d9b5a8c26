"""The teleconsultation providers that are configured: opened as they are, with nothing of the patient."""

import re
import unicodedata
from collections.abc import Iterable

from realtime_api.patients.shapes import Provider


def configured(told: Iterable[tuple[str, str]]) -> tuple[Provider, ...]:
    """Return the providers of these names and addresses; each has an id made of its name."""
    found: dict[str, Provider] = {}
    for name, url in told:
        id_ = _id(name)
        found.setdefault(id_, Provider(id_, name, url))
    return tuple(found.values())


def _id(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
