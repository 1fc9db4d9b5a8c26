"""A summary as a FHIR R4 document: the same parts as its page, and beside them what other software can read."""

import html
import uuid
from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any, Final

import msgspec

from domain.followup import fhir
from domain.followup.chart import SlotContent
from domain.followup.ins import OIDS
from domain.followup.news2 import Parameter
from domain.followup.patient import Closed, PatientAlert
from domain.followup.questionnaire import NUMBERS, Item, Value, why_impossible
from domain.followup.schedule import Due
from domain.followup.score import readings_of
from streams.summary.content import (
    COLOUR,
    READING,
    ROLE,
    Section,
    Table,
    Told,
    answered,
    clean,
    label,
    local,
    news2,
    sections,
    title,
)

Json = dict[str, Any]

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
OURS: Final = "urn:vigilits:observation"  # what LOINC has no code for that we know to be right
CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
EPISODE: Final = ("34133-9", "Summary of episode note")
# FHIR's own profile of vital signs names these codes, and wants the first of saturation's two.
CODES: dict[Parameter, tuple[tuple[str, str], ...]] = {
    "temperature": (("8310-5", "Body temperature"),),
    "spo2": (
        ("2708-6", "Oxygen saturation in Arterial blood"),
        ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
    ),
    "pulse": (("8867-4", "Heart rate"),),
    "respiratory_rate": (("9279-1", "Respiratory rate"),),
    "systolic": (("8480-6", "Systolic blood pressure"),),
}
UNITS: dict[Parameter, tuple[str, str]] = {
    "temperature": ("°C", "Cel"),
    "spo2": ("%", "%"),
    "pulse": ("/min", "/min"),
    "respiratory_rate": ("/min", "/min"),
    "systolic": ("mmHg", "mm[Hg]"),
}
SECTION_CODES = {"measures": ("8716-3", "Vital signs")}


def document(told: Told) -> bytes:
    """Return the FHIR document as JSON: a Bundle whose first entry is the Composition."""
    return msgspec.json.encode(bundle(told))


def bundle(told: Told) -> Json:
    """Return the document."""
    made = _Document(told)
    patient, device = made.add("patient", _patient(told)), made.add("device", _device())
    people = [made.add(f"circle {each.subject}", _practitioner(told, each.subject)) for each in told.patient.circle]
    responses = {
        due.slot: made.add(f"answers {due.slot}", _response(told, patient, due, told.slots[due.slot]))
        for due in told.asked()
        if answered(told.slots.get(due.slot))
    }
    measures = [
        made.add(f"measure {slot} {place}", {**observation, "derivedFrom": [_to(response)]})
        for slot, response in responses.items()
        for place, observation in zip(count(), _observations(told, patient, told.slots[slot]))
    ]
    held: list[Closed | PatientAlert] = list(told.patient.closed)
    held += [] if told.patient.alert is None else [told.patient.alert]
    alerts = [made.add(f"alert {alert.id}", _flag(told, patient, alert)) for alert in held]
    plan = made.add("plan", _plan(told, patient))
    entries = {
        "patient": [patient],
        "followup": [plan, *people],
        "measures": measures,
        "answers": list(responses.values()),
        "alerts": alerts,
    }
    composition = _composition(told, patient, device, entries)
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": made.urn("document")},
        "type": "document",
        "timestamp": _instant(told, told.made_at),
        "entry": [{"fullUrl": made.urn("composition"), "resource": composition}, *made.entries],
    }


class _Document:
    """Entries and their names, which follow from the seed: a document that is made again names the same things."""

    def __init__(self, told: Told) -> None:
        self._names = uuid.UUID(bytes=told.seed[:16].ljust(16, b"\x00"))
        self.entries: list[Json] = []

    def urn(self, name: str) -> str:
        return uuid.uuid5(self._names, name).urn

    def add(self, name: str, resource: Json) -> str:
        """Return the name of an entry, which is in the document from now on."""
        self.entries.append({"fullUrl": self.urn(name), "resource": resource})
        return self.urn(name)


