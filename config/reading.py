"""Reading the files of a directory: a mistake names its file and line, and all are told at once."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MOST_BYTES = 16 * 1024 * 1024  # of one file; the largest region's boundaries are far below 1 MiB
MOST_DEPTH = 20  # of nested YAML, so that no file can exhaust the stack


class Mistake(NamedTuple):
    """One thing wrong in a directory: where, and what; line 0 is the file as a whole."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """Return `facilities.csv:17: message`, which editors can follow."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class DirectoryErrors(Exception):
    """A directory can't be used: every mistake found in it."""

    def __init__(self, errors: Iterable[Mistake]) -> None:
        self.errors = sorted(set(errors))
        super().__init__("\n".join(str(error) for error in self.errors))


class Findings:
    """The mistakes found so far."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def add(self, file: str, line: int, message: str) -> None:
        """Note one mistake and carry on."""
        self.mistakes.append(Mistake(file, line, message))

    def settle(self) -> None:
        """Raise all that was found, if anything was."""
        if self.mistakes:
            raise DirectoryErrors(self.mistakes)


def shown(value: str) -> str:
    """Return a value from a file as it may stand in a message: quoted, short, on one line."""
    return repr(value if len(value) <= 60 else value[:57] + "...")


def text(path: Path, file: str, findings: Findings, missing: str = "") -> str | None:
    """Return a file's text, or None with the mistake noted; `missing` says how to get the file."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        findings.add(file, 0, "missing" + (f"; {missing}" if missing else ""))
        return None
    except OSError as error:
        findings.add(file, 0, f"can't be read: {error.strerror or type(error).__name__}")
        return None
    if len(data) > MOST_BYTES:
        findings.add(file, 0, f"larger than {MOST_BYTES // 1024 // 1024} MiB")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        findings.add(file, data.count(b"\n", 0, error.start) + 1, "not UTF-8")
        return None


# --- CSV -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its cells by column, stripped, and where it stands."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """Return the cell of a column; blank means unknown."""
        return self.cells[column]


def table(
    file: str,
    content: str,
    columns: tuple[str, ...],
    findings: Findings,
    optional: tuple[str, ...] = (),
    *,
    strict: bool = True,
) -> list[Row]:
    """Return the rows of a CSV text that have all their cells; `strict` refuses columns that nobody asked for."""
    return list(_rows(file, content, columns, findings, optional, strict))


def _rows(
    file: str, content: str, columns: tuple[str, ...], findings: Findings, optional: tuple[str, ...], strict: bool
) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                if not _header_holds(file, header, columns, optional, strict, findings):
                    return
            elif len(cells) != len(header):
                findings.add(file, reader.line_num, f"{len(cells)} cells where the header has {len(header)}")
            else:
                named = dict(zip(header, (cell.strip() for cell in cells), strict=True))
                yield Row(reader.line_num, {column: named.get(column, "") for column in (*columns, *optional)})
    except csv.Error as error:
        findings.add(file, reader.line_num, f"not CSV: {error}")
        return
    if header is None:
        findings.add(file, 1, f"empty; the first line must be {','.join(columns)}")


def _header_holds(
    file: str, header: list[str], columns: tuple[str, ...], optional: tuple[str, ...], strict: bool, findings: Findings
) -> bool:
    for column in columns:
        if column not in header:
            findings.add(file, 1, f"no column {column}")
    for column in sorted(set(header)):
        if strict and column not in columns and column not in optional:
            findings.add(file, 1, f"unknown column {shown(column)}")
        if header.count(column) > 1:
            findings.add(file, 1, f"column {shown(column)} appears {header.count(column)} times")
    return all(header.count(column) == 1 for column in columns)


# --- YAML ------------------------------------------------------------------------------------------------------------


class Node(NamedTuple):
    """A piece of YAML and its line: a text (never guessed into a number: 09 stays "09"), a list or a map."""

    file: str
    line: int
    value: "str | list[Node] | dict[str, Node]"
    plain: bool = False  # a text without quotes, so that an empty one is nothing


