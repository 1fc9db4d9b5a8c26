"""How a follow-up ends as a draft drives it: over, told, and erased; nothing here closes an alert but erasure."""

from msgspec.structs import replace

from domain.alerts.lifecycle import Step
from domain.alerts.matching import end_of, within
from domain.alerts.notice import Notice, Reason
from domain.alerts.routing import Window
from domain.alerts.rule import Severity
from domain.capacity.fold import APPLIED, Said
from domain.events import SummaryGiven
from domain.followup.alert import End, told_as
from domain.followup.crossing import Stepped
from domain.followup.holding import Holding, Line, circle_of, is_member, members
from domain.followup.patient import OVER, Channel, MemberRole, Patient, Status
from domain.followup.plan import plan_of
from domain.followup.schedule import DAY_MS
from domain.places import Words

STOPPED_KEPT_MS = DAY_MS  # ⚠ OWN: the circle hears of a stop before all is erased
NIGHT = Window(start=20 * 60, end=8 * 60)  # ⚠ OWN: nobody is written to that it is over
LONGEST_HELD_MS = 72 * 3_600_000  # for as long an open alert keeps content from being erased
CONFIRM: tuple[MemberRole, ...] = ("physician", "coordinator")  # that a summary was received: nothing is kept then
TOLD_WITHIN_MS = DAY_MS
NOTHING = Words(fr="", en="")

OVER_WORDS: dict[Status, Words] = {
    "stopped": Words(fr="Un suivi à domicile est arrêté", en="A home follow-up was stopped"),
    "ended": Words(fr="Un suivi à domicile est terminé", en="A home follow-up has ended"),
    "refused": Words(fr="Un suivi à domicile est refusé", en="A home follow-up was refused"),
}
ERASED_WORDS = Words(fr="Un dossier de suivi va être effacé", en="A follow-up file will be erased")
NOT_SENT_WORDS = Words(
    fr="Le compte rendu d’un suivi n’a pas pu être transmis", en="The summary of a follow-up could not be sent"
)
UNCONFIRMED_WORDS = Words(
    fr="Un dossier de suivi va être effacé, son compte rendu n’est pas confirmé",
    en="A follow-up file will be erased, its summary is not confirmed",
)


def asking(patient: Patient) -> tuple[str, ...]:
    """Return the steps of the messages that may ask a patient for a slot."""
    return ("due", "remind", "remind_again", f"again-{patient.links}")


def notice_id(patient: str, slot: str, step: str, channel: str) -> str:
    """Return the id of a message to a patient: no other ever has it."""
    return f"{patient}/{slot}/{step}/{channel}"


