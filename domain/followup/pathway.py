"""A pathway as data: when a patient is asked, what answers mean, who is told, what happens at night, how it ends."""

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple, cast, get_args

import msgspec

from domain.alerts.routing import Window
from domain.followup import home_cov, oximetry
from domain.followup.home_cov import Criterion
from domain.followup.news2 import PARAMETERS, Parameter
from domain.followup.questionnaire import NUMBERS, Item, Kind, Mistake, Questionnaire, why_impossible
from domain.places import Place, Words

Colour = Literal["green", "yellow", "orange", "red"]
COLOURS: tuple[Colour, ...] = get_args(Colour)  # rising
GRAVE: tuple[Colour, ...] = ("orange", "red")  # somebody has to answer these
Care = Literal["teleconsultation", "nurse_visit", "emergency_department", "samu"]
CARES: tuple[Care, ...] = get_args(Care)  # rising: a suggestion is of more care, never of less
Test = Literal["is", "includes", "at_least", "at_most", "below"]
MEASURED: tuple[Test, ...] = ("at_least", "at_most", "below")
Role = Literal["physician", "nurse", "circle", "coordinator", "tracing_team", "ehpad", "on_call", "samu", "geriatrics"]
ROLES: tuple[Role, ...] = get_args(Role)
Since = Literal["symptoms", "start"]

MOST_DAYS = 366
MOST_SLOTS = 1_000
MOST_DIVIDED_BY = 100_000
MINUTE_S, DAY_S = 60.0, 86_400.0
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
LONGEST_RED_S = 9 * MINUTE_S  # Covidom's own: a red is answered in at most nine minutes (domain facts §6.1)
LATEST_ORANGE, LATEST_RED = 5, 7  # RCP: urgent from 5, emergency from 7; a pathway may judge sooner, never later


class Flag(Place, frozen=True):
    """One answer that alone says how bad it is: the answer to `item`, tested against `value`.

    `floor` is as loose as a patient's own threshold may be; without one nobody has their own.
    """

    id: str
    item: str
    test: Test
    value: bool | float | str
    colour: Colour
    words: Words
    source: str
    floor: float | None = None
    care: Care | None = None


class Trend(Place, frozen=True):
    """A number that has got worse, by at least so much, than the median of the patient's own last days."""

    id: str
    item: str
    worse: Literal["lower", "higher"]
    by: float
    days: int
    colour: Colour
    words: Words
    source: str


class Levels(Place, frozen=True):
    """From how many NEWS2 points on which colour; `single_3` is that of three points for one parameter."""

    yellow: int
    orange: int = LATEST_ORANGE
    red: int = LATEST_RED
    single_3: Colour = "orange"


class HomeCov(Place, frozen=True):
    """HOME-CoV's criteria that are asked for themselves, the colour of any one of all, and floors of own limits."""

    items: dict[Criterion, str]
    colour: Colour = "red"
    floors: dict[Criterion, float] = msgspec.field(default_factory=dict)


class Oximetry(Place, frozen=True):
    """The HAS's bands: their colours, and as low as a patient's own limit may be."""

    samu: Colour = "red"
    borderline: Colour = "yellow"
    after_effort: str = ""  # the item; the one at rest is the reading `spo2`
    floor: float | None = None


class Scoring(Place, frozen=True):
    """What answers mean. `readings` says which item gives which parameter; a rule that is None is not made."""

    readings: dict[Parameter, str] = msgspec.field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    trends: tuple[Trend, ...] = ()
    news2: Levels | None = None
    home_cov: HomeCov | None = None
    oximetry: Oximetry | None = None
    care: dict[Colour, Care] = msgspec.field(default_factory=dict)


class Slots(Place, frozen=True):
    """When a patient is asked: days of the pathway (the first is 1) and minutes of the day, by their own clocks."""

    days: tuple[int, ...]
    times: tuple[int, ...]


class Reminders(Place, frozen=True):
    """How long after a slot is due it is reminded of, once more, and taken as not answered (s)."""

    first_s: float
    again_s: float
    missed_s: float


class Limits(Place, frozen=True):
    """From how long before it is due a slot can be answered, until how long after (s), and corrected how often."""

    opens_s: float
    closes_s: float
    corrections: int


class NoAnswer(Place, frozen=True):
    """What an unanswered slot is: a colour, and a graver one on the days (first, last) when it mostly worsens."""

    colour: Colour
    risk_days: tuple[int, int] | None = None
    risk_colour: Colour = "red"
    since: Since = "symptoms"


