"""A mapping as a draft would have it: what it was, and what changed over it."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Overlay(Generic[K, V]):
    """What a mapping becomes, without touching it; None in `changed` means: gone."""

    __slots__ = ("base", "changed")

    def __init__(self, base: Mapping[K, V]) -> None:
        self.base = base
        self.changed: dict[K, V | None] = {}

    def get(self, key: K) -> V | None:
        """Return the value as it would be, None where there is none."""
        return self.changed[key] if key in self.changed else self.base.get(key)

    def put(self, key: K, value: V) -> None:
        """Let the key have this value."""
        self.changed[key] = value

    def drop(self, key: K) -> None:
        """Let the key be gone."""
        if key in self.base:
            self.changed[key] = None
        else:
            self.changed.pop(key, None)

    def __contains__(self, key: K) -> bool:
        """Return whether the key would have a value."""
        return self.get(key) is not None

    def items(self) -> Iterator[tuple[K, V]]:
        """Yield every key and value as they would be, in no order that anything may rest on."""
        for key, was in self.base.items():
            if key not in self.changed:
                yield key, was
        for key, now in self.changed.items():
            if now is not None:
                yield key, now


def absorb(held: dict[K, V], changed: Mapping[K, V | None]) -> None:
    """Let a mapping become what an overlay made of it."""
    for key, value in changed.items():
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value
