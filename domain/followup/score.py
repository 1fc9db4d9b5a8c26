"""What answers mean, and why: a colour, each rule that speaks with its answer and threshold, and what to ask still."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Literal, NamedTuple, cast

import msgspec

from domain.followup import home_cov, news2, oximetry
from domain.followup.home_cov import CRITERIA, Criterion
from domain.followup.news2 import Consciousness, News2, Parameter, Readings, Scale, WhyNot
from domain.followup.pathway import CARES, COLOURS, Care, Colour, Levels, Pathway, Scoring, Threshold, worst
from domain.followup.questionnaire import Answers, Value, enabled, missing, why_impossible
from domain.places import Place

VERSION = "1"  # of how rules are put together; each rule has its own besides

Source = Literal["default", "own"]


class Facts(Place, frozen=True):
    """What is known of a patient besides answers; `own` are thresholds by id, `care` is what they have now."""

    age: int | None = None
    pregnant: bool = False
    scale: Scale = 1
    scale_2_prescribed: bool = False
    own: dict[str, float] = msgspec.field(default_factory=dict)
    care: Care | None = None


class Day(NamedTuple):
    """What was answered on an earlier day of the pathway."""

    day: int
    answers: Answers


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule that speaks: of which colour, for which answer, beyond which threshold and whose, with which points.

    A parameter's points are green by themselves: their sum has the colour.
    """

    rule: str
    version: str
    colour: Colour
    item: str = ""
    value: Value = None
    threshold: float | None = None
    whose: Source = "default"
    points: int | None = None


