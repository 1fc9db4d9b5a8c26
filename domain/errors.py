"""What can go wrong with an event, by name."""


class Unreadable(Exception):
    """Nobody can read these bytes; the reason is fit to be shown and holds none of their content.

    `id` is the event's, for one that could be read and yet not be kept: its sender is told what became of it.
    """

    def __init__(self, reason: str, id_: str | None = None) -> None:
        super().__init__(reason)
        self.id = id_


class UnknownVersion(Exception):
    """A kind we know in a version we do not: the reader is older than the writer, and must stop, not skip."""
