"""Who may see and do what: the access matrix, a subject's grants, and the view that follows from both."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from ruamel.yaml import YAML

from domain.alerts.notice import HeldAlert
from domain.alerts.rule import Concern
from domain.capacity.view import Sight
from domain.followup.patient import Member, MemberRole, Patient
from domain.grants import Grant
from domain.places import Region

MATRIX_FILE = Path(__file__).with_name("access_matrix.yaml")

Relation = Literal["own", "other", "region"]
Thing = Literal["wards", "totals"]
Scope = Literal["region", "et", "ej", "ward"]
Need = Literal[
    "wards",
    "totals",
    "writes",
    "desk",
    "mine",
    "manage",
    "commands",
    # of patients
    "enrol",
    "clinical",
    "prescribe",
    "open",
    "circle",
    "search",
    "break_glass",
    "sitting",
    "calls",
    "trail",
    "trail_own",
    "counts",
]
Needs = Need | tuple[Need, ...] | None  # of several, one is enough

GLASS = "glass"  # what who broke the glass is in a circle, as far as rights go
PATIENTS = "patients:me"  # the channels of the patients of whose circle one is: `patients:me:<region>:<n>`
MINE = "alerts:me"  # the channel of what its reader was told of, or has taken


class FieldClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What fields a class names: figures of these statuses, or who reported them."""

    statuses: tuple[str, ...] = ()
    reporter: bool = False


class AlertRights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of alerts a role may: see the desk's of these concerns, act on those, see its own, decide who is told.

    Acting on what one was told of oneself comes with `mine`.
    """

    desk: tuple[Concern, ...] = ()
    mine: bool = False
    act: bool = False
    manage: bool = False


class PatientRights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of patients a role may (`access_matrix.yaml` says each in a sentence), and as what it may be in a circle."""

    enrol: bool = False
    clinical: bool = False
    prescribe: bool = False
    open: bool = False
    circle: bool = False
    search: bool = False
    break_glass: bool = False
    sitting: bool = False
    calls: bool = False
    trail: bool = False
    trail_own: bool = False
    counts: bool = False
    member: tuple[MemberRole, ...] = ()


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a role sees by relation of its scope, and by which door its reports are said to come."""

    scopes: tuple[Scope, ...]
    wards: dict[Relation, tuple[str, ...]] = {}
    totals: dict[Relation, tuple[str, ...]] = {}
    only_what_it_wrote: bool = False
    writes: dict[Relation, str] = {}
    alerts: AlertRights = AlertRights()
    patients: PatientRights = PatientRights()

    def may(self, needs: Needs) -> bool:
        """Return whether it meets a door's needs."""
        wanted = needs if isinstance(needs, tuple) else (needs,)
        return any(need is None or bool(getattr(self, need, getattr(self.patients, need, False))) for need in wanted)

    @property
    def desk(self) -> bool:
        """Return whether it sees alerts whoever was told of them."""
        return bool(self.alerts.desk)

    @property
    def mine(self) -> bool:
        """Return whether it sees the alerts that it was told of."""
        return self.alerts.mine

    @property
    def manage(self) -> bool:
        """Return whether it decides on silences and stand-ins, and sees what alarms are worth."""
        return self.alerts.manage

    @property
    def commands(self) -> bool:
        """Return whether it can have sent a command."""
        patients = self.patients
        acts = patients.enrol or patients.open or patients.circle or patients.sitting or patients.break_glass
        return bool(self.writes) or self.mine or self.alerts.act or acts


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"open_to": "for"}):
    """Who may knock at a door, what they need, and what it shows."""

    open_to: Literal["everyone", "signed-in", "granted"]
    needs: Needs = None
    shows: tuple[str, ...] = ()