class Suggestion(msgspec.Struct, frozen=True):
    """More care than the patient has now, and the rule that is the reason."""

    care: Care
    rule: str


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a slot's answers mean. `ask` are the items still to be answered; `unknown`, the rules that can't speak.

    `incomplete`: what is missing could make it graver, so it is never green.
    """

    colour: Colour
    incomplete: bool
    ask: tuple[str, ...]
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]
    news2: News2 | None
    news2_why_not: WhyNot
    suggestion: Suggestion | None
    pathway: str  # id and version
    version: str = VERSION


def score(pathway: Pathway, facts: Facts, answers: Answers, before: Iterable[Day] = (), day: int = 0) -> Result:
    """Return what answers mean on a day of the pathway; an answer that is impossible counts as none.

    Every answer that is given counts, also one to an item that is not shown: what is alarming is never passed over.
    """
    items, scoring = pathway.questionnaire.item_of, pathway.scoring
    told = {link: v for link, v in answers.items() if link in items and not why_impossible(items[link], v)}
    shown = enabled(pathway.questionnaire, told)
    readings = readings_of(scoring, told)
    why_not, made = _news2(scoring, facts, readings)
    ask = dict.fromkeys(link for link in missing(pathway.questionnaire, told) if link in pathway.read_items)
    could_be_graver = False
    findings, unknown = _judged(pathway, facts, told, readings)
    findings += _trends(scoring, told, before, day)
    if made is not None and scoring.news2 is not None:
        unasked = [each for each in made.missing if _open(scoring.readings.get(each), told, shown)]
        low, high = _colours(scoring.news2, made, unasked)
        findings += _of_news2(scoring, made, told, low)
        could_be_graver = COLOURS.index(high) > COLOURS.index(low)
        if could_be_graver:
            ask |= dict.fromkeys(scoring.readings[each] for each in unasked)
    incomplete = bool(ask) or could_be_graver
    colour = worst((*(each.colour for each in findings), "yellow" if incomplete else "green"))
    return Result(
        colour=colour,
        incomplete=incomplete,
        ask=tuple(link for link in items if link in ask),
        findings=tuple(sorted(findings, key=lambda each: (-COLOURS.index(each.colour), each.rule))),
        unknown=tuple(unknown),
        news2=made,
        news2_why_not=why_not,
        suggestion=_suggestion(scoring, facts.care, findings),
        pathway=f"{pathway.id}/{pathway.version}",
    )


# --- the rules -------------------------------------------------------------------------------------------------------


def readings_of(scoring: Scoring, answers: Answers) -> dict[Parameter, float | bool | Consciousness | None]:
    """Return what answers say of the parameters that rules are made of; what was not said is None."""
    found: dict[Parameter, float | bool | Consciousness | None] = {}
    for name, link in scoring.readings.items():
        value = answers.get(link)
        if name == "consciousness" and value is not None:
            alert: dict[Value, Consciousness] = {True: "C", False: "A"}  # is there new confusion?
            value = alert[value] if isinstance(value, bool) else str(value).upper()
        found[name] = cast("float | bool | Consciousness | None", value)
    return found


def _news2(scoring: Scoring, facts: Facts, readings: Readings) -> tuple[WhyNot, News2 | None]:
    if scoring.news2 is None:
        return "", None
    why_not = news2.why_not(
        facts.age, pregnant=facts.pregnant, scale=facts.scale, scale_2_prescribed=facts.scale_2_prescribed
    )
    return why_not, None if why_not else news2.score(readings, facts.scale)


def _open(link: str | None, told: Answers, shown: Sequence[str]) -> bool:
    """Return whether a question can still be answered: it is asked, and neither answered nor said to be unknown."""
    return link is not None and link not in told and link in shown


def _colours(levels: Levels, made: News2, unasked: Sequence[Parameter]) -> tuple[Colour, Colour]:
    """Return the colours of the range's ends.

    Of the upper end a single 3 counts where it can still be asked for: what the patient has no device for would
    otherwise make everybody incomplete, every day.
    """
    single = any(each.parameter in unasked and each.high == 3 for each in made.points)
    low = _colour(levels, made.low, single_3=bool(made.single_3))
    return low, worst((low, _colour(levels, made.high, single_3=single)))


def _colour(levels: Levels, total: int, *, single_3: bool) -> Colour:
    of_total: Colour = (
        "red"
        if total >= levels.red
        else "orange"
        if total >= levels.orange
        else "yellow"
        if total >= levels.yellow
        else "green"
    )
    return worst((of_total, levels.single_3 if single_3 else "green"))


def _of_news2(scoring: Scoring, made: News2, told: Answers, colour: Colour) -> Iterator[Finding]:
    for each in made.points:
        if each.value and each.high:
            link = scoring.readings[each.parameter]
            # On scale 2 with oxygen not known its points are a range: the sum counts it, and no number is made up.
            points = each.low if each.low == each.high else None
            yield Finding(f"news2/{each.parameter}", made.version, "green", link, told[link], points=points)
    yield Finding("news2", made.version, colour, points=made.low)


def _judged(pathway: Pathway, facts: Facts, told: Answers, readings: Readings) -> tuple[list[Finding], list[str]]:
    """Return what flags, HOME-CoV and oximetry find, and the rules that nothing was said for."""
    findings: list[Finding] = []
    unknown: list[str] = []
    spoken = (
        *_flags(pathway, facts, told),
        *_home_cov(pathway, facts, told, readings),
        *_oximetry(pathway, facts, told, readings),
    )
    for rule, found in spoken:
        if found is None:
            unknown.append(rule)
        elif found.colour != "green":
            findings.append(found)
    return findings, unknown


Spoken = tuple[str, Finding | None]  # the rule, and what it says: None where it is not known


def _beyond(threshold: Threshold, value: float, limit: float) -> bool:
    if threshold.test == "at_least":
        return value >= limit
    return value <= limit if threshold.test == "at_most" else value < limit


def _limit(pathway: Pathway, facts: Facts, id_: str) -> tuple[Threshold, float, Source]:
    threshold = pathway.thresholds[id_]
    limit = threshold.effective(facts.own.get(id_))
    return threshold, limit, "default" if limit == threshold.value else "own"


def _flags(pathway: Pathway, facts: Facts, told: Answers) -> Iterator[Spoken]:
    version = f"{pathway.id}/{pathway.version}"
    for flag in pathway.scoring.flags:
        rule, value = f"flag/{flag.id}", told.get(flag.item)
        if value is None:
            yield rule, None
            continue
        limit: float | None = None
        whose: Source = "default"
        if rule in pathway.thresholds:
            threshold, limit, whose = _limit(pathway, facts, rule)
            raised = _beyond(threshold, cast("float", value), limit)
        elif flag.test == "includes":
            raised = isinstance(value, tuple) and flag.value in value
        else:
            raised = value == flag.value
        yield rule, Finding(rule, version, flag.colour if raised else "green", flag.item, value, limit, whose)


def _home_cov(pathway: Pathway, facts: Facts, told: Answers, readings: Readings) -> Iterator[Spoken]:
    rule = pathway.scoring.home_cov
    if rule is None:
        return
    oxygen = cast("bool | None", readings.get("oxygen"))
    for criterion in CRITERIA:
        link, value = _said(pathway.scoring, criterion, told, readings)
        if not link:
            continue
        id_ = f"home-cov/{criterion}"
        limit: float | None = None
        whose: Source = "default"
        if id_ in pathway.thresholds:
            _, limit, whose = _limit(pathway, facts, id_)
        met = home_cov.met(criterion, value, oxygen=oxygen, own=limit)
        colour: Colour = rule.colour if met else "green"
        found = Finding(id_, home_cov.VERSION, colour, link, told.get(link), limit, whose)
        yield id_, None if met is None else found


def _said(scoring: Scoring, criterion: Criterion, told: Answers, readings: Readings) -> tuple[str, float | bool | None]:
    """Return the item of a criterion, empty where it is not asked, and what was said of it."""
    if criterion == "confusion":
        alert = readings.get("consciousness")
        return scoring.readings.get("consciousness", ""), None if alert is None else alert != "A"
    if home_cov.limit(criterion) is not None:
        name = cast("Parameter", criterion)
        return scoring.readings.get(name, ""), cast("float | None", readings.get(name))
    assert scoring.home_cov is not None
    link = scoring.home_cov.items.get(criterion, "")
    return link, cast("bool | None", told.get(link))


def _oximetry(pathway: Pathway, facts: Facts, told: Answers, readings: Readings) -> Iterator[Spoken]:
    rule, id_ = pathway.scoring.oximetry, "oximetry/samu"
    if rule is None:
        return
    _, limit, whose = _limit(pathway, facts, id_)
    at_rest = cast("float | None", readings.get("spo2"))
    after_effort = cast("float | None", told.get(rule.after_effort))
    band = oximetry.band(at_rest, after_effort, samu_below=limit)
    if band is None:
        yield id_, None
        return
    of_rest = after_effort is None or (at_rest is not None and at_rest <= after_effort)
    link = pathway.scoring.readings["spo2"] if of_rest else rule.after_effort
    colour: Colour = {"samu": rule.samu, "borderline": rule.borderline}.get(band, "green")
    name = id_ if band == "samu" else f"oximetry/{band}"
    yield id_, Finding(name, oximetry.VERSION, colour, link, told[link], limit, whose)


def _trends(scoring: Scoring, told: Answers, before: Iterable[Day], day: int) -> list[Finding]:
    """Return which numbers have become worse than they were: against the median of the patient's own last days."""
    days, found = list(before), []
    for trend in scoring.trends:
        now = _number(told.get(trend.item))
        earlier = [_number(each.answers.get(trend.item)) for each in days if day - trend.days <= each.day < day]
        known = [each for each in earlier if each is not None]
        if now is None or not known:
            continue
        usual = median(known)
        worse_by = usual - now if trend.worse == "lower" else now - usual
        # By their digits, as the patient sees them: 38.3 − 37.3 is a little less than 1 in binary.
        if round(worse_by, 6) >= trend.by:
            found.append(Finding(f"trend/{trend.id}", VERSION, trend.colour, trend.item, now, usual, "own"))
    return found


