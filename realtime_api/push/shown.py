"""A shard through one view each, and when what is shown last became another: what is hidden changes nothing."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from realtime_api.push.mirror import Message, Mirror, V

MOST_VIEWS = 2_000
MOST_REMEMBERED = 50_000  # keys whose last change is known; those of what is over would only become more


class Drawing(ABC):
    """What is shown of a shard through a view, by key; drawn when somebody asks for it."""

    def __init__(self, offset: int) -> None:
        self.held: dict[str, Any] = {}
        self._upto: int | None = None
        self._since = offset  # of what was before, this can't tell whether it was shown
        self._changed: dict[str, int] = {}

    @abstractmethod
    def _keys_to_draw(self) -> Iterable[str]:
        """Return the keys of what may be shown otherwise since `_upto`; of all that is, where that is None."""

    @abstractmethod
    def _draw(self, key: str) -> Any:
        """Return what is shown under a key, None where nothing is."""

    @abstractmethod
    def _keys_after(self, offset: int) -> Iterable[str]:
        """Return the keys of what changed in the shard after an offset, shown or not."""

    def catch_up(self, offset: int) -> None:
        """Draw again what changed since it was last drawn, up to where the shard is."""
        if self._upto == offset:
            return
        first = self._upto is None
        for key in self._keys_to_draw():
            value = self._draw(key)
            if value == self.held.get(key):
                continue
            put(self.held, key, value)
            if not first:
                self._changed[key] = offset
        if first or len(self._changed) > MOST_REMEMBERED:
            self._since, self._changed = offset, {}
        self._upto = offset

    def news(self, after: int) -> dict[str, Any] | None:
        """Return what changed here after an offset, None for what is gone; None where that can't be told.

        Of what is not shown now nobody can tell whether it was before this view was first drawn; to say that it is gone
        could tell that it was there.
        """
        keys = {key for key, offset in self._changed.items() if offset > after}
        if after < self._since:
            before = list(self._keys_after(after))
            if any(key not in self.held for key in before):
                return None
            keys |= set(before)
        return {key: self.held.get(key) for key in keys}


class DrawnMirror(Mirror[V]):
    """A mirror that draws itself once for each view."""

    def __init__(self, code: str, shard: str, channel: str) -> None:
        super().__init__(code, shard, channel)
        self._shown: OrderedDict[V, Drawing] = OrderedDict()

    @abstractmethod
    def drawing(self, view: V) -> Drawing:
        """Return a drawing of this shard through a view, with nothing drawn yet."""

    @abstractmethod
    def parts(self, found: Iterable[tuple[str, Any]]) -> Message:
        """Return what stands under these keys, as the parts of a message that have any."""

    def through(self, view: V) -> Drawing:
        """Return the shard through a view, as it is now."""
        shown = self._shown.get(view)
        if shown is None:
            shown = self._shown[view] = self.drawing(view)
            if len(self._shown) > MOST_VIEWS:
                self._shown.popitem(last=False)
        self._shown.move_to_end(view)
        shown.catch_up(self.offset)
        return shown

    def changes(
        self, view: V, keys: Iterable[str], after: int | None = None, *, even_none: bool = False
    ) -> Message | None:
        """Return the message that tells what changed for the view after an offset, None where nothing did.

        Where that can't be told, it is a snapshot.
        """
        news = None if after is None else self.through(view).news(after)
        if news is None:
            return self.snapshot(view)
        if not news and not even_none:
            return None
        changes = {"at": self.at, **self.parts(news.items())}
        return {"type": "changes", "channel": view.channel, "token": self.token(view), "changes": changes}

    def forget_oldest(self) -> list[str]:
        """Return the keys of the oldest changes, forgotten where there are too many.

        A token from before them takes a snapshot.
        """
        forgotten = []
        while len(self._changed) > MOST_REMEMBERED:
            key, offset = next(iter(self._changed.items()))
            del self._changed[key]
            self.floor = max(self.floor, offset)
            forgotten.append(key)
        return forgotten


def put(held: dict[str, Any], key: str, value: Any) -> None:
    """Let a value stand under a key; None: nothing."""
    if value is None:
        held.pop(key, None)
    else:
        held[key] = value
