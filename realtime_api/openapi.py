"""`/openapi.json`, made from the doors' own table and the types that they read and write."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from domain.capacity.picture import WardPicture
from domain.capacity.totals import Total
from people.rights import MATRIX
from realtime_api.answers import Entry, Parameter
from realtime_api.doors import DOORS
from realtime_api.problems import KINDS, PROBLEM_JSON, ProblemDocument
from realtime_api.shapes import CapacityShown, Readiness, WardShown

VERSION = "1"
WORDS = {
    200: "Here it is.",
    201: "Accepted, and applied: the outcome says how.",
    202: "Accepted; the outcome was not known yet.",
    204: "Done.",
    207: "Some rows were accepted and some refused.",
    302: "Go to the identity provider.",
    303: "Signed in.",
    304: "What you have still holds.",
}
# Of these a view may leave keys out; the rest of a picture says which wards and totals there are.
FILTERED = (WardPicture, Total)


def document() -> dict[str, Any]:
    """Return the description of every HTTP door."""
    kinds = [*{id(kind): kind for door in DOORS for kind in _types(door)}.values(), *FILTERED, Readiness]
    found, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of = {id(kind): schema for kind, schema in zip(kinds, found, strict=True)}
    for kind in FILTERED:
        components[kind.__name__].pop("required", None)
    _tell_pictures(components)
    paths: dict[str, Any] = {}
    for door in DOORS:
        paths.setdefault(door.path, {})[door.method.lower()] = _operation(door, schema_of)
    for path, sentence in (("/healthz", "Whether this process works"), ("/readyz", "Whether what it shows goes on")):
        paths[path] = {"get": _plain(path, sentence, schema_of[id(Readiness)])}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vigilits",
            "version": VERSION,
            "description": (
                "A live picture of a French region's hospital beds. Instants are milliseconds since 1970 (UTC); codes "
                "are the ROR's; unknown is null, never 0; a key that is absent is not yours to see."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": "vigilits"},
            },
        },
    }


def _types(door: Entry) -> Iterable[Any]:
    if door.body is not None:
        yield door.body
    for kinds in door.answers.values():
        yield from _members(kinds)


def _members(kinds: Any) -> tuple[Any, ...]:
    return () if kinds is None else kinds if isinstance(kinds, tuple) else (kinds,)


def _tell_pictures(components: dict[str, Any]) -> None:
    """Say of the filtered parts what they are filtered from."""
    picture = {"$ref": f"#/components/schemas/{WardPicture.__name__}"}
    total = {"$ref": f"#/components/schemas/{Total.__name__}"}
    # In the whole picture wards come without the rows that they follow from.
    components[CapacityShown.__name__]["properties"]["wards"] = {"type": "object", "additionalProperties": picture}
    components[CapacityShown.__name__]["properties"]["totals"] = {"type": "object", "additionalProperties": total}
    components[WardShown.__name__]["properties"]["ward"] = {"anyOf": [picture, {"type": "null"}]}
    components["Source"]["required"] = ["door"]  # who it was is only told to those whose it is to know


def _operation(door: Entry, schema_of: Mapping[int, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": door.handler,
        "summary": door.sentence,
        "parameters": [_parameter(each) for each in door.parameters],
        "responses": {str(status): _answer(door, status, schema_of) for status in door.answers},
    }
    if door.body is not None:
        content = {"application/json": {"schema": schema_of[id(door.body)]}}
        told["requestBody"] = {"required": True, "content": content}
    told["security"] = [] if MATRIX.doors[door.name].open_to == "everyone" else [{"token": []}, {"session": []}]
    return told


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.needed,
        "description": parameter.sentence,
        "schema": parameter.schema,
    }


def _answer(door: Entry, status: int, schema_of: Mapping[int, Any]) -> dict[str, Any]:
    kinds = door.answers[status]
    told: dict[str, Any] = {"description": WORDS.get(status) or _problems(status)}
    if kinds is None:
        return told
    told["content"] = {}
    good = [schema_of[id(kind)] for kind in _members(kinds) if kind is not ProblemDocument]
    if ProblemDocument in _members(kinds):
        told["content"][PROBLEM_JSON] = {"schema": {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}}
    if good:
        told["content"][door.media] = {"schema": good[0] if len(good) == 1 else {"anyOf": good}}
    if status == 503:
        told["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return told


def _problems(status: int) -> str:
    return " / ".join(f"{kind.title}." for kind in KINDS.values() if kind.status == status)


def _plain(path: str, sentence: str, readiness: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": readiness if path == "/readyz" else {"type": "object"}}}
    return {
        "operationId": path.strip("/"),
        "summary": sentence,
        "security": [],
        "responses": {
            "200": {"description": "Yes.", "content": content},
            ("503" if path == "/readyz" else "500"): {"description": "No.", "content": content},
        },
    }
