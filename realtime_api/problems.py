"""The one table of what can go wrong at a door: our errors as HTTP problems (RFC 9457) and as close codes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from domain.errors import Unreadable
from event_log.log import LogAway, UnknownTopic
from live_state.state import StateAway
from people.keys import AlreadyErased, KeysAway, KeysLost
from people.patient_links import LinksAway
from people.signing import NoSigning
from people.trail import TrailAway

PROBLEM_JSON = "application/problem+json"


class Mistake(NamedTuple):
    """One wrong field: where it is in what was sent, and what is wrong with it."""

    path: str
    message: str


class Kind(NamedTuple):
    """A kind of problem: its HTTP status, its title, and after how many seconds to try again (None: don't)."""

    status: int
    title: str
    retry_after_s: int | None = None


KINDS: dict[str, Kind] = {
    "unreadable": Kind(400, "The body cannot be read"),
    "bad-parameter": Kind(400, "A parameter is missing or wrong"),
    "not-signed-in": Kind(401, "Sign in first"),
    "not-allowed": Kind(403, "This is not yours to see or do"),
    "other-origin": Kind(403, "The request comes from another site"),
    "unknown": Kind(404, "There is nothing of this name"),
    "unknown-patient": Kind(404, "You are in the circle of no such patient"),
    "no-such-link": Kind(404, "This link opens nothing (any more)"),
    "wrong-method": Kind(405, "This door does not know this method"),
    "too-large": Kind(413, "The body is too large"),
    "taken": Kind(409, "Somebody has it already"),
    "over": Kind(409, "It is over already"),
    "not-taken": Kind(409, "Nobody has it yet"),
    "news": Kind(409, "There is more than there was when this was decided"),
    "paused": Kind(409, "Nothing is asked while it is paused"),
    "too-many-corrections": Kind(409, "This slot was corrected often enough"),
    "similar": Kind(409, "A file of this pathway may be the same person's"),
    "wrong-code": Kind(403, "The birth date or the code is not right"),
    "unknown-questionnaire": Kind(422, "This is not the questionnaire that is asked"),
    "signing-away": Kind(503, "The key of summaries' signatures cannot be read", 5),
    "links-away": Kind(503, "Patients' links cannot be opened now", 5),
    "not-now": Kind(409, "As things are this can't be done"),
    "in-the-circle": Kind(409, "You are in this patient's circle already"),
    "slot-closed": Kind(409, "This slot takes no answer now"),
    "slot-not-open": Kind(409, "This slot takes no answer yet"),
    "open-the-file": Kind(409, "This is done on the patient's page"),
    "glass-broken": Kind(403, "Who broke the glass reads and writes to the circle, and does nothing else"),
    "for-the-night": Kind(403, "Who is there for a night or an hour changes no circle"),
    "link-over": Kind(410, "This link opens nothing (any more)"),
    "wrong-fields": Kind(422, "What was sent is wrong"),
    "wrong-rows": Kind(422, "The report is wrong"),
    "other-report": Kind(422, "Another report was sent under this Idempotency-Key: this one was not taken"),
    "other-command": Kind(409, "Something else was sent under this Idempotency-Key: this was not done"),
    "refused": Kind(422, "It was read, and refused"),
    "too-many": Kind(429, "Too many requests", 1),
    "bug": Kind(500, "Something is wrong with vigilits itself"),
    "log-away": Kind(503, "The event log cannot be reached: nothing was accepted for certain", 2),
    "log-changed": Kind(503, "The event log is another one than before: nothing was accepted for certain", 2),
    "state-away": Kind(503, "The live state cannot be reached", 2),
    "push-failed": Kind(502, "The push service did not take it"),
    "key-store-away": Kind(503, "The key store cannot be reached: nothing was accepted, and nothing can be read", 5),
    "file-unreadable": Kind(503, "This patient's file cannot be read: whoever runs vigilits has to see to it", 60),
    "trail-away": Kind(503, "The access trail cannot be written: nothing was shown", 5),
    "issuer-away": Kind(503, "The identity provider cannot be reached", 5),
    "busy": Kind(503, "Too much is under way", 1),
    "rebuilding": Kind(503, "The live picture is being rebuilt", 2),
    "not-ready": Kind(503, "This region has no live picture yet", 2),
}


class Problem(Exception):
    """What a door answers instead of what was asked for; `detail` is for the person who asked, and holds no secret."""

    def __init__(self, kind: str, detail: str = "", mistakes: Sequence[Mistake] = (), **more: Any) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail, self.mistakes = kind, detail, tuple(mistakes)
        self.more = more  # members of the document of their own
        self.hangs_up = False

    def hanging_up(self) -> "Problem":
        """Return the problem as one after which the connection is of no more use."""
        self.hangs_up = True
        return self

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return KINDS[self.kind].status

    @property
    def retry_after_s(self) -> int | None:
        """Return after how many seconds to try again, None where that would not help."""
        return KINDS[self.kind].retry_after_s

    @property
    def document(self) -> "ProblemDocument":
        """Return the problem as it is sent."""
        return ProblemDocument(
            type=f"urn:vigilits:problem:{self.kind}",
            title=KINDS[self.kind].title,
            status=self.status,
            detail=self.detail or msgspec.UNSET,
            errors=[WrongField(*mistake) for mistake in self.mistakes] or msgspec.UNSET,
            **self.more,
        )

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that go with it."""
        told = {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}
        if self.hangs_up:
            told["connection"] = "close"
        return told | ({"www-authenticate": 'Bearer realm="vigilits"'} if self.status == 401 else {})


class WrongField(msgspec.Struct, frozen=True):
    """One wrong field, by its path (`rows[3].count`)."""

    path: str
    message: str


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A problem (RFC 9457), with every wrong field at once."""

    type: str
    title: str
    status: int
    detail: str | msgspec.UnsetType = msgspec.UNSET
    errors: list[WrongField] | msgspec.UnsetType = msgspec.UNSET
    sign_in: str | msgspec.UnsetType = msgspec.UNSET  # where a person can sign in, on a 401
    taken_by: str | msgspec.UnsetType = msgspec.UNSET  # who has an alert already (a subject), since when (ms)
    taken_by_name: str | msgspec.UnsetType = msgspec.UNSET
    taken_at: int | msgspec.UnsetType = msgspec.UNSET
    over_at: int | msgspec.UnsetType = msgspec.UNSET  # since when (ms) an alert is over


# What our errors are at a door. A detail is shown only where the error was written to be shown.
MEANS: dict[type[Exception], str] = {
    Unreadable: "unreadable",
    LogAway: "log-away",
    UnknownTopic: "log-away",
    StateAway: "state-away",
    KeysLost: "file-unreadable",  # the store answers: it is this patient's alone
    KeysAway: "key-store-away",
    AlreadyErased: "over",
    NoSigning: "signing-away",
    TrailAway: "trail-away",
    LinksAway: "links-away",
}
SHOWN = (Unreadable,)


def problem_of(error: Exception) -> Problem | None:
    """Return what an error of ours is at a door, None for an error that is none of ours: a bug."""
    if isinstance(error, Problem):
        return error
    kind = next((kind for known, kind in MEANS.items() if isinstance(error, known)), None)
    if kind is None:
        return None
    return Problem(kind, str(error) if isinstance(error, SHOWN) else "")


class Close(NamedTuple):
    """How a socket is closed: its code, and words that say whether and when to come back."""

    code: int
    reason: str


SIGN_IN_AGAIN = Close(4401, "sign in again")
NOT_ALLOWED = Close(4403, "not allowed")
TOO_SLOW = Close(4409, "too slow: take a snapshot and return")
TOO_MANY_MESSAGES = Close(1008, "too many messages")
COME_BACK = Close(1013, "retry after 5 s")
RESTARTING = Close(1012, "come back in a moment")  # said by uvicorn when it stops
