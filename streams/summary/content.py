"""What a summary says, in French: of whom, what was asked and answered each day, what was made of it, and by whom."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from domain.alerts.routing import Zone
from domain.followup import schedule
from domain.followup.alerting import NO_ANSWER, NOBODY_LEFT, NOT_CALLED, NOT_READ, NOT_TAKEN
from domain.followup.chart import File, SlotContent
from domain.followup.holding import Line
from domain.followup.news2 import Parameter
from domain.followup.pathway import Colour, Pathway
from domain.followup.patient import AnsweredBy, MemberRole, Patient
from domain.followup.questionnaire import NUMBERS, UNASKED, Item, Value
from domain.followup.red_flags import WORDS
from domain.followup.schedule import Due
from domain.followup.score import Finding

DASH = "–"
MOST_COLUMNS = 7  # of measures beside the date: more go in a second table
EPOCH = date(1970, 1, 1)

COLOUR: dict[Colour, str] = {"green": "vert", "yellow": "jaune", "orange": "orange", "red": "rouge"}
SEX = {"male": "masculin", "female": "féminin", "unknown": "inconnu"}
ROLE: dict[MemberRole, str] = {
    "physician": "médecin",
    "nurse": "infirmier ou infirmière",
    "coordinator": "médecin coordonnateur",
    "tracing_agent": "agent de traçage",
    "ehpad": "équipe de l’EHPAD",
    "samu": "SAMU",
    "geriatrics": "gériatrie",
}
BY: dict[AnsweredBy, str] = {
    "patient": "le patient",
    "caregiver": "un proche",
    "staff": "l’équipe soignante",
    "app": "une application",
}
OVER = {"stopped": "arrêté", "ended": "terminé", "refused": "refusé"}
OUTCOME = {
    "acted": "une action a suivi",
    "no_action_needed": "aucune action nécessaire",
    "wrong": "alerte à tort",
    "gone": "effacée",
}
DETAIL: dict[str, str] = {
    **OUTCOME,
    **{str(role): words for role, words in ROLE.items()},
    "agreed": "accord",
    "refused": "refus",
    "unreachable": "injoignable",
    "call_again": "à rappeler",
    "smtp": "courriel",
    "sms": "SMS",
}
READING: dict[Parameter, str] = {
    "temperature": "Température",
    "spo2": "SpO2 au repos",
    "pulse": "Pouls",
    "respiratory_rate": "Fréquence respiratoire",
    "systolic": "Tension systolique",
    "oxygen": "Oxygène",
    "consciousness": "Conscience",
}
HAPPENED = {
    "enrolled": "début du suivi",
    "file_changed": "dossier modifié",
    "joined": "entrée dans le cercle",
    "lapsed": "droits terminés",
    "back": "droits rétablis",
    "left": "sortie du cercle",
    "paused": "suspension",
    "resumed": "reprise",
    "stopped": "arrêt",
    "ended": "fin",
    "refused": "refus du suivi",
    "called": "appel",
    "links_revoked": "liens du patient annulés",
    "not_reached": "message au patient non remis",
    "not_taken": "réponse grave non prise en compte",
    "fired": "alerte ouverte",
    "worsened": "alerte aggravée",
    "taken": "alerte prise en charge",
    "handed_over": "alerte transmise",
    "reopened": "alerte rouverte",
    "commented": "commentaire",
    "closed": "alerte close",
    "muted": "règle mise en sourdine",
    "message": "message",
    "memo": "mémo",
    "memo_done": "mémo fait",
    "teleconsultation": "téléconsultation lancée",
    "glass_broken": "accès d’urgence",
}
AUTHOR = {"home-cov": "HOME-CoV, ", "oximetry": "HAS, "}
RULE = {
    "news2": "NEWS2",
    "oximetry/borderline": "HAS, saturation limite",
    NO_ANSWER: "sans réponse",
    NOT_TAKEN: "réponse non prise en compte",
    NOT_READ: "réponse illisible",
    NOBODY_LEFT: "plus personne dans le cercle",
    NOT_CALLED: "premier appel non fait",
}
UNANSWERED, UNSENT = "sans réponse", "question non envoyée à temps"
TRACED = ("answered", "corrected", "missed", "skipped", "summary", "read")  # told elsewhere, or nothing of the care
LIMITS = (
    "Les scores et les couleurs aident un clinicien à décider et ne le remplacent pas ; vigilits n’est pas un"
    " dispositif médical certifié.",
    "Une mesure absente est inconnue : elle ne vaut jamais zéro, et rien ne dit qu’elle était normale.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that a summary is made of, opened: hold it no longer than it takes to send it.

    `seed` names what is in the document: the same for one patient at every try, and guessed from nothing on the log.
    """

    patient: Patient
    pathway: Pathway
    file: File = field(repr=False)
    slots: Mapping[str, SlotContent] = field(repr=False)
    story: Sequence[tuple[Line, str]] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    region: str
    made_at: int
    seed: bytes = field(repr=False)

    @property
    def over_at(self) -> int:
        """Return when the follow-up was over."""
        return self.made_at if self.patient.over_at is None else self.patient.over_at

    def asked(self) -> list[Due]:
        """Return the slots that were answered, or that no answer came to, in order; those of a pause were not asked."""
        missed = {line.id for line, _ in self.story if line.what == "missed"}
        return [due for due in self.dues() if answered(self.slots.get(due.slot)) or due.slot in missed]

    def dues(self) -> Sequence[Due]:
        """Return all slots of the follow-up, in order."""
        patient = self.patient
        return schedule.slots(self.pathway, patient.first_day, patient.zone, patient.enrolled_at)

    def was_sent(self, due: Due) -> bool:
        """Return whether the question of a slot that nobody answered went out by then: else nobody was asked.

        Of a slot long past, whose state the row has no more, the story tells which messages were never sent.
        """
        patient, state = self.patient, self.patient.slots.get(due.slot)
        if self.pathway.answered_by == "staff":
            return True
        if state is not None and not state.reached:
            return False
        sent_by = set(patient.channels)
        if state is None:
            about = f"{patient.id}/{due.slot}/"
            lines = (line for line, _ in self.story if line.what == "not_reached" and line.id.startswith(about))
            sent_by -= {line.detail for line in lines}
        return bool(sent_by)

    def name_of(self, subject: str) -> str:
        """Return what somebody is called in the document."""
        if subject.startswith("patient:"):
            return "le patient"
        return clean(self.names.get(subject, "")) or clean(subject)

    def when(self, at: int) -> str:
        """Return an instant by the patient's own clock."""
        return f"{local(self.patient.zone, at):%d/%m/%Y %H:%M}"


