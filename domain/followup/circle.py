"""What people of a circle do for a patient, as a draft takes it in: joining, pausing, calling, writing, thinking of."""

from collections.abc import Sequence

from msgspec.structs import replace

from domain.capacity.fold import APPLIED, Said
from domain.events import (
    CallMade,
    CircleChanged,
    CodeAsked,
    FileChanged,
    FollowUpMoved,
    GlassBroken,
    LinksRevoked,
    MembershipsJudged,
    MemoDone,
    MemoWritten,
    MessagesRead,
    MessageWritten,
    OnCallJoined,
    TeleconsultationStarted,
)
from domain.followup.alerting import HOUR_MS, SLACK_MS, refused
from domain.followup.answering import Answering
from domain.followup.chart import Consent, File
from domain.followup.holding import Line, circle_of, is_member, whose
from domain.followup.patient import OVER, Channel, Member, Patient, Status
from domain.followup.schedule import DAY_MS
from domain.places import Words

MOST_MEMBERS = 500  # whoever stays: a tracing team is a circle
MOST_GUESTS = 100  # beside them: a full circle keeps nobody out in an emergency
MOST_SENT_AWAY = 50
MOST_MEMOS = 50
MOST_CODES = 5  # within an hour
LONGEST_MEMO_MS = 366 * DAY_MS
LONGEST_GLASS_MS = HOUR_MS
LONGEST_ON_CALL_MS = 12 * HOUR_MS  # ⚠ OWN: a night
LONGEST_CODE_MS = HOUR_MS
CALL_AGAIN_MS = 4 * HOUR_MS  # ⚠ OWN: where nobody says when

PAUSED_WORDS = Words(fr="Un suivi à domicile est en pause", en="A home follow-up is paused")
RESUMED_WORDS = Words(fr="Un suivi à domicile reprend", en="A home follow-up goes on")
NOBODY_LEFT_WORDS = Words(
    fr="Un suivi à domicile n’a plus personne : les droits de son cercle ont pris fin",
    en="A home follow-up has nobody left: the grants of its circle have ended",
)
GLASS_WORDS = Words(fr="Un dossier a été ouvert en urgence", en="A file was opened in an emergency")
ON_CALL_WORDS = Words(fr="L’astreinte a rejoint un suivi", en="Whoever is on call has joined a follow-up")
MESSAGE_WORDS = Words(fr="Un nouveau message dans un suivi", en="A new message in a follow-up")


