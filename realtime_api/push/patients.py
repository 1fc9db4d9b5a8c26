"""A followup shard as this process knows it: its patients in clear, each shown to those of their circle alone."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from domain.followup.fold import FOLLOWUP_FOLD_VERSION
from domain.followup.holding import read_pathway
from domain.followup.pathway import Colour, Pathway
from domain.followup.patient import Channel, Closed, Member, Patient, PatientAlert, SlotState, Status
from domain.followup.schedule import Due
from domain.grants import Grant
from live_state import followup
from live_state.state import Build, Position
from people.rights import Places, places_of
from realtime_api.access import PatientsView, member_of, patients_view
from realtime_api.push.hub import Hub
from realtime_api.push.mirror import Change, Effect, Message, Reading
from realtime_api.push.shown import Drawing, DrawnMirror

PATHWAY = "pathway/"  # settings of this name hold a version of a pathway each
NONE = frozenset[str]()


class RowShown(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A patient in clear, as their circle sees it; fields at their default are left out."""

    id: str
    pathway: str
    status: Status
    circle: tuple[Member, ...]
    enrolled_at: int
    channels: tuple[Channel, ...] = ()
    departement: str = ""
    facility: str = ""
    changed: int = 0
    slot: Due | None = None
    asked: int = 0
    slots: dict[str, SlotState] = {}
    colour: Colour | None = None
    colour_at: int | None = None
    incomplete: bool = False
    answered_at: int | None = None
    alert: PatientAlert | None = None
    closed: tuple[Closed, ...] = ()
    muted_until: int | None = None
    memos: dict[str, int] = {}
    read: dict[str, int] = {}
    written_at: int | None = None
    call_at: int | None = None
    calls: int = 0
    teleconsultations: int = 0
    over_at: int | None = None
    stopped_by_patient: bool = False
    summary: Literal["", "due", "sent", "received"] = ""
    erase_at: int | None = None
    erase_told: bool = False
    unreadable: bool = False


SHOWN = RowShown.__struct_fields__


def row_of(patient: Patient) -> RowShown:
    """Return what is shown of a patient in clear: all but what is of no use on a screen."""
    return RowShown(**{name: getattr(patient, name) for name in SHOWN})


class Shown(Drawing):
    """A shard's patients through a view, by their ids."""

    def __init__(self, hub: "PatientsHub", view: PatientsView) -> None:
        super().__init__(hub.offset)
        self._hub, self._view = hub, view

    def _keys_to_draw(self) -> Iterable[str]:
        if self._upto is None:
            return list(self._hub.ids_of(self._view.subject))
        return list(self._hub.touched_after(self._upto).get(self._view.subject, ()))

    def _draw(self, key: str) -> RowShown | None:
        return self._hub.row(key, self._view)

    def _keys_after(self, offset: int) -> Iterable[str]:
        return self._hub.patients_changed_after(offset)