class Table(NamedTuple):
    """Rows under a head; every row has as many cells as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(NamedTuple):
    """One part of the document."""

    name: str
    title: str
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def sections(told: Told) -> tuple[Section, ...]:
    """Return the whole summary, part by part; one that has nothing to say is not there."""
    found = (
        Section("patient", "Patient", tables=(Table(("", ""), tuple(_patient(told.file))),)),
        Section("followup", "Suivi", tables=(Table(("", ""), tuple(_followup(told))),)),
        Section("days", "Jour après jour", tables=(_days(told),)),
        Section("measures", "Mesures", tables=tuple(_measures(told))),
        Section("alerts", "Alertes", tables=(_alerts(told),)),
        Section("story", "Décisions et échanges du cercle de soins", tables=(_story(told),)),
        Section("answers", "Réponses", tables=(_answers(told),)),
    )
    spoken = [part for part in found if any(table.rows for table in part.tables)]
    return (*spoken, Section("limits", "À savoir", lines=(*LIMITS, _kept(told))))


def title(told: Told) -> str:
    """Return what the document is called."""
    return f"Compte rendu de suivi à domicile {DASH} {clean(told.pathway.title.fr)}"


# --- of whom, and when -----------------------------------------------------------------------------------------------


def _patient(file: File) -> Iterator[tuple[str, str]]:
    yield "Nom de naissance", clean(file.birth_name)
    if file.used_name:
        yield "Nom utilisé", clean(file.used_name)
    yield "Prénoms", clean(", ".join(file.first_names))
    yield "Date de naissance", day_of(file.birth_date)
    yield "Sexe", SEX.get(file.sex, file.sex)
    if file.birth_place:
        yield "Lieu de naissance (INSEE)", clean(file.birth_place)
    if file.ins is None:
        yield "INS", "absente : identité déclarée, à vérifier"
    else:
        yield "INS", clean(f"{file.ins.matricule or 'sans matricule'}, identité {file.ins.status}")
    for caregiver in file.caregivers:
        relation = f" ({clean(caregiver.relation)})" if caregiver.relation else ""
        yield "Proche", clean(caregiver.name) + relation
    if file.pregnant:
        yield "Grossesse", "oui : NEWS2 n’est pas calculé"
    if file.residence is not None:
        told = (
            ("Chambre", file.residence.room),
            ("Niveau de soins", file.residence.level_of_care),
            ("Directives anticipées", file.residence.directives),
            ("Personne de confiance", file.residence.person_of_trust),
            ("Médecin coordonnateur", file.residence.coordinating_physician),
        )
        yield from ((name, clean(value)) for name, value in told if value)


def _followup(told: Told) -> Iterator[tuple[str, str]]:
    patient, file = told.patient, told.file
    asked = told.asked()
    given = sum(1 for due in asked if answered(told.slots.get(due.slot)))
    unsent = sum(1 for due in asked if not answered(told.slots.get(due.slot)) and not told.was_sent(due))
    yield "Parcours", f"{clean(told.pathway.title.fr)}, version {clean(told.pathway.version)}"
    yield "Région", clean(told.region).capitalize()
    by = " par le patient" if patient.stopped_by_patient else ""
    yield (
        "Période",
        f"du {_french(patient.first_day)} au {told.when(told.over_at)} : {OVER.get(patient.status, '')}{by}",
    )
    sent = len(asked) - unsent
    never = f", {unsent} non envoyés à temps" if unsent else ""
    yield "Questionnaires", f"{sent} demandés, {given} remplis, {sent - given} sans réponse{never}"
    if file.symptoms_day is not None:
        yield "Premiers symptômes", _french(file.symptoms_day)
    for member in patient.circle:
        until = "" if member.until is None else f", accès d’urgence jusqu’au {told.when(member.until)}"
        role = ROLE[member.role]
        yield role[0].upper() + role[1:], told.name_of(member.subject) + until
    for id_, own in sorted(file.thresholds.items()):
        why = f"par {told.name_of(own.set_by)} le {told.when(own.set_at)} : {clean(own.reason)}"
        yield f"Seuil personnel ({clean(rule_words(told.pathway, id_))})", f"{number(own.value)}, {why}"
    if file.scale == 2:
        yield "Échelle SpO2", f"2, prescrite par {told.name_of(file.scale_2_prescribed_by) or 'personne'}"
    for consent in (file.consent, file.consent_before):
        if consent is None:
            continue
        who = "le patient"
        if consent.by != "patient":
            capacity = f" ({clean(consent.capacity)})" if consent.capacity else ""
            who = f"{clean(consent.representative)}{capacity}"
        yield (
            "Consentement" if consent is file.consent else "Consentement antérieur",
            f"donné par {who} le {told.when(consent.given_at)}, texte {clean(consent.text_version)}, recueilli par "
            f"{told.name_of(consent.recorded_by)}",
        )


def _kept(told: Told) -> str:
    if told.patient.erase_at is None:
        return "Ces données sont effacées de vigilits dès que la réception de ce document est confirmée."
    return (
        "Ces données sont effacées de vigilits dès que la réception de ce document est confirmée, au plus tard le "
        f"{told.when(told.patient.erase_at)}."
    )


# --- day by day ------------------------------------------------------------------------------------------------------


def answered(slot: SlotContent | None) -> bool:
    """Return whether anybody answered a slot."""
    return slot is not None and bool(slot.sent)


def _days(told: Told) -> Table:
    rows = []
    for due in told.asked():
        slot, state = told.slots.get(due.slot), told.patient.slots.get(due.slot)
        if slot is None or not slot.sent:
            colour = "" if state is None or state.state != "missed" else COLOUR[state.colour]
            rows.append((told.when(due.due_at), UNANSWERED if told.was_sent(due) else UNSENT, colour, DASH, ""))
            continue
        result = slot.result
        corrected = f", corrigé {len(slot.sent) - 1} fois" if len(slot.sent) > 1 else ""
        by = f"{told.when(slot.sent[0].at)}, par {BY[slot.sent[0].by]}{corrected}"
        if result is None:
            rows.append((told.when(due.due_at), by, DASH, DASH, ""))
            continue
        incomplete = ", incomplet" if result.incomplete else ""
        why = " ; ".join(_finding(told, each) for each in result.findings if each.colour != "green")
        rows.append((told.when(due.due_at), by, COLOUR[result.colour] + incomplete, news2(slot), why))
    return Table(("Demandé", "Rempli", "Couleur", "NEWS2", "Pourquoi"), tuple(rows))


def news2(slot: SlotContent) -> str:
    """Return a slot's NEWS2: a number, a range where a parameter is not known, a dash where it is not made."""
    made = None if slot.result is None else slot.result.news2
    if made is None:
        return DASH
    return str(made.low) if made.low == made.high else f"{made.low} à {made.high}"