def _composition(told: Told, patient: str, device: str, entries: dict[str, list[str]]) -> Json:
    return {
        "resourceType": "Composition",
        "language": "fr",
        "status": "final",
        "type": {"coding": [_coding(LOINC, *EPISODE)], "text": "Compte rendu de suivi à domicile"},
        "subject": _to(patient),
        "date": _instant(told, told.made_at),
        "author": [_to(device)],
        "title": title(told),
        "event": [{"period": _period(told)}],
        "section": [_section(part, entries.get(part.name, [])) for part in sections(told)],
    }


def _section(part: Section, entries: list[str]) -> Json:
    told: Json = {"title": part.title, "text": {"status": "generated", "div": narrative(part)}}
    if part.name in SECTION_CODES:
        told["code"] = {"coding": [_coding(LOINC, *SECTION_CODES[part.name])]}
    if entries:
        told["entry"] = [_to(each) for each in entries]
    return told


def narrative(part: Section) -> str:
    """Return a part as the XHTML that FHIR keeps beside what software reads."""
    lines = "".join(f"<p>{_escaped(line)}</p>" for line in part.lines)
    tables = "".join(_table(table) for table in part.tables if table.rows)
    return f'<div xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr" lang="fr">{lines}{tables}</div>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{_escaped(cell)}</th>" for cell in table.head)
    rows = "".join(f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    begins = f"<thead><tr>{head}</tr></thead>" if any(table.head) else ""
    return f"<table>{begins}<tbody>{rows}</tbody></table>"


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br/>")


# --- who -------------------------------------------------------------------------------------------------------------


def _patient(told: Told) -> Json:
    file = told.file
    given = [name for name in map(clean, file.first_names) if name]
    names = [{"use": "official", "family": clean(file.birth_name), "given": given}]
    if file.used_name:
        names.append({"use": "usual", "family": clean(file.used_name), "given": given})
    resource: Json = {
        "resourceType": "Patient",
        "name": [{name: value for name, value in each.items() if value} for each in names],
        "gender": file.sex,
    }
    if _is_date(file.birth_date):
        resource["birthDate"] = file.birth_date
    ins = file.ins
    if ins is not None and ins.matricule and ins.oid in OIDS:
        resource["identifier"] = [
            {"type": {"text": f"INS, identité {ins.status}"}, "system": f"urn:oid:{ins.oid}", "value": ins.matricule}
        ]
    return resource


def _device() -> Json:
    return {"resourceType": "Device", "deviceName": [{"name": "vigilits", "type": "user-friendly-name"}]}


def _practitioner(told: Told, subject: str) -> Json:
    role = next(ROLE[member.role] for member in told.patient.circle if member.subject == subject)
    return {
        "resourceType": "Practitioner",
        "name": [{"text": told.name_of(subject)}],
        "qualification": [{"code": {"text": role}}],
    }


def _plan(told: Told, patient: str) -> Json:
    stopped = told.patient.status in ("stopped", "refused")
    return {
        "resourceType": "CarePlan",
        "status": "revoked" if stopped else "completed",
        "intent": "plan",
        "title": f"{clean(told.pathway.title.fr)}, version {clean(told.pathway.version)}",
        "subject": _to(patient),
        "period": _period(told),
    }


def _flag(told: Told, patient: str, alert: Closed | PatientAlert) -> Json:
    period = {"start": _instant(told, alert.opened_at)}
    if isinstance(alert, Closed):
        period["end"] = _instant(told, alert.closed_at)
    return {
        "resourceType": "Flag",
        "status": "inactive" if isinstance(alert, Closed) else "active",
        "code": {"text": f"Alerte {COLOUR[alert.colour]}"},
        "subject": _to(patient),
        "period": period,
    }


# --- what was answered -----------------------------------------------------------------------------------------------


def _response(told: Told, patient: str, due: Due, slot: SlotContent) -> Json:
    questionnaire = told.pathway.questionnaire
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{questionnaire.url}|{questionnaire.version}",
        "status": "amended" if len(slot.sent) > 1 else "completed",
        "subject": _to(patient),
        "authored": _instant(told, max(each.at for each in slot.sent)),
        "identifier": {"system": "urn:vigilits:slot", "value": due.slot},
        "item": list(_items(questionnaire.items, slot)),
    }


