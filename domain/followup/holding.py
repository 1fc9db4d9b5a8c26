"""What a followup shard holds, and a draft of what it becomes; content is here only while a record needs it."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from domain.alerts.notice import ChannelState, Notice
from domain.alerts.rule import Severity
from domain.capacity.fold import HOUR_MS, NEVER, Said
from domain.events import Event
from domain.followup.chart import Chart, File, Mute, SlotContent
from domain.followup.crossing import Crossing, Word
from domain.followup.pathway import Pathway
from domain.followup.patient import MemberRole, Patient
from domain.followup.questionnaire import Value
from domain.followup.schedule import Due, slots
from domain.followup.sealed import Sealed
from domain.followup.times import next_at
from domain.known import Known
from domain.overlay import Overlay, absorb
from domain.places import Words
from domain.timers import Timers, breaking

STORED = ("settings", "patients", "outbox", "channels")
PATHWAY = "pathway/"  # what the settings' names begin with that are pathways
HOUR = ""  # the key of the timer that counts at full hours; the others' are patients and messages
MOST_AT_ONCE = 500  # patients and messages whose time one record runs
MOST_BYTES_AT_ONCE = 900 << 10  # or about so much that it changes, lest a commit be too long for Redis
# Measured on a shipped pathway: a row is in a hash and in the feed, a chart is mostly written with a slot.
BYTES_OF_A_ROW, BYTES_OF_A_CHART, BYTES_OF_A_NOTICE, BYTES_OF_A_STEP, BYTES_OF_A_LINE = 2_600, 2_900, 300, 800, 150
MOST_AT_AN_INSTANT = 20  # things of one patient
HOURS_COUNTED = 48  # at once, after a gap

read_pathway = msgspec.json.Decoder(Pathway).decode


class Gone(msgspec.Struct, frozen=True):
    """Stands for content whose key is destroyed."""


class Shut(msgspec.Struct, frozen=True):
    """Stands for content that can't be had or opened though nobody destroyed its key: it may be readable again."""


GONE, SHUT = Gone(), Shut()
Answers = dict[str, Value]
Opened = File | Answers | Mute | Gone | Shut  # an event's content as the fold wants it; notes pass through it sealed


class Line(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line of a patient's story: what happened, when, by whom; its text is sealed (`note`, of the event `id`).

    `what` is the kind of thing: enrolled, file_changed, joined, left, paused, resumed, stopped, ended, called,
    answered, corrected, missed, fired, worsened, taken, handed_over, reopened, commented, closed, muted, message, memo,
    memo_done, teleconsultation, glass_broken, lapsed, back, summary, not_taken…
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
    retells_from: int = -1  # the offset from which on every open alert is told of once more; -1: nothing is
    retold_upto: str = ""  # up to which patient, in the order of their names
    said: dict[str, Said] = field(default_factory=dict)
    said_in: dict[int, list[str]] = field(default_factory=dict)
    charts: dict[str, Chart | Gone | Shut] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)  # patients whose rows say so
    pathways: dict[str, Pathway] = field(default_factory=dict)  # by `<id>/<version>`
    due: dict[str, int] = field(default_factory=dict)  # patient, or message → when something happens by time alone
    next_due: int = NEVER

    def remember(self, hour: int, said: dict[str, Said]) -> None:
        """Take in the outcomes of an hour of the shard's clock, as they were stored."""
        self.said.update(said)
        self.said_in.setdefault(hour, []).extend(said)

    def settle(self) -> None:
        """Work out what is not stored but follows from what is: pathways as read, and timers."""
        self.pathways = {
            name.removeprefix(PATHWAY): read_pathway(content)
            for name, content in self.settings.items()
            if name.startswith(PATHWAY) and ":" not in name
        }
        self.unreadable = {id_ for id_, patient in self.patients.items() if patient.unreadable}
        self.due = {id_: notice.give_up_at for id_, notice in self.outbox.items()}
        for patient in self.patients.values():
            at = next_at(patient, self.pathways.get(patient.pathway))
            if at is not None:
                self.due[patient.id] = at
        if self.clock:
            self.due[HOUR] = next_hour(self.counted_at, self.clock)
        self.next_due = min(self.due.values(), default=NEVER)

    def absorb(self, draft: "Holding") -> None:
        """Become what the draft says, once it has been committed."""
        self.offset, self.clock, self.shard = draft.offset, draft.clock, draft.shard
        self.counted_at, self.pathways = draft.counted_at, draft.pathways
        self.retells_from, self.retold_upto = draft.retells_from, draft.retold_upto
        for name in STORED:
            absorb(getattr(self, name), getattr(draft, name).changed)
        for id_, patient in draft.patients.changed.items():
            if patient is not None and patient.unreadable:
                self.unreadable.add(id_)
            else:
                self.unreadable.discard(id_)
        absorb(self.charts, draft.charts.changed)
        absorb(self.sealed, draft.sealed)
        for id_ in draft.gone:
            self.sealed.pop(id_, None)
            self.charts.pop(id_, None)
        for hour in draft.forgotten_hours:  # first, as an id that was forgotten may have been said anew since
            for id_ in self.said_in.pop(hour, ()):
                self.said.pop(id_, None)
        for hour, said in draft.said.items():
            self.remember(hour, said)
        if draft.due.changed:
            absorb(self.due, draft.due.changed)
            self.next_due = min(self.due.values(), default=NEVER)


