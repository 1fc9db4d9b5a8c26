"""What clinicians send about patients, as JSON: bytes to a whole value, or to all that is wrong with it, by path.

What is wrong is said without what was sent: it may be content.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from domain.errors import Unreadable
from domain.followup import ins as identity
from domain.followup.chart import LONGEST_NOTE, Consent, File, OwnThreshold, Residence
from domain.followup.chart import Caregiver as CaregiverHeld
from domain.followup.chart import Contact as ContactHeld
from domain.followup.ins import LONGEST_NAME, Ins, Sex
from domain.followup.news2 import Scale
from domain.followup.pathway import Care, Pathway, mistakes_of_own
from domain.followup.patient import Channel, MemberRole
from realtime_api.problems import Mistake, Problem

MOST_BYTES = 64 * 1024
MOST_ID, MOST_SUBJECT, MOST_CODE = 64, 200, 100  # characters
MOST_FIRST_NAMES, MOST_CAREGIVERS, MOST_CIRCLE = 10, 5, 50
LONGEST_LINE, LONGEST_CONTACT = 300, 200  # characters of a short text, of an address
MOST_MISTAKES, LONGEST_PATH = 50, 200
LONGEST_MUTE_MIN = 240
LONGEST_AHEAD_MS = 366 * 86_400_000  # of a memo
MOST_DAYS_BEHIND, MOST_DAYS_AHEAD = 30, 90  # of a pathway's first day
MOST_DAYS_ILL = 366
EARLIEST_BIRTH = date(1890, 1, 1)
EPOCH = date(1970, 1, 1)

PHONE = re.compile(r"\+?[0-9][0-9 .()-]{5,24}", re.ASCII)
EMAIL = re.compile(r"[^@\s<>\"]{1,64}@[^@\s<>\"]{1,180}\.[^@\s<>\".]{2,}")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
RULE = re.compile(r"[a-z0-9][a-z0-9_/-]{0,99}", re.ASCII)
FINESS = re.compile(r"[0-9AB]{9}", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
# What msgspec says of a wrong value, where it would repeat the value or a name that its sender made up.
TELLING = re.compile(r"(Invalid enum value|Object contains unknown field|Invalid value)\b.*?(?= - at |$)", re.DOTALL)
AT = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
ADDRESS_OF: dict[Channel, str] = {"sms": "phone", "smtp": "email"}


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a door is sent, or a part of it."""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from ()


# --- a file ----------------------------------------------------------------------------------------------------------


class Contact(Asked, frozen=True):
    """By what somebody can be reached."""

    phone: str = ""
    email: str = ""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        if self.phone and not PHONE.fullmatch(self.phone):
            yield Mistake("phone", "must be a telephone number")
        if self.email and (len(self.email) > LONGEST_CONTACT or not EMAIL.fullmatch(self.email)):
            yield Mistake("email", "must be an e-mail address")

    def held(self) -> ContactHeld:
        """Return it as it is kept."""
        return ContactHeld(phone=self.phone, email=self.email)


class Caregiver(Asked, frozen=True):
    """Somebody near, who may answer in the patient's place."""

    name: str
    relation: str = ""
    contact: Contact = Contact()

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from _wrong_line("name", self.name, needed=True)
        yield from _wrong_line("relation", self.relation)
        yield from _below("contact", self.contact.mistakes(now))


class ConsentAsked(Asked, frozen=True):
    """Who agreed to which version of the text; with a representative, who that is and in which capacity."""

    text_version: str
    by: Literal["patient", "representative"] = "patient"
    representative: str = ""
    capacity: str = ""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from _wrong_line("text_version", self.text_version, needed=True, most=MOST_CODE)
        for name in ("representative", "capacity"):
            told = getattr(self, name)
            yield from _wrong_line(name, told, needed=self.by == "representative")
            if told and self.by == "patient":
                yield Mistake(name, "only goes with a representative")


class Threshold(Asked, frozen=True):
    """A threshold of this patient's own, and why."""

    value: float
    reason: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        if not math.isfinite(self.value):
            yield Mistake("value", "must be a number")
        yield from _wrong_line("reason", self.reason, needed=True)


