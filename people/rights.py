"""What grants let somebody do: the access matrix as it is read, and the rights that follow from it."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from ruamel.yaml import YAML

from domain.alerts.rule import Concern
from domain.followup.patient import Member, MemberRole
from domain.grants import Grant

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


class Right(NamedTuple):
    """A grant as the matrix reads it: the role's tables, within a scope; `subject` where it sees only its own words."""

    role: str
    scope: str
    subject: str | None


def rights_of(subject: str, grants: Iterable[Grant], region: str, now: int) -> tuple[Right, ...]:
    """Return what the grants in force mean; a role that the matrix lacks, or a scope that it can't have, is nothing."""
    found = set()
    for grant in grants:
        role = MATRIX.roles.get(grant.role)
        if role is None or not grant.holds(now) or _scope_kind(grant.scope, region) not in role.scopes:
            continue
        found.add(Right(grant.role, grant.scope, subject if role.only_what_it_wrote else None))
    return tuple(sorted(found, key=repr))


def overseers(grants: Mapping[str, Iterable[Grant]], region: str, now: int) -> tuple[str, ...]:
    """Return who sees the whole access trail, of everybody's grants: the DPO, in the order of their names."""
    return tuple(
        subject
        for subject, held in sorted(grants.items())
        if any(MATRIX.roles[right.role].may("trail") for right in rights_of(subject, held, region, now))
    )


def staff_of(facility: str, grants: Mapping[str, Iterable[Grant]], region: str, now: int) -> tuple[str, ...]:
    """Return a facility's own staff, of everybody's grants: who answers for its residents, or looks after them."""
    own = f"et:{facility}"
    return tuple(
        subject
        for subject, held in sorted(grants.items())
        if any(
            right.scope == own and MATRIX.roles[right.role].may(("sitting", "clinical"))
            for right in rights_of(subject, held, region, now)
        )
    )


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


def _scope_kind(scope: str, region: str) -> str | None:
    if scope == region:
        return "region"
    kind, colon, _ = scope.partition(":")
    return kind if colon else None
