"""Whom a patient's alert tells, in which order: by the colour, and by whether somebody is there at that hour."""

from collections.abc import Iterable, Mapping

from domain.alerts.matching import within
from domain.alerts.routing import ChainStep
from domain.followup.holding import circle_of, members
from domain.followup.pathway import Colour, Pathway, Role
from domain.followup.patient import MemberRole, Patient

LOOPS = 5  # ⚠ OWN: how often the chain begins again while nobody has it

ONLY_TOLD: tuple[MemberRole, ...] = ("ehpad",)
MEMBERS: Mapping[Role, tuple[MemberRole, ...]] = {
    "physician": ("physician",),
    "nurse": ("nurse",),
    "coordinator": ("coordinator",),
    "tracing_team": ("tracing_agent",),
    "ehpad": ("ehpad",),
    "samu": ("samu",),
    "geriatrics": ("geriatrics",),
}


def plan_of(pathway: Pathway, patient: Patient, colour: Colour, at: int) -> tuple[ChainStep, ...]:
    """Return the chain of an alert that is opened then: people of the circle, and whoever is on call.

    While the pathway is staffed the circle comes first. Outside these hours whoever is on call does, where the pathway
    has somebody for that colour. Where the patient is told to call 15 and the colour is told to whoever is on call,
    these are told together with the circle: that one may be asleep, and a red must not wait for longer than an orange.
    Nobody waits for those alone who are told, but can't take it: staff of an EHPAD, who are at the bedside.
    Where nobody is left in the circle, whoever the pathway has on call for any colour is told of each.
    """
    subjects = told(pathway, patient, colour)
    people = tuple(ChainStep(person=subject) for subject in subjects)
    wait = ChainStep(wait_s=pathway.answer_within_s[colour])
    can_act = any(member.subject in subjects and member.role not in ONLY_TOLD for member in patient.circle)
    schedule = on_call_of(pathway, colour, of_whatever=not subjects)
    theirs = (wait,) if can_act or not schedule else ()
    on_call = (ChainStep(on_call=schedule),) if schedule else ()
    loop = ChainStep(loop=LOOPS)
    if not on_call:
        return (*people, *theirs, loop)
    if any(within(window, patient.zone, at) for window in pathway.staffed):
        return (*people, *theirs, *on_call, wait, loop)
    outside = pathway.outside.get(colour)
    if outside is not None and outside.on_call:
        return (*on_call, wait, *people, *theirs, loop)
    return (*on_call, *people, wait, loop)


def on_call_of(pathway: Pathway, colour: Colour, *, of_whatever: bool = False) -> str:
    """Return the schedule of whoever is on call for a colour, or else for any; empty where nobody is."""
    outside = pathway.outside.get(colour)
    if outside is not None and outside.on_call:
        return outside.on_call
    if "on_call" not in pathway.told.get(colour, ()) and not of_whatever:
        return ""
    return next((each.on_call for each in pathway.outside.values() if each.on_call), "")


def told(pathway: Pathway, patient: Patient, colour: Colour) -> list[str]:
    """Return whom of the circle a colour is told to; where nobody has any of its roles, everybody."""
    roles = pathway.told.get(colour, ())
    everybody = circle_of(patient)
    if "circle" in roles:
        return everybody
    return of_roles(patient, roles) or everybody


def of_roles(patient: Patient, roles: Iterable[Role]) -> list[str]:
    """Return those of the circle who are what a pathway calls them by."""
    return members(patient, [role for each in roles for role in MEMBERS.get(each, ())])