class Outside(Place, frozen=True):
    """What happens outside staffed hours: whoever is on call (a schedule's name) is told, or the patient is told 15."""

    on_call: str = ""
    call_15: bool = False


class FirstCall(Place, frozen=True):
    """A pathway that begins by telephone: what is said; agreement or refusal is recorded.

    A call that nobody made so long (s) after it was due is a finding.
    """

    script: Words
    late_s: float


class Cluster(Place, frozen=True):
    """So many cases of one facility within so many days are told of, to its own staff, who hold a grant for it.

    And to those of these roles in the residents' circles, and to whoever is on call (a schedule's name).
    """

    cases: int
    days: int
    told: tuple[Role, ...] = ()
    on_call: str = ""


class End(Place, frozen=True):
    """How it ends: erased at once, or with a signed summary, the key kept until its receipt or for so many days."""

    how: Literal["erase", "summary"]
    keep_days: int = 0
    tell_days: int = 0


class Pathway(Place, frozen=True):
    """One pathway in one version; a patient stays on the version they began with.

    `divided_by` serves simulations, where days pass in seconds: from enrolment on slots and reminders come so many
    times sooner, and nothing else does. No region's directory can say it.
    """

    id: str
    version: str
    title: Words
    questionnaire: Questionnaire
    slots: Slots
    reminders: Reminders
    limits: Limits
    scoring: Scoring
    no_answer: NoAnswer
    told: dict[Colour, tuple[Role, ...]]
    answer_within_s: dict[Colour, float]
    staffed: tuple[Window, ...]
    outside: dict[Colour, Outside]
    end: End
    answered_by: Literal["patient", "staff"] = "patient"
    first_call: FirstCall | None = None
    cluster: Cluster | None = None
    divided_by: float = 1.0

    @cached_property
    def thresholds(self) -> dict[str, "Threshold"]:
        """Return every measured threshold by its id, which is also that of a patient's own."""
        return {found.id: found for found in _thresholds(self.scoring)}

    @cached_property
    def read_items(self) -> frozenset[str]:
        """Return the linkIds that some rule reads."""
        return frozenset(link for _, link in _links(self.scoring))


class Threshold(NamedTuple):
    """A measured limit of some rule: beyond which value, and as loose as it may be made for one patient."""

    id: str
    item: str
    test: Test
    value: float
    floor: float | None

    def looser(self, one: float, than: float) -> bool:
        """Return whether one value would let more pass than another."""
        return one > than if self.test == "at_least" else one < than

    def effective(self, own: float | None) -> float:
        """Return the value in force: the patient's own, never looser than the floor; without a floor, the default."""
        if own is None or self.floor is None or math.isnan(own):
            return self.value
        return self.floor if self.looser(own, self.floor) else own


def _thresholds(scoring: Scoring) -> Iterator[Threshold]:
    for flag in scoring.flags:
        if flag.test in MEASURED and not isinstance(flag.value, (bool, str)):
            yield Threshold(f"flag/{flag.id}", flag.item, flag.test, flag.value, flag.floor)
    if scoring.home_cov is not None:
        for criterion in home_cov.CRITERIA:
            value = home_cov.limit(criterion)
            link = scoring.readings.get(cast("Parameter", criterion), "")
            if value is not None and link:
                test: Test = "at_most" if criterion in home_cov.AT_MOST else "at_least"
                yield Threshold(f"home-cov/{criterion}", link, test, value, scoring.home_cov.floors.get(criterion))
    if scoring.oximetry is not None:
        link = scoring.readings.get("spo2", "")
        yield Threshold("oximetry/samu", link, "below", oximetry.SAMU_BELOW, scoring.oximetry.floor)


def worst(colours: Iterator[Colour] | tuple[Colour, ...]) -> Colour:
    """Return the gravest of colours, green of none."""
    return max(colours, key=COLOURS.index, default="green")


# --- personal thresholds ---------------------------------------------------------------------------------------------