class Matrix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole data file."""

    version: int
    classes: dict[str, FieldClass]
    roles: dict[str, Role]
    doors: dict[str, Door]


def read_matrix(text: bytes) -> Matrix:
    """Return the matrix; raise msgspec.ValidationError or ValueError for a file that does not hang together."""
    matrix = msgspec.convert(YAML(typ="safe").load(text.decode()), Matrix)
    for name, role in matrix.roles.items():
        named = {given for table in (role.wards, role.totals) for classes in table.values() for given in classes}
        if named - matrix.classes.keys():
            raise ValueError(f"role {name} names classes that are none: {sorted(named - matrix.classes.keys())}")
    return matrix


_text = MATRIX_FILE.read_bytes()
MATRIX = read_matrix(_text)
DIGEST = hashlib.sha256(_text).hexdigest()[:12]  # part of every view's name: another matrix, another view

NOTHING = Sight()


class Right(NamedTuple):
    """A grant as the matrix reads it: the role's tables, within a scope; `subject` where it sees only its own words."""

    role: str
    scope: str
    subject: str | None


class View(NamedTuple):
    """What one or many readers see of a region: readers of equal views are sent the very same bytes."""

    region: str
    rights: tuple[Right, ...]

    @property
    def name(self) -> str:
        """Return what tells this view from all others, in tokens and ETags; it tells nobody's name."""
        return _name(self)

    @property
    def channel(self) -> str:
        """Return the channel of its frames."""
        return f"capacity:{self.region}"

    def may(self, needs: Needs) -> bool:
        """Return whether a door's needs are met by some right."""
        return needs is None or any(MATRIX.roles[right.role].may(needs) for right in self.rights)


@lru_cache(maxsize=4096)
def _name(view: "View | AlertsView") -> str:
    return hashlib.blake2b(repr((DIGEST, view)).encode(), digest_size=8).hexdigest()


def rights_of(subject: str, grants: Iterable[Grant], region: str, now: int) -> tuple[Right, ...]:
    """Return what the grants in force mean; a role that the matrix lacks, or a scope that it can't have, is nothing."""
    found = set()
    for grant in grants:
        role = MATRIX.roles.get(grant.role)
        if role is None or not grant.holds(now) or _scope_kind(grant.scope, region) not in role.scopes:
            continue
        found.add(Right(grant.role, grant.scope, subject if role.only_what_it_wrote else None))
    return tuple(sorted(found, key=repr))


def view_of(subject: str, grants: Iterable[Grant], region: str, now: int) -> View | None:
    """Return the subject's view of the region at this moment, None where they have none."""
    rights = rights_of(subject, grants, region, now)
    return View(region, rights) if rights else None


class AlertsView(NamedTuple):
    """What one or many readers see of a region's alerts: those of some concerns, or those of one subject."""

    region: str
    channel: str
    concerns: tuple[str, ...] = ()
    subject: str | None = None
    counts: bool = False  # of patients, as they are published
    duties: frozenset[str] = frozenset()  # the schedules by which the subject is on call now

    @property
    def name(self) -> str:
        """Return what tells this view from all others, in tokens."""
        return _name(self)

    def shows(self, held: HeldAlert) -> bool:
        """Return whether an alert is theirs to see."""
        if self.subject is None:
            return held.alert.labels.get("concern") in self.concerns
        return is_told(held, self.subject, self.duties)


def is_told(held: HeldAlert, subject: str, duties: frozenset[str] = frozenset()) -> bool:
    """Return whether somebody was told of an alert, has it, or is called to it.

    One of a patient is no longer theirs whom its plan names no more: they left the circle, or were on call for it while
    it was open.
    """
    if held.alert.taken_by == subject:
        return True
    if held.alert.labels.get("concern") != "patients":
        return subject in held.told
    named = any(step.person == subject or step.on_call in duties for step in held.alert.plan)
    return (named and subject in held.told) or is_called(held, subject, duties)


def is_called(held: HeldAlert, subject: str, duties: frozenset[str]) -> bool:
    """Return whether somebody is called to a patient's open alert: told of it while on call, or on call for it now.

    So neither who was told a minute before a change of shift is kept from it, nor who comes then.
    """
    is_open = held.alert.status != "resolved"
    return is_open and (subject in held.called or not duties.isdisjoint(schedules_of(held)))


def may_join(patient: Patient, held: HeldAlert, subject: str, duties: frozenset[str], now: int) -> bool:
    """Return whether somebody who is called to a patient's open alert may come into the circle for a night.

    Whom the circle took out on such a night comes back by another one alone: not before, nor by having been told then.
    """
    if patient.sent_off(subject, now):
        return False
    on_call = not duties.isdisjoint(schedules_of(held))
    return on_call or (is_called(held, subject, duties) and subject not in patient.sent_away)