def next_hour(counted_at: int, clock: int) -> int:
    """Return the next full hour at which patients are counted: after a gap, the first of the last 48."""
    return max(counted_at + HOUR_MS, (clock // HOUR_MS - HOURS_COUNTED + 1) * HOUR_MS)


# -- a draft


class Lacking(Exception):
    """A record wants a chart that is not open."""

    def __init__(self, patient: str) -> None:
        super().__init__("a chart is wanted that is not open")
        self.patient = patient


class Holding(Known[Said]):
    """What a state becomes, without touching it: all it holds as overlays, and its timers (broken ones passed over).

    `sealed` is for whoever writes the draft: the charts that changed, as they are stored.
    """

    def __init__(self, base: FollowupState, opened: Mapping[str, Opened], broken: Set[str] = frozenset()) -> None:
        super().__init__(base.said, base.said_in)
        self.base, self.opened, self.broken = base, opened, broken
        self.offset, self.clock, self.shard = base.offset, base.clock, base.shard
        self.counted_at, self.pathways = base.counted_at, base.pathways
        self.retells_from, self.retold_upto = base.retells_from, base.retold_upto
        self.settings: Overlay[str, bytes] = Overlay(base.settings)
        self.patients: Overlay[str, Patient] = Overlay(base.patients)
        self.outbox: Overlay[str, Notice] = Overlay(base.outbox)
        self.channels: Overlay[str, ChannelState] = Overlay(base.channels)
        self.timers = Timers(base.due, base.next_due)
        self.due, self.time = self.timers.due, self.timers.set
        self.charts: Overlay[str, Chart | Gone | Shut] = Overlay(base.charts)
        self.sealed: dict[str, Sealed] = {}
        self.slots: dict[tuple[str, str], SlotContent] = {}
        self.story: list[tuple[str, Line]] = []
        self.gone: set[str] = set()
        self.steps: list[tuple[int, int, Crossing]] = []
        self.lacks: set[str] = set()
        self.dead: dict[int, str] = {}
        self.size = 0  # about what is changed, in bytes, in the writes and the feed
        self.most = 0  # size at which the present record has led to enough
        self._crossed = 0  # of the present record, so far

    @property
    def region(self) -> str:
        """Return the code of the shard's region."""
        return self.shard.partition(":")[2].partition(":")[0]

    @property
    def index(self) -> int:
        """Return which of the region's followup shards this is."""
        return int(self.shard.rpartition(":")[2] or 0)

    @property
    def full(self) -> bool:
        """Return whether the present record has led to so much that the rest is left to the next one."""
        return self.size >= self.most

    def begin(self, offset: int) -> None:
        """Begin a record."""
        self.offset, self._crossed = offset, 0
        self.most = self.size + MOST_BYTES_AT_ONCE

    # -- patients

    def put(self, patient: Patient) -> Patient:
        """Keep a patient as they are now, with when something happens to them by time alone, and return them."""
        patient = replace(patient, changed=self.offset)
        self.patients.put(patient.id, patient)
        self.size += BYTES_OF_A_ROW
        self.time(patient.id, next_at(patient, self.pathways.get(patient.pathway)))
        return patient

    def pathway_of(self, patient: Patient) -> Pathway:
        """Return the pathway that a patient is on, in their version."""
        return self.pathways[patient.pathway]

    def slots_of(self, patient: Patient) -> tuple[Due, ...]:
        """Return all slots of a patient."""
        return slots(self.pathway_of(patient), patient.first_day, patient.zone, patient.enrolled_at)

    def chart(self, patient: str) -> Chart | None:
        """Return an open chart, None where the key is destroyed or it can't be read; raise Lacking where not open."""
        chart = self.charts.get(patient)
        if chart is None:
            raise Lacking(patient)
        return chart if isinstance(chart, Chart) else None

    def is_open(self, patient: str) -> bool:
        """Return whether a chart can be read, or is known not to be."""
        return self.charts.get(patient) is not None

    def is_shut(self, patient: str) -> bool:
        """Return whether a chart is wanted and can't be read."""
        return isinstance(self.charts.get(patient), Shut)

    def put_chart(self, patient: str, chart: Chart) -> None:
        """Keep a chart as it is now."""
        self.charts.put(patient, chart)
        self.size += BYTES_OF_A_CHART

    def tell_story(self, patient: str, line: Line) -> None:
        """Write a line of a patient's story."""
        self.story.append((patient, line))
        self.size += BYTES_OF_A_LINE

    # -- what crosses to the region's notices

    def cross(self, what: Crossing) -> None:
        """Tell the region's notices something, as the next thing that this record leads to."""
        self.steps.append((self.offset, self._crossed, what))
        self._crossed += 1
        self.size += BYTES_OF_A_STEP

    def word(
        self, patient: Patient, id_: str, at: int, to: Iterable[str], title: Words, severity: Severity = "info"
    ) -> None:
        """Tell people something about a patient once; no content, and no name."""
        told = tuple(dict.fromkeys(to))
        if told:
            link = f"/patients/{patient.id}"
            self.cross(Word(at, f"{patient.id}/{id_}", told, severity, title, NO_MORE_WORDS, link))

    def nth(self, what: str) -> str:
        """Return an id for the next thing that crosses: of what may be told of more than once."""
        return f"{what}/{self.offset}-{self._crossed}"

    # -- messages to the patient

    def post(self, notice: Notice) -> None:
        """Put a message in the outbox."""
        self.outbox.put(notice.id, notice)
        self.size += BYTES_OF_A_NOTICE
        self.time(notice.id, notice.give_up_at)

    def withdraw(self, notices: Iterable[str]) -> None:
        """Take messages out of the outbox."""
        for id_ in notices:
            if id_ in self.outbox:
                self.outbox.drop(id_)
                self.time(id_, None)

    # -- timers

    def due_by(self, clock: int) -> list[tuple[int, str]]:
        """Return the first timers that are due by then, in order, as many as one record may run."""
        found: dict[str, int] = {}
        while len(found) < MOST_AT_ONCE and (due := self.timers.first(clock)) is not None:
            at, timer = due
            found[timer] = at
        return [(at, timer) for timer, at in found.items()]

    def run_all(self, due: list[tuple[int, str]], clock: int, run: Callable[[str, int], None]) -> None:
        """Run timers in order, each at its instant, and what of the same ones follows by then; stop when it is much."""
        heapq.heapify(due)
        while due:
            at, timer = heapq.heappop(due)
            if self.due.get(timer) != at:
                continue
            if self.full:
                self.timers.wait(timer, at)
                continue
            self.run_one(timer, at, run)
            after = self.due.get(timer)
            if after is not None and after <= clock:
                heapq.heappush(due, (after, timer))

    def run_one(self, timer: str, at: int, run: Callable[[str, int], None]) -> None:
        """Run all that is due of a timer at an instant; what is broken, or never done, is not run again."""
        if timer in self.broken:
            self.due.drop(timer)
            return
        with breaking(timer, but=(Lacking,)):
            for _ in range(MOST_AT_AN_INSTANT):
                run(timer, at)
                if self.due.get(timer) != at:
                    return
            raise RuntimeError("it is due at the same instant for ever")


NO_MORE_WORDS = Words(fr="Voir la page du patient.", en="See the patient’s page.")


# -- who did it, and who is in a circle


def whose(event: Event) -> str:
    """Return who did something, empty where nobody did."""
    return event.source.id if event.source is not None else ""


def circle_of(patient: Patient) -> list[str]:
    """Return the professionals who stay in a patient's circle and may: not who broke the glass, nor who is on call."""
    return [member.subject for member in patient.circle if member.until is None and not member.lapsed]


def members(patient: Patient, roles: Iterable[MemberRole]) -> list[str]:
    """Return those of a circle who have one of these roles, and whose grants let them."""
    wanted = frozenset(roles)
    stay = [member for member in patient.circle if member.until is None and not member.lapsed]
    return [member.subject for member in stay if member.role in wanted]


def is_member(patient: Patient, subject: str, at: int, *, guests: bool = False, lapsed: bool = False) -> bool:
    """Return whether somebody is in the circle; `guests`: or broke the glass, and may still look; `lapsed`: or has."""
    return any(
        member.subject == subject
        and (member.until is None or member.until > at)
        and (guests or not member.broke_glass)
        and (lapsed or not member.lapsed)
        for member in patient.circle
    )