class Circle(Answering):
    """A draft, and what circles do."""

    # -- who belongs to it

    def change_circle(self, patient: Patient, event: CircleChanged) -> Said:
        """Let professionals come into a circle, and leave it: somebody stays; guests change nothing while there is one.

        Whoever is on call and taken out does not come back that night. A member who was taken out may: a night on call
        pages them for whatever patient there is, and a page to which nobody can open the file helps nobody.
        """
        by = whose(event)
        for_a_while = {member.subject for member in patient.circle if member.until is not None}
        if by in for_a_while and circle_of(patient):
            return refused("for a while")
        if any(member.subject in for_a_while for member in event.add):
            return refused("circle: they are there for a while, and come in once that is over")
        added = {member.subject: member for member in event.add}
        if any(member.until is not None for member in event.add):
            return refused("until: whoever comes into a circle stays until they leave")
        gone = set(event.remove)
        kept = [added.pop(each.subject, each) for each in patient.circle if each.subject not in gone]
        circle = (*kept, *(member for member in added.values() if member.subject not in gone))
        if not circle_of(replace(patient, circle=circle)):
            return refused("circle: somebody has to stay")
        if _staying(circle) > MOST_MEMBERS:
            return refused(f"circle: at most {MOST_MEMBERS}")
        before = {member.subject: member.role for member in patient.circle}
        for member in event.add:
            if member.subject not in gone and before.get(member.subject) != member.role:
                line = Line(id=event.id, at=self.clock, what="joined", by=by, to=member.subject, detail=member.role)
                self.tell_story(patient.id, line)
        for subject in sorted(gone & before.keys()):
            self.tell_story(patient.id, Line(id=event.id, at=self.clock, what="left", by=by, to=subject))
        read = {subject: upto for subject, upto in patient.read.items() if subject not in gone}
        back = {member.subject for member in event.add}
        away = {each: until for each, until in patient.sent_away.items() if each not in back}
        on_call = [each for each in patient.circle if each.role == "on_call" and each.subject in gone]
        away |= {each.subject: each.until for each in on_call if each.until is not None}
        now = replace(patient, circle=circle, read=read, sent_away=dict(list(away.items())[-MOST_SENT_AWAY:]))
        self.put(self.tell_circle(patient, now, self.clock, by=by))
        return APPLIED

    def judge_memberships(self, patient: Patient, event: MembershipsJudged) -> Said:
        """Let whoever's grants ended be passed by until one is in force again; who is there as another by now stays so.

        They stay named, as grants are dated and often renewed late. Where nobody is left who would hear of anything,
        that is found: whoever is on call comes, and brings somebody in; who looks after grants is told.
        """
        lapsed, valid = ({(each.subject, each.role) for each in told} for told in (event.lapsed, event.valid))
        circle = []
        for held in patient.circle:
            who = (held.subject, held.role)
            member = replace(held, lapsed=who in lapsed or (held.lapsed and who not in valid))
            circle.append(member)
            if member != held:
                what = "lapsed" if member.lapsed else "back"
                line = Line(id=event.id, at=self.clock, what=what, to=member.subject, detail=member.role)
                self.tell_story(patient.id, line)
        if tuple(circle) == patient.circle:
            return Said("history", "known already")
        now = self.tell_circle(patient, replace(patient, circle=tuple(circle)), self.clock)
        if circle_of(patient) and not circle_of(now) and now.status not in OVER:
            now = self.deserted(now, self.clock)
            self.word(now, f"nobody-left/{event.id}", self.clock, event.tell, NOBODY_LEFT_WORDS, "warning")
        self.put(now)
        return APPLIED

    def break_glass(self, patient: Patient, event: GlassBroken) -> Said:
        """Let somebody who is not in the circle look for an hour at most; circle and others are told at once."""
        by = whose(event)
        if not self.clock < event.until <= self.clock + LONGEST_GLASS_MS + SLACK_MS:
            return refused("until: must be to come, and within 60 minutes")
        if is_member(patient, by, self.clock):
            return refused("in the circle already")
        others = tuple(member for member in patient.circle if member.subject != by)
        if len(others) - _staying(others) >= MOST_GUESTS:
            return refused(f"circle: at most {MOST_GUESTS} for a while")
        guest = Member(by, "samu", event.until)
        line = Line(id=event.id, at=self.clock, what="glass_broken", by=by, until=event.until, text=event.reason)
        self.tell_story(patient.id, line)
        told = (*circle_of(patient), *event.tell)
        self.word(patient, f"glass/{event.id}", self.clock, told, GLASS_WORDS, "warning")
        self.put(replace(patient, circle=(*others, guest)))
        return APPLIED

    def join_on_call(self, patient: Patient, event: OnCallJoined) -> Said:
        """Let whom an open alert reached as on call act like the circle for a night; the circle is told.

        Whether they are on call is for who lets the event in: schedules are the notices shard's.
        """
        by = whose(event)
        if patient.alert is None:
            return refused("no alert is open")
        if not self.clock < event.until <= self.clock + LONGEST_ON_CALL_MS + SLACK_MS:
            return refused("until: must be to come, and within 12 hours")
        if is_member(patient, by, self.clock):
            return refused("in the circle already")
        if patient.sent_off(by, self.clock):
            return refused("not in the circle")
        others = tuple(member for member in patient.circle if member.subject != by)
        if len(others) - _staying(others) >= MOST_GUESTS:
            return refused(f"circle: at most {MOST_GUESTS} for a while")
        line = Line(id=event.id, at=self.clock, what="joined", by=by, to=by, detail="on_call", until=event.until)
        self.tell_story(patient.id, line)
        self.word(patient, f"on-call/{event.id}", self.clock, (*circle_of(patient), *event.tell), ON_CALL_WORDS)
        self.put(replace(patient, circle=(*others, Member(by, "on_call", event.until))))
        return APPLIED

    # -- the follow-up as a whole

    def change_file(self, patient: Patient, event: FileChanged, file: File) -> Said:
        """Let a patient's file be another from now on; what was answered keeps its meaning.

        Without channels, or a zone, these stay the same. Another zone is that of the slots to come: the one that is
        open, or due next, stays as it was told. Links that went where the patient is no longer written to open nothing
        any more from that same moment on.
        """
        chart = self.chart(patient.id)
        if chart is None:
            return refused("erased")
        by = whose(event)
        self.put_chart(patient.id, replace(chart, file=file))
        line = Line(id=event.id, at=self.clock, what="file_changed", by=by, text=event.reason)
        self.tell_story(patient.id, line)
        now = replace(patient, channels=event.channels or patient.channels, zone=event.zone or patient.zone)
        if reached_at(chart.file, patient.channels) - reached_at(file, now.channels):
            now = self._with_other_links(now)
        elif not patient.channels:
            now = self.ask_again(now, self.clock)
        self.put(now)
        return APPLIED

    def revoke_links(self, patient: Patient, event: LinksRevoked) -> Said:
        """Let no link that a patient was sent open any more; the question that is open goes again, with another."""
        self.tell_story(patient.id, Line(id=event.id, at=self.clock, what="links_revoked", by=whose(event)))
        self.put(self._with_other_links(patient))
        return APPLIED

    def _with_other_links(self, patient: Patient) -> Patient:
        """Return the patient whose links are others from now on: which they are follows from their number."""
        self.hush(patient)
        return self.ask_again(replace(patient, links=patient.links + 1), self.clock)

    def move(self, patient: Patient, event: FollowUpMoved) -> Said:
        """Pause a follow-up, let it go on, stop or end it."""
        by, at = whose(event), self.clock
        by_patient = by == f"patient:{patient.id}"
        if event.reason is None and event.move != "resume" and not by_patient:
            return refused("reason: is needed")
        what = {"pause": "paused", "resume": "resumed", "stop": "stopped", "end": "ended"}[event.move]
        line = Line(id=event.id, at=at, what=what, by=by, text=event.reason)
        if event.move in ("stop", "end"):
            status: Status = "stopped" if event.move == "stop" else "ended"
            self.put(self.over(patient, status, at, line=line, by_patient=by_patient))
            return APPLIED
        if event.move == "pause":
            if patient.status != "followed":
                return refused("paused" if patient.status == "paused" else "not followed yet")
            patient = replace(self.hush(self.reckoned(patient)), status="paused")
        else:
            if patient.status != "paused":
                return refused("not paused")
            patient = self.begin_slots(replace(patient, status="followed"), at)
        self.tell_story(patient.id, line)
        words = PAUSED_WORDS if event.move == "pause" else RESUMED_WORDS
        self.word(patient, f"{event.move}/{event.id}", at, [each for each in circle_of(patient) if each != by], words)
        self.put(patient)
        return APPLIED

    def call(self, patient: Patient, event: CallMade) -> Said:
        """Take in what came of a first call: agreed, and questionnaires begin; refused, and all is erased."""
        if patient.status != "calling":
            return refused("nobody is to be called")
        if event.next_at is not None and event.next_at <= self.clock:
            return refused("next_at: must be to come")
        if event.outcome == "agreed" and not patient.channels and self.pathway_of(patient).answered_by != "staff":
            return refused("no channel")  # by which they could be asked
        by, at = whose(event), self.clock
        line = Line(id=event.id, at=at, what="called", by=by, detail=event.outcome, text=event.note)
        patient = replace(patient, calls=patient.calls + 1)
        if event.outcome == "refused":
            self.put(self.over(patient, "refused", at, line=line))
            return APPLIED
        self.tell_story(patient.id, line)
        if event.outcome == "agreed":
            chart = self.chart(patient.id)
            if chart is not None:
                # What they agreed to is what the caller read to them, which a version of the pathway never changes.
                consent = Consent(text_version=patient.pathway, given_at=at, recorded_by=by)
                file = replace(chart.file, consent=consent, consent_before=chart.file.consent)
                self.put_chart(patient.id, replace(chart, file=file))
            patient = self.begin_slots(replace(patient, status="followed", call_at=None), at)
        else:
            patient = replace(patient, call_at=event.next_at or at + CALL_AGAIN_MS)
        self.put(patient)
        return APPLIED

    def teleconsult(self, patient: Patient, event: TeleconsultationStarted) -> Said:
        """Count a teleconsultation that somebody opened."""
        by = whose(event)
        line = Line(id=event.id, at=self.clock, what="teleconsultation", by=by, detail=event.provider)
        self.tell_story(patient.id, line)
        self.put(replace(patient, teleconsultations=patient.teleconsultations + 1))
        return APPLIED

    # -- the thread, and memos

    def write(self, patient: Patient, event: MessageWritten) -> Said:
        """Keep a message of the thread, which its author has read."""
        by, at = whose(event), self.clock
        self.tell_story(patient.id, Line(id=event.id, at=at, what="message", by=by, text=event.text))
        others = [subject for subject in circle_of(patient) if subject != by]
        self.word(patient, f"message/{event.id}", at, others, MESSAGE_WORDS)
        self.put(replace(patient, written_at=at, read=patient.read | {by: at}))
        return APPLIED

    def has_read(self, patient: Patient, event: MessagesRead) -> Said:
        """Keep up to when somebody has read the thread."""
        by = whose(event)
        upto = min(event.upto, self.clock)
        if upto <= patient.read.get(by, -1):
            return Said("history", "known already")
        self.tell_story(patient.id, Line(id=event.id, at=self.clock, what="read", by=by, until=upto))
        self.put(replace(patient, read=patient.read | {by: upto}))
        return APPLIED

    def think_of(self, patient: Patient, event: MemoWritten) -> Said:
        """Keep something that somebody is to be told of again at an instant."""
        if not self.clock < event.due_at <= self.clock + LONGEST_MEMO_MS:
            return refused("due_at: must be to come, and within a year")
        if len(patient.memos) >= MOST_MEMOS:
            return refused(f"there are {MOST_MEMOS} memos already")
        by = whose(event)
        line = Line(id=event.id, at=self.clock, what="memo", by=by, until=event.due_at, text=event.text)
        self.tell_story(patient.id, line)
        memos, memos_by = patient.memos | {event.id: event.due_at}, patient.memos_by | {event.id: by}
        self.put(replace(patient, memos=memos, memos_by=memos_by))
        return APPLIED

    def is_done(self, patient: Patient, event: MemoDone) -> Said:
        """Let a memo be done with."""
        if event.memo not in patient.memos:
            return refused("unknown memo")
        by = whose(event)
        self.tell_story(patient.id, Line(id=event.id, at=self.clock, what="memo_done", by=by, detail=event.memo))
        memos = {id_: due_at for id_, due_at in patient.memos.items() if id_ != event.memo}
        self.put(replace(patient, memos=memos, memos_by={id_: patient.memos_by[id_] for id_ in memos}))
        return APPLIED

    # -- codes

    def send_code(self, patient: Patient, event: CodeAsked) -> Said:
        """Let a code be sent to a patient who wants to read; a few within an hour."""
        if not self.clock < event.give_up_at <= self.clock + LONGEST_CODE_MS + SLACK_MS:
            return refused("too late" if event.give_up_at <= self.clock else "give_up_at: within an hour")
        if not patient.channels:
            return refused("no channel")
        codes = {id_: at for id_, at in patient.codes.items() if at > self.clock - HOUR_MS}
        if len(codes) >= MOST_CODES:
            return refused("too many codes")
        first = patient.channels[:1]
        # Somebody waits for it before a page: it goes before the questionnaires of thousands, which are `info`.
        self.message(
            patient,
            "code",
            "code",
            event.id,
            channels=first,
            at=self.clock,
            give_up_at=event.give_up_at,
            severity="warning",
        )
        self.put(replace(patient, codes=codes | {event.id: self.clock}))
        return APPLIED


def reached_at(file: File, channels: Sequence[Channel]) -> set[tuple[Channel, str]]:
    """Return where a patient is written to: without an address of their own, at the first of those near them.

    A number that is only written otherwise is the same one.
    """
    contacts = (file.contact, *(each.contact for each in file.caregivers))
    phone = next((each.phone for each in contacts if each.phone), "")
    email = next((each.email for each in contacts if each.email), "")
    by: dict[Channel, str] = {"sms": "".join(phone.split()), "smtp": email.strip().casefold()}
    return {(channel, by[channel]) for channel in channels if by[channel]}


def _staying(circle: Sequence[Member]) -> int:
    return sum(1 for member in circle if member.until is None)
