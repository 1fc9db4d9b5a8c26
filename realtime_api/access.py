"""Who may see and do what: the views that follow from the access matrix and a subject's grants."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import msgspec

from domain.alerts.notice import HeldAlert
from domain.capacity.view import Sight
from domain.followup.patient import Member, MemberRole, Patient
from domain.grants import Grant
from domain.places import Region
from people.rights import DIGEST, MATRIX, Needs, Places, Relation, Right, Thing, places_of, rights_of, stands

PATIENTS = "patients:me"  # the channels of the patients of whose circle one is: `patients:me:<region>:<n>`
MINE = "alerts:me"  # the channel of what its reader was told of, or has taken
NOTHING = Sight()


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
