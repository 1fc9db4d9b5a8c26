"""Answers as a draft takes them in: to the slot that is open, scored at once, and judged."""

from collections.abc import Iterable
from datetime import date, timedelta

from msgspec.structs import replace

from domain.capacity.fold import APPLIED, Said
from domain.events import AnswersGiven
from domain.followup.alerting import NOT_TAKEN, grave_of, graver, gravest, news, refused
from domain.followup.asking import Asking, keep_slot
from domain.followup.chart import Chart, Earlier, File, Heard, Sending, SlotContent
from domain.followup.crossing import Case
from domain.followup.holding import Answers, Line, whose
from domain.followup.pathway import GRAVE, Colour
from domain.followup.patient import OVER, Patient, SlotState
from domain.followup.plan import of_roles, told
from domain.followup.questionnaire import Value, missing
from domain.followup.schedule import DAY_MS, Due
from domain.followup.score import VERSION, Day, Facts, Finding, Given, score, settle
from domain.places import Words

MOST_EARLIER = 100  # answers of earlier days that trends look at
ANSWER_WORDS = Words(fr="Une réponse est à lire", en="An answer is to be read")
ONE_DAY = timedelta(days=1)
BEGAN = date(1970, 1, 1)


class Answering(Asking):
    """A draft, and the answers that come in."""

    def answer(self, patient: Patient, event: AnswersGiven, answers: Answers) -> Said:
        """Take answers to a slot in, or refuse them; one slot has one result, whatever is sent how often."""
        due = patient.slot
        why = "over" if patient.status in OVER else self._why_no_answer(patient, event.slot)
        chart = self.chart(patient.id)
        if chart is None:
            return refused("erased")
        if why is not None or due is None:
            self._tell_of_refused(patient, chart, event, answers)
            return refused(why or "over")
        chart = _turned(chart, due, max((trend.days for trend in self.pathway_of(patient).scoring.trends), default=0))
        assert chart.current is not None
        if any(sending.id == event.id for sending in chart.current.sent):
            return Said("history", "known already")  # a slot may be open for longer than ids are known
        at = min(event.received_at if event.happened_at is None else event.happened_at, self.clock)
        sending = Sending(id=event.id, at=at, by=event.by, answers=answers)
        before = chart.current
        content = replace(before, sent=(*before.sent, sending))
        current = self._judged(patient, chart, content, due)
        assert current.result is not None
        findings = (*current.result.findings, *self._as_it_came(patient, chart, content, due))
        if _corrections(current.sent) > self.pathway_of(patient).limits.corrections and before.result is not None:
            heard = chart.heard.get(due.slot, Heard())
            new = news(grave_of(findings), gravest(heard.grave))
            if not new and not graver(current.result.colour, before.result.colour):
                return refused("too many corrections")
        self.put_chart(patient.id, replace(chart, current=current))
        self.slots[(patient.id, due.slot)] = current
        self._keep(patient, event, due, current, findings)
        return APPLIED

    def _tell_of_refused(self, patient: Patient, chart: Chart, event: AnswersGiven, answers: Answers) -> None:
        """Let somebody be made to answer for something grave that was answered and is not taken.

        Nobody reads it, but somebody calls: the patient was told by the page alone to call 15.
        """
        facts = facts_of(chart.file, self.clock // DAY_MS)
        colour = score(self.pathway_of(patient), facts, answers).colour
        if colour in GRAVE:
            line = Line(id=event.id, at=self.clock, what="not_taken", by=whose(event), detail=event.slot)
            self.tell_story(patient.id, line)
            self.put(self.unheard(patient, event.slot, Finding(NOT_TAKEN, VERSION, colour), self.clock))

    def _why_no_answer(self, patient: Patient, slot: str) -> str | None:
        if patient.status == "paused":
            return "paused"
        due = next((each for each in self.slots_of(patient) if each.slot == slot), None)
        if patient.slot is not None and patient.slot.slot == slot:
            due = patient.slot  # as it was told, whatever zone the next ones are in
        if due is None:
            return "unknown slot"
        if patient.status == "calling" or self.clock < due.opens_at:
            return "slot not open yet"
        if self.clock >= due.closes_at or patient.slot is None or due.due_at < patient.slot.due_at:
            return "slot closed"
        return None if due.slot == patient.slot.slot else "slot not open yet"

    def _judged(self, patient: Patient, chart: Chart, content: SlotContent, due: Due) -> SlotContent:
        """Return a slot's content with what counts of all that was sent, and what that means."""
        given = [Given(sending.id, sending.at, sending.answers) for sending in content.sent]
        counted = settle(given)
        earlier = [Day(each.day, each.answers) for each in chart.before]
        result = score(self.pathway_of(patient), facts_of(chart.file, due.local_day), counted.answers, earlier, due.day)
        return replace(content, answers=counted.answers, first=counted.first, result=result)

    def _as_it_came(self, patient: Patient, chart: Chart, content: SlotContent, due: Due) -> tuple[Finding, ...]:
        """Return what would be found if the last to come were the last that was said.

        Which answer counts follows from stamps, lest the order of the log matter. But stamps are of many clocks: what
        is grave is heard when it comes, and takes nobody's word that it was corrected before.
        """
        sent = tuple(replace(sending, at=place) for place, sending in enumerate(content.sent))
        if [each.id for each in sorted(content.sent, key=_order)] == [each.id for each in sent]:
            return ()
        result = self._judged(patient, chart, replace(content, sent=sent), due).result
        return () if result is None else result.findings

    def _keep(
        self, patient: Patient, event: AnswersGiven, due: Due, content: SlotContent, findings: Iterable[Finding]
    ) -> None:
        at, held, result = self.clock, patient.slots.get(due.slot), content.result
        assert result is not None
        corrections = len(content.sent) - 1
        last = max(content.sent, key=_order)
        state = SlotState(
            "answered",
            due.due_at,
            colour=result.colour,
            incomplete=result.incomplete,
            at=last.at,
            by=last.by,
            corrections=corrections,
            lacks=len(missing(self.pathway_of(patient).questionnaire, content.answers)),
        )
        self.hush(patient)
        by = whose(event)
        what = "corrected" if corrections else "answered"
        self.tell_story(patient.id, Line(id=event.id, at=at, what=what, by=by, detail=due.slot))
        patient = keep_slot(patient, due.slot, state)
        patient = replace(patient, colour=result.colour, colour_at=at, incomplete=result.incomplete, answered_at=at)
        patient = self.judge(patient, due.slot, findings, at)
        if result.colour == "yellow" and (held is None or held.state != "answered" or held.colour == "green"):
            to = told(self.pathway_of(patient), patient, "yellow")
            if self.pathway_of(patient).told.get("yellow"):
                self.word(patient, f"yellow/{event.id}", at, to, ANSWER_WORDS)
        self.put(self._count_case(patient, result.colour, at))

    def _count_case(self, patient: Patient, colour: Colour, at: int) -> Patient:
        """Tell that a resident fell ill, once within the days that the facility's cases are counted in."""
        rule = self.pathway_of(patient).cluster
        if rule is None or not patient.facility or colour not in GRAVE:
            return patient
        if patient.case_at is not None and at < patient.case_at + rule.days * DAY_MS:
            return patient
        self.cross(Case(at, patient.facility, rule, tuple(of_roles(patient, rule.told))))
        return replace(patient, case_at=at)


def _corrections(sent: Iterable[Sending]) -> int:
    """Return how often something was said otherwise, or again: what only adds to what was said is no correction.

    An answer that asks for the 15 is sent by itself, before the others: these must not use the corrections up.
    """
    said: dict[str, Value] = {}
    found = 0
    for sending in sent:
        is_more = any(link not in said for link in sending.answers)
        is_other = any(said.get(link, value) != value for link, value in sending.answers.items())
        found += is_other or not is_more
        said |= sending.answers
    return found


def _order(sending: Sending) -> tuple[int, str]:
    return sending.at, sending.id


def _turned(chart: Chart, due: Due, days: int) -> Chart:
    """Return the chart turned to a slot: what was answered before is among the earlier days, as far as it matters."""
    current = chart.current
    if current is not None and current.slot == due.slot:
        return chart
    before = chart.before
    if current is not None and current.result is not None:
        before = (*before, Earlier(day=current.day, answers=current.answers))
    kept = tuple(each for each in before if each.day >= due.day - days)[-MOST_EARLIER:]
    return replace(chart, current=SlotContent(slot=due.slot, day=due.day), before=kept)


def facts_of(file: File, local_day: int) -> Facts:
    """Return what a file says of a patient on a local day (since 1970)."""
    return Facts(
        age=age_on(file.birth_date, local_day),
        pregnant=file.pregnant,
        scale=file.scale,
        scale_2_prescribed=bool(file.scale_2_prescribed_by),
        own=own_limits(file),
        care=file.care,
    )


def own_limits(file: File) -> dict[str, float]:
    """Return a patient's own thresholds, by id, without whose they are and why."""
    return {id_: own.value for id_, own in file.thresholds.items()}


def age_on(birth_date: str, local_day: int) -> int | None:
    """Return somebody's age in whole years on a local day (since 1970), None where their birth date is unknown."""
    try:
        born = date.fromisoformat(birth_date)
        then = BEGAN + local_day * ONE_DAY
    except (ValueError, OverflowError):
        return None
    return then.year - born.year - ((then.month, then.day) < (born.month, born.day))
