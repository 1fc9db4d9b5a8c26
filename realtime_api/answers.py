"""What every door is made of: bodies in, answers out, and its line in the table that routes and OpenAPI read."""

import asyncio
from typing import Any, NamedTuple

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from realtime_api.problems import Problem

BODY_WITHIN_S = 30.0
MOST_DISCARDED = 8 * 1024 * 1024
NEVER = {"cache-control": "no-store"}
ALWAYS_ASK = {"cache-control": "private, no-cache"}

encode = msgspec.json.Encoder().encode


async def read_body(request: Request, most: int) -> bytes:
    """Return the body; raise Problem for one that is too large, of which nothing is kept, or that does not come.

    A little too much is still taken in and thrown away, so that its sender gets to read the answer; from one who sends
    far more the connection is taken.
    """
    parts: list[bytes] = []
    size = 0
    told = request.headers.get("content-length", "")
    too_large = Problem("too-large", f"a body is at most {most} bytes")
    if told.isdigit() and int(told[:20]) > MOST_DISCARDED:
        raise too_large.hanging_up()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in request.stream():
                size += len(part)
                if size > MOST_DISCARDED:
                    raise too_large.hanging_up()
                if size > most:
                    parts.clear()
                else:
                    parts.append(part)
    except ClientDisconnect:
        raise Problem("unreadable", "the body ended too soon") from None
    except TimeoutError:
        raise Problem("unreadable", f"the body did not come within {BODY_WITHIN_S:g} s").hanging_up() from None
    if size > most:
        raise too_large
    return b"".join(parts)


def problem_response(problem: Problem, sign_in: str | None = None) -> Response:
    """Return a problem as it is sent."""
    document = problem.document
    if problem.kind == "not-signed-in" and sign_in is not None:
        document = msgspec.structs.replace(document, sign_in=sign_in)
    return Response(
        encode(document), problem.status, headers=problem.headers | NEVER, media_type="application/problem+json"
    )


def json_answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a value as JSON."""
    return Response(encode(value), status, headers=headers, media_type="application/json")


def has_etag(request: Request, etag: str) -> bool:
    """Return whether the asker has this already."""
    told = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return etag in told or "*" in told


class Parameter(NamedTuple):
    """A parameter as `/openapi.json` describes it."""

    name: str
    where: str
    schema: dict[str, Any]
    needed: bool
    sentence: str


class Entry(NamedTuple):
    """A door: its way in, its handler, and what goes in and out; several types where the answer may be either."""

    method: str
    path: str
    handler: str
    body: Any
    answers: dict[int, Any]
    parameters: tuple[Parameter, ...] = ()
    media: str = "application/json"
    of: type = object  # the class that the handler is a method of

    @property
    def name(self) -> str:
        """Return the door's name in the access matrix."""
        return f"{self.method} {self.path}"

    @property
    def sentence(self) -> str:
        """Return what the door does, in the words of its handler."""
        return (getattr(self.of, self.handler).__doc__ or "").strip()


def in_path(name: str, sentence: str) -> Parameter:
    """Return a parameter that is a part of the path."""
    return Parameter(name, "path", {"type": "string"}, True, sentence)


def in_query(name: str, schema: dict[str, Any], sentence: str, *, needed: bool = False) -> Parameter:
    """Return a parameter of the query."""
    return Parameter(name, "query", schema, needed, sentence)
