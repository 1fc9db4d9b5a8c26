"""What people send about alerts, as JSON: bytes to a whole value, or to all that is wrong with it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec

from domain.alerts.evaluate import LONGEST_TEXT
from domain.alerts.fold import LONGEST_OVERRIDE_MS, LONGEST_REASON, LONGEST_SILENCE_MS
from domain.alerts.lifecycle import Outcome
from domain.alerts.routing import CHANNELS
from domain.alerts.rule import Severity
from domain.errors import Unreadable
from realtime_api.problems import Mistake, Problem

MOST_BYTES = 64 * 1024
MOST_ALERTS = 200  # of one act
MOST_ID, MOST_NAME = 64, 200  # characters
MOST_LABELS, MOST_VALUES = 16, 64  # of a silence's matchers
MOST_MISTAKES, LONGEST = 50, 200
# What alerts are labelled by: a silence of any other label would match nothing.
LABELS = frozenset(
    "rule concern severity level region departement facility ward bed_kind source shard channel".split(" ")
)
CHANNELS_OF_PEOPLE = frozenset(CHANNELS)

Act = Literal["seen", "take", "hand_over", "resolve", "comment"]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a door is sent."""


class ActAsked(Asked, frozen=True):
    """What somebody does with up to 200 alerts: `to` goes with hand_over, `outcome` with resolve, `text` with all."""

    act: Act
    alerts: list[str]
    to: str | None = None
    outcome: Outcome | None = None
    text: str = ""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        if not 0 < len(self.alerts) <= MOST_ALERTS:
            yield Mistake("alerts", f"at least one is needed, and at most {MOST_ALERTS}")
        for place, id_ in enumerate(self.alerts):
            if not 0 < len(id_) <= MOST_ID:
                yield Mistake(f"alerts[{place}]", "is no alert's id")
        for field, act in (("to", "hand_over"), ("outcome", "resolve")):
            given = getattr(self, field)
            if self.act == act and not given:
                yield Mistake(field, f"is needed to {act.replace('_', ' ')}")
            elif self.act != act and given is not None:
                yield Mistake(field, f"only goes with {act}")
        if len(self.text) > LONGEST_TEXT:
            yield Mistake("text", f"at most {LONGEST_TEXT} characters")
        if self.act == "comment" and not self.text.strip():
            yield Mistake("text", "nothing is said")
        if self.act == "seen" and self.text:
            yield Mistake("text", "does not go with seen")


class SilenceAsked(Asked, frozen=True):
    """Whom not to tell of what: labels with the values of which an alert must have one each.

    Instants are RFC 3339 with an offset, or milliseconds since 1970; without `since`, from now on.
    """

    matchers: dict[str, list[str]]
    until: int | str
    reason: str
    since: int | str | None = None

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        if not 0 < len(self.matchers) <= MOST_LABELS:
            yield Mistake("matchers", f"at least one label is needed, and at most {MOST_LABELS}")
        for label, values in self.matchers.items():
            path = f"matchers.{label[:LONGEST]}"
            if label not in LABELS:
                yield Mistake(path, f"is not one of {', '.join(sorted(LABELS))}")
            if not 0 < len(values) <= MOST_VALUES or not all(0 < len(value) <= MOST_NAME for value in values):
                yield Mistake(path, f"needs 1 to {MOST_VALUES} values, of at most {MOST_NAME} characters each")
        yield from _wrong_span(self.since, self.until, now, LONGEST_SILENCE_MS)
        yield from _wrong_text("reason", self.reason, LONGEST_REASON, needed=True)


class OverrideAsked(Asked, frozen=True):
    """Who stands in on a schedule from when until when; instants as in a silence."""

    schedule: str
    person: str
    until: int | str
    since: int | str | None = None
    reason: str = ""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from _wrong_text("schedule", self.schedule, MOST_NAME, needed=True)
        yield from _wrong_text("person", self.person, MOST_NAME, needed=True)
        yield from _wrong_span(self.since, self.until, now, LONGEST_OVERRIDE_MS)
        yield from _wrong_text("reason", self.reason, LONGEST_REASON)