def _number(value: Value) -> float | None:
    return None if value is None or isinstance(value, (bool, str, tuple)) else value


def _suggestion(scoring: Scoring, now: Care | None, findings: Iterable[Finding]) -> Suggestion | None:
    """Return the most care that any finding asks for, where that is more than there is; never less."""
    of_flag = {f"flag/{flag.id}": flag.care for flag in scoring.flags}
    asked = [
        (CARES.index(care), COLOURS.index(finding.colour), finding.rule)
        for finding in findings
        for care in (of_flag.get(finding.rule), scoring.care.get(finding.colour))
        if care is not None
    ]
    most, _, rule = max(asked, default=(-1, 0, ""))
    return Suggestion(CARES[most], rule) if most > (-1 if now is None else CARES.index(now)) else None


# --- the answers of one slot -----------------------------------------------------------------------------------------


class Given(NamedTuple):
    """One sending of answers to a slot: the first, a repetition, or a correction."""

    id: str
    at: int
    answers: Answers


class Counted(NamedTuple):
    """What counts of a slot, what was said first of items that were corrected since, and how many sendings followed."""

    answers: dict[str, Value]
    first: dict[str, Value]
    corrections: int


def settle(sent: Iterable[Given]) -> Counted:
    """Return the answers that count of all that were sent to one slot, in whichever order and however often.

    The last answer to each item counts. A correction that leaves an item out says nothing of it, so it takes no
    alarming value away.
    """
    by_id = {given.id: given for given in sorted(sent, key=_order, reverse=True)}
    counted: dict[str, Value] = {}
    first: dict[str, Value] = {}
    for given in sorted(by_id.values(), key=_order):
        for link, value in given.answers.items():
            first.setdefault(link, value)
            counted[link] = value
    corrected = {link: value for link, value in first.items() if value != counted[link]}
    return Counted(counted, corrected, max(0, len(by_id) - 1))


def _order(given: Given) -> tuple[int, str]:
    return given.at, given.id