def _items(items: tuple[Item, ...], slot: SlotContent) -> Iterator[Json]:
    """Yield what was answered to items, groups with what is in them; what was not answered is not there."""
    for item in items:
        told: Json = {"linkId": item.link}
        below = list(_items(item.items, slot))
        if text := clean(item.text.fr):
            told["text"] = text
        given = item.link in slot.answers and not why_impossible(item, slot.answers[item.link])
        if given and (answers := list(_answer(item, slot.answers[item.link]))):
            yield {**told, "answer": answers}
        elif below:
            yield {**told, "item": below}


def _answer(item: Item, told: Value) -> Iterator[Json]:
    if told is None:
        yield {"extension": [{"url": fhir.ABSENT, "valueCode": "unknown"}]}
    elif isinstance(told, bool):
        yield {"valueBoolean": told}
    elif isinstance(told, (int, float)):
        yield {"valueInteger": told} if item.kind == "integer" else {"valueDecimal": told}
    elif item.options:
        labels = {option.code: clean(option.label.fr) for option in item.options}
        for code in told if isinstance(told, tuple) else (told,):
            display = {"display": labels[code]} if labels.get(code) else {}
            yield {"valueCoding": {"code": code, **display}}
    elif isinstance(told, str) and (text := clean(told)):
        yield {"valueString": text}


def _observations(told: Told, patient: str, slot: SlotContent) -> Iterator[Json]:
    """Yield each reading, every other number and the score of one slot."""
    at = {"effectiveDateTime": _instant(told, max(each.at for each in slot.sent))}
    begins: Json = {"resourceType": "Observation", "status": "final"}
    ends: Json = {"subject": _to(patient), **at}
    scoring, items = told.pathway.scoring, told.pathway.questionnaire.item_of
    answers = {
        link: value for link, value in slot.answers.items() if link in items and not why_impossible(items[link], value)
    }
    for name, value in readings_of(scoring, answers).items():
        if scoring.readings[name] in answers:
            yield {**begins, **_code(name), **ends, **_reading(name, value)}
    for link, number in answers.items():
        item = items[link]
        if item.kind not in NUMBERS or link in scoring.readings.values():
            continue
        code = {"coding": [_coding(OURS, link, "")], "text": label(told.pathway, item)}
        yield {**begins, "code": code, **ends, **_quantity(number, clean(item.unit), "")}
    made = None if slot.result is None else slot.result.news2
    if made is not None:
        code = {"coding": [_coding(OURS, "news2", "")], "text": f"NEWS2 ({made.version}) : {news2(slot)}"}
        score: Json = {"valueInteger": made.low}
        if made.low != made.high:
            score = {"valueRange": {"low": {"value": made.low}, "high": {"value": made.high}}}
        yield {**begins, "code": code, **ends, **score}


def _code(name: Parameter) -> Json:
    """Return what a reading is, and that it is a vital sign where FHIR has it as one."""
    if name not in CODES:
        return {"code": {"coding": [_coding(OURS, name, "")], "text": READING[name]}}
    return {
        "category": [{"coding": [_coding(CATEGORY, "vital-signs", "Vital Signs")]}],
        "code": {"coding": [_coding(LOINC, *each) for each in CODES[name]], "text": READING[name]},
    }


def _reading(name: Parameter, value: object) -> Json:
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, str):
        return {"valueString": value}  # ACVPU
    return _quantity(value, *UNITS.get(name, ("", "")))


def _quantity(value: object, unit: str, code: str) -> Json:
    if not isinstance(value, (int, float)):
        return {"dataAbsentReason": {"coding": [_coding(ABSENT, "unknown", "Unknown")]}}
    told: Json = {"value": value}
    if unit:
        told["unit"] = unit
    return {"valueQuantity": told | ({"system": UCUM, "code": code} if code else {})}


# --- FHIR's own ways of saying things --------------------------------------------------------------------------------


def _to(urn: str) -> Json:
    return {"reference": urn}


def _coding(system: str, code: str, display: str) -> Json:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def _period(told: Told) -> Json:
    return {"start": _instant(told, told.patient.enrolled_at), "end": _instant(told, told.over_at)}


def _instant(told: Told, at: int) -> str:
    return local(told.patient.zone, at).isoformat(timespec="seconds")


def _is_date(iso: str) -> bool:
    try:
        return date.fromisoformat(iso).isoformat() == iso
    except ValueError:
        return False
