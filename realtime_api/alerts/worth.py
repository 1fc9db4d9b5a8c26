"""Whether a region's alarms were worth raising, and what they cost people: sums of what its notices shard counts."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from domain.alerts import cluster
from domain.alerts.notice import HeldAlert, Worth
from domain.alerts.routing import People
from domain.alerts.rule import Ruleset
from domain.alerts.worth import LOAD_MS, worth_key
from domain.places import Words
from realtime_api.alerts.shapes import OwnLoad, RuleWorth, TeamLoad, WorthShown

SMALLEST_TEAM = 5  # of fewer, a sum would tell of single people
UNTOLD = ("patient",)  # how many patients' alerts there were is a count of patients, and those are told by the hour
# Our own choice: of fewer alarms a share says little, and four of five for nothing is what people stop answering.
PROPOSED_FROM_RAISED, PROPOSED_BELOW = 20, 0.2


def rules_worth(
    worth: Mapping[str, Worth], held: Iterable[HeldAlert], rules: Ruleset | None, now: int, days: int
) -> list[RuleWorth]:
    """Return what each rule's alarms raised within the last days (UTC, today included) were worth, the most first."""
    first = (datetime.fromtimestamp(now / 1000, UTC).date() - timedelta(days=days - 1)).isoformat()
    by_rule: dict[str, list[Worth]] = {}
    for key, each in worth.items():
        rule, _, day = key.rpartition("/")
        if day >= first and rule not in UNTOLD:
            by_rule.setdefault(rule, []).append(each)
    # Of those that go on, too, only those that were raised within these days.
    raised_on = [worth_key(each.alert).rpartition("/") for each in held if each.alert.status != "resolved"]
    going_on = Counter(rule for rule, _, day in raised_on if day >= first)
    titles = {rule.id: rule.title for rule in (*(rules.rules if rules else ()), cluster.RULE)}
    found = [_sum(rule, some, going_on[rule], titles) for rule, some in by_rule.items()]
    return sorted(found, key=lambda rule: (-rule.raised, rule.rule))


def _sum(rule: str, some: Sequence[Worth], going_on: int, titles: Mapping[str, Words]) -> RuleWorth:
    def total(name: str) -> int:
        return sum(getattr(each, name) for each in some)

    raised, acted = total("raised"), total("acted")
    said = acted + total("no_action_needed") + total("wrong")
    unsaid = max(0, raised - going_on - said)
    share = actionable(acted, said, unsaid)
    took = sorted(seconds for each in some for seconds in each.took_s)
    return RuleWorth(
        rule=rule,
        title=titles.get(rule),
        raised=raised,
        notified=total("notified"),
        taken=total("taken"),
        p50_s=percentile(took, 0.5),
        p90_s=percentile(took, 0.9),
        escalated=total("escalated"),
        acted=acted,
        no_action_needed=total("no_action_needed"),
        wrong=total("wrong"),
        unsaid=unsaid,
        actionable=share,
        proposed=raised >= PROPOSED_FROM_RAISED and share is not None and share < PROPOSED_BELOW,
    )


def actionable(acted: int, said: int, unsaid: int) -> float | None:
    """Return the share of alarms that were acted on, among those of which something was said and those that are over.

    What goes on still is left out. An alarm that is over without a word counts as one that nobody needed: it went by
    itself, and nobody found it worth a word. None where there is nothing to judge by.
    """
    return round(acted / (said + unsaid), 3) if said + unsaid else None


def percentile(rising: Sequence[float], share: float) -> float | None:
    """Return the smallest value that this share of them does not exceed, None of none."""
    return rising[max(0, math.ceil(share * len(rising)) - 1)] if rising else None


def teams_load(loads: Mapping[str, tuple[int, ...]], people: People | None, now: int) -> list[TeamLoad]:
    """Return what was told to each team that is large enough, in the last 120 minutes."""
    of: dict[str, list[str]] = {}
    for subject, person in (people.people if people else {}).items():
        if person.team:
            of.setdefault(person.team, []).append(subject)
    return [
        TeamLoad(team, len(members), sum(load(loads.get(member, ()), now) for member in members))
        for team, members in sorted(of.items())
        if len(members) >= SMALLEST_TEAM
    ]


def load(told: Iterable[int], now: int) -> int:
    """Return how often somebody was told something in the last 120 minutes."""
    return sum(1 for at in told if at > now - LOAD_MS)


def shown(rules: list[RuleWorth], teams: list[TeamLoad], mine: int) -> WorthShown:
    """Return it all as it is sent."""
    return WorthShown(rules, teams, OwnLoad(mine))