def tree(file: str, content: str, findings: Findings) -> Node | None:
    """Return the one document of a YAML text; anchors, aliases, tags and repeated keys are mistakes."""
    try:
        # Built from events, not composed: the composer recurses, and a file of brackets would exhaust the stack.
        return _Builder(file, findings).build(YAML(typ="safe", pure=True).parse(content))
    except _Refused as refused:
        findings.add(file, refused.line, refused.message)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.add(file, mark.line + 1 if mark else 0, f"not YAML: {error.problem or error.context}")
    except Exception as error:  # noqa: BLE001 - whatever a foreign parser raises on bad bytes is the file's mistake
        findings.add(file, 0, f"not YAML: {type(error).__name__}")
    return None


class _Refused(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Builder:
    """Puts YAML events together into nodes, without recursion."""

    def __init__(self, file: str, findings: Findings) -> None:
        self._file = file
        self._findings = findings
        self._open: list[Node] = []  # lists and maps not ended yet, the innermost last
        self._keys: list[Node | None] = []  # for each of them the key that waits for its value
        self._root: Node | None = None
        self._documents = 0

    def build(self, events: Iterable[Any]) -> Node | None:
        for event in events:
            line = event.start_mark.line + 1
            match event:
                case DocumentStartEvent():
                    self._documents += 1
                    if self._documents > 1:
                        raise _Refused(line, "a second document")
                case AliasEvent():
                    raise _Refused(line, "an alias (*) is not taken here")
                case ScalarEvent():
                    self._check_plainness(event, line)
                    self._place(Node(self._file, line, event.value, event.style is None))
                case SequenceStartEvent() | MappingStartEvent():
                    self._check_plainness(event, line)
                    self._begin(Node(self._file, line, [] if isinstance(event, SequenceStartEvent) else {}))
                case SequenceEndEvent() | MappingEndEvent():
                    self._open.pop()
                    self._keys.pop()
        if self._root is None:
            self._findings.add(self._file, 0, "empty")
        return self._root

    def _check_plainness(self, event: Any, line: int) -> None:
        if event.anchor is not None or event.tag is not None:
            raise _Refused(line, "anchors (&) and tags (!) are not taken here")

    def _begin(self, node: Node) -> None:
        if len(self._open) >= MOST_DEPTH:
            raise _Refused(node.line, "nested too deeply")
        self._place(node)
        self._open.append(node)
        self._keys.append(None)

    def _place(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1].value
        if isinstance(parent, list):
            parent.append(node)
        elif isinstance(parent, dict):
            key = self._keys[-1]
            if key is None:
                if not isinstance(node.value, str):
                    raise _Refused(node.line, "a key must be a word")
                self._keys[-1] = node
                return
            if str(key.value) in parent:
                self._findings.add(self._file, key.line, f"{shown(str(key.value))} is given twice")
            parent[str(key.value)] = node
            self._keys[-1] = None


class Entry:
    """A map of a YAML file that is asked for its fields; what is wrong or left over is noted."""

    def __init__(self, node: Node, what: str, findings: Findings) -> None:
        self._findings = findings
        self._what = what
        self.file = node.file
        self.line = node.line
        self.fields: dict[str, Node] = {}
        if isinstance(node.value, dict):
            self.fields = node.value
        else:
            self._add(node.line, f"{what} must be a map of fields")
        self._asked: set[str] = set()
        self.readable = isinstance(node.value, dict)

    def _add(self, line: int, message: str) -> None:
        self._findings.add(self.file, line, message)

    def where(self, name: str) -> int:
        """Return the line of a field, or of the entry where there is none."""
        return self.fields[name].line if name in self.fields else self.line

    def refuse(self, name: str, message: str) -> None:
        """Note a mistake at a field."""
        self._add(self.where(name), message)

    def take(self, name: str, *, needed: bool = True) -> Node | None:
        """Return the field's node; a needed one that is not there is a mistake."""
        self._asked.add(name)
        node = self.fields.get(name)
        if node is None and needed and self.readable:
            self._add(self.line, f"{self._what} lacks {name}")
        return node

    def word(self, name: str, *, default: str | None = None) -> str:
        """Return a field's text; with a default it may be left out, and empty is a mistake either way."""
        node = self.take(name, needed=default is None)
        if node is None:
            return default or ""
        if not isinstance(node.value, str) or not node.value.strip():
            self._add(node.line, f"{name} must be a text that is not empty")
            return default or ""
        return node.value.strip()

    def flag(self, name: str) -> bool:
        """Return whether a field says true; left out is false."""
        node = self.take(name, needed=False)
        if node is None:
            return False
        if node.value not in ("true", "false"):
            self._add(node.line, f"{name} must be true or false")
        return node.value == "true"

    def number(self, name: str, default: float) -> float:
        """Return a field's positive number."""
        node = self.take(name, needed=False)
        if node is None:
            return default
        value = number(node.value) if isinstance(node.value, str) else None
        if value is None or value <= 0:
            self._add(node.line, f"{name} must be a number above 0")
            return default
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Return a field's list of texts; left out is none."""
        node = self.take(name, needed=False)
        if node is None:
            return ()
        if not isinstance(node.value, list):
            self._add(node.line, f"{name} must be a list")
            return ()
        for item in node.value:
            if not isinstance(item.value, str) or not item.value.strip():
                self._add(item.line, f"{name} must hold texts")
        return tuple(item.value.strip() for item in node.value if isinstance(item.value, str))

    def entries(self, name: str, what: str, *, needed: bool = True) -> list["Entry"]:
        """Return a field's list of maps."""
        node = self.take(name, needed=needed)
        if node is None:
            return []
        if not isinstance(node.value, list) or (needed and not node.value):
            self._add(node.line, f"{name} must be a list" + (" that is not empty" if needed else ""))
            return []
        found = (Entry(item, what, self._findings) for item in node.value)
        return [entry for entry in found if entry.readable]

    def entry(self, name: str, what: str, *, needed: bool = True) -> "Entry | None":
        """Return a field's map."""
        node = self.take(name, needed=needed)
        found = None if node is None else Entry(node, what, self._findings)
        return found if found is not None and found.readable else None

    def finish(self) -> None:
        """Note every field that nobody asked for: a misspelt one would otherwise change nothing in silence."""
        for name, node in self.fields.items():
            if name not in self._asked:
                self._add(node.line, f"{self._what} has no field {shown(name)}")


# --- numbers and JSON ------------------------------------------------------------------------------------------------


def number(cell: str) -> float | None:
    """Return a finite decimal number, or None where the text is none."""
    whole, _, part = cell.removeprefix("-").partition(".")
    digits = whole + part
    # Only plain decimals: float() would also take "nan", "1_0", "1e400" and figures of other scripts.
    return float(cell) if whole and digits.isascii() and digits.isdigit() and len(digits) <= 30 else None


def count(cell: str) -> int | None:
    """Return a whole number of at least 0, or None where the text is none."""
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) <= 9 else None


def json_document(file: str, content: str, findings: Findings) -> Any:
    """Return a JSON text's value, or None with the mistake noted."""
    try:
        return json.loads(content, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        findings.add(file, error.lineno, f"not JSON: {error.msg}")
    except (ValueError, RecursionError) as error:
        findings.add(file, 0, f"not JSON: {error}"[:200])
    return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def lines_of(content: str, needle: str) -> Callable[[int], int]:
    """Return a function from the n-th place (from 0) of a text within a content to its line, 0 beyond the last."""
    lines = [line for line, words in enumerate(content.split("\n"), 1) for _ in range(words.count(needle))]
    return lambda place: lines[place] if place < len(lines) else 0
