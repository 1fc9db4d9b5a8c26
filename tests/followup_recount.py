"""The same oracle for a followup shard: its log folded anew, all content open, beside what the live state holds."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from domain.followup.chart import Chart, SlotContent
from domain.followup.holding import FollowupState, Line
from domain.followup.sealed import About, Sealed
from event_log.log import Log
from event_log.topics import FOLLOWUP
from live_state import followup
from live_state.state import Build, State
from people.keys import Erased
from people.sealing import open_
from streams.followup import Followup, KeyStore
from tests.recount import items_of

STORED = ("patients", "outbox", "channels", "settings", "pathways", "due")


class Told(NamedTuple):
    """Everything that a followup shard shows, its content open, in a form that can be compared."""

    offset: int
    clock: int
    counted_at: int
    values: Mapping[str, Any]  # by hash and key
    said: Mapping[str, Any]
    dead: Mapping[int, str]
    charts: Mapping[str, Chart]
    slots: Mapping[str, SlotContent]  # by patient and slot
    story: Mapping[str, Line]  # by patient and place


async def counted_again(log: Log, keys: KeyStore, partition: int, upto: int) -> Told:
    """Return what the log makes of nothing, up to an offset, one record after the other."""
    sort = Followup(keys)
    held, dead = sort.empty(), dict[int, str]()
    slots: dict[str, SlotContent] = {}
    story: dict[str, Line] = {}
    items = await items_of(log, FOLLOWUP, partition, upto)
    while items:
        await sort.prepare(held, items[:1])
        draft = sort.fold(held, items[:1])
        sort.written(draft, rebuilding=False)
        dead |= draft.dead
        slots |= {f"{patient}/{slot}": content for (patient, slot), content in draft.slots.items()}
        story |= {f"{patient}/{line.at:013}/{line.id}/{line.what}": line for patient, line in draft.story}
        for gone in draft.gone:
            slots = {name: content for name, content in slots.items() if not name.startswith(gone)}
            story = {name: line for name, line in story.items() if not name.startswith(gone)}
        sort.absorb(held, draft)
        items = [item for item in items if item.offset > draft.offset]
    return await _told(held, keys, dead, slots, story)


async def shown(state: State, keys: KeyStore, shard: str) -> tuple[Build, Told] | None:
    """Return what the live state holds of a shard, and in which build; None where there is nothing yet."""
    build = await state.current(shard)
    loaded = None if build is None else await state.load(build, (*followup.NAMES, "dead", "slots:*", "story:*"))
    if build is None or loaded is None:
        return None
    held = followup.load(*loaded)
    dead = {int(offset): reason.decode() for offset, reason in loaded[1].get("dead", {}).items()}
    slots, story = dict[str, SlotContent](), dict[str, Line]()
    for name, fields in loaded[1].items():
        sort, _, patient = name.partition(":")
        if sort == "slots":
            for slot, packed in fields.items():
                sealed = followup.read_sealed(packed)
                slots[f"{patient}/{slot}"] = await opened(keys, sealed, About(patient, "slot", slot), SlotContent)
        elif sort == "story":
            story |= {f"{patient}/{place}": followup.read_line(line) for place, line in fields.items()}
    return build, await _told(held, keys, dead, slots, story)


async def opened(keys: KeyStore, sealed: Sealed, about: About, kind: Any) -> Any:
    """Return a piece of content."""
    key = (await asyncio.to_thread(keys.look_many, [sealed.key]))[sealed.key]
    assert not isinstance(key, Erased)
    return msgspec.msgpack.decode(open_(key, sealed, about), type=kind)


async def _told(
    held: FollowupState,
    keys: KeyStore,
    dead: Mapping[int, str],
    slots: Mapping[str, SlotContent],
    story: Mapping[str, Line],
) -> Told:
    charts = {
        patient: await opened(keys, sealed, About(patient, "chart"), Chart) for patient, sealed in held.sealed.items()
    }
    values = {f"{name}/{key}": value for name in STORED for key, value in getattr(held, name).items()}
    return Told(held.offset, held.clock, held.counted_at, values, held.said, dead, charts, slots, story)
