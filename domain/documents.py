"""Settings documents as they come on the log, in parts: put together, or refused with a reason."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from domain.events import SettingsPublished
from domain.overlay import Overlay

MOST_PARTS = 15  # of a setting, of half a MiB each: a commit of one record holds 8 MiB


class Whole(NamedTuple):
    """A document of which every part has come; `refused` says why it is none."""

    content: bytes = b""
    refused: str = ""


def gather(settings: Overlay[str, bytes], event: SettingsPublished) -> Whole | None:
    """Return the document once its last part is here, None while parts are to come; the parts are kept beside.

    A document that is whole is not put in force here: whoever reads it must be able to first (`put_in_force`).
    """
    if ":" in event.name:
        return Whole(refused="a colon in the name")  # it is ours: digests and parts are kept beside under such
    if not 0 <= event.part < event.parts <= MOST_PARTS:
        return Whole(refused=f"part {event.part} of {event.parts}")
    _drop_parts(settings, event.name, but=event.digest)
    settings.put(_part(event, event.part), event.content)
    parts = [settings.get(_part(event, place)) for place in range(event.parts)]
    content = [part for part in parts if part is not None]
    if len(content) < event.parts:
        return None
    for place in range(event.parts):
        settings.drop(_part(event, place))
    if hashlib.sha256(b"".join(content)).hexdigest() != event.digest:
        return Whole(refused="the content does not match its digest")
    return Whole(b"".join(content))


def publish(
    settings: Overlay[str, bytes], event: SettingsPublished, why_not: Callable[[str, bytes], str | None]
) -> str | None:
    """Return why a part of a document is refused; a whole one that its reader (`why_not`) takes is in force."""
    whole = gather(settings, event)
    if whole is None:
        return None  # more parts are to come
    if whole.refused:
        return whole.refused
    try:
        why = why_not(event.name, whole.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return f"{event.name} can't be read: {error}"
    if why is None:
        put_in_force(settings, event, whole.content)
    return why


def put_in_force(settings: Overlay[str, bytes], event: SettingsPublished, content: bytes) -> None:
    """Let the document hold from now on, with its digest beside."""
    settings.put(event.name, content)
    settings.put(f"{event.name}:digest", event.digest.encode())


def _drop_parts(settings: Overlay[str, bytes], name: str, but: str) -> None:
    """Forget the parts of a publication that was broken off."""
    for held in [key for key, _ in settings.items() if key.startswith(f"{name}:")]:
        rest = held.removeprefix(f"{name}:")
        if ":" in rest and not rest.startswith(f"{but}:"):
            settings.drop(held)


def _part(event: SettingsPublished, place: int) -> str:
    return f"{event.name}:{event.digest}:{place}"
