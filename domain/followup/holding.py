"""What a followup shard holds, and a draft of what it becomes; content is here only while a record needs it."""

from dataclasses import dataclass, field

import msgspec

from domain.alerts.notice import ChannelState, Notice
from domain.capacity.fold import NEVER, Said
from domain.followup.chart import Chart, File, Mute
from domain.followup.pathway import Pathway
from domain.followup.patient import Patient
from domain.followup.questionnaire import Value
from domain.followup.sealed import Sealed

STORED = ("settings", "patients", "outbox", "channels")

read_pathway = msgspec.json.Decoder(Pathway).decode


class Gone(msgspec.Struct, frozen=True):
    """Stands for content whose key is destroyed."""


GONE = Gone()
Answers = dict[str, Value]
Opened = File | Answers | Mute | Gone  # an event's content as the fold wants it; notes pass through it sealed


class Line(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line of a patient's story: what happened, when, by whom; its text is sealed (`note`, of the event `id`).

    `what` is the kind of thing: enrolled, file_changed, joined, left, paused, resumed, stopped, ended, called,
    answered, corrected, missed, fired, worsened, taken, handed_over, reopened, commented, closed, muted, message, memo,
    memo_done, teleconsultation, glass_broken, summary…
    """

    id: str
    at: int
    what: str
    by: str = ""
    to: str = ""
    detail: str = ""  # a code, such as an outcome, a slot or a provider; never content
    until: int | None = None
    text: Sealed | None = None


@dataclass(slots=True)
class FollowupState:
    """All that a followup shard remembers; changed by `absorb` alone.

    `sealed` are all charts as they are stored; `charts` those that are open: the worker opens what a batch needs before
    it is folded, and closes what has not been needed for long. What stands from `pathways` on is not stored.
    """

    offset: int = -1
    clock: int = 0
    shard: str = ""
    settings: dict[str, bytes] = field(default_factory=dict)
    patients: dict[str, Patient] = field(default_factory=dict)
    sealed: dict[str, Sealed] = field(default_factory=dict)
    outbox: dict[str, Notice] = field(default_factory=dict)
    channels: dict[str, ChannelState] = field(default_factory=dict)
    counted_at: int = 0
    said: dict[str, Said] = field(default_factory=dict)
    said_in: dict[int, list[str]] = field(default_factory=dict)
    charts: dict[str, Chart | Gone] = field(default_factory=dict)
    pathways: dict[str, Pathway] = field(default_factory=dict)  # by `<id>/<version>`
    due: dict[str, int] = field(default_factory=dict)  # patient → when something happens to it by time alone
    next_due: int = NEVER

    def remember(self, hour: int, said: dict[str, Said]) -> None:
        """Take in the outcomes of an hour of the shard's clock, as they were stored."""
        self.said.update(said)
        self.said_in.setdefault(hour, []).extend(said)