def schedules_of(held: HeldAlert) -> set[str]:
    """Return the schedules by which people are called to an alert: those of a patient's plan, while it is open."""
    if held.alert.status == "resolved" or held.alert.labels.get("concern") != "patients":
        return set()
    return {step.on_call for step in held.alert.plan if step.on_call is not None}


def alerts_view(subject: str, grants: Iterable[Grant], region: str, now: int, channel: str) -> AlertsView | None:
    """Return what the subject sees on a channel of alerts at this moment, None where they see nothing."""
    roles = [MATRIX.roles[right.role] for right in rights_of(subject, grants, region, now)]
    if channel == MINE or channel.startswith(f"{MINE}:"):
        return AlertsView(region, channel, subject=subject) if any(role.mine for role in roles) else None
    concerns = {concern for role in roles for concern in role.alerts.desk}
    counts = any(role.patients.counts for role in roles)
    return AlertsView(region, channel, tuple(sorted(concerns)), counts=counts) if concerns else None


def may_act(rights: Iterable[Right], held: HeldAlert, subject: str, duties: frozenset[str] = frozenset()) -> bool:
    """Return whether these rights of a subject, on duty by these schedules, let them act on an alert."""
    roles = [MATRIX.roles[right.role].alerts for right in rights]
    if any(role.act and held.alert.labels.get("concern") in role.desk for role in roles):
        return True
    return any(role.mine for role in roles) and is_told(held, subject, duties)


Places = frozenset[tuple[str, str]]  # as what somebody may be in a circle: a role, and of which facility's residents


def places_of(grants: Iterable[Grant], region: str, now: int) -> Places:
    """Return as what grants let somebody be in circles now; with no facility, of whatever patient."""
    found: set[tuple[str, str]] = set()
    for right in rights_of("", grants, region, now):
        patients = MATRIX.roles[right.role].patients
        at = right.scope.removeprefix("et:") if patients.sitting else ""
        found.update((role, at) for role in patients.member)
        if patients.circle:
            found.add(("on_call", ""))
        if patients.break_glass:
            found.add((GLASS, ""))
    return frozenset(found)


def stands(member: Member, facility: str, places: Places) -> bool:
    """Return whether somebody still may be what they are in a circle: of staff, only where the patient lives."""
    role = GLASS if member.broke_glass else member.role
    return (role, "") in places or (role, facility) in places


class PatientsView(NamedTuple):
    """What one person sees of a shard's patients: those of whose circle they are, but for glass that is whole again.

    `places` are what they may be in circles now: a membership that their grants allow no more shows nothing. `over` are
    the files that they opened by breaking the glass, and whose hour is over by this process's clock: so they go with
    it, whatever becomes of the shard's.
    """

    region: str
    channel: str
    subject: str
    places: Places
    over: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Return what tells this view from all others, in tokens."""
        return hashlib.blake2b(
            repr((DIGEST, self[:3], sorted(self.places), sorted(self.over))).encode(), digest_size=8
        ).hexdigest()

    def shows(self, patient: Patient) -> bool:
        """Return whether a patient is theirs to see."""
        return patient.id not in self.over and any(
            member.subject == self.subject and stands(member, patient.facility, self.places)
            for member in patient.circle
        )


def patients_view(
    subject: str, grants: Sequence[Grant], region: str, now: int, channel: str, over: frozenset[str] = frozenset()
) -> PatientsView | None:
    """Return what the subject sees of a shard's patients at this moment, None where no role lets them see any."""
    rights = rights_of(subject, grants, region, now)
    if not any(MATRIX.roles[right.role].may(("circle", "break_glass")) for right in rights):
        return None
    return PatientsView(region, channel, subject, places_of(grants, region, now), over)


def member_of(patient: Patient, subject: str, now: int, places: Places) -> Member | None:
    """Return what somebody is in a patient's circle at an instant; None where they are not, or may not be any more."""
    found = [
        each
        for each in patient.circle
        if each.subject == subject
        and (each.until is None or now < each.until)
        and stands(each, patient.facility, places)
    ]
    return min(found, key=lambda each: each.until is not None, default=None)  # who is in it anyhow broke no glass