class Ending(Holding):
    """A draft, and how its patients' follow-ups end."""

    def over(
        self, patient: Patient, status: Status, at: int, *, line: Line | None = None, by_patient: bool = False
    ) -> Patient:
        """Return the patient whose follow-up is over: nothing is asked any more, and an alert stays open."""
        patient = self.hush(patient)
        slots = dict(patient.slots)
        if patient.slot is not None and patient.slot.slot in slots:
            state = slots[patient.slot.slot]
            slots[patient.slot.slot] = replace(state, state="skipped") if state.state == "open" else state
        kept = status != "refused" and self.pathway_of(patient).end.how == "summary"
        patient = replace(
            patient,
            status=status,
            over_at=at,
            stopped_by_patient=by_patient,
            slot=None,
            asked=0,
            slots=slots,
            call_at=None,
            summary="due" if kept else "",
        )
        patient = replace(patient, erase_at=self.when_erased(patient, at))
        self.tell_story(patient.id, line or Line(id=patient.id, at=at, what=status))
        severity: Severity = "warning" if by_patient else "info"
        self.word(patient, status, at, circle_of(patient), OVER_WORDS[status], severity)
        if kept:
            first = patient.channels[:1]
            due_at = end_of(NIGHT, patient.zone, at) if within(NIGHT, patient.zone, at) else at
            give_up_at = due_at + TOLD_WITHIN_MS
            self.message(patient, "end", "end", "end", channels=first, at=at, due_at=due_at, give_up_at=give_up_at)
        return patient

    def when_erased(self, patient: Patient, at: int) -> int:
        """Return when all of a patient whose follow-up is over is to be erased.

        An open alert holds that back, and so does a mute, at whose end one may be raised. A stop is no erasure: the
        circle has a day to hear of it.
        """
        over_at = at if patient.over_at is None else patient.over_at
        wanted = over_at
        if patient.summary == "received":
            wanted = at
        elif patient.summary:
            wanted = over_at + self.pathway_of(patient).end.keep_days * DAY_MS
        elif patient.status == "stopped":
            wanted = over_at + STOPPED_KEPT_MS
        if patient.alert is not None:
            wanted = max(wanted, over_at + LONGEST_HELD_MS)
        if patient.muted_until is not None:
            wanted = max(wanted, patient.muted_until + 1)
        return max(wanted, at)

    def released(self, patient: Patient, at: int) -> Patient:
        """Return the patient with when they are erased worked out again, where their follow-up is over."""
        if patient.status not in OVER:
            return patient
        return replace(patient, erase_at=self.when_erased(patient, at))

    def tell_of_erasure(self, patient: Patient, at: int) -> Patient:
        """Tell the circle that all will be erased in some days."""
        words = ERASED_WORDS if patient.summary == "received" else UNCONFIRMED_WORDS
        self.word(patient, "erasure", at, circle_of(patient), words, "warning")
        return replace(patient, erase_told=True)

    def summarise(self, patient: Patient, event: SummaryGiven) -> Said:
        """Take in that the summary was handed over, or received: then nothing need be kept any more."""
        by = event.source.id if event.source is not None else ""
        if by and not is_member(patient, by, self.clock):
            return Said("refused", "not in the circle")
        if event.what == "received" and by not in members(patient, CONFIRM):
            return Said("refused", "not theirs to confirm")
        if not patient.summary:
            return Said("refused", "not over" if patient.status not in OVER else "no summary is given")
        if patient.summary == "received" or patient.summary == event.what:
            return Said("history", "known already")
        if event.what == "received" and patient.summary != "sent":
            return Said("refused", "not sent yet")
        if event.what == "failed":
            if patient.summary != "due":
                return Said("history", "known already")
            self.word(patient, f"summary/{event.id}", self.clock, circle_of(patient), NOT_SENT_WORDS, "warning")
            self.tell_story(patient.id, Line(id=event.id, at=self.clock, what="summary", detail=event.what))
            return APPLIED
        patient = replace(patient, summary=event.what)
        if event.what == "received":
            patient = replace(patient, erase_at=self.when_erased(patient, self.clock))
        self.tell_story(patient.id, Line(id=event.id, at=self.clock, what="summary", by=by, detail=event.what))
        self.put(patient)
        return APPLIED

    def erase(self, patient: Patient) -> Said:
        """Let go of everything of a patient whose key is destroyed; their alert ends, for nobody could read it."""
        if patient.alert is not None:
            held, end = patient.alert, End(self.clock, "gone")
            plan = plan_of(self.pathway_of(patient), patient, held.colour, held.planned_at)  # as long as they see it
            told = told_as(patient, held, region=self.region, at=self.clock, plan=plan, end=end)
            self.cross(Stepped(Step(what="resolved", at=self.clock, alert=told)))
        self.hush(patient)
        self.withdraw(
            [notice_id(patient.id, "end", "end", channel) for channel in patient.channels[:1]]
            + [notice_id(patient.id, "code", code, each) for code in patient.codes for each in ("sms", "smtp")]
        )
        self.patients.drop(patient.id)
        self.charts.drop(patient.id)
        self.time(patient.id, None)
        self.slots = {key: slot for key, slot in self.slots.items() if key[0] != patient.id}
        self.story = [(id_, line) for id_, line in self.story if id_ != patient.id]
        self.gone.add(patient.id)
        return APPLIED

    # -- messages to the patient

    def message(
        self,
        patient: Patient,
        reason: Reason,
        slot: str,
        step: str,
        *,
        channels: tuple[Channel, ...],
        at: int,
        give_up_at: int,
        due_at: int | None = None,
        number: int = 0,
        severity: Severity = "info",
    ) -> None:
        """Put messages to a patient in the outbox: what they say is written when they are sent, and names nothing."""
        for channel in channels:
            self.post(
                Notice(
                    id=notice_id(patient.id, slot, step, channel),
                    group=patient.id,
                    alerts=(),
                    person=f"patient:{patient.id}",
                    channel=channel,
                    severity=severity,
                    reason=reason,
                    title=NOTHING,
                    text=NOTHING,
                    todo=NOTHING,
                    link="",
                    made_at=at,
                    due_at=at if due_at is None else due_at,
                    give_up_at=give_up_at,
                    step=number,
                )
            )

    def hush(self, patient: Patient) -> Patient:
        """Take what asks for the present slot out of the outbox, and return the patient."""
        if patient.slot is not None:
            self.withdraw(
                notice_id(patient.id, patient.slot.slot, step, channel)
                for step in asking(patient)
                for channel in ("sms", "smtp")
            )
        return patient
