"""Notices and letters to try channels with; what is in them must be in no log line is called canary."""

from typing import Any

from msgspec.structs import replace

from domain.alerts.lifecycle import Alert
from domain.alerts.notice import Group, HeldAlert, Notice
from domain.places import Words
from streams.notify.channel import Letter, key_of

NOTICE = Notice(
    id="g1/1000.1/anne-canary/sms",
    group="g1",
    alerts=("a1",),
    person="anne-canary",
    channel="sms",
    severity="critical",
    reason="first",
    title=Words("Réanimation adulte, Hérault : 92 %", "Adult intensive care, Hérault: 92 %"),
    text=Words("Occupation de 92 % depuis 15 min", "Occupied to 92 % for 15 min"),
    todo=Words("Ouvrir des lits", "Open beds"),
    link="/alerts?group=g1",
    made_at=1_000,
    due_at=1_000,
    give_up_at=600_000,
    step=1,
)
ALERT = Alert(
    id="a1",
    rule="rea-pleine",
    subject="departement/34/rea_adulte",
    status="firing",
    severity="critical",
    since=0,
    raised_at=900_000,
    labels={"rule": "rea-pleine", "region": "occitanie", "departement": "34", "severity": "critical"},
    title=NOTICE.title,
    text=NOTICE.text,
    todo=NOTICE.todo,
    value=0.92,
    threshold=0.9,
)
GROUP = Group(
    id="g1",
    route="lits",
    labels={"departement": "34"},
    severity="critical",
    status="telling",
    alerts=("a1",),
    began_at=0,
    chain="cellule",
)


def held(**changes: Any) -> HeldAlert:
    """Return the alert as the notices shard has it, changed as told."""
    return HeldAlert(alert=replace(ALERT, **changes), shard="capacity:occitanie")


def letter(notice: Notice | None = None, **told: Any) -> Letter:
    """Return a letter of a notice, with what else is told of it."""
    notice = notice or NOTICE
    return Letter(
        **{
            "notice": notice,
            "key": key_of(notice.id),
            "region": "occitanie",
            "base": "https://lits.example.fr",
            "seen": "kLhRrSi5ES-rQrdyxIIp2uN-",
            **told,
        }
    )
