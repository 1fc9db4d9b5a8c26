"""What a region's directory says of alerts, put in force: settings on its logs, people in the directory store."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from config.alerts import ADDRESSES, Alerting
from domain.alerts.routing import OnCall, People, Routing
from domain.alerts.rule import Ruleset
from people.directory import Contact, Imported
from people.directory import People as Directory
from streams.on_call import FILE, is_news, kept, setting

RULES, ROUTING, PEOPLE = "alert_rules", "routing", "people"

_on_call = msgspec.json.Decoder(OnCall).decode


def settings_of(told: Alerting) -> dict[str, bytes]:
    """Return the settings that a directory's alert files are published as."""
    found = {RULES: told.rules, ROUTING: told.routing, PEOPLE: told.people}
    found |= {setting(schedule): on_call for schedule, on_call in told.on_call.items()}
    return {name: msgspec.json.encode(content) for name, content in found.items()}


def due(wanted: Mapping[str, bytes], in_force: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the settings of a directory that are to be published where others are in force.

    People are taken from it once alone: later ones come by `vigilits contacts import`, perhaps from a file that is kept
    elsewhere. A calendar is published only for what is new in it; and one that was fetched from an address stays.
    """
    return {name: content for name, content in wanted.items() if _is_due(name, content, in_force.get(name))}


def _is_due(name: str, content: bytes, held: bytes | None) -> bool:
    if held is None:
        return True
    if name == PEOPLE:
        return False
    if name.startswith(setting("")):
        before, found = _on_call(held), _on_call(content)
        return before.source == found.source and is_news(before, found)
    return True


def hastened(told: Alerting, speed: float) -> Alerting:
    """Return the same for a past that goes so many times faster than life."""
    return told._replace(rules=hastened_rules(told.rules, speed))


def hastened_rules(rules: Ruleset, speed: float) -> Ruleset:
    """Return the rules with conditions that hold for so many times less: but what concerns the system has no past."""
    changed = (
        rule if rule.concern == "system" else msgspec.structs.replace(rule, hold_s=rule.hold_s / speed)
        for rule in rules.rules
    )
    return msgspec.structs.replace(rules, rules=tuple(changed))


# --- the directory store ---------------------------------------------------------------------------------------------


def contact_of(row: Mapping[str, str]) -> Contact:
    """Return somebody as the directory store takes them, from a row of contacts.csv."""
    return Contact(
        subject=row["subject"],
        name=row["name"],
        team=row["team"],
        language=row["language"],
        addresses={channel: tuple(row[channel].split()) for channel in ADDRESSES},
        invented=row["invented"] == "yes",
    )


def import_contacts(home: Path, region: str, rows: Iterable[Mapping[str, str]]) -> Imported:
    """Return what changed in the home's directory store: the region's people are these from now on."""
    return Directory(home).import_contacts(region, [contact_of(row) for row in rows])


def fill(home: Path, region: str, told: Alerting, *, anew: bool = False) -> None:
    """Put a directory's people and calendars in the home's store; people where it has none yet, or `anew`."""
    directory = Directory(home)
    if anew or not directory.names(region):
        directory.import_contacts(region, [contact_of(row) for row in told.contacts])
    known = directory.calendars(region)
    for schedule, content in told.calendars.items():
        if known.get(schedule, FILE).startswith(FILE):
            keep_calendar(home, region, schedule, content)


def nobody_real(home: Path, region: str) -> str | None:
    """Return a line that says of whom in a region nobody real is told, None where its people are all real."""
    people = Directory(home).names(region)
    invented = sum(person.invented for person in people.values())
    if not invented:
        return None
    if invented == len(people):
        return f"{region}: its people are invented, so nobody real is told of its alerts (`vigilits contacts import`)"
    return f"{region}: {invented} of its {len(people)} people are invented: nobody real is told in their place"


def keep_calendar(home: Path, region: str, schedule: str, content: bytes) -> None:
    """Keep a calendar in the home, for the worker to read again and again: its shifts are published 90 days ahead."""
    path = kept(home, region, schedule)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content)
    shutil.move(fresh, path)  # whole or not at all: the worker may be reading
    Directory(home).set_calendar(region, schedule, f"{FILE}{path.name}")


# --- what changed, in words ------------------------------------------------------------------------------------------


def changes(before: bytes | None, after: bytes, name: str) -> list[str]:
    """Return what publishing a setting changes, a line each: what is new (+), changed (~) and gone (-)."""
    old = {} if before is None else _parts(name, before)
    new = _parts(name, after)
    lines = [f"+ {part}" for part in new if part not in old]
    lines += [f"~ {part}" for part in new if part in old and new[part] != old[part]]
    return lines + [f"- {part}" for part in old if part not in new]


def _parts(name: str, content: bytes) -> dict[str, object]:
    """Return the parts of a setting that one speaks of: rules, chains, people."""
    match name:
        case "alert_rules":
            return {f"rule {rule.id}": rule for rule in msgspec.json.decode(content, type=Ruleset).rules}
        case "routing":
            routing = msgspec.json.decode(content, type=Routing)
            chains: dict[str, object] = {f"chain {chain.id}": chain for chain in routing.chains}
            rest = {"routes": routing.route, "inhibitions": routing.inhibitions, "schedules": routing.schedules}
            return chains | rest | {"time zone": routing.zone}
        case "people":
            people = msgspec.json.decode(content, type=People).people
            return {f"person {subject}": person for subject, person in people.items()}
        case _:
            return {name: _on_call(content).shifts} if name.startswith(setting("")) else {}
