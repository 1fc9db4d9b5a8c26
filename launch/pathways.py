"""A region's pathways as settings of its followup shards: each version once, and never another under its name."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from domain.followup.holding import PATHWAY, read_pathway
from domain.followup.pathway import Pathway


def setting(pathway: Pathway) -> str:
    """Return the name of the setting that a pathway is published as."""
    return f"{PATHWAY}{pathway.id}/{pathway.version}"


def settings_of(pathways: Iterable[Pathway]) -> dict[str, bytes]:
    """Return the settings that pathways are published as."""
    return {setting(each): msgspec.json.encode(each) for each in pathways}


def altered(wanted: Mapping[str, bytes], in_force: Mapping[str, bytes]) -> list[str]:
    """Return which versions (`<id>/<version>`) are in force otherwise: patients stay on them as they are."""
    return [
        name.removeprefix(PATHWAY)
        for name, content in wanted.items()
        if name.startswith(PATHWAY)
        and name in in_force
        and content != in_force[name]
        and read_pathway(content) != read_pathway(in_force[name])
    ]


def hastened(pathway: Pathway, speed: float, days: int) -> Pathway:
    """Return a version of its own whose first so many days pass so many times faster than life.

    Slots, reminders and their limits come sooner; whoever is told of an alert has as long to answer as ever.
    """
    cut = tuple(day for day in pathway.slots.days if day <= days)
    version = f"{pathway.version}-x{speed:g}" + (f"-d{days}" if cut != pathway.slots.days else "")
    slots = replace(pathway.slots, days=cut)
    return replace(pathway, version=version, slots=slots, divided_by=pathway.divided_by * speed)