def mistakes_of_own(pathway: Pathway, own: dict[str, float]) -> list[Mistake]:
    """Return why a patient can't have these thresholds of their own, as (threshold, message)."""
    found: list[Mistake] = []
    for id_, value in own.items():
        threshold = pathway.thresholds.get(id_)
        if threshold is None or threshold.floor is None:
            found.append((id_ if threshold else "own", "nobody has a threshold of their own for this"))
        elif threshold.looser(value, threshold.floor):
            found.append((id_, f"looser than the pathway's floor, {threshold.floor:g}"))
        else:
            item = pathway.questionnaire.item_of[threshold.item]
            wrong = why_impossible(item, int(value) if item.kind == "integer" and float(value).is_integer() else value)
            if wrong:
                found.append((id_, wrong))
    return found


# --- a pathway as a whole --------------------------------------------------------------------------------------------


def mistakes(pathway: Pathway) -> list[Mistake]:
    """Return everything that is wrong with a pathway as (path, message); its questionnaire is told apart."""
    return [
        *_mistakes_of_times(pathway),
        *_mistakes_of_scoring(pathway.scoring, pathway.questionnaire),
        *_mistakes_of_people(pathway),
    ]


def _mistakes_of_times(pathway: Pathway) -> Iterator[Mistake]:
    slots, reminders, limits = pathway.slots, pathway.reminders, pathway.limits
    if not slots.days or any(not 1 <= day <= MOST_DAYS for day in slots.days):
        yield "slots.days", f"days are from 1 to {MOST_DAYS}, and at least one"
    if not slots.times or any(not 0 <= minute < DAY_MIN for minute in slots.times):
        yield "slots.times", "at least one time of the day, before 24:00"
    for name, told in (("days", slots.days), ("times", slots.times)):
        if list(told) != sorted(set(told)):
            yield f"slots.{name}", "must rise, each once"
    if len(slots.days) * len(slots.times) > MOST_SLOTS:
        yield "slots", f"at most {MOST_SLOTS} slots"
    if not 0 < reminders.first_s < reminders.again_s < reminders.missed_s:
        yield "reminders", "must be one after another: first, again, then no answer"
    if reminders.missed_s > limits.closes_s:
        yield "limits.closes", "a slot must stay open until it is taken as not answered"
    if limits.opens_s < 0 or limits.corrections < 1:
        yield "limits", "a slot opens before it is due, and can be corrected at least once"
    gaps = _gaps_min(slots)
    if gaps and (limits.opens_s + limits.closes_s) > min(gaps) * MINUTE_S - 3600:
        # An hour to spare: one day of the year is so much shorter.
        yield "limits", "two slots would be open at once"
    if not 1 <= pathway.divided_by <= MOST_DIVIDED_BY:
        yield "divided_by", f"must be from 1 to {MOST_DIVIDED_BY:,}"
    days = pathway.no_answer.risk_days
    if days is not None and not 1 <= days[0] <= days[1]:
        yield "no_answer.risk_days", "must be from a first day to a last one"
    if COLOURS.index(pathway.no_answer.colour) < COLOURS.index("yellow"):
        yield "no_answer.colour", "no answer is a finding, at least yellow"
    if COLOURS.index(pathway.no_answer.risk_colour) < COLOURS.index(pathway.no_answer.colour):
        yield "no_answer.risk_colour", "must not be milder than on other days"


def _gaps_min(slots: Slots) -> list[int]:
    at = sorted(day * DAY_MIN + minute for day in slots.days for minute in slots.times)
    return [after - before for before, after in pairwise(at) if after > before]


def _mistakes_of_people(pathway: Pathway) -> Iterator[Mistake]:
    for colour in GRAVE:
        if not pathway.told.get(colour):
            yield f"told.{colour}", f"nobody is told of {colour}"
        if not 0 < pathway.answer_within_s.get(colour, 0) <= DAY_S:
            yield f"answer_within.{colour}", "must be a duration of at most a day"
    if pathway.answer_within_s.get("red", 0) > LONGEST_RED_S:
        yield "answer_within.red", "a red is answered within 9 minutes at most"
    if not pathway.staffed:
        yield "staffed", "says nothing about when somebody is there"
    for place, window in enumerate(pathway.staffed):
        if not (0 <= window.start <= DAY_MIN and 0 <= window.end <= DAY_MIN) or window.start == window.end:
            yield f"staffed[{place}]", "must be from one time of the day to another"
    unstaffed = pathway.staffed and unstaffed_minutes(pathway.staffed)
    for colour in GRAVE:
        outside = pathway.outside.get(colour)
        if outside is None and unstaffed:
            yield "outside", f"says nothing about {colour} at night: outside staffed hours somebody is on call, or 15"
        if outside is not None and bool(outside.on_call) == outside.call_15:
            yield f"outside.{colour}", "must be exactly one of on_call and call_15"
    end = pathway.end
    if end.how == "erase" and (end.keep_days or end.tell_days):
        yield "end", "what is erased at its end is not kept"
    if end.how == "summary" and not 1 <= end.tell_days < end.keep_days <= MOST_DAYS:
        yield "end", "a summary needs days that it is kept, and before their end a day when the circle is told"
    if pathway.cluster is not None and (pathway.cluster.cases < 2 or not 1 <= pathway.cluster.days <= 60):
        yield "cluster", "must be at least 2 cases within 1 to 60 days"
    if pathway.cluster is not None and not pathway.cluster.told and not pathway.cluster.on_call:
        yield "cluster.told", "names nobody: roles of the circle, or who is on call (on_call)"
    if pathway.cluster is not None and not {"circle", "on_call"}.isdisjoint(pathway.cluster.told):
        yield "cluster.told", "names roles one by one, and who is on call beside them (on_call)"


