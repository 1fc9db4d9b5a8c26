"""A patient's alert as a draft drives it: raised by findings that nobody muted, and closed by people alone."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from domain.alerts.lifecycle import Step
from domain.capacity.fold import APPLIED, Said
from domain.events import PatientAlertActed, RuleMuted
from domain.followup.alert import PATIENT_NEXT, SEVERITY, End, Happening, alert_id, told_as
from domain.followup.chart import Chart, Heard, Mute
from domain.followup.crossing import Stepped
from domain.followup.ending import Ending
from domain.followup.holding import Line, circle_of, whose
from domain.followup.pathway import COLOURS, GRAVE, Colour, worst
from domain.followup.patient import OVER, Closed, Patient, PatientAlert
from domain.followup.plan import plan_of
from domain.followup.score import VERSION, Finding
from domain.places import Words

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
LONGEST_CHECK_MS = 12 * HOUR_MS
LONGEST_CHECK_OF_RED_MS = 2 * HOUR_MS  # ⚠ OWN
LONGEST_MUTE_MS = 4 * HOUR_MS
SLACK_MS = MINUTE_MS  # for a page's clock
UNHEARD_AGAIN_MS = HOUR_MS  # ⚠ OWN
MOST_MUTES = 20
MOST_CLOSED = 20
NO_ANSWER = "no-answer"  # the rule that speaks when nobody answers
NOT_TAKEN = "not-taken"  # when somebody does, and the answer is not taken in: too late, or while nothing is asked
NOT_READ = "not-read"  # or can't be read
NOBODY_LEFT = "nobody-left"  # when the grants of the whole circle ended
CIRCLE = "circle"  # what stands for a slot there
NOT_CALLED = "not-called"  # when nobody makes the first call
FIRST_CALL = "call"  # what stands for a slot there
MORE_WORDS = Words(
    fr="Il y a du nouveau chez un patient que vous prenez en charge",
    en="There is news of a patient whom you have taken on",
)


def refused(why: str) -> Said:
    """Return that an event is refused, and why."""
    return Said("refused", why)


def graver(one: Colour, than: Colour) -> bool:
    """Return whether a colour is graver than another."""
    return COLOURS.index(one) > COLOURS.index(than)


def gravest(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return of each rule the gravest finding, the last of those that are alike."""
    found: dict[str, Finding] = {}
    for each in findings:
        before = found.get(each.rule)
        if before is None or not graver(before.colour, each.colour):
            found[each.rule] = each
    return found


