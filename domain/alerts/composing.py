"""The words of a notice: those of its alert, or of the gravest of many and how many they are."""

from collections.abc import Callable, Sequence

from domain.alerts.lifecycle import Alert
from domain.alerts.notice import Reason
from domain.alerts.rule import SEVERITIES
from domain.places import Words

NAMED = 3  # titles in the title of many
SHOWN = 5  # texts in the text of many
LONGEST_TITLE = 300
LONGEST_TEXT = 2_000

_BEFORE: dict[Reason, Words] = {
    "worse": Words(fr="Aggravation : ", en="Worse: "),
    "reopened": Words(fr="Rouverte : ", en="Reopened: "),
    "handed_over": Words(fr="À vous : ", en="Yours: "),
    "resolved": Words(fr="Terminé : ", en="Over: "),
}
_NOTHING = Words(fr="", en="")


def gravest_first(alerts: Sequence[Alert]) -> list[Alert]:
    """Return alerts in the order in which they are told of."""
    return sorted(alerts, key=lambda alert: (-SEVERITIES.index(alert.severity), alert.since, alert.id))


def compose(alerts: Sequence[Alert], reason: Reason) -> tuple[Words, Words, Words]:
    """Return title, text and what to do of a notice about alerts, the gravest first."""
    before = _BEFORE.get(reason, _NOTHING)
    fr, en = _title(alerts, "alertes", lambda words: words.fr), _title(alerts, "alerts", lambda words: words.en)
    title = Words(fr=before.fr + fr, en=before.en + en)
    text = Words(fr=_text(alerts, lambda words: words.fr), en=_text(alerts, lambda words: words.en))
    return title, text, alerts[0].todo


def _title(alerts: Sequence[Alert], many: str, of: Callable[[Words], str]) -> str:
    if len(alerts) == 1:
        return of(alerts[0].title)[:LONGEST_TITLE]
    titles = list(dict.fromkeys(of(alert.title) for alert in alerts[: 4 * NAMED]))
    rest = ", …" if len(titles) > NAMED or len(alerts) > 4 * NAMED else ""
    return f"{len(alerts)} {many} · {', '.join(titles[:NAMED])}"[:LONGEST_TITLE] + rest


def _text(alerts: Sequence[Alert], of: Callable[[Words], str]) -> str:
    lines = [of(alert.text) for alert in alerts[:SHOWN]] + ["…"] * (len(alerts) > SHOWN)
    return "\n".join(lines)[:LONGEST_TEXT]