def unstaffed_minutes(staffed: tuple[Window, ...]) -> int:
    """Return how many minutes of a week nobody is there."""
    there = bytearray(WEEK_MIN)
    for window in staffed:
        length = (window.end - window.start) % DAY_MIN or DAY_MIN
        for day in window.days or range(1, 8):
            for minute in range(length):
                there[((day - 1) * DAY_MIN + window.start + minute) % WEEK_MIN] = 1
    return WEEK_MIN - sum(there)


KINDS_OF: dict[Parameter, tuple[Kind, ...]] = {
    "oxygen": ("boolean",),
    "consciousness": ("boolean", "choice"),
    **{each: NUMBERS for each in PARAMETERS if each not in ("oxygen", "consciousness")},
}
ACVPU = frozenset("acvpu")  # the codes of a choice that gives consciousness


def _links(scoring: Scoring) -> Iterator[tuple[str, str]]:
    """Yield every place that names an item, and the item."""
    yield from ((f"readings.{name}", link) for name, link in scoring.readings.items())
    yield from ((f"score.flags[{place}].item", flag.item) for place, flag in enumerate(scoring.flags))
    yield from ((f"score.trends[{place}].item", trend.item) for place, trend in enumerate(scoring.trends))
    if scoring.home_cov is not None:
        yield from ((f"score.home_cov.items.{name}", link) for name, link in scoring.home_cov.items.items())
    if scoring.oximetry is not None and scoring.oximetry.after_effort:
        yield "score.oximetry.after_effort", scoring.oximetry.after_effort


def _mistakes_of_scoring(scoring: Scoring, questionnaire: Questionnaire) -> Iterator[Mistake]:
    items = questionnaire.item_of
    unknown = [(path, link) for path, link in _links(scoring) if link not in items]
    yield from ((path, f"the questionnaire has no item {link!r}") for path, link in unknown)
    if unknown:
        return
    for name, link in scoring.readings.items():
        item = items[link]
        if item.kind not in KINDS_OF[name] or (item.kind == "choice" and item.codes != ACVPU):
            yield f"readings.{name}", "must be the answer to a question of its kind (docs/pathways.md, Readings)"
    yield from _mistakes_of_flags(scoring, questionnaire)
    for place, trend in enumerate(scoring.trends):
        if items[trend.item].kind not in NUMBERS or trend.by <= 0 or not 1 <= trend.days <= 30:
            yield f"score.trends[{place}]", "must be of a number, by more than 0, within 1 to 30 days"
    if scoring.news2 is not None:
        yield from _mistakes_of_levels(scoring.news2)
        if not scoring.readings:
            yield "score.news2", "needs readings"
    if scoring.home_cov is not None:
        yield from _mistakes_of_home_cov(scoring.home_cov, scoring, items)
    if scoring.oximetry is not None:
        yield from _mistakes_of_oximetry(scoring.oximetry, scoring, items)
    if not (scoring.flags or scoring.news2 or scoring.home_cov or scoring.oximetry):
        yield "score", "judges nothing"
    if scoring.care and [CARES.index(scoring.care[each]) for each in COLOURS if each in scoring.care] != sorted(
        CARES.index(care) for care in scoring.care.values()
    ):
        yield "score.care", "a graver colour must not suggest less care"
    if "green" in scoring.care:
        yield "score.care.green", "nothing is suggested of what is green: no score says that less care is enough"