def grave_of(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return of each rule the gravest finding that somebody has to answer for."""
    return gravest(found for found in findings if found.colour in GRAVE)


def worse(one: Finding, than: Finding) -> bool:
    """Return whether a rule says something worse than before: graver, with more points, further beyond its threshold.

    What can't be compared, such as another choice of a list, is worse.
    """
    if one.colour != than.colour:
        return graver(one.colour, than.colour)
    if one.points is not None and than.points is not None and one.points != than.points:
        return one.points > than.points
    value, before = one.value, than.value
    if value == before or value is None:
        return False
    if isinstance(value, int | float) and isinstance(before, int | float) and one.threshold is not None:
        return value < before if min(value, before) < one.threshold else value > before
    return True


def news(grave: Mapping[str, Finding], known: Mapping[str, Finding]) -> dict[str, Finding]:
    """Return what of findings is not known: of another rule, or worse than what is known of it."""
    return {rule: each for rule, each in grave.items() if rule not in known or worse(each, known[rule])}


class Alerting(Ending):
    """A draft, and the alerts of its patients."""

    # -- what raises an alert

    def judge(self, patient: Patient, slot: str, findings: Iterable[Finding], at: int) -> Patient:
        """Let somebody be made to answer for what is grave in a slot, unless they were, or it is muted.

        `findings` are all that there are of the slot now: what is not among them any more is new when it comes again,
        also after a person closed the alert that it raised.
        """
        chart = self.chart(patient.id)
        grave = grave_of(findings)
        before = Heard() if chart is None else chart.heard.get(slot, Heard())
        muted = {mute.rule for mute in chart.mutes if mute.until > at} if chart else set()
        new = {rule: found for rule, found in news(grave, before.told).items() if rule not in muted}
        if chart is not None:
            told = dict(new)
            for rule, known in before.told.items():
                if rule in grave and rule not in new:
                    told[rule] = known if worse(grave[rule], known) else grave[rule]
            heard = Heard(grave=tuple(grave.values()), told=told)
            if heard != before:
                chart = self._hear(patient, chart, slot, heard)
        return self._raise(patient, slot, new.values(), at) if new else patient

    def unheard(self, patient: Patient, slot: str, finding: Finding, at: int) -> Patient:
        """Let somebody be made to answer for what was sent and is not taken in, unless its rule is muted.

        While somebody has the patient's alert they are told of it once an hour, and of what is graver at once.
        """
        chart = self.chart(patient.id)
        if chart is not None and any(mute.rule == finding.rule and mute.until > at for mute in chart.mutes):
            return patient
        last_at = patient.refused_at.get(finding.colour)
        told_of_late = last_at is not None and at < last_at + UNHEARD_AGAIN_MS
        if told_of_late and patient.alert is not None and not graver(finding.colour, patient.alert.colour):
            return patient
        patient = replace(patient, refused_at=patient.refused_at | {finding.colour: at})
        return self._raise(patient, slot, [finding], at)

    def deserted(self, patient: Patient, at: int) -> Patient:
        """Let somebody be made to answer for a patient whose circle is empty; nothing mutes that."""
        return self._raise(patient, CIRCLE, [Finding(NOBODY_LEFT, VERSION, "orange")], at)

    def _hear(self, patient: Patient, chart: Chart, slot: str, heard: Heard) -> Chart:
        """Keep what is grave in a slot; of others only while answers may still come, or something is muted."""
        present = "" if patient.slot is None else patient.slot.slot
        kept = {
            name: each
            for name, each in (chart.heard | {slot: heard}).items()
            if (name == present and each.grave) or news(gravest(each.grave), each.told)
        }
        chart = replace(chart, heard=kept)
        self.put_chart(patient.id, chart)
        return chart

    def _raise(self, patient: Patient, slot: str, new: Collection[Finding], at: int) -> Patient:
        held, chart = patient.alert, self.chart(patient.id)
        if chart is not None:
            before = () if held is None else chart.why  # the last alert's, where none is open
            self.put_chart(patient.id, replace(chart, why=tuple(gravest((*before, *new)).values())))
        colour = worst(tuple(found.colour for found in new))
        if held is None:
            id_ = alert_id(patient.id, slot, colour, at)
            held = PatientAlert(id=id_, colour=colour, status="firing", opened_at=at, slot=slot, planned_at=at)
            return self.released(self.happens(replace(patient, alert=held), "raised", at), at)
        more = held.news + 1
        if graver(colour, held.colour):
            return self.happens(patient, "worsens", at, colour=colour, worsened_at=at, planned_at=at, news=more)
        if held.taken_by is not None:
            # Nobody else is told of it: they answer for the patient, and may know of another reason alone.
            self.word(patient, self.nth("more"), at, [held.taken_by], MORE_WORDS, SEVERITY[colour])
        return replace(patient, alert=replace(held, news=more))

    def missed(self, patient: Patient, slot: str, colour: Colour, at: int) -> Patient:
        """Let it be found that nobody answered a slot."""
        return self.judge(patient, slot, [Finding(NO_ANSWER, VERSION, colour)], at)

    # -- what happens to one

    def happens(
        self,
        patient: Patient,
        happening: Happening,
        at: int,
        *,
        line: Line | None = None,
        by: str | None = None,
        to: str | None = None,
        end: End | None = None,
        **changes: Any,
    ) -> Patient:
        """Return the patient after something happened to their alert; the table has been asked whether it may."""
        held = patient.alert
        assert held is not None
        then = PATIENT_NEXT[None if happening == "raised" else held.status, happening]
        if then.what == "reopened":
            changes |= {"taken_by": None, "taken_at": None, "check_at": None, "reopened": held.reopened + 1}
            changes |= {"planned_at": at}
        if then.status != "resolved":
            changes |= {"status": then.status}
        held = replace(held, **changes)
        patient = replace(patient, alert=None if then.status == "resolved" else held)
        if then.what is not None:
            plan = plan_of(self.pathway_of(patient), patient, held.colour, held.planned_at)
            told = told_as(patient, held, region=self.region, at=at, plan=plan, end=end)
            self.cross(Stepped(Step(what=then.what, at=at, alert=told, by=by, to=to)))
            self.tell_story(patient.id, line or Line(id=held.id, at=at, what=then.what, detail=held.slot))
        return patient

    def expire(self, patient: Patient, at: int) -> Patient:
        """Open an alert again that was to be looked at by then."""
        return self.happens(patient, "expires", at)

    # -- what people do with one

    def act(self, patient: Patient, event: PatientAlertActed) -> Said:
        """Let a person of the circle do something with a patient's alert."""
        by, held = whose(event), patient.alert
        if held is None or held.id != event.alert:
            return refused("unknown alert")
        if (held.status, event.act) not in PATIENT_NEXT:
            return refused(f"taken by {held.taken_by} at {held.taken_at}" if held.taken_by else "not taken")
        if event.act in ("take", "close") and event.seen is not None and held.news > event.seen:
            return refused("news meanwhile")  # what they decided on is not what is there
        wrong = self._why_no_act(patient, held, event)
        if wrong is not None:
            return refused(wrong)
        line = Line(id=event.id, at=self.clock, what=event.act, by=by, text=event.text)
        if event.act == "comment":
            line = replace(line, what="commented")
            self.put(self.happens(patient, "comment", self.clock, line=line, by=by))
        elif event.act == "close":
            self._close(patient, held, event, by)
        else:
            what, to = ("taken", None) if event.act == "take" else ("handed_over", event.to)
            check_at = event.check_at or held.check_at
            line = replace(line, what=what, to=to or "", until=check_at)
            more: dict[str, Any] = {"taken_by": to or by, "taken_at": self.clock, "check_at": check_at}
            self.put(self.happens(patient, event.act, self.clock, line=line, by=by, to=to, **more))
        return APPLIED

    def _why_no_act(self, patient: Patient, held: PatientAlert, event: PatientAlertActed) -> str | None:
        longest = LONGEST_CHECK_OF_RED_MS if held.colour == "red" else LONGEST_CHECK_MS
        if event.act == "take" and event.check_at is None:
            return "check_at: an instant is needed at which you look again"
        if event.check_at is not None and not self.clock < event.check_at <= self.clock + longest + SLACK_MS:
            return f"check_at: must be to come, and within {longest // HOUR_MS} hours"
        if event.act == "hand_over" and event.to not in circle_of(patient):
            return "to: must be somebody of the circle"
        if event.act == "close" and event.outcome is None:
            return "outcome: what came of it is needed"
        if event.act == "close" and patient.status not in OVER and not circle_of(patient):
            return "circle: bring somebody in first: nobody is left to answer for the patient"
        if event.act == "comment" and event.text is None:
            return "text: nothing is said"
        return None

    def _close(self, patient: Patient, held: PatientAlert, event: PatientAlertActed, by: str) -> None:
        at, outcome = self.clock, event.outcome
        assert outcome is not None
        line = Line(id=event.id, at=at, what="closed", by=by, detail=outcome, text=event.text)
        patient = self.happens(patient, "close", at, line=line, by=by, end=End(at, "closed", outcome))
        closed = Closed(
            id=held.id,
            colour=held.colour,
            opened_at=held.opened_at,
            closed_at=at,
            closed_by=by,
            outcome=outcome,
            taken_at=held.taken_at,
        )
        patient = replace(patient, closed=(*patient.closed, closed)[-MOST_CLOSED:])
        self.put(self.released(patient, at))

    # -- mutes

    def mute(self, patient: Patient, event: RuleMuted, mute: Mute) -> Said:
        """Let a rule of a patient raise nothing for a while."""
        by, chart = whose(event), self.chart(patient.id)
        if chart is None:
            return refused("erased")
        if not self.clock < event.until <= self.clock + LONGEST_MUTE_MS + SLACK_MS:
            return refused("until: must be to come, and within 4 hours")
        if not mute.rule or not mute.reason.strip():
            return refused("reason: a rule and a reason are needed")
        lasting = [each for each in chart.mutes if each.until > self.clock and each.rule != mute.rule]
        if len(lasting) >= MOST_MUTES:
            return refused(f"there are {MOST_MUTES} mutes already")
        same = [each for each in chart.mutes if each.rule == mute.rule and each.until > self.clock]
        since = same[0].since if same else self.clock
        if event.until > since + LONGEST_MUTE_MS + SLACK_MS:
            return refused("until: within 4 hours of when it was muted first: what is hidden is judged then")
        mutes = (*lasting, replace(mute, by=by, until=event.until, since=since))
        self.put_chart(patient.id, replace(chart, mutes=mutes))
        ends = tuple(sorted({each.until for each in mutes}))
        self.tell_story(patient.id, Line(id=event.id, at=self.clock, what="muted", by=by, until=event.until))
        self.put(replace(patient, mute_ends=ends, muted_until=ends[-1]))
        return APPLIED

    def unmute(self, patient: Patient, at: int) -> Patient:
        """Let mutes end, and judge again what is grave in the present slot, and in those before that they hid."""
        chart = self.chart(patient.id)
        ends = tuple(end for end in patient.mute_ends if end > at)
        patient = replace(patient, mute_ends=ends, muted_until=ends[-1] if ends else None)
        if chart is None:
            return patient
        for slot, heard in chart.heard.items():
            patient = self.judge(patient, slot, heard.grave, at)
        chart = self.chart(patient.id)
        if chart is not None:
            self.put_chart(patient.id, replace(chart, mutes=tuple(each for each in chart.mutes if each.until > at)))
        return patient
