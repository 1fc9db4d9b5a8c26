"""Figures by ROR indicator: rows that replace one another whole, and which of two stands."""

from collections.abc import Iterable, Sequence

import msgspec

from domain.events import (
    AVAILABLE,
    CLOSED,
    CODES,
    MANUAL,
    SUPPLEMENTARY,
    BedsReported,
    Source,
    Split,
)

MOST_BEDS = 100_000  # more than any ward can hold: a slip of the finger, not a figure
AHEAD_MS = 5 * 60_000  # a source's clock may run this far ahead; its figure then happened when it was received
OLDER = "older than the figure held"
LATEST = 253_402_300_799_999  # the last millisecond of the year 9999

# What may qualify a count, and the only status that it may qualify (ROR business rules, domain facts §1.3).
ONLY_WITH = {"gender": AVAILABLE, "closing": CLOSED, "extra": SUPPLEMENTARY, "crisis": SUPPLEMENTARY}

Key = tuple[str, str, str]  # nature, status, temporality


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one source said, whole, of one (nature, status, temporality) of a ward; instants in ms."""

    nature: str
    status: str
    temporality: str
    happened_at: int
    received_at: int
    offset: int
    source: Source
    splits: tuple[Split, ...]

    @property
    def key(self) -> Key:
        """Return what this row states, among the rows of its ward."""
        return (self.nature, self.status, self.temporality)

    @property
    def count(self) -> int:
        """Return the sum of the splits."""
        return sum(split.count for split in self.splits)


def row_of(event: BedsReported, offset: int, received_at: int) -> Row:
    """Return the row that an event states; a figure can't have happened after it was received."""
    return Row(
        nature=event.nature,
        status=event.status,
        temporality=event.temporality,
        happened_at=min(event.happened_at, received_at),
        received_at=received_at,
        offset=offset,
        source=event.source,
        splits=event.splits,
    )


def why_history(held: Row | None, row: Row, clock: int, limit_ms: int) -> str | None:
    """Return why the row does not replace the one held, None where it does.

    Newest `happened_at` wins, at equal instants the later on the log. A person's *available* stands over software's
    for as long as it is fresh: software knows who lies in a bed, not who is there to staff it.
    """
    if held is None:
        return None
    if row.happened_at < held.happened_at:
        return OLDER
    person_said = row.status == AVAILABLE and held.source.type == MANUAL and row.source.type != MANUAL
    if person_said and clock < held.happened_at + limit_ms:
        return "a person's figure stands over software's"
    return None


def mistakes_in(nature: str, status: str, temporality: str, splits: Sequence[Split]) -> list[tuple[str, str]]:
    """Return every mistake of a row as (path, message); an empty list for a row that can be folded."""
    found = [
        (name, f"{value!r} is not one of {', '.join(sorted(CODES[name]))}")
        for name, value in (("nature", nature), ("status", status), ("temporality", temporality))
        if value not in CODES[name]
    ]
    if not splits:
        found.append(("splits", "at least one count is needed"))
    identities: set[tuple[str | int | None, ...]] = set()
    for place, split in enumerate(splits):
        found += [(f"splits[{place}].{name}", message) for name, message in _mistakes_of(split, status)]
        identity = (split.gender, split.closing, split.extra, split.crisis, split.assignment, split.until)
        if identity in identities:
            found.append((f"splits[{place}]", "states the same indicator as an earlier split of this row"))
        identities.add(identity)
    return found


def _mistakes_of(split: Split, status: str) -> Iterable[tuple[str, str]]:
    if split.count < 0:
        yield "count", "a count can't be negative"
    elif split.count > MOST_BEDS:
        yield "count", f"a count is at most {MOST_BEDS}"
    for name in ("gender", "closing", "extra", "crisis", "assignment"):
        value = getattr(split, name)
        if value is None:
            continue
        if value not in CODES[name]:
            yield name, f"{value!r} is not one of {', '.join(sorted(CODES[name]))}"
        elif ONLY_WITH.get(name, status) != status:
            yield name, f"only goes with status {ONLY_WITH[name]}"
    if split.until is not None:
        if status != CLOSED:
            yield "until", f"only goes with status {CLOSED}"
        elif not 0 <= split.until <= LATEST:
            yield "until", "is not within the years that a clock can show"
