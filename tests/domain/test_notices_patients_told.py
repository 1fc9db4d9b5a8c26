"""What followup shards tell beside alerts: cases that make a cluster, counts of an hour, and words to a circle."""

from typing import Any

import msgspec
import pytest

from domain.alerts.lifecycle import Alert
from domain.alerts.notice import HeldAlert
from domain.alerts.routing import OnCall, Person, Shift, Window
from domain.capacity.fold import Said
from domain.events import (
    AlertActed,
    CaseFound,
    ChannelsChosen,
    Counted,
    NoticeFailed,
    SilenceMade,
    WordSent,
)
from domain.followup.counts import Span
from domain.followup.crossing import Case, Count, Word
from domain.followup.pathway import Cluster
from domain.places import Words
from live_state.notices import TOLD
from tests.small_notices import DAY_S, START, Timeline, people, published, routing

HOUR = 3_600
EHPAD = "310780192"
TITLE = Words("Suivi à domicile", "Home follow-up")
DAY_MS = DAY_S * 1_000


class Region(Timeline):
    """A timeline on which four followup shards tell of what they found."""

    def tell(self, kind: type[Any], *, shard: int = 0, offset: int | None = None, n: int = 0, **what: Any) -> Said:
        """Return what became of something that a followup shard told."""
        if offset is None:
            self._offset += 1
            offset = self._offset
        return self.event(kind, shard=f"followup:ici:{shard}", epoch="e1", offset=offset, n=n, **what)

    def case(
        self, *, shard: int = 0, tell: tuple[str, ...] = ("anne", "rose"), facility: str = EHPAD, on_call: str = ""
    ) -> Said:
        """Return what became of a resident having fallen ill."""
        case = Case(at=self.now, facility=facility, rule=Cluster(cases=3, days=4, on_call=on_call), tell=tell)
        return self.tell(CaseFound, shard=shard, case=case)

    def word(self, id_: str, *to: str, shard: int = 0, **more: Any) -> Said:
        """Return what became of a word to some people."""
        basics: dict[str, Any] = {
            "at": self.now,
            "id": id_,
            "to": to,
            "severity": "info",
            "title": TITLE,
            "text": Words("Un suivi est arrêté", "A follow-up has stopped"),
            "link": "/patients/p1",
        }
        return self.tell(WordSent, shard=shard, word=Word(**(basics | more)))

    @property
    def clusters(self) -> list[HeldAlert]:
        """Return the clusters that go on."""
        held = self.state.alerts.values()
        return [each for each in held if each.alert.rule == "ehpad-cluster" and each.alert.status != "resolved"]

    @property
    def cluster(self) -> Alert:
        """Return the only one."""
        (held,) = self.clusters
        return held.alert


def region(**persons: Person) -> Region:
    """Return a region with its people."""
    return Region(people(**persons), published("routing", routing()))


# -- clusters


def test_three_cases_of_a_facility_in_four_days_are_told_of_wherever_they_lie() -> None:
    day = region()
    day.case(shard=0)
    day.at(DAY_S).case(shard=1)
    assert day.clusters == []
    assert day.waiting() == []
    day.at(3 * DAY_S).case(shard=3)
    assert day.cluster.subject == f"facility/{EHPAD}"
    assert day.cluster.labels == {
        "rule": "ehpad-cluster",
        "concern": "cluster",
        "severity": "warning",
        "level": "facility",
        "region": "ici",
        "facility": EHPAD,
    }
    assert day.told() == [("anne", "sms", "first"), ("rose", "push", "first")], "at once, and all of them"


def test_a_clusters_alert_says_no_number() -> None:
    day = region()
    for _ in range(3):
        day.case()
    told = day.cluster
    assert (told.value, told.threshold) == (None, None)
    texts = [words for each in (told.title, told.text, told.todo) for words in (each.fr, each.en)]
    assert not any(sign.isdigit() for text in texts for sign in text)
    for notice in day.waiting():
        assert not any(sign.isdigit() for sign in notice.title.fr + notice.text.fr)


def test_cases_of_other_facilities_or_of_long_ago_make_none() -> None:
    day = region()
    day.case()
    day.case(facility="310000000")
    day.at(2 * DAY_S).case()
    day.at(4 * DAY_S).case()
    assert day.clusters == [], "the first is four days old"
    day.at(4 * DAY_S + 1).case()
    assert len(day.clusters) == 1