def may_be_member(grants: Iterable[Grant], region: str, now: int, role: MemberRole, facility: str) -> bool:
    """Return whether grants let somebody be in a circle as this."""
    return stands(Member("", role), facility, places_of(grants, region, now))


def changes_at(grants: Iterable[Grant], now: int) -> int | None:
    """Return the next instant at which a grant begins or ends, None where none does."""
    edges = [at for grant in grants for at in (grant.since, grant.until) if at is not None and at > now]
    return min(edges, default=None)


def _scope_kind(scope: str, region: str) -> str | None:
    if scope == region:
        return "region"
    kind, colon, _ = scope.partition(":")
    return kind if colon else None


class Eyes:
    """A view applied to a region's directory: what it sees of a ward or a total."""

    def __init__(self, view: View, region: Region) -> None:
        self.view, self._region = view, region
        self._wards: dict[str, Sight] = {}
        self._totals: dict[str, Sight] = {}

    def ward(self, id_: str) -> Sight:
        """Return the sight of a ward, nothing for one that the directory does not know."""
        sight = self._wards.get(id_)
        if sight is None:
            sight = self._wards[id_] = self._see_ward(id_)
        return sight

    def total(self, key: str) -> Sight:
        """Return the sight of the total `<level>/<code>/<kind>`."""
        level, code, _ = key.split("/", 2)
        sight = self._totals.get(key)
        if sight is None:
            sight = self._totals[key] = _union(
                _sight(right, "totals", self._relation_to_total(right.scope, level, code)) for right in self.view.rights
            )
        return sight

    def _see_ward(self, id_: str) -> Sight:
        ward = self._region.ward_of.get(id_)
        if ward is None:
            return NOTHING
        entity = self._region.facility_of[ward.facility].finess_ej
        return _union(
            _sight(right, "wards", relation(right.scope, self._region.code, id_, ward.facility, entity))
            for right in self.view.rights
        )

    def _relation_to_total(self, scope: str, level: str, code: str) -> Relation:
        if scope == self._region.code:
            return "own"
        if level != "facility":
            return "region"
        facility = self._region.facility_of.get(code)
        mine = facility is not None and scope in (f"et:{code}", f"ej:{facility.finess_ej}")
        return "own" if mine else "other"


def relation(scope: str, region: str, ward: str, facility: str, entity: str) -> Relation:
    """Return how a scope stands to a ward."""
    return "own" if scope in (region, f"ward:{ward}", f"et:{facility}", f"ej:{entity}") else "other"


def writes_by(rights: Sequence[Right], region: str, ward: str, facility: str, entity: str) -> str | None:
    """Return by which door a report for the ward is said to come, None where none of the rights allows it."""
    for right in rights:
        door = MATRIX.roles[right.role].writes.get(relation(right.scope, region, ward, facility, entity))
        if door is not None:
            return door
    return None


@cache
def _given(role: str, thing: Thing, kind: Relation) -> Sight:
    table: Mapping[Relation, tuple[str, ...]] = getattr(MATRIX.roles[role], thing)
    classes = [MATRIX.classes[name] for name in table.get(kind, ())]
    return Sight(
        statuses=frozenset(status for each in classes for status in each.statuses),
        reporter=any(each.reporter for each in classes),
    )


def _sight(right: Right, thing: Thing, kind: Relation) -> Sight:
    sight = _given(right.role, thing, kind)
    return sight if right.subject is None else msgspec.structs.replace(sight, only_from=right.subject)


def _union(sights: Iterable[Sight]) -> Sight:
    """Return one sight that shows no more than these do together.

    What can't be said in one sight is left out rather than shown too widely: a reporter's name is shown only if one of
    them shows it for all that is seen, and what someone sees of their own words only is dropped beside a wider sight.
    """
    some = [sight for sight in sights if sight.statuses]
    wide = [sight for sight in some if sight.only_from is None] or some[:1]
    if not wide:
        return NOTHING
    statuses = frozenset(status for sight in wide for status in sight.statuses)
    return Sight(
        statuses=statuses,
        reporter=any(sight.reporter and sight.statuses >= statuses for sight in wide),
        only_from=wide[0].only_from,
    )
