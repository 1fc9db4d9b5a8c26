"""Whatever the clinicians' doors refuse has words on the page, in both languages: the server's are English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime_api.patients.acts import KINDS, NOT_NOW, OF_FIELD
from streams.summary.content import HAPPENED

ROOT = Path(__file__).parents[3]
DOORS = [ROOT / "realtime_api/patients" / name for name in ("asked.py", "doors.py")]
SHARD = ("alerting.py", "answering.py", "circle.py", "ending.py", "fold.py")
FOLD = [ROOT / "domain/followup" / name for name in SHARD]
WORDS = [ROOT / "dashboards/src/patients/words" / name for name in ("fr.ts", "en.ts")]
FIGURE = re.compile(r"-?\d+(\.\d+)?")
# What only a program sends: no page lets one make these mistakes.
OF_PROGRAMS = {
    "is no field of this",
    "must be an object",
    "is no pathway's name",
    "is no time zone, such as Europe/Paris",
    "is no rule's name",
    "is no instant that has been",
    "is no memo's id",
    "must be one of #",  # of acts
    "nobody did it",
    "exists already",
    "another region's",
    "unknown pathway",  # the door says so in words of its own
}
# What a patient's own page alone is told.
OF_PATIENTS = {"too many corrections", "too many codes"}


def told(node: ast.expr) -> Iterator[str]:
    """Yield a message as its words are found by: whatever is put into it is a figure, or an address that is missing."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield FIGURE.sub("#", node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else "#" for each in node.values]
        text = "".join(str(each) for each in parts)
        if text.startswith("needs file.contact."):
            yield from (f"needs file.contact.{each}" for each in ("phone", "email"))
        else:
            yield FIGURE.sub("#", text)


def said() -> set[str]:
    """Return what the doors say of wrong fields, and the shard of what it refuses."""
    found: set[str] = set()
    for node in (each for path in (*DOORS, *FOLD) for each in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Mistake", "refused"):
            found.update(*[set(told(each)) for each in node.args[-1:]])
        if isinstance(node, ast.Return) and node.value is not None:
            found |= {each for each in told(node.value) if OF_FIELD.fullmatch(each)}
    plain = {match[2] if (match := OF_FIELD.fullmatch(each)) else each for each in found}
    return plain - OF_PROGRAMS - OF_PATIENTS - KINDS.keys()


@pytest.mark.parametrize("path", WORDS, ids=lambda path: path.stem)
def test_each_mistake_and_each_refusal_has_words(path: Path) -> None:
    words = path.read_text()
    assert len(said()) > 30
    assert [each for each in sorted(said()) if f'    "{each}": (' not in words] == []
    assert [each for each in sorted(NOT_NOW) if f'    "{each}": (' not in words] == []
    kinds = {*KINDS.values(), "news", "taken", "refused", "file-unreadable", "key-store-away", "trail-away"} - {"taken"}
    # And what a summary has words for is told on the page too.
    assert [each for each in sorted(HAPPENED) if f'    {each}: "' not in words] == []
    assert [each for each in sorted(kinds) if not re.search(rf'^    "?{each}"?: "', words, re.M)] == []