def test_a_case_that_crosses_twice_is_one() -> None:
    day = region()
    case = Case(at=day.now, facility=EHPAD, rule=Cluster(cases=2, days=4), tell=("anne",))
    assert day.tell(CaseFound, offset=900, case=case).outcome == "applied"
    assert day.tell(CaseFound, offset=900, case=case).outcome == "history"
    assert day.clusters == []
    assert day.tell(CaseFound, offset=900, n=1, case=case).outcome == "applied"
    assert len(day.clusters) == 1


def test_a_cluster_is_over_once_there_was_no_case_for_as_long() -> None:
    day = region()
    for _ in range(3):
        day.case()
    day.at(3 * DAY_S).case()
    day.told()
    day.at(6 * DAY_S)
    assert len(day.clusters) == 1, "one case is enough for it to go on"
    day.at(7 * DAY_S - 1)
    assert len(day.clusters) == 1
    day.told()
    day.at(7 * DAY_S)
    assert day.clusters == []
    assert day.state.cases == {}
    assert {told[2] for told in day.told()} == {"resolved"}


def test_a_cluster_that_a_person_closed_needs_new_cases_to_come_again() -> None:
    day = region()
    for _ in range(3):
        day.case()
    day.told()
    closed = day.event(AlertActed, by="anne", alert=day.cluster.id, act="resolve", outcome="acted")
    assert closed.outcome == "applied"
    assert day.clusters == []
    day.at(60).case()
    day.at(70).case()
    assert day.clusters == []
    day.at(80).case()
    assert len(day.clusters) == 1


def test_who_has_a_cluster_has_it_for_a_day_and_then_it_is_told_again() -> None:
    day = region()
    for _ in range(3):
        day.case()
    day.told()
    day.at(60).event(AlertActed, by="anne", alert=day.cluster.id, act="take")
    assert day.cluster.taken_by == "anne"
    assert day.at(DAY_S).told() == []
    day.at(60 + DAY_S)
    assert {told[2] for told in day.told()} == {"reopened"}


def test_whom_a_later_case_names_is_told_of_a_cluster_that_goes_on() -> None:
    day = region()
    for _ in range(3):
        day.case(tell=("anne",))
    day.told()
    day.at(HOUR).case(tell=("anne", "somebody"))
    assert day.waiting() == []
    (group,) = day.state.groups.values()
    assert group.to == ("anne", "somebody")


def test_a_cluster_reaches_the_tracing_agent_on_call_where_no_circle_has_one() -> None:
    day = region()
    shifts = (Shift(person="agent", since=START, until=START + DAY_MS),)
    day.fold(published("on-call/tracage", OnCall(shifts=shifts, read_at=START), at=day.now))
    for _ in range(3):
        day.case(tell=(), on_call="tracage")
    (group,) = day.state.groups.values()
    assert (group.to, group.unanswered_at) == (("agent",), None)


def staff(day: Region, *subjects: str, facility: str = EHPAD) -> None:
    """Let it be published who a facility's staff are."""
    day.fold(published(f"staff/{facility}", msgspec.json.encode(subjects), at=day.now))


def test_a_cluster_reaches_the_facilitys_staff_where_they_are_in_no_circle() -> None:
    day = region()
    day.case(tell=())
    staff(day, "home")
    staff(day, "others", facility="340000001")
    day.case(tell=("anne",))
    day.case(tell=())
    (group,) = day.state.groups.values()
    assert group.to == ("home", "anne")
    assert [step.person for step in day.cluster.plan] == ["home", "anne"]


def test_staff_of_whom_it_is_known_later_are_told_then_and_who_is_staff_no_longer_is_told_no_more() -> None:
    day = region()
    for _ in range(3):
        day.case(tell=("anne",))
    day.at(60)
    staff(day, "home", "anne")
    (group,) = day.state.groups.values()
    assert group.to == ("anne", "home")
    day.at(HOUR)
    staff(day)
    assert [step.person for step in day.cluster.plan] == ["anne"], "whom a case names stays"


@pytest.mark.parametrize("content", [b"{", b'{"home": 1}', b"[1]"])
def test_staff_that_can_not_be_read_are_refused(content: bytes) -> None:
    day = region()
    staff(day, "home")
    said = day.at(60).fold(published(f"staff/{EHPAD}", content, at=day.now))
    assert said.outcome == "refused"
    assert day.state.in_force.staff == {EHPAD: ("home",)}


