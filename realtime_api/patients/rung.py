"""Whether anybody is made to look when a patient is red: told by more than an app that they have to open themselves."""

import asyncio

from domain.alerts.telling import APP, MSSANTE
from domain.followup.pathway import Colour, Pathway
from domain.followup.patient import Patient
from domain.followup.plan import plan_of
from live_state import notices
from live_state.state import State
from people.directory import People
from realtime_api.push.alerts import AlertsHub

GRAVEST: Colour = "red"
LOOKED_AT = (APP, MSSANTE)  # by whoever comes to look


async def rings(
    pathway: Pathway, patient: Patient, alerts: AlertsHub | None, state: State, people: People
) -> bool | None:
    """Return whether a red would ring somebody who is told of it now, on call or in the circle; None: it is not known.

    By which channel, and whom, is not for the asker.
    """
    if alerts is None or alerts.build is None or alerts.why_not() is not None:
        return None
    called: dict[str, None] = {}
    for step in plan_of(pathway, patient, GRAVEST, alerts.at):
        duty = alerts.on_call.get(step.on_call or "")
        called |= {person: None for person in (step.person, duty.person if duty else None) if person is not None}
    choices = await state.fields(alerts.build, "choices", list(called))
    reached = await asyncio.to_thread(people.reached, called)
    for subject, packed in zip(called, choices, strict=True):
        known = alerts.people.people.get(subject) if alerts.people else None
        chosen = None if packed is None else notices.read_choice(packed).get("critical")
        channels = (known.channels.get("critical", ()) if known else ()) if chosen is None else chosen
        if any(each in reached[subject] for each in channels if each not in LOOKED_AT):
            return True
    return False