class ChannelsAsked(Asked, frozen=True):
    """By which channels one wants to be told, by severity and in order; where it is left out, as published."""

    channels: dict[Severity, list[str]]

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        for severity, channels in self.channels.items():
            if not CHANNELS_OF_PEOPLE.issuperset(channels):
                yield Mistake(f"channels.{severity}", f"holds what is not one of {', '.join(CHANNELS)}")
            if len(set(channels)) != len(channels):
                yield Mistake(f"channels.{severity}", "names a channel twice")
        if self.channels.get("critical") == []:
            yield Mistake("channels.critical", "needs a channel: what is critical must reach somebody")


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A subscription's keys, in base64url: a point of P-256 (65 bytes), and a secret of 16 bytes."""

    p256dh: str
    auth: str


class SubscriptionAsked(Asked, frozen=True, rename={"expires": "expirationTime"}):
    """A browser's push subscription, as `PushSubscription.toJSON()` tells it; its owner knows it by `label`."""

    endpoint: str
    keys: Keys
    label: str = ""
    expires: float | None = None

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it, but for what those who push say of it."""
        yield from _wrong_text("label", self.label, MOST_NAME)


class SeenAsked(Asked, frozen=True):
    """The secret of a link out of a message, from its fragment (`/seen#…`)."""

    link: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from ()


A = TypeVar("A", ActAsked, SilenceAsked, OverrideAsked, ChannelsAsked, SubscriptionAsked, SeenAsked)


def read(body: bytes, kind: type[A], now: int) -> A:
    """Return what the body says; raise Unreadable, or a Problem with all that is wrong with it."""
    try:
        given = msgspec.json.decode(body)
    except RecursionError:
        raise Unreadable("not JSON: nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable(f"not JSON: {error}") from None
    if not isinstance(given, dict):
        raise Problem("wrong-fields", mistakes=[Mistake("", "must be an object")])
    wrong = list(_wrong_fields(given, kind))
    if not wrong:
        asked = msgspec.convert(given, kind)
        wrong = list(asked.mistakes(now))
        if not wrong:
            return asked
    raise Problem("wrong-fields", mistakes=[Mistake(at[:LONGEST], why[:LONGEST]) for at, why in wrong[:MOST_MISTAKES]])


def _wrong_fields(given: Mapping[str, Any], kind: type[msgspec.Struct]) -> Iterator[Mistake]:
    """Yield a mistake for each field that is missing, unknown or of another type."""
    types = get_type_hints(kind)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if field.required and name not in given:
            yield Mistake(name, "is missing")
    for name, value in given.items():
        if name not in fields:
            yield Mistake(name, "is no field of this")
            continue
        try:
            msgspec.convert(value, types[fields[name].name])
        except msgspec.ValidationError as error:
            yield Mistake(name, str(error))


def _wrong_text(name: str, text: str, most: int, *, needed: bool = False) -> Iterator[Mistake]:
    if len(text) > most:
        yield Mistake(name, f"at most {most} characters")
    if needed and not text.strip():
        yield Mistake(name, "is missing")


def _wrong_span(since: int | str | None, until: int | str, now: int, longest_ms: int) -> Iterator[Mistake]:
    begin, end = span(since, until, now)
    for name, at in (("since", begin), ("until", end)):
        if at is None:
            yield Mistake(name, "must be RFC 3339 with an offset, or milliseconds since 1970")
    if begin is None or end is None:
        return
    if end <= now:
        yield Mistake("until", "is over already")
    elif end <= begin:
        yield Mistake("until", "is not after its beginning")
    elif end - now > longest_ms:
        yield Mistake("until", f"is more than {longest_ms // 86_400_000} days away")


def span(since: int | str | None, until: int | str, now: int) -> tuple[int | None, int | None]:
    """Return both instants (ms), None for one that is none."""
    return now if since is None else _instant(since), _instant(until)


def _instant(given: int | str) -> int | None:
    if isinstance(given, int):
        return given if 0 <= given < 1 << 53 else None
    try:
        moment = datetime.fromisoformat(given)
        return round(moment.timestamp() * 1000) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