def _mistakes_of_flags(scoring: Scoring, questionnaire: Questionnaire) -> Iterator[Mistake]:
    ids: set[str] = set()
    for place, flag in enumerate(scoring.flags):
        path, item = f"score.flags[{place}]", questionnaire.item_of[flag.item]
        if flag.id in ids:
            yield f"{path}.id", f"{flag.id!r} is the id of an earlier flag too"
        ids.add(flag.id)
        if flag.colour == "green":
            yield f"{path}.colour", "a flag is yellow, orange or red"
        if not item.required and flag.colour in GRAVE:
            yield f"{path}.item", "its question must be required: what is not asked for is not known"
        yield from ((f"{path}.value", why) for why in [_why_untested(flag, item)] if why)
        threshold = Threshold(flag.id, flag.item, flag.test, 0, None)
        if flag.floor is not None:
            if flag.test not in MEASURED or isinstance(flag.value, (bool, str)):
                yield f"{path}.floor", "only a measured flag has a floor"
            elif threshold.looser(flag.value, flag.floor):
                yield f"{path}.floor", "the default must not be looser than the floor"
    trends = [trend.id for trend in scoring.trends]
    if len(set(trends)) < len(trends):
        yield "score.trends", "two trends have the same id"


def _why_untested(flag: Flag, item: Item) -> str:
    value = flag.value
    if flag.test in MEASURED:
        number = not isinstance(value, (bool, str)) and item.kind in NUMBERS
        inside = number and (item.lowest or 0) <= float(value) <= (item.highest or 0)
        return "" if inside else f"{flag.test} compares a number with one that can be answered"
    if flag.test == "includes":
        fits = item.kind == "choices" and value in item.codes
        return "" if fits else "includes is of several choices, and of one of their codes"
    fits = (item.kind == "boolean" and isinstance(value, bool)) or (item.kind == "choice" and value in item.codes)
    return "" if fits else "is compares with true or false, or with a code that can be chosen"


def _mistakes_of_levels(levels: Levels) -> Iterator[Mistake]:
    if not 1 <= levels.yellow <= levels.orange <= levels.red:
        yield "score.news2", "levels must rise: yellow, orange, red"
    if levels.orange > LATEST_ORANGE:
        yield "score.news2.orange", f"at {LATEST_ORANGE} points the RCP asks for an urgent review: never later"
    if levels.red > LATEST_RED:
        yield "score.news2.red", f"at {LATEST_RED} points the RCP has an emergency: never later"
    if COLOURS.index(levels.single_3) < COLOURS.index("orange"):
        yield "score.news2.single_3", "three points for one parameter are an urgent review: at least orange"


def _mistakes_of_home_cov(rule: HomeCov, scoring: Scoring, items: dict[str, Item]) -> Iterator[Mistake]:
    if COLOURS.index(rule.colour) < COLOURS.index("orange"):
        yield "score.home_cov.colour", "hospital is to be considered: at least orange"
    for criterion, link in rule.items.items():
        if home_cov.limit(criterion) is not None or criterion == "confusion":
            yield f"score.home_cov.items.{criterion}", "is taken from readings"
        elif items[link].kind != "boolean":
            yield f"score.home_cov.items.{criterion}", "must be a question of yes or no"
    for criterion, floor in rule.floors.items():
        limit = home_cov.limit(criterion)
        if limit is None or criterion not in scoring.readings:
            yield f"score.home_cov.floors.{criterion}", "is no measured criterion of this pathway"
        elif (floor > limit) == (criterion in home_cov.AT_MOST) and floor != limit:
            yield f"score.home_cov.floors.{criterion}", f"must not be stricter than the published {limit:g}"


def _mistakes_of_oximetry(rule: Oximetry, scoring: Scoring, items: dict[str, Item]) -> Iterator[Mistake]:
    if "spo2" not in scoring.readings:
        yield "score.oximetry", "needs the reading spo2"
    if rule.after_effort and items[rule.after_effort].kind not in NUMBERS:
        yield "score.oximetry.after_effort", "must be a number"
    if rule.samu != "red":
        yield "score.oximetry.samu", "SAMU or hospital: red"
    if rule.floor is not None and rule.floor > oximetry.SAMU_BELOW:
        yield "score.oximetry.floor", f"must not be stricter than the HAS's {oximetry.SAMU_BELOW:g}"