def _finding(told: Told, finding: Finding) -> str:
    words = clean(rule_words(told.pathway, finding.rule))
    item = told.pathway.questionnaire.item_of.get(finding.item)
    answer = f" : {value(item, finding.value)}" if item is not None and item.kind in NUMBERS else ""
    own = " (seuil personnel)" if finding.whose == "own" and not finding.rule.startswith("trend/") else ""
    points = f" : {finding.points} points" if finding.rule == "news2" and finding.points is not None else ""
    return f"{words}{answer}{points}{own}"


def rule_words(pathway: Pathway, rule: str) -> str:
    """Return what a rule is called in French."""
    kind, _, name = rule.partition("/")
    spoken = {
        "flag": {flag.id: flag.words.fr for flag in pathway.scoring.flags},
        "trend": {trend.id: trend.words.fr for trend in pathway.scoring.trends},
    }
    if kind in spoken:
        return spoken[kind].get(name, rule)
    if rule in WORDS:
        return AUTHOR[kind] + WORDS[rule].fr.lower()
    return RULE.get(rule, rule)


def _measures(told: Told) -> Iterator[Table]:
    """Yield the numbers that were asked for, each with its days; items that nobody answered are left out."""
    given = [(due, slot) for due in told.asked() if (slot := told.slots.get(due.slot)) is not None and slot.sent]
    items = [
        item
        for item in told.pathway.questionnaire.item_of.values()
        if item.kind in NUMBERS and any(item.link in slot.answers for _, slot in given)
    ]
    for start in range(0, len(items), MOST_COLUMNS):
        some = items[start : start + MOST_COLUMNS]
        rows = tuple(
            (told.when(due.due_at), *(_measured(item, slot) for item in some))
            for due, slot in given
            if any(item.link in slot.answers for item in some)
        )
        yield Table(("Demandé", *(label(told.pathway, item) for item in some)), rows)


