"""What can go wrong with an event, by name."""


class Unreadable(Exception):
    """Nobody can read these bytes; the reason is fit to be shown and holds none of their content."""


class UnknownVersion(Exception):
    """A kind we know in a version we do not: the reader is older than the writer, and must stop, not skip."""