def test_no_silence_of_the_region_holds_a_cluster_back() -> None:
    day = region()
    span: dict[str, Any] = {"since": day.now, "until": START + DAY_MS}
    day.event(SilenceMade, by="anne", matchers={"region": ("ici",)}, reason="travaux", **span)
    for _ in range(3):
        day.case()
    assert {notice.person for notice in day.waiting()} == {"anne", "rose"}


def test_other_rules_that_are_published_leave_clusters_alone() -> None:
    day = region()
    for _ in range(3):
        day.case()
    day.fold(published("alert_rules", b'{"rules": []}', at=day.now))
    assert len(day.clusters) == 1


def test_clusters_are_the_same_after_the_memory_was_lost() -> None:
    whole, torn = region(), region()
    torn.reload = True
    for day in (whole, torn):
        staff(day, "home")
        for number in range(5):
            day.at(number * DAY_S / 2).case(shard=number % 4)
        day.at(4.5 * DAY_S).told()
    assert torn.state.alerts == whole.state.alerts
    assert torn.state.cases == whole.state.cases
    for day in (whole, torn):
        day.at(9 * DAY_S)
        assert day.clusters == []


# -- words


def test_a_word_is_one_message_a_person_and_channel_of_theirs() -> None:
    day = region()
    day.word("w", "anne", "paul")
    (mail,) = day.waiting()
    assert (mail.id, mail.group, mail.person, mail.channel) == ("word/w/anne/smtp", "word/w", "anne", "smtp")
    assert (mail.reason, mail.severity, mail.link) == ("word", "info", "/patients/p1")
    assert mail.give_up_at == mail.made_at + DAY_MS
    assert "word/w" not in day.state.groups
    assert list(day.state.loads) == ["anne", "paul"]


def test_a_word_goes_by_the_channels_that_somebody_chose_for_its_severity() -> None:
    day = region()
    day.event(ChannelsChosen, by="anne", channels={"warning": ("push", "app")})
    day.event(ChannelsChosen, by="somebody", channels={"warning": ("sms",)})
    day.word("w", "anne", "somebody", severity="warning")
    assert [(notice.person, notice.channel) for notice in day.waiting()] == [("anne", "push"), ("somebody", "sms")]


def test_a_word_at_night_waits_for_the_morning_unless_it_is_critical() -> None:
    sleeper = Person(channels={"info": ("sms",), "critical": ("sms",)}, quiet=Window(start=22 * 60, end=7 * 60))
    day = region(leon=sleeper)
    day.word("calm", "leon")
    day.word("grave", "leon", severity="critical")
    calm, grave = day.waiting()
    assert grave.due_at == START
    seven_in_paris = START + (7 * HOUR + 46 * 60 + 40) * 1_000
    assert calm.due_at == seven_in_paris
    assert calm.give_up_at == seven_in_paris + DAY_MS


def test_a_word_that_arrives_fails_or_comes_too_late_is_gone() -> None:
    day = region()
    for number in range(3):
        day.word(f"w{number}", "anne")
    _, second, _ = day.waiting()
    day.event(NoticeFailed, notice=second.id, reason="refused")
    assert len(day.waiting()) == 2
    day.arrives(to="anne")
    assert day.waiting() == []
    day.word("w3", "anne")
    day.at(DAY_S + 1)
    assert day.waiting() == []


def test_the_app_shows_a_word_for_a_day_unless_it_is_but_for_information() -> None:
    day = region()
    day.word("calm", "paul")
    day.word("grave", "paul", severity="warning")
    assert list(day.state.words) == ["grave"]
    day.at(DAY_S + HOUR + 1)
    day.told()
    assert day.state.words == {}


def test_a_word_that_crosses_twice_is_told_once() -> None:
    day = region()
    word: dict[str, Any] = {"at": START, "to": ("anne",), "severity": "info", "link": ""}
    once = Word(id="w", title=TITLE, text=TITLE, **word)
    assert day.tell(WordSent, offset=500, word=once).outcome == "applied"
    day.told()
    assert day.tell(WordSent, offset=500, word=once).outcome == "history"
    assert day.waiting() == []