def _measured(item: Item, slot: SlotContent) -> str:
    if item.link not in slot.answers:
        return DASH
    told = slot.answers[item.link]
    now = "inconnu" if told is None else number(told)
    return now + _before(item, slot)


def _before(item: Item, slot: SlotContent) -> str:
    return f" (d’abord {value(item, slot.first[item.link])})" if item.link in slot.first else ""


def label(pathway: Pathway, item: Item) -> str:
    """Return what an item's number is called, with its unit."""
    parameter = next((name for name, link in pathway.scoring.readings.items() if link == item.link), None)
    words = READING[parameter] if parameter else clean(item.text.fr)
    return f"{words} ({clean(item.unit)})" if item.unit else words


def _answers(told: Told) -> Table:
    """Return what was answered to all that is no number; an answer that stayed the same is said once."""
    given = [(due, slot) for due in told.asked() if (slot := told.slots.get(due.slot)) is not None and slot.sent]
    rows = []
    for item in told.pathway.questionnaire.item_of.values():
        if item.kind in NUMBERS or item.kind in UNASKED:
            continue
        said = [
            (value(item, slot.answers[item.link]) + _before(item, slot), told.when(due.due_at))
            for due, slot in given
            if item.link in slot.answers
        ]
        question = clean(item.text.fr)
        for answer, run in groupby(said, key=itemgetter(0)):
            days = [day for _, day in run]
            rows.append((question, answer, days[0] if len(days) == 1 else f"{days[0]} à {days[-1]} ({len(days)} fois)"))
            question = ""
    return Table(("Question", "Réponse", "Demandé"), tuple(rows))


