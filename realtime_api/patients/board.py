"""What the board says of a patient beside the row: name, age, and why they have their colour, from the opened chart."""

from collections.abc import Iterable, Mapping

from domain.alerts.routing import Zone
from domain.followup.alerting import NO_ANSWER, NOBODY_LEFT, NOT_CALLED, NOT_READ, NOT_TAKEN
from domain.followup.answering import age_on
from domain.followup.asking import NOT_REACHED
from domain.followup.chart import Chart, File
from domain.followup.pathway import COLOURS, Pathway
from domain.followup.patient import Patient
from domain.followup.questionnaire import NUMBERS
from domain.followup.red_flags import WORDS
from domain.followup.score import Finding
from domain.places import Words
from realtime_api.patients.shapes import BoardPatient, Reason, ToAsk, Trend
from realtime_api.push.patients import SHOWN, row_of

MOST_REASONS = 2
DAY_MS = 86_400_000
NOT_SENT = Words("Pas de réponse : question non envoyée", "No answer: no question was sent")
BESIDE = (NOT_TAKEN, NOT_READ, NOBODY_LEFT, NOT_CALLED)  # what raises an alert and is in no answer's result
OWN_WORDS = {
    **WORDS,
    NOT_TAKEN: Words("Une réponse n’a pas été prise", "An answer was not taken"),
    NOT_READ: Words("Une réponse ne peut pas être lue", "An answer cannot be read"),
    NOBODY_LEFT: Words("Plus personne du cercle ne peut voir ce dossier", "Nobody of the circle can see this file"),
    NOT_CALLED: Words("Le premier appel n’a pas été fait", "The first call was not made"),
    NO_ANSWER: Words("Pas de réponse", "No answer"),
    "news2": Words("Score NEWS2", "NEWS2 score"),
    "oximetry/borderline": Words("Saturation limite", "Borderline saturation"),
}


def name_of(file: File) -> str:
    """Return what a patient is called: the first first name, and the name that they use."""
    return f"{file.first_names[0]} {file.used_name or file.birth_name}"


def local_day(zone: Zone, at: int) -> int:
    """Return the local day (since 1970) of an instant."""
    offset = next((offset for since, offset in reversed(zone.offsets) if since <= at), zone.offsets[0][1])
    return (at + offset * 1000) // DAY_MS


def age_of(file: File, patient: Patient, at: int) -> int | None:
    """Return a patient's age in whole years where they live."""
    return age_on(file.birth_date, local_day(patient.zone, at))


def words_of(rule: str, pathway: Pathway | None) -> Words:
    """Return what a rule says, in words; its own name where it has none."""
    kind, _, id_ = rule.partition("/")
    scoring = pathway.scoring if pathway is not None else None
    own = scoring.flags if scoring and kind == "flag" else scoring.trends if scoring and kind == "trend" else ()
    return next((each.words for each in own if each.id == id_), OWN_WORDS.get(rule, Words(rule, rule)))


def reasons(findings: Iterable[Finding], pathway: Pathway | None, most: int = MOST_REASONS) -> list[Reason]:
    """Return the strongest rules that speak, of different answers; a sum last, since it says least."""
    speaking = [each for each in findings if each.colour != "green"]
    speaking.sort(key=lambda each: (-COLOURS.index(each.colour), each.rule == "news2", each.rule))
    items = {} if pathway is None else pathway.questionnaire.item_of
    found: dict[str, Reason] = {}
    for each in speaking:
        item = items.get(each.item)
        told = Reason(
            rule=each.rule,
            words=NOT_SENT if (each.rule, each.value) == (NO_ANSWER, NOT_REACHED) else words_of(each.rule, pathway),
            colour=each.colour,
            item=each.item,
            value=each.value,
            threshold=each.threshold,
            whose=each.whose,
            points=each.points,
            unit="" if item is None else item.unit,
        )
        # Two rules of one measure are one reason; of a list of signs each is its own.
        found.setdefault(each.item if item is not None and item.kind in NUMBERS else each.rule, told)
    return list(found.values())[:most]


def to_ask(links: Iterable[str], pathway: Pathway | None) -> list[ToAsk]:
    """Return the questions that are still to be answered, in words."""
    if pathway is None:
        return []
    items = pathway.questionnaire.item_of
    read_as = {link: name for name, link in pathway.scoring.readings.items() if items[link].kind in NUMBERS}
    return [ToAsk(link, items[link].text, read_as.get(link, "")) for link in links if link in items]


def trend_of(patient: Patient, chart: Chart) -> Trend | None:
    """Return whether the last slot is worse (up) or better than the one before; None where there are not two."""
    result = chart.current.result if chart.current is not None else None
    if result is not None and any(each.rule.startswith("trend/") for each in result.findings):
        return "up"
    told = sorted((each for each in patient.slots.values() if each.state in ("answered", "missed")), key=_due)
    if len(told) < 2:
        return None
    before, now = (COLOURS.index(each.colour) for each in told[-2:])
    return "up" if now > before else "down" if now < before else "flat"


def _due(slot: object) -> int:
    return int(slot.due_at)  # type: ignore[attr-defined]


def gravity(patient: Patient) -> tuple[object, ...]:
    """Return what orders a board: an open alert first, then the colour, then who has waited longest."""
    alert = patient.alert
    colour = -1 if patient.colour is None else COLOURS.index(patient.colour)
    if alert is not None:
        return (0, -COLOURS.index(alert.colour), alert.status != "firing", alert.opened_at, patient.id)
    return (1, -colour, 0, patient.colour_at or patient.enrolled_at, patient.id)


def drawn(
    patient: Patient, chart: Chart, pathway: Pathway | None, now: int, unread: int, names: Mapping[str, str]
) -> BoardPatient:
    """Return a patient as the board shows them."""
    result = chart.current.result if chart.current is not None else None
    alert = patient.alert
    why = () if alert is None else chart.why
    beside = [each for each in why if each.rule in BESIDE]
    return BoardPatient(
        **{name: getattr(row_of(patient), name) for name in SHOWN},
        name=name_of(chart.file),
        age=age_of(chart.file, patient, now),
        title=words_of("", None) if pathway is None else pathway.title,
        range=None if result is None or result.news2 is None else (result.news2.low, result.news2.high),
        trend=trend_of(patient, chart),
        reasons=reasons(why if result is None else (*beside, *result.findings), pathway),
        ask=to_ask(() if result is None else result.ask, pathway),
        suggestion=None if result is None else result.suggestion,
        unread=unread,
        memos_due=sum(1 for due in patient.memos.values() if due <= now),
        taken_by_name=None if alert is None or alert.taken_by is None else names.get(alert.taken_by),
    )
