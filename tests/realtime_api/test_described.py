"""The two descriptions: made from the code's own types, whole, and true of the running API, as schemathesis finds."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from people.rights import MATRIX
from realtime_api import asyncapi, openapi
from realtime_api.answers import Entry
from realtime_api.doors import DOORS
from tests.realtime_api.house import House, open_house

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NOT_HERE = ("/api/v1/sign-in", "/api/v1/sign-in/callback")  # they lead to an identity provider, test_oidc.py has one


def references(value: Any) -> set[str]:
    """Return every reference in a document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()


def leads(document: dict[str, Any], reference: str) -> bool:
    """Return whether a reference leads anywhere."""
    at: Any = document
    for part in reference.removeprefix("#/").split("/"):
        at = at.get(part) if isinstance(at, dict) else None
    return at is not None


@pytest.mark.parametrize("document", [openapi.document(), asyncapi.document()], ids=["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert references(document)
    assert all(leads(document, reference) for reference in references(document))


def test_every_door_is_described_with_who_may_knock() -> None:
    document = openapi.document()
    for door in DOORS:
        told = document["paths"][door.path][door.method.lower()]
        assert told["summary"]
        assert bool(told["security"]) == (MATRIX.doors[door.name].open_to != "everyone")
        assert set(told["responses"]) == {str(status) for status in door.answers}


def test_close_codes_are_described() -> None:
    told = asyncapi.document()["info"]["description"]
    assert all(code in told for code in ("4401", "4403", "4409", "1013"))


async def test_the_descriptions_are_served(house: House) -> None:
    assert (await house.http.get("/openapi.json")).json() == msgspec.json.decode(
        msgspec.json.encode(openapi.document())
    )
    assert (await house.http.get("/asyncapi.json")).json()["asyncapi"] == "3.0.0"


@pytest.mark.parametrize("door", [door for door in DOORS if door.path not in NOT_HERE], ids=lambda door: door.name)
async def test_a_door_answers_as_it_is_described(tmp_path: Path, door: Entry) -> None:
    """Whatever is asked, within the description and beyond it, the answer is one that the description knows."""
    patients = "patients" in MATRIX.doors[door.name].shows or "/patients" in door.path
    contact = "mailto:astreinte@example.fr"
    async with open_house(tmp_path / "home", alerts=True, patients=patients, push_contact=contact) as house:
        await ask_as_described(house, door, "physician" if patients else "crisis")


async def ask_as_described(house: House, door: Entry, subject: str) -> None:
    """Ask a door whatever comes to mind, as someone whom it opens to."""
    await house.report("crisis", [{"ward": ward, "status": "02", "count": 2} for ward in house.document.ward_of])
    schema = schemathesis.openapi.from_dict(openapi.document())
    schema.config.update(base_url=house.url)
    operation = schema[door.path][door.method]
    headers = house.bearer(subject)

    def ask() -> None:
        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def every(case: Any) -> None:
            if len((case.path_parameters or {}).get("code", "")) % 2:  # else no made-up code is ever a region's
                case.path_parameters["code"] = "ici"
            response = case.call(headers=headers, base_url=house.url)
            case.validate_response(response, checks=CHECKS)

        every()

    await asyncio.to_thread(ask)
