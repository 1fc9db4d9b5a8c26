"""The shapes of what the doors of alerts say, from which they are described."""

from typing import Any, Literal

import msgspec

from domain.alerts.notice import ChannelState, Entry, Group, HeldAlert, Override, Past, Silence
from domain.alerts.routing import Shift
from domain.followup.counts import Counts
from domain.followup.crossing import Word
from domain.places import Words
from realtime_api.problems import ProblemDocument
from realtime_api.push.alerts import OnCallNow
from realtime_api.shapes import Links


class AlertsShown(msgspec.Struct, frozen=True):
    """A region's alerts as far as they are shown; `token` resumes from them over `/ws`."""

    region: str
    token: str
    at: int
    rebuilding: bool
    alerts: dict[str, HeldAlert]
    groups: dict[str, Group]
    silences: dict[str, Silence]
    overrides: dict[str, Override]
    channels: dict[str, ChannelState]
    on_call: dict[str, OnCallNow]
    counts: dict[str, Counts]
    words: dict[str, Word]


class FollowUpCounts(msgspec.Struct, frozen=True):
    """How many patients are followed at home, by hours, the last one first, as far as all parts of them are known.

    `least` is the smallest number that is shown; of what is less, and of a sum with such a number in it, see
    `domain/followup/counts.py`.
    """

    region: str
    at: int
    least: int
    hours: list[Counts]


class AlertShown(msgspec.Struct, frozen=True):
    """An alert, or what is kept of one for 30 days; its groups, and what happened to it, oldest first."""

    alert: HeldAlert | Past
    groups: list[Group]
    timeline: list[Entry]


class OneAlertShown(msgspec.Struct, frozen=True):
    """As it is described: `alert` is one of two, which no tag tells apart."""

    alert: dict[str, Any]
    groups: list[Group]
    timeline: list[Entry]


class ActAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an act on one alert; `status` is the HTTP status that it would have had alone."""

    id: str
    status: int
    outcome: Literal["applied", "pending"] | None = None
    problem: ProblemDocument | None = None
    links: Links | None = None


class ActAnswers(msgspec.Struct, frozen=True):
    """What became of an act on each alert."""

    alerts: list[ActAnswer]


class Made(msgspec.Struct, frozen=True):
    """What was made, or ended: `applied`, or `pending` (ask the link)."""

    id: str
    outcome: Literal["applied", "pending"]
    links: Links


class SilencesShown(msgspec.Struct, frozen=True):
    """The silences in force or to come, and when that was so."""

    at: int
    silences: dict[str, Silence]


class OnCallShown(msgspec.Struct, frozen=True):
    """Who is on call by each schedule, the shifts of the next days, and who stands in."""

    at: int
    on_call: dict[str, OnCallNow]
    shifts: dict[str, list[Shift]]
    overrides: dict[str, Override]


class PersonShown(msgspec.Struct, frozen=True):
    """Someone who can be told; `name` is null where the directory has none."""

    subject: str
    name: str | None
    team: str


class RuleWorth(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a rule's alarms were worth raising; `p50_s` and `p90_s` are the times until somebody took them in.

    `unsaid` are over without anybody having said what came of them. `actionable` is the share of those acted on among
    those that were acted on, were found to need no action, were wrong, or are unsaid; null where there is none of them.
    """

    rule: str
    title: Words | None
    raised: int
    notified: int
    taken: int
    p50_s: float | None
    p90_s: float | None
    escalated: int
    acted: int
    no_action_needed: int
    wrong: int
    unsaid: int
    actionable: float | None
    proposed: bool


class TeamLoad(msgspec.Struct, frozen=True):
    """How many people a team has, and how often they were told something in the last 120 minutes."""

    team: str
    people: int
    notices: int


class OwnLoad(msgspec.Struct, frozen=True):
    """How often the asker was told something in the last 120 minutes."""

    notices: int


class WorthShown(msgspec.Struct, frozen=True):
    """What alarms were worth, and what they cost people."""

    rules: list[RuleWorth]
    teams: list[TeamLoad]
    me: OwnLoad


class KnownAddress(msgspec.Struct, frozen=True):
    """A way to reach the asker, as they recognise it and nobody else learns it."""

    channel: str
    address: str


class ChannelsShown(msgspec.Struct, frozen=True):
    """By which channels the asker is told, by severity, and what is known of them."""

    channels: dict[str, list[str]]
    known: list[KnownAddress]


class PushKey(msgspec.Struct, frozen=True):
    """What a browser subscribes to our pushes with (applicationServerKey)."""

    key: str


class SubscriptionShown(msgspec.Struct, frozen=True):
    """A browser that the asker is pushed to; `service` is the host of its push service."""

    id: str
    label: str
    made_at: int
    service: str


class Pushed(msgspec.Struct, frozen=True):
    """A push service took the message."""

    pushed: bool


class SeenShown(msgspec.Struct, frozen=True):
    """What was marked as seen: the gravest alert's title, the group, and where signing in shows it."""

    title: Words
    seen: bool
    group: str
    link: str
