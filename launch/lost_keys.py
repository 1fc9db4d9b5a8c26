"""Whose keys are lost: patients whom the log has, and whose key is neither in the key store nor destroyed."""

from collections.abc import Mapping

from domain.errors import UnknownVersion, Unreadable
from domain.events import PatientEnrolled, PatientErased
from event_log.codec import decode
from event_log.log import Log
from event_log.topics import FOLLOWUP
from launch import regions
from launch.publish import Place
from live_state import followup
from live_state.state import State
from people.keys import Keys, KeysLost


async def keys_named(log: Log, state: State) -> dict[str, str]:
    """Return the key's id of every patient who was enrolled and not erased, by pseudonym.

    Most are in the live state; of what was not folded yet, or is to be folded anew, the log itself tells.
    """
    named: dict[str, str] = {}
    for code in await regions.places(log, FOLLOWUP):
        for place in await regions.places_of(log, code, FOLLOWUP):
            named |= await _named_on(log, state, place)
    return named


async def _named_on(log: Log, state: State, place: Place) -> dict[str, str]:
    named: dict[str, str] = {}
    build, start = await state.current(place.shard), 0
    loaded = None if build is None or build.epoch != place.epoch else await state.load(build, ("patients",))
    if loaded is not None:
        start = loaded[0].offset + 1
        named = {id_: followup.read_patient(row).key for id_, row in loaded[1].get("patients", {}).items()}
    async for record in log.read(FOLLOWUP, place.partition, start):
        try:
            event = decode(record.value)
        except (Unreadable, UnknownVersion):
            continue  # the worker says so
        if isinstance(event, PatientEnrolled):
            named.setdefault(event.patient, event.key)
        elif isinstance(event, PatientErased):
            named.pop(event.patient, None)
    return named


def lost(keys: Keys, named: Mapping[str, str]) -> dict[str, str]:
    """Return whose key is lost, of these patients, with its id; raise KeysAway where that can't be told."""
    try:
        keys.look_many(named.values())
    except KeysLost as why:
        return {id_: key for id_, key in sorted(named.items()) if key in why.ids}
    return {}
