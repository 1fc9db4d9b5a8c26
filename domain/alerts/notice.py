"""What the region's notices shard holds and shows: alerts as it sees them, groups, silences, and messages to people."""

from typing import Literal

import msgspec

from domain.alerts.lifecycle import Alert
from domain.alerts.routing import Matchers
from domain.alerts.rule import Severity
from domain.places import Words

Reason = Literal[
    "first",
    "grew",
    "worse",
    "reopened",
    "escalated",
    "repeat",
    "handed_over",
    "resolved",
    "word",  # told once, and nobody need answer
    "questionnaire",  # from here on to patients: a slot is due
    "reminder",
    "code",
    "end",  # what becomes of the follow-up and its content
]
Held = Literal["silenced", "inhibited", "quiet hours", "nobody on call", "no channel", "unknown person", "late", "over"]


# Why a message fails whose channel was never set up for that person, or for anybody: no sign of anything being down.
NO_ADDRESS, NOT_CONFIGURED = "no address", "not configured"
NEVER_SET_UP = (NO_ADDRESS, NOT_CONFIGURED)


class Notice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message to a person (or to `webhook:<name>`) through one channel, to be sent between two instants (ms).

    `id` is deterministic: `<group>/<its began_at>.<step>/<person>/<channel>`; a provider's key is made from it, and no
    other message ever has it. It names no person but by subject, and its texts name no patient. `alerts` are the ids
    of those it tells of, the gravest 200.
    """

    id: str
    group: str
    alerts: tuple[str, ...]
    person: str
    channel: str
    severity: Severity
    reason: Reason
    title: Words
    text: Words
    todo: Words
    link: str
    made_at: int
    due_at: int
    give_up_at: int
    step: int
    attempts: int = 0


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one message: when it was made, attempted, delivered or given up, and why."""

    person: str
    channel: str
    at: int
    reason: Reason
    delivered_at: int | None = None
    failed_at: int | None = None
    why: str = ""


class NotTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A decision not to tell: whom (or everybody), when, why, and until when that reason holds."""

    why: Held
    at: int
    person: str | None = None
    until: int | None = None
    by: str = ""  # the silence's or the inhibiting alert's id


class HeldAlert(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An alert as the notices shard has it, from its owner's steps."""

    alert: Alert
    shard: str  # of its owner, to which acts are addressed
    groups: tuple[str, ...] = ()
    seen_by: dict[str, int] = {}  # subject → when
    silenced_by: str | None = None
    inhibited_by: str | None = None
    told: tuple[str, ...] = ()  # subjects, the first 200
    called: tuple[str, ...] = ()  # those of them who were told because they were on call, of a patient's
    comments: int = 0
    epoch: str = ""  # of its owner's log
    escalated: bool = False  # a further step of a chain was told of it
    adrift: bool = False  # handed over to somebody whom no message of that could reach: it is to be told of again


class Kept(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where the chain of a group stood whose last alert to tell of ended by itself: it may be back within moments."""

    until: int
    status: Literal["waiting", "telling", "unanswered"]
    next_at: int
    next_step: int
    loops: int
    wait_ms: int
    delayed: bool
    reason: Reason
    unanswered_at: int | None = None


class Group(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Alerts that are told of together, and how far that has come.

    `id` is a digest of route and the values grouped by. `next_at` is when the next thing happens (first telling, next
    step of the chain, repeat), None when nothing will; `next_step` indexes the chain. `told` are the last 50 messages,
    newest last, `not_told` the last 20 decisions not to send one.

    From `reason` on it is how the telling stands: why the next one at `next_at` happens; when those told already are
    told of what is new, those to whom the chain has come that it is worse, and whoever is on call now where it came to
    somebody before them; who was told since the chain last
    began, and whom a message reached; who is to be told once their quiet hours are over, and who of what was handed
    over to them; at which `step` the chain last told somebody, how many messages of that may still arrive, and how long
    it waits (where the chain says so). `over` are the alerts that ended since the group began, the last 200; `kept` is
    the chain's place while they may be back.
    """

    id: str
    route: str
    labels: dict[str, str]  # those grouped by
    severity: Severity
    status: Literal["waiting", "telling", "taken", "unanswered", "resolved", "quiet"]
    alerts: tuple[str, ...]
    began_at: int
    chain: str
    next_step: int = 0
    step: int = 0  # how many steps of telling there were, over all its life
    loops: int = 0
    next_at: int | None = None
    told: tuple[Told, ...] = ()
    not_told: tuple[NotTold, ...] = ()
    delayed: bool = False  # the present wait was prolonged by somebody having seen it
    told_at: int | None = None
    webhooks_at: int | None = None  # when receivers were last told, which `told` may have forgotten
    taken_by: str | None = None
    unanswered_at: int | None = None  # personne n'a répondu
    resolved_at: int | None = None
    reason: Reason = "first"
    news_at: int | None = None
    worse_at: int | None = None
    call_at: int | None = None
    to: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    quiet: dict[str, int] = {}  # subject → when
    handed: dict[str, int] = {}  # subject → when
    run: int = 0
    hopes: int = 0
    wait_ms: int = 0
    over: tuple[str, ...] = ()
    kept: Kept | None = None


class Silence(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Alerts that match are not told of between two instants (ms)."""

    id: str
    matchers: Matchers
    since: int
    until: int
    reason: str
    author: str


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody stands in on a schedule between two instants (ms)."""

    id: str
    schedule: str
    person: str
    since: int
    until: int
    author: str
    reason: str = ""


class ChannelState(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether a channel works, as the senders last said."""

    up: bool
    at: int
    why: str = ""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an alert's timeline: what happened, when, by whom."""

    at: int
    what: (
        str  # a lifecycle `What`, or seen, told, delivered, failed, not_told, escalated, unanswered, adrift, silenced…
    )
    by: str | None = None
    to: str | None = None
    channel: str | None = None
    text: str = ""


class Past(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is kept of an alert for 30 days after it was over."""

    id: str
    rule: str
    subject: str
    severity: Severity
    title: Words
    labels: dict[str, str]
    raised_at: int
    resolved_at: int
    taken_by: str | None = None
    outcome: str | None = None


class Worth(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Whether a rule's alarms were worth raising: counts of one day (UTC); `took_s`: up to 500 times to take in."""

    raised: int = 0
    notified: int = 0
    taken: int = 0
    escalated: int = 0
    acted: int = 0
    no_action_needed: int = 0
    wrong: int = 0
    took_s: tuple[float, ...] = ()


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far another shard's steps are folded: those at or below it are known; `over` are epochs that ended."""

    epoch: str
    offset: int
    n: int
    over: tuple[str, ...] = ()


class Measured(msgspec.Struct, frozen=True):
    """What was last measured of vigilits itself, and when."""

    value: float
    at: int
