"""The stores of a home that hold what following patients takes, each opened when it is first needed."""

import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from people.keys import Erased, Keys
from people.masters import named
from people.patient_links import PatientLinks
from people.sealing import Key
from people.trail import Trail

T = TypeVar("T")


class Stores:
    """Key store, access trail and links. All methods block: call them off the loop.

    One that is away at first is tried again by whoever asks next; so who needs none of them starts without.
    """

    def __init__(self, home: Path, master_keys: str = "", kms_command: str = "") -> None:
        masters = named(home, master_keys, kms_command)
        self._keys = _Once(partial(Keys, home, masters))
        self._trail = _Once(partial(Trail, home))
        self._links = _Once(partial(PatientLinks, home, lambda purpose: self.keys().derived(purpose)))

    def keys(self) -> Keys:
        """Return the key store; raise KeysAway."""
        return self._keys.get()

    def trail(self) -> Trail:
        """Return the access trail; raise TrailAway."""
        return self._trail.get()

    def links(self) -> PatientLinks:
        """Return patients' links; raise LinksAway."""
        return self._links.get()

    def look_many(self, key_ids: Iterable[str]) -> dict[str, Key | Erased]:
        """Return each key, or that it is erased; raise KeysAway."""
        return self.keys().look_many(key_ids)


class _Once(Generic[T]):
    """What is made by whoever asks first, in whichever thread, and kept."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._made: T | None = None

    def get(self) -> T:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