class PatientsHub(DrawnMirror[PatientsView]):
    """The mirror of one followup shard."""

    reading = Reading(("meta", "settings", "patients"), FOLLOWUP_FOLD_VERSION, followup.read_feed)

    def __init__(self, capacity: Hub, index: int) -> None:
        code = capacity.code
        super().__init__(code, f"followup:{code}:{index}", f"patients:me:{code}:{index}")
        self._rights = capacity
        self.patients: dict[str, Patient] = {}
        self.pathways: dict[str, Pathway] = {}  # by `<id>/<version>`
        self._rows: dict[str, RowShown] = {}  # drawn once for all who see them
        self._of: dict[str, set[str]] = {}  # subject → the patients in whose circle they stand
        self._glass: dict[str, set[str]] = {}  # subject → those of them that they broke the glass of
        self._left: dict[str, dict[str, int]] = {}  # patient → who left the circle, at which offset
        self._touched: dict[int, dict[str, dict[str, None]]] = {}  # by the offset after which, for all views

    def why_not(self) -> str | None:
        """Return the kind of problem that keeps doors from showing anything, None where they may."""
        return "rebuilding" if self.rebuilding else "not-ready" if self.build is None else None

    @property
    def rights(self) -> Hub:
        """Return the hub that knows who may see this: the capacity shard's of the same region."""
        return self._rights

    def view(self, subject: str, grants: Iterable[Grant], now: int, channel: str) -> PatientsView | None:
        """Return what these grants let the subject see on a channel at this moment, None where they see nothing."""
        return patients_view(subject, tuple(grants), self.code, now, channel, self._over(subject, now))

    def holds(self, view: PatientsView, now: int) -> bool:
        """Return whether a view still shows what it should: the hour of a broken glass ends by the clock alone."""
        return view.over == self._over(view.subject, now)

    def _over(self, subject: str, now: int) -> frozenset[str]:
        opened = self._glass.get(subject)
        if not opened:
            return NONE
        places = self.places_of(subject, now)
        return frozenset(id_ for id_ in opened if member_of(self.patients[id_], subject, now, places) is None)

    # -- changed by the relay

    def replace(self, build: Build, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> None:
        """Become what the live state holds."""
        self._become(build, position, held)
        settings = held.get("settings", {})
        self.pathways = {
            name.removeprefix(PATHWAY): read_pathway(content)
            for name, content in settings.items()
            if name.startswith(PATHWAY) and ":" not in name
        }
        for each in (self.patients, self._rows, self._of, self._glass, self._left, self._shown, self._touched):
            each.clear()
        for id_, packed in held.get("patients", {}).items():
            self._put(id_, followup.read_patient(packed))

    def recall(self, entries: Iterable[tuple[int, Change]]) -> None:
        """Take in the feed up to where the mirror stands."""
        super().recall(entries)
        self._touched.clear()

    def apply(self, offset: int, change: Change) -> Effect:
        """Become what the next feed entry says, and return what that changed."""
        was, self.at, self.offset = self.at, change.at, offset
        for key, packed in change.set.items():
            name, _, rest = key.partition("/")
            if name == "patient":
                self._put(rest, None if packed is None else followup.read_patient(packed))
            elif name == "setting" and rest.startswith(PATHWAY):
                self._publish(rest.removeprefix(PATHWAY), packed)
            self._mark(key, offset)
        self.rebuilding = change.rebuilding
        for key in self.forget_oldest():
            self._left.pop(key.removeprefix("patient/"), None)
        self._touched.clear()
        self._frames.clear()
        self._learn(change.outcomes)
        return Effect(list(change.set), advanced=self.at > was)

    def _publish(self, name: str, packed: msgspec.Raw | None) -> None:
        if packed is not None:  # a version that was published once stays
            self.pathways[name] = msgspec.convert(msgspec.msgpack.decode(packed), Pathway)

    def _put(self, id_: str, patient: Patient | None) -> None:
        was = self.patients.pop(id_, None)
        self._rows.pop(id_, None)
        if patient is not None:
            self.patients[id_] = patient
        before = set() if was is None else {member.subject for member in was.circle}
        after = set() if patient is None else {member.subject for member in patient.circle}
        for subject in before - after:
            _drop(self._of, subject, id_)
            self._left.setdefault(id_, {})[subject] = self.offset
        for subject in after - before:
            self._of.setdefault(subject, set()).add(id_)
        glass = set() if patient is None else {each.subject for each in patient.circle if each.until is not None}
        for subject in before | after:
            if subject in glass:
                self._glass.setdefault(subject, set()).add(id_)
            elif id_ in self._glass.get(subject, ()):
                _drop(self._glass, subject, id_)

    # -- read by views and doors

    def of(self, subject: str, now: int) -> Iterator[Patient]:
        """Yield the patients of whose circle somebody is at an instant."""
        places = self.places_of(subject, now)
        for id_ in self._of.get(subject, ()):
            patient = self.patients[id_]
            if member_of(patient, subject, now, places) is not None:
                yield patient

    def member(self, patient: Patient, subject: str, now: int) -> Member | None:
        """Return what somebody is in a patient's circle, as far as their grants let them be it now."""
        return member_of(patient, subject, now, self.places_of(subject, now))

    def places_of(self, subject: str, now: int) -> Places:
        """Return as what somebody's grants let them be in circles now."""
        return places_of(self._rights.grants.get(subject, ()), self.code, now)

    def ids_of(self, subject: str) -> Iterable[str]:
        """Return the ids of the patients in whose circle somebody stands, be it over or not."""
        return self._of.get(subject, ())

    def row(self, id_: str, view: PatientsView) -> RowShown | None:
        """Return a patient as a view shows them, None where it does not."""
        patient = self.patients.get(id_)
        if patient is None or not view.shows(patient):
            return None
        row = self._rows.get(id_)
        if row is None:
            row = self._rows[id_] = row_of(patient)
        return row

    def patients_changed_after(self, offset: int) -> Iterator[str]:
        """Yield the ids of the patients that changed after an offset."""
        return (key.removeprefix("patient/") for key in self.changed_after(offset) if key.startswith("patient/"))

    def touched_after(self, offset: int) -> dict[str, dict[str, None]]:
        """Return what changed after an offset by whom it concerns: who is in the circle, and who left it since."""
        touched = self._touched.get(offset)
        if touched is None:
            touched = self._touched[offset] = {}
            for id_ in self.patients_changed_after(offset):
                patient = self.patients.get(id_)
                whose = set() if patient is None else {member.subject for member in patient.circle}
                whose |= {subject for subject, at in self._left.get(id_, {}).items() if at > offset}
                for subject in whose:
                    touched.setdefault(subject, {})[id_] = None
        return touched

    def drawing(self, view: PatientsView) -> Shown:
        """Return a drawing of this shard through a view, with nothing drawn yet."""
        return Shown(self, view)

    def parts(self, found: Iterable[tuple[str, Any]]) -> Message:
        """Return what stands under these keys, as the parts of a message that have any."""
        rows = dict(found)
        return {"patients": rows} if rows else {}

    def picture(self, view: PatientsView) -> Message:
        """Return all that the view shows."""
        return {"at": self.at, "rebuilding": self.rebuilding, "patients": self.through(view).held}


def _drop(index: dict[str, set[str]], subject: str, id_: str) -> None:
    index[subject].discard(id_)
    if not index[subject]:
        del index[subject]
