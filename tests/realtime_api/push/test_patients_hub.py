"""The mirror of a followup shard: whatever happens, each reader holds the rows of their own circle and no others."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.followup.patient import Member, Patient
from domain.grants import Grant
from live_state.capacity import Change
from live_state.state import Build, Position
from realtime_api.access import PatientsView
from realtime_api.push.hub import Hub
from realtime_api.push.patients import PatientsHub, row_of
from tests.small_followup import PARIS

SUBJECTS = ("anne", "paul", "zoe")
PLACES = frozenset({("nurse", ""), ("glass", "")})
GRANTS = {subject: (Grant("nurse", "ici", 0), Grant("regulator", "ici", 0)) for subject in SUBJECTS}
IDS = tuple(letter * 26 for letter in "abc")
BUILD = Build("followup:ici:0", "e1", 1)

members = st.builds(Member, subject=st.sampled_from(SUBJECTS), role=st.just("nurse"), until=st.sampled_from((None, 60)))
circles = st.lists(members, max_size=3, unique_by=lambda member: member.subject).map(tuple)
# A patient's new circle, or None: erased; by which reader, if any, everything so far is taken in after it.
steps = st.lists(
    st.tuples(st.sampled_from(IDS), st.none() | circles, st.sampled_from((None, *SUBJECTS)), st.booleans()), max_size=25
)


def patient_of(id_: str, circle: tuple[Member, ...], changed: int) -> Patient:
    """Return a patient in clear."""
    return Patient(
        id=id_,
        key="k",
        pathway="p/1",
        status="followed",
        circle=circle,
        zone=PARIS,
        first_day=0,
        enrolled_at=0,
        changed=changed,
    )


class Reader:
    """One who follows a channel as a page does: whole values by key, dropping what is null."""

    def __init__(self, hub: PatientsHub, view: PatientsView) -> None:
        self.hub, self.view = hub, view
        self.rows: dict[str, Any] = {}
        self.seen: set[str] = set()
        self.take(hub.snapshot(view))

    def take(self, message: dict[str, Any] | None) -> None:
        """Take a frame in."""
        if message is None:
            return
        if message["type"] == "snapshot":
            self.rows = dict(message["data"]["patients"])
        else:
            for id_, row in message["changes"].get("patients", {}).items():
                assert row is not None or id_ in self.seen, "told that one is gone who was never theirs"
                self.rows[id_] = row
                if row is None:
                    del self.rows[id_]
        self.seen |= set(self.rows)
        self.offset = self.hub.offset

    def catch_up(self, *, away: bool) -> None:
        """Take in what changed since, as one who stayed, or as one who comes back with a token."""
        if away:
            offset = self.hub.offset_of(self.view, self.hub.token(self.view))
            assert offset == self.hub.offset
            self.hub._shown.clear()  # of views that nobody follows for a while nothing is remembered
            self.take(self.hub.changes(self.view, self.hub.changed_after(self.offset), self.offset, even_none=True))
        else:
            self.take(self.hub.changes(self.view, [], self.offset))


@settings(max_examples=200, deadline=None)
@given(happened=steps)
def test_whoever_takes_in_what_when_holds_the_rows_of_their_circle_alone(
    happened: list[tuple[str, tuple[Member, ...] | None, str | None, bool]],
) -> None:
    rights = Hub("ici")
    rights.grants = GRANTS
    hub = PatientsHub(rights, 0)
    hub.replace(BUILD, Position("e1", 0, 1), {"meta": {"clock": b"1"}})
    readers = {subject: Reader(hub, PatientsView("ici", hub.channel, subject, PLACES)) for subject in SUBJECTS}
    held: dict[str, Patient] = {}
    for offset, (id_, circle, taker, away) in enumerate(happened, 1):
        change: msgspec.Raw | None = None
        if circle is None:
            held.pop(id_, None)
        else:
            held[id_] = patient_of(id_, circle, offset)
            change = msgspec.Raw(msgspec.msgpack.encode(held[id_]))
        hub.apply(offset, Change(start=offset - 1, at=offset, set={f"patient/{id_}": change}))
        if taker is not None:
            readers[taker].catch_up(away=away)
    for subject, reader in readers.items():
        reader.catch_up(away=False)
        own = {id_: row_of(each) for id_, each in held.items() if subject in {member.subject for member in each.circle}}
        assert reader.rows == own
        assert {patient.id for patient in hub.of(subject, 10)} == set(own)
        glass = {id_ for id_ in own if all(m.until is not None for m in held[id_].circle if m.subject == subject)}
        assert {patient.id for patient in hub.of(subject, 100)} == set(own) - glass
        view = PatientsView("ici", hub.channel, subject, PLACES, frozenset(glass))
        assert hub.holds(view, 100)
        assert set(hub.picture(view)["patients"]) == set(own) - glass
        assert hub.holds(reader.view, 100) == (not glass)