def test_what_many_shards_say_under_one_name_is_told_everybody_once() -> None:
    day = region()
    awaited: dict[str, Any] = {"severity": "warning", "link": f"/sitting/{EHPAD}"}
    for shard, to in enumerate((("anne", "rose"), ("anne",), ("paul", "anne"), ("rose", "leon"))):
        assert day.word("sitting/1", *to, shard=shard, **awaited).outcome == "applied"
    assert {id_: list(word.to) for id_, word in day.state.words.items()} == {
        "sitting/1": ["anne", "rose", "paul", "leon"]
    }
    assert len(day.waiting()) == len({notice.person for notice in day.waiting()}) == 4
    day.told()
    day.word("sitting/1", "anne", "somebody", **awaited)
    assert day.waiting() == []
    assert day.state.words["sitting/1"].to[3:] == ("leon", "somebody")


def test_warnings_leave_what_is_critical_its_room_and_what_has_none_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.alerts.telling.MOST_WORDS", 2)
    monkeypatch.setattr("domain.alerts.telling.MOST_CRITICAL_WORDS", 1)
    whole, torn = region(), region()
    torn.reload = True
    for day in (whole, torn):
        for number in range(4):
            day.word(f"w{number}", "anne", severity="warning")
        for number in range(2):
            day.word(f"c{number}", "anne", severity="critical")
        day.word("calm", "anne")
        assert sorted(day.state.words) == ["c0", "w0", "w1"]
        assert sum(day.state.left_off.values()) == 3
        assert {notice.group for notice in day.waiting()} >= {"word/w3", "word/c1"}, "they are written to all the same"
        day.word("w1", "paul", severity="warning")
        assert day.state.words["w1"].to == ("anne", "paul"), "more people of one that is shown need no room"
        day.told()
        day.at(DAY_S + HOUR + 1)
        assert (day.state.words, day.state.left_off) == ({}, {})
        day.word("later", "anne", severity="warning")
        assert list(day.state.words) == ["later"]


def test_a_word_is_told_to_a_whole_circle_and_shown_to_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    day = region()
    day.word("w", *(f"p{number}" for number in range(500)), severity="warning")
    assert len(day.state.words["w"].to) == 500
    monkeypatch.setattr("domain.alerts.telling.MOST_IN_WORD", 3)
    for shard in range(2):
        day.word("many", f"a{shard}", f"b{shard}", shard=shard, severity="warning")
    assert day.state.words["many"].to == ("a0", "b0", "a1")
    assert sum(day.state.left_off.values()) == 1


# -- counts


def count(day: Region, index: int, at: int, **numbers: int) -> Said:
    """Return what became of a shard's count of an hour."""
    cells = {cell.replace("_", "/"): number for cell, number in numbers.items()}
    return day.tell(Counted, shard=index, count=Count(at=at, index=index, of=4, numbers=cells))


def test_an_hour_is_published_once_all_four_shards_told_theirs() -> None:
    day = region()
    hour = START // 3_600_000 * 3_600_000
    for index in range(3):
        count(day, index, hour, d31_red=5)
    assert (day.state.counts, list(day.state.counting)) == ({}, [str(hour)])
    count(day, 3, hour, d31_red=2, d31_green=20)
    told = day.state.counts[str(hour)]
    assert (told.cells, told.colours) == (
        {"d31/green": 20, "d31/red": 17},
        {"green": Span(20, 30), "red": Span(17, 27)},
    )
    assert day.state.counting == {}
    assert count(day, 2, hour, d31_red=50).outcome == "applied"
    assert day.state.counts[str(hour)] == told, "an hour that was published stays as it was"


def test_hours_are_kept_for_two_days_whole_or_not() -> None:
    day = region()
    first = START // 3_600_000 * 3_600_000
    for number in range(60):
        hour = first + number * 3_600_000
        day.at(max(0, number * HOUR))
        for index in range(3 if number % 5 == 0 else 4):
            count(day, index, hour)
    assert len(day.state.counts) + len(day.state.counting) in (48, 49)
    assert {int(hour) for hour in day.state.counting} == {
        first + number * 3_600_000 for number in range(60) if number % 5 == 0 and number >= 12
    }
    assert count(day, 3, first).outcome == "applied"
    assert str(first) not in day.state.counting


def test_what_shards_told_of_an_hour_is_told_to_nobody() -> None:
    day = region()
    for index in range(4):
        assert day.state.counts == {}
        count(day, index, START, d31_red=2)
    assert day.state.counts[str(START)].cells == {}
    assert not {"counting", "cases"} & set(TOLD)
