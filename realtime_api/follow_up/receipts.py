"""Whether whoever has just answered is told to call 15, by what they sent, and nothing of what was answered before."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.followup.answering import facts_of
from domain.followup.chart import Chart
from domain.followup.pathway import Colour
from domain.followup.patient import Patient
from domain.followup.presence import says_15
from domain.followup.questionnaire import Value, missing
from domain.followup.schedule import DAY_MS
from domain.followup.score import Facts, score
from realtime_api.follow_up.answering import Followed
from realtime_api.patients.opening import Opening, Where


class Kept(NamedTuple):
    """Answers to a slot that are on the log, since when (ms), and whether the shard is known to have taken them in."""

    place: Followed
    slot: str
    answers: Mapping[str, Value]
    received_at: int
    is_taken: bool

    @property
    def patient(self) -> Patient:
        """Return whose answers they are, as the shard has it by now."""
        return self.place.hub.patients.get(self.place.patient.id, self.place.patient)

    def own_colour(self) -> Colour | None:
        """Return the slot's colour where that is these answers' own, None where they are to be judged alone.

        A link reads nothing back, nor do staff: a correction of one item, or one too many, would tell its finder how
        grave what was answered before is. And who has just answered something red is told so, whatever counts of the
        slot.
        """
        state = self.patient.slots.get(self.slot) if self.is_taken else None
        if state is None:
            return None
        is_last = state.at is None or state.at <= self.received_at
        if state.corrections == 0 or (is_last and not missing(self.place.pathway.questionnaire, self.answers)):
            return state.colour
        return None

    def colour_alone(self, chart: Chart | None, now: int) -> Colour:
        """Return what these answers alone say, of somebody of that file; without one, what they say of anybody."""
        facts = Facts() if chart is None else facts_of(chart.file, now // DAY_MS)
        return score(self.place.pathway, facts, self.answers).colour


async def calls_15(opening: Opening, kept: Sequence[Kept], now: int) -> list[bool]:
    """Return of each whether whoever sent it is told to call 15."""
    own = [each.own_colour() for each in kept]
    alone = [
        Where(each.place.hub.build, each.place.patient)
        for each, colour in zip(kept, own, strict=True)
        if colour is None and each.place.hub.build is not None
    ]
    charts = await opening.unshown(alone)
    return [
        says_15(
            each.place.pathway,
            each.patient.zone,
            each.colour_alone(charts.get(each.patient.id), now) if colour is None else colour,
            now,
        )
        for each, colour in zip(kept, own, strict=True)
    ]