# --- what was made of it ---------------------------------------------------------------------------------------------


def _alerts(told: Told) -> Table:
    rows = [
        (
            told.when(closed.opened_at),
            COLOUR[closed.colour],
            DASH if closed.taken_at is None else told.when(closed.taken_at),
            f"{told.when(closed.closed_at)}, {told.name_of(closed.closed_by)}",
            OUTCOME.get(closed.outcome, clean(closed.outcome)),
        )
        for closed in told.patient.closed
    ]
    held = told.patient.alert
    if held is not None:
        taken = DASH if held.taken_at is None else told.when(held.taken_at)
        rows.append((told.when(held.opened_at), COLOUR[held.colour], taken, "encore ouverte", ""))
    return Table(("Ouverte", "Gravité", "Prise en charge", "Close", "Issue"), tuple(rows))


def _story(told: Told) -> Table:
    rows, dues = [], {due.slot: due for due in told.dues()}
    for line, text in told.story:
        if line.what in TRACED:
            continue
        what = HAPPENED.get(line.what, clean(line.what))
        about = ", ".join(filter(None, [what, line.to and f"à {told.name_of(line.to)}", _detail(told, line, dues)]))
        rows.append((told.when(line.at), told.name_of(line.by) if line.by else "vigilits", about, clean(text)))
    return Table(("Quand", "Qui", "Quoi", "Texte"), tuple(rows))


def _detail(told: Told, line: Line, dues: Mapping[str, Due]) -> str:
    if line.what in ("enrolled", "memo_done"):
        return ""  # an id
    if line.detail in dues:
        return f"questionnaire du {told.when(dues[line.detail].due_at)}"
    return clean(DETAIL.get(line.detail, line.detail))


# --- in French -------------------------------------------------------------------------------------------------------


def value(item: Item, told: Value) -> str:
    """Return an answer as it is read."""
    if told is None:
        return "inconnu (pas d’appareil, ou ne sait pas)"
    if isinstance(told, bool):
        return "oui" if told else "non"
    if isinstance(told, (int, float)):
        return f"{number(told)} {clean(item.unit)}".rstrip()
    labels = {option.code: option.label.fr for option in item.options}
    if isinstance(told, tuple):
        return clean(", ".join(labels.get(code, code) for code in told)) or "rien de choisi"
    return clean(labels.get(told, told)) if item.options else clean(told)


def number(told: Value) -> str:
    """Return a number with its decimal comma."""
    return f"{told:.10g}".replace(".", ",") if isinstance(told, (int, float)) else clean(str(told))


def local(zone: Zone, at: int) -> datetime:
    """Return an instant by a zone's clocks."""
    place = bisect_right(zone.offsets, at, key=lambda change: change[0]) - 1
    offset_s = zone.offsets[max(0, place)][1] if zone.offsets else 0
    return datetime.fromtimestamp(at / 1000, timezone(timedelta(seconds=offset_s)))


def day_of(iso: str) -> str:
    """Return an ISO date as it is read, what is none as it stands."""
    try:
        return f"{date.fromisoformat(iso):%d/%m/%Y}"
    except ValueError:
        return clean(iso)


def _french(local_day: int) -> str:
    return f"{EPOCH + timedelta(days=local_day):%d/%m/%Y}"


def clean(text: str) -> str:
    """Return a text without what is no sign of any: controls, halves of pairs, and what turns the line about.

    Marks that reverse the direction of what follows would let a text read as another one than it is.
    """
    kept = (sign if _is_sign(sign) else " " for sign in text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(kept).strip()


def _is_sign(sign: str) -> bool:
    if sign in "\n\t":
        return True
    turns = "\u202a" <= sign <= "\u202e" or "\u2066" <= sign <= "\u2069"
    return unicodedata.category(sign) not in ("Cc", "Cs", "Cn") and not turns


def paragraphs(parts: Sequence[Section]) -> Iterator[str]:
    """Yield every text of the sections, as it is set."""
    for part in parts:
        yield part.title
        yield from part.lines
        for table in part.tables:
            for row in (table.head, *table.rows):
                yield from row