class TraitsAsked(Asked, frozen=True):
    """The five traits as the national service has them, where they differ from the file's."""

    birth_name: str
    first_names: tuple[str, ...]
    birth_date: str
    sex: Sex
    birth_place: str


class InsAsked(Asked, frozen=True):
    """A national health identity; without traits of its own it has the file's."""

    status: identity.Status
    matricule: str = ""
    oid: str = ""
    traits: TraitsAsked | None = None


class ResidenceAsked(Asked, frozen=True):
    """What an EHPAD has on file of a resident."""

    room: str = ""
    level_of_care: str = ""
    directives: str = ""
    person_of_trust: str = ""
    coordinating_physician: str = ""
    geriatric_hotline: str = ""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        for name in self.__struct_fields__:
            yield from _wrong_line(name, getattr(self, name), most=LONGEST_NOTE)


class FileAsked(Asked, frozen=True):
    """Who a patient is and what is known of them; dates are YYYY-MM-DD."""

    birth_name: str
    first_names: tuple[str, ...]
    birth_date: str
    sex: Sex
    used_name: str = ""
    birth_place: str = ""
    language: Literal["fr", "en"] = "fr"
    contact: Contact = Contact()
    caregivers: tuple[Caregiver, ...] = ()
    consent: ConsentAsked | None = None
    symptoms_date: str | None = None
    pregnant: bool = False
    scale: Scale = 1
    care: Care | None = None
    thresholds: dict[str, Threshold] = {}
    ins: InsAsked | None = None
    residence: ResidenceAsked | None = None

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it, but for what its pathway says of it."""
        yield from _wrong_line("birth_name", self.birth_name, needed=True, most=LONGEST_NAME)
        yield from _wrong_line("used_name", self.used_name, most=LONGEST_NAME)
        if not 0 < len(self.first_names) <= MOST_FIRST_NAMES:
            yield Mistake("first_names", f"at least one is needed, and at most {MOST_FIRST_NAMES}")
        for place, name in enumerate(self.first_names):
            yield from _wrong_line(f"first_names[{place}]", name, needed=True, most=LONGEST_NAME)
        yield from self._wrong_dates(now)
        if self.birth_place and not identity.BIRTH_PLACE.fullmatch(self.birth_place):
            yield Mistake("birth_place", "must be an INSEE code of five signs")
        yield from _below("contact", self.contact.mistakes(now))
        if len(self.caregivers) > MOST_CAREGIVERS:
            yield Mistake("caregivers", f"at most {MOST_CAREGIVERS}")
        for place, caregiver in enumerate(self.caregivers):
            yield from _below(f"caregivers[{place}]", caregiver.mistakes(now))
        yield from _below("consent", self.consent.mistakes(now) if self.consent else ())
        for id_, threshold in self.thresholds.items():
            yield from _below(_threshold(id_), threshold.mistakes(now))
        yield from self._wrong_ins()
        yield from _below("residence", self.residence.mistakes(now) if self.residence else ())

    def _wrong_dates(self, now: int) -> Iterator[Mistake]:
        latest = _today(now + 14 * 3_600_000)  # somewhere it is tomorrow already
        born = day_of(self.birth_date)
        if born is None:
            yield Mistake("birth_date", "must be a date: YYYY-MM-DD")
        elif not EARLIEST_BIRTH <= born <= latest:
            yield Mistake("birth_date", "is a day on which nobody who lives was born")
        if self.symptoms_date is None:
            return
        ill = day_of(self.symptoms_date)
        if ill is None:
            yield Mistake("symptoms_date", "must be a date: YYYY-MM-DD")
        elif ill > latest or (latest - ill).days > MOST_DAYS_ILL or (born is not None and ill < born):
            yield Mistake("symptoms_date", f"must be one of the last {MOST_DAYS_ILL} days, and not before the birth")

    def _wrong_ins(self) -> Iterator[Mistake]:
        if self.ins is None or day_of(self.birth_date) is None:
            return
        own = self.ins.traits is not None
        for path, message in identity.mistakes(self._ins()):  # type: ignore[arg-type]
            trait = path.removeprefix("traits.")
            yield Mistake(f"ins.{path}" if own or trait == path else trait, message)

    def _ins(self) -> Ins | None:
        if self.ins is None:
            return None
        told = self.ins.traits
        traits = identity.Traits(
            birth_name=self.birth_name if told is None else told.birth_name,
            first_names=self.first_names if told is None else told.first_names,
            birth_date=self.birth_date if told is None else told.birth_date,
            sex=self.sex if told is None else told.sex,
            birth_place=self.birth_place if told is None else told.birth_place,
        )
        matricule = identity.plain(self.ins.matricule)
        return Ins(status=self.ins.status, traits=traits, matricule=matricule, oid=self.ins.oid)

    def wrong_for(self, pathway: Pathway, channels: tuple[Channel, ...]) -> Iterator[Mistake]:
        """Yield why it can't be a file of this pathway, whose patient is written to by these channels."""
        own = {id_: threshold.value for id_, threshold in self.thresholds.items() if math.isfinite(threshold.value)}
        for id_, message in mistakes_of_own(pathway, own):
            # Of one that the pathway has not, the name is the sender's own, and may be content.
            yield Mistake(f"file.{_threshold(id_)}" if id_ in pathway.thresholds else "file.thresholds", message)
        for place, channel in enumerate(channels):
            if not getattr(self.contact, ADDRESS_OF[channel]):
                yield Mistake(f"channels[{place}]", f"needs file.contact.{ADDRESS_OF[channel]}")

    def held(self, by: str, now: int, before: File | None = None) -> File:
        """Return the file as it is kept; what of `before` stays is as it was set, by whom and when."""
        symptoms = None if self.symptoms_date is None else day_of(self.symptoms_date)
        return File(
            birth_name=self.birth_name.strip(),
            first_names=tuple(name.strip() for name in self.first_names),
            birth_date=self.birth_date,
            sex=self.sex,
            used_name=self.used_name.strip(),
            birth_place=self.birth_place,
            ins=self._ins(),
            language=self.language,
            contact=self.contact.held(),
            caregivers=tuple(
                CaregiverHeld(name=each.name, relation=each.relation, contact=each.contact.held())
                for each in self.caregivers
            ),
            consent=self._consent(by, now, None if before is None else before.consent),
            consent_before=None if before is None else before.consent_before,
            symptoms_day=None if symptoms is None else local_day(symptoms),
            pregnant=self.pregnant,
            scale=self.scale,
            scale_2_prescribed_by=self._prescriber(by, before),
            care=self.care,
            thresholds={id_: self._threshold(id_, by, now, before) for id_ in self.thresholds},
            residence=None if self.residence is None else Residence(**msgspec.structs.asdict(self.residence)),
        )

    def prescribes(self, before: File | None = None) -> bool:
        """Return whether it puts a patient on the second scale of SpO2, which they were not on."""
        return self.scale == 2 and (before is None or before.scale != 2 or not before.scale_2_prescribed_by)

    def _prescriber(self, by: str, before: File | None) -> str:
        if self.scale != 2:
            return ""
        return by if before is None or self.prescribes(before) else before.scale_2_prescribed_by

    def _consent(self, by: str, now: int, before: Consent | None) -> Consent | None:
        asked = self.consent
        if asked is None:
            return before
        told = (asked.text_version, asked.by, asked.representative, asked.capacity)
        if before and told == (before.text_version, before.by, before.representative, before.capacity):
            return before
        return Consent(
            text_version=asked.text_version,
            given_at=now,
            recorded_by=by,
            by=asked.by,
            representative=asked.representative,
            capacity=asked.capacity,
        )

    def _threshold(self, id_: str, by: str, now: int, before: File | None) -> OwnThreshold:
        asked = self.thresholds[id_]
        held = before.thresholds.get(id_) if before else None
        if held is not None and (held.value, held.reason) == (asked.value, asked.reason):
            return held
        return OwnThreshold(value=asked.value, set_by=by, set_at=now, reason=asked.reason)


def _threshold(id_: str) -> str:
    return f"thresholds.{id_}" if RULE.fullmatch(id_) else "thresholds"


class MemberAsked(Asked, frozen=True):
    """Somebody who is to be in a circle, and as what."""

    subject: str
    role: MemberRole


class EnrolAsked(Asked, frozen=True, rename={"professional": "for"}):
    """A patient who begins a pathway (`<id>`, its newest version, or `<id>/<version>`).

    `zone` is the patient's (by default the region's), `starts_on` the first day there (by default today). `for` names
    the professional at whose request support opens the file.
    """

    pathway: str
    file: FileAsked
    circle: tuple[MemberAsked, ...] = ()
    channels: tuple[Channel, ...] = ()
    departement: str = ""
    facility: str = ""
    zone: str = ""
    starts_on: str | None = None
    professional: str | None = None

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it, but for what the region and the pathway say of it."""
        if not 0 < len(self.pathway) <= MOST_CODE:
            yield Mistake("pathway", "is no pathway's name")
        yield from _below("file", self.file.mistakes(now))
        if len(self.circle) > MOST_CIRCLE:
            yield Mistake("circle", f"at most {MOST_CIRCLE}")
        if len({member.subject for member in self.circle}) < len(self.circle):
            yield Mistake("circle", "names somebody twice")
        yield from wrong_channels(self.channels)
        if self.facility and not FINESS.fullmatch(self.facility):
            yield Mistake("facility", "must be a FINESS number of nine signs")
        if self.zone and not is_zone(self.zone):
            yield Mistake("zone", "is no time zone, such as Europe/Paris")
        if self.starts_on is not None:
            begins, today = day_of(self.starts_on), _today(now)
            if begins is None:
                yield Mistake("starts_on", "must be a date: YYYY-MM-DD")
            elif not -MOST_DAYS_BEHIND <= (begins - today).days <= MOST_DAYS_AHEAD:
                yield Mistake("starts_on", f"at most {MOST_DAYS_BEHIND} days back and {MOST_DAYS_AHEAD} ahead")


class FileChangeAsked(Asked, frozen=True):
    """The file as it is from now on, and why it changes; channels, or a zone, that are left out stay as they are."""

    file: FileAsked
    reason: str
    channels: tuple[Channel, ...] | None = None
    zone: str | None = None

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from _below("file", self.file.mistakes(now))
        yield from wrong_text("reason", self.reason)
        yield from wrong_channels(self.channels or ())
        if self.channels == ():
            yield Mistake("channels", "needs one; left out, they stay as they are")
        if self.zone is not None and not is_zone(self.zone):
            yield Mistake("zone", "is no time zone, such as Europe/Paris")


class SearchAsked(Asked, frozen=True):
    """Whose file is looked for, by a name or an INS; a regulator gives name, first name and date of birth."""

    name: str = ""
    first_name: str = ""
    birth_date: str = ""
    matricule: str = ""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from _wrong_line("name", self.name, needed=not self.matricule, most=LONGEST_NAME)
        if self.matricule and (wrong := identity.why_mistyped(self.matricule)):
            yield Mistake("matricule", wrong)
        yield from _wrong_line("first_name", self.first_name, most=LONGEST_NAME)
        if self.birth_date and day_of(self.birth_date) is None:
            yield Mistake("birth_date", "must be a date: YYYY-MM-DD")


class GlassAsked(Asked, frozen=True):
    """Why the glass must be broken."""

    reason: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from wrong_text("reason", self.reason)


# --- acts ------------------------------------------------------------------------------------------------------------


class Act(Asked, frozen=True, tag_field="act"):
    """Something that somebody of the circle does; `kept` are its fields that are no content."""

    @property
    def kept(self) -> tuple[object, ...]:
        """Return what tells it from other acts, without a word of content: it becomes a part of an id on the log."""
        return (self.__struct_config__.tag,)


class OfAlert(Act, frozen=True):
    """An act on the alert that is open."""

    alert: str

    @property
    def kept(self) -> tuple[object, ...]:
        """Return what tells it from other acts."""
        return (self.__struct_config__.tag, self.alert)


class Deciding(OfAlert, frozen=True):
    """An act that was decided on by what the alert was: `seen` is its `news` then, and it had no more."""

    seen: Annotated[int, msgspec.Meta(ge=0)]

    @property
    def kept(self) -> tuple[object, ...]:
        """Return what tells it from other acts: decided anew on more, it is another."""
        return (self.__struct_config__.tag, self.alert, self.seen)


class Take(Deciding, frozen=True, tag="take"):
    """To have the alert, and look again at an instant (ms)."""

    check_at: int


class HandOver(OfAlert, frozen=True, tag="hand_over"):
    """To give the alert to another of the circle."""

    to: str
    check_at: int | None = None


class Close(Deciding, frozen=True, tag="close"):
    """To end the alert, and what came of it."""

    outcome: Literal["acted", "no_action_needed", "wrong"]
    text: str = ""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from wrong_text("text", self.text, needed=False)


class Comment(OfAlert, frozen=True, tag="comment"):
    """To say something about the alert."""

    text: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from wrong_text("text", self.text)


class MuteRule(Act, frozen=True, tag="mute"):
    """To let one rule raise no alert of this patient for some minutes."""

    rule: str
    minutes: int
    reason: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        if not RULE.fullmatch(self.rule):
            yield Mistake("rule", "is no rule's name")
        if not 0 < self.minutes <= LONGEST_MUTE_MIN:
            yield Mistake("minutes", f"from 1 to {LONGEST_MUTE_MIN}")
        yield from wrong_text("reason", self.reason)


class Message(Act, frozen=True, tag="message"):
    """To write to the circle."""

    text: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from wrong_text("text", self.text)


class Read(Act, frozen=True, tag="read"):
    """To have read the messages up to an instant (ms)."""

    upto: int

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        if not 0 < self.upto <= now + 60_000:
            yield Mistake("upto", "is no instant that has been")


class Memo(Act, frozen=True, tag="memo"):
    """To be reminded of something at an instant (ms)."""

    text: str
    due_at: int

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from wrong_text("text", self.text)
        if not now < self.due_at <= now + LONGEST_AHEAD_MS:
            yield Mistake("due_at", "must be within the next year")


class MemoDone(Act, frozen=True, tag="memo_done"):
    """To be done with a memo."""

    memo: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        if not UUID.fullmatch(self.memo):
            yield Mistake("memo", "is no memo's id")

    @property
    def kept(self) -> tuple[object, ...]:
        """Return what tells it from other acts."""
        return ("memo_done", self.memo)


class Join(Act, frozen=True, tag="join"):
    """To bring somebody into the circle."""

    subject: str
    role: MemberRole

    @property
    def kept(self) -> tuple[object, ...]:
        """Return what tells it from other acts."""
        return ("join", self.subject, self.role)


class Leave(Act, frozen=True, tag="leave"):
    """To take somebody, or oneself, out of the circle."""

    subject: str

    @property
    def kept(self) -> tuple[object, ...]:
        """Return what tells it from other acts."""
        return ("leave", self.subject)


class WithReason(Act, frozen=True):
    """An act that wants a reason."""

    reason: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from wrong_text("reason", self.reason)


class Pause(WithReason, frozen=True, tag="pause"):
    """To ask nothing for now: the patient is in hospital, say."""


class Resume(Act, frozen=True, tag="resume"):
    """To go on with the next slot."""


class Stop(WithReason, frozen=True, tag="stop"):
    """To ask nothing any more."""


class End(WithReason, frozen=True, tag="end"):
    """To end the follow-up before its time."""


class Teleconsultation(Act, frozen=True, tag="teleconsultation"):
    """To open a teleconsultation at a configured provider."""

    provider: str


class SummaryReceived(Act, frozen=True, tag="summary_received"):
    """To confirm that the summary has arrived."""


class Call(Act, frozen=True, tag="call"):
    """What came of a first call, and when the next one is (ms)."""

    outcome: Literal["agreed", "refused", "unreachable", "call_again"]
    next_at: int | None = None
    note: str = ""

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from wrong_text("note", self.note, needed=False)
        if self.next_at is not None and not now < self.next_at <= now + LONGEST_AHEAD_MS:
            yield Mistake("next_at", "must be within the next year")
        if self.next_at is not None and self.outcome in ("agreed", "refused"):
            yield Mistake("next_at", "does not go with an agreement or a refusal")


AnyAct = (
    Take
    | HandOver
    | Close
    | Comment
    | MuteRule
    | Message
    | Read
    | Memo
    | MemoDone
    | Join
    | Leave
    | Pause
    | Resume
    | Stop
    | End
    | Teleconsultation
    | SummaryReceived
    | Call
)
ACTS: dict[str, type[Act]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyAct)}


# --- reading ---------------------------------------------------------------------------------------------------------

A = TypeVar("A", bound=Asked)


def read(body: bytes, kind: type[A], now: int) -> A:
    """Return what a body says; raise Unreadable, or a Problem with all that is wrong with it."""
    return _read(_object(body), kind, now)


def read_act(body: bytes, now: int) -> Act:
    """Return the act that a body says; raise Unreadable, or a Problem with all that is wrong with it."""
    given = _object(body)
    name = given.pop("act", None)
    kind = ACTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Problem("wrong-fields", mistakes=[Mistake("act", f"must be one of {', '.join(ACTS)}")])
    return _read(given, kind, now)


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(body)
    except RecursionError:
        raise Unreadable("not JSON: nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreadable("not JSON") from None
    if not isinstance(given, dict):
        raise Problem("wrong-fields", mistakes=[Mistake("", "must be an object")])
    return given


def _read(given: Mapping[str, Any], kind: type[A], now: int) -> A:
    wrong = list(_wrong_fields(given, kind))
    if not wrong:
        asked = msgspec.convert({**given, **_tag(kind)}, kind)
        wrong = list(asked.mistakes(now))
        if not wrong:
            return asked
    raise Problem("wrong-fields", mistakes=[Mistake(path[:LONGEST_PATH], why) for path, why in wrong[:MOST_MISTAKES]])


def _tag(kind: type[msgspec.Struct]) -> dict[str, Any]:
    config = kind.__struct_config__
    return {} if config.tag_field is None else {config.tag_field: config.tag}


def _wrong_fields(given: Mapping[str, Any], kind: type[msgspec.Struct]) -> Iterator[Mistake]:
    """Yield a mistake for each field that is missing, unknown (its name may be content) or of another type."""
    types = get_type_hints(kind)
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in known.items():
        if field.required and name not in given:
            yield Mistake(name, "is missing")
    for place, (name, value) in enumerate(given.items()):
        if name not in known:
            yield Mistake(f"#{place}", "is no field of this")
            continue
        wanted = types[known[name].name]
        if isinstance(wanted, type) and issubclass(wanted, Asked) and isinstance(value, dict):
            yield from _below(name, _wrong_fields(value, wanted))
            continue
        try:
            msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            said = str(error)
            at = AT.search(said)
            said = TELLING.sub("is none of what can be said here", AT.sub("", said))
            within = "" if at is None or "[...]" in at["path"] else at["path"]
            yield Mistake(_joined(name, within), said)


def _joined(above: str, within: str) -> str:
    return above if not within else f"{above}{within}" if within.startswith("[") else f"{above}.{within}"


def _below(above: str, found: Iterator[Mistake] | tuple[()]) -> Iterator[Mistake]:
    for path, message in found:
        yield Mistake(_joined(above, path), message)


def _wrong_line(name: str, text: str, *, needed: bool = False, most: int = LONGEST_LINE) -> Iterator[Mistake]:
    if len(text) > most:
        yield Mistake(name, f"at most {most} characters")
    elif needed and not text.strip():
        yield Mistake(name, "is missing")
    elif any(not sign.isprintable() and sign != "\n" for sign in text):
        yield Mistake(name, "holds signs that can't be shown")


def wrong_text(name: str, text: str, *, needed: bool = True) -> Iterator[Mistake]:
    """Yield what is wrong with a free text."""
    yield from _wrong_line(name, text, needed=needed, most=LONGEST_NOTE)


def wrong_channels(channels: tuple[Channel, ...]) -> Iterator[Mistake]:
    """Yield what is wrong with a choice of channels."""
    if len(set(channels)) < len(channels):
        yield Mistake("channels", "names a channel twice")


def day_of(told: str) -> date | None:
    """Return the day that a text names, None for one that names none."""
    try:
        return date.fromisoformat(told) if DATE.fullmatch(told) else None
    except ValueError:
        return None


def _today(now: int) -> date:
    return datetime.fromtimestamp(now / 1000, UTC).date()


def local_day(day: date) -> int:
    """Return how many days after 1970-01-01 a day is."""
    return (day - EPOCH).days


@lru_cache(maxsize=512)
def is_zone(name: str) -> bool:
    """Return whether there is a time zone of this name."""
    if not ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a directory of zones; none at all is a KeyError's kind
        return False
    return True
