"""The stand-in's patient's doors and special desks: a link, a sitting, calls and a trail, all invented."""

import csv
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from config.pathways import load
from domain.followup.pathway import Pathway
from domain.followup.questionnaire import Value, missing, problems
from domain.followup.red_flags import red_flags
from domain.followup.score import Facts, score
from realtime_api.patients.asked import FileChangeAsked, read

Door = Callable[[Request], Awaitable[Response]]

API = "/api/v1"
ROOT = Path(__file__).parents[2]
LINK = "d2VsbC1pbnZlbnRlZC1saW5r"  # of a patient on the medical pathway
NEXT_LINK = "YW5vdGhlci1pbnZlbnRlZC1s"  # the same patient's, once the first was revoked
SLOT = "3-0900"
CODE, BIRTH_DATE = "123456", "1942-03-07"
HOUR_MS = 3_600_000
EHPAD = "310012345"
RESIDENTS = 60
NAMES = ("Abadie", "Barthe", "Castex", "Dupuy", "Estève", "Fabre", "Gaubert", "Hébrard", "Izard", "Jourdan")
FIRST_NAMES = ("Odette", "Marcel", "Simone", "Raymond", "Yvette", "Lucien")


def fitted(pathway: Pathway, told: dict[str, Any]) -> dict[str, Value]:
    """Return answers as the domain has them: several choices are a tuple."""
    return {link: tuple(value) if isinstance(value, list) else value for link, value in told.items()}


class StandInFollowUp:
    """What a patient, a carer of an EHPAD, a tracing agent and a data protection officer are answered."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        pathways = {one.id: one for one in load(ROOT / "config" / "regions" / "occitanie")}
        self.pathway = pathways["medical-covid"]
        self.resident_pathway = pathways["ehpad-resident"]
        self.tracing_pathway = pathways["ars-contact"]
        self.links = {LINK}
        self.whose = "5d41402abc4b2a76b9719d91"
        self.status = "followed"
        self.slot: str | None = SLOT
        self.received: dict[str, dict[str, Any]] = {}  # sendings by id, each once
        self.tries = 0  # at the door of answers, repetitions counted
        self.refuse: tuple[int, str] | None = None  # what the door of answers says instead
        self.call_15 = False  # what receipts say
        self.unread_ms = 0  # nobody is there for so long from now
        self.taking = 0  # so many times it says 202 first
        self.codes_tried = 0
        self.bodies: list[str] = []  # what came to the patient's doors
        self.seen_urls: list[str] = []
        self.erasure_waits = False
        self.sat: dict[str, dict[str, Any]] = {}  # what was sent of residents
        self.refuse_rows: dict[str, dict[str, Any]] = {}
        self.called: list[dict[str, Any]] = []
        self.unreached: set[str] = set()  # who can't be written to
        self.refiled: list[dict[str, Any]] = []
        self.imported: list[dict[str, str]] = []

    # -- the patient's doors

    def problem(self, status: int, kind: str, **more: Any) -> Response:
        """Return a problem as the API writes them."""
        body = {"type": f"urn:vigilits:problem:{kind}", "title": kind, "status": status, **more}
        headers = {"retry-after": "1"} if status in (429, 503) else {}
        return JSONResponse(body, status, headers, media_type="application/problem+json")

    async def _asked(self, request: Request) -> dict[str, Any]:
        self.bodies.append((await request.body()).decode())
        self.seen_urls.append(str(request.url))
        assert "cookie" not in request.headers, "a session went along to a patient's door"
        asked: dict[str, Any] = await request.json()
        return asked

    async def open(self, request: Request) -> Response:
        """Tell what the link asks."""
        asked = await self._asked(request)
        if self.refuse is not None and self.refuse[0] in (429, 503):
            return self.problem(*self.refuse)
        if asked["link"] not in self.links:
            return self.problem(404, "no-such-link")
        now = self.now()
        return JSONResponse(
            {
                "at": now,
                "presence": [{"since": now + (self.unread_ms or -HOUR_MS), "until": now + 9 * 24 * HOUR_MS}],
                "region": "occitanie",
                "whose": self.whose,
                "language": "fr",
                "status": self.status,
                "slot": self.slot,
                "opens_at": now - HOUR_MS if self.slot else now + 20 * HOUR_MS,
                "due_at": now - HOUR_MS // 2,
                "closes_at": now + 8 * HOUR_MS,
                "answered": any(each["slot"] == self.slot for each in self.received.values()),
                "lacks": self.lacks(),
                "questionnaire": msgspec.to_builtins(self.pathway.questionnaire),
                "flags": msgspec.to_builtins(red_flags(self.pathway)),
                "stop": {
                    "fr": "Vos réponses et vos coordonnées sont effacées.",
                    "en": "Your answers and contact details are erased.",
                },
            }
        )

    def lacks(self) -> int:
        """Return how many required answers are missing from all that was received."""
        of = [each["answers"] for each in self.received.values() if each["slot"] == self.slot]
        told = {link: value for answers in of for link, value in answers.items()}
        return len(missing(self.pathway.questionnaire, fitted(self.pathway, told))) if told else 0

    async def answer(self, request: Request) -> Response:
        """Take a sending, once."""
        asked = await self._asked(request)
        self.tries += 1
        if self.refuse is not None:
            return self.problem(*self.refuse)
        if asked["link"] not in self.links:
            return self.problem(404, "no-such-link")
        wrong = problems(self.pathway.questionnaire, fitted(self.pathway, asked["answers"]))
        if wrong:
            errors = [{"path": f"answers.{path}", "message": message} for path, message in wrong]
            return self.problem(422, "wrong-fields", errors=errors)
        self.received.setdefault(asked["id"], asked)
        if self.taking > 0:
            self.taking -= 1
            return JSONResponse({"received_at": self.now(), "pending": True}, 202)
        told = {"received_at": self.now(), **({"call_15": True} if self.call_15 else {})}
        return JSONResponse(told, 201)

    async def stop(self, request: Request) -> Response:
        """Stop the follow-up."""
        await self._asked(request)
        self.status, self.slot = "stopped", None
        now = self.now()
        return JSONResponse({"over_at": now, "erased_by": now + 72 * HOUR_MS, "waits": self.erasure_waits})

    async def code(self, request: Request) -> Response:
        """Send a code, or not."""
        await self._asked(request)
        self.codes_tried = 0
        return JSONResponse({"minutes": 15}, 202)

    async def read(self, request: Request) -> Response:
        """Show what was answered."""
        asked = await self._asked(request)
        self.codes_tried += 1
        if self.codes_tried > 5:
            return self.problem(429, "too-many")
        if (asked["birth_date"], asked["code"]) != (BIRTH_DATE, CODE):
            return self.problem(403, "wrong-code")
        now = self.now()
        slots = [
            {"slot": "2-0900", "due_at": now - 24 * HOUR_MS, "sent": [{"at": now - 23 * HOUR_MS, "by": "caregiver"}],
             "answers": {"temperature": 38.2, "spo2": None, "breathless": "on-effort", "warning-signs": ["none"]},
             "first": {"temperature": 39.2}},
        ]  # fmt: skip
        return JSONResponse(
            {
                "file": {
                    "birth_name": "DURAND",
                    "first_names": ["Odette"],
                    "birth_date": BIRTH_DATE,
                    "contact": {"phone": "+33600000000"},
                },
                "questionnaire": msgspec.to_builtins(self.pathway.questionnaire),
                "slots": slots,
                "trail": [
                    {"at": now - HOUR_MS, "who": "demo-physician", "name": "Dr Anne Serres", "act": "read",
                     "screen": "patient"}
                ],
            }
        )  # fmt: skip

    # -- an EHPAD's sitting

    def residents(self) -> list[dict[str, Any]]:
        """Return the residents, in the order of their rooms."""
        now, pathway = self.now(), f"{self.resident_pathway.id}/{self.resident_pathway.version}"
        found = []
        for place in range(RESIDENTS):
            id_ = f"r{place:02}"
            answered = id_ in self.sat or place % 9 == 4
            found.append(
                {
                    "id": id_,
                    "name": f"{NAMES[place % 10].upper()} {FIRST_NAMES[place % 6]}",
                    "room": str(101 + place),
                    "pathway": pathway,
                    "status": "followed",
                    "state": "answered" if answered else "waits" if place == 59 else "open",
                    "slot": "4-0900",
                    "opens_at": now + 2 * HOUR_MS if place == 59 else now - HOUR_MS,
                    "due_at": now - HOUR_MS // 2,
                    "closes_at": now + 3 * HOUR_MS,
                    **({"received_at": now - 600_000} if answered else {}),
                    **self.sat_of(id_),
                }
            )
        return found

    def sat_of(self, id_: str) -> dict[str, Any]:
        """Return what a resident's answers lack, and whether they ask for the 15, where some were sent."""
        if id_ not in self.sat:
            return {}
        told = fitted(self.resident_pathway, self.sat[id_]["answers"])
        red = score(self.resident_pathway, Facts(age=85), told).colour == "red"
        return {"missing": missing(self.resident_pathway.questionnaire, told), "call_15": red}

    async def sitting(self, request: Request) -> Response:
        """Tell who lies there and what is asked of them."""
        if request.path_params["finess"] != EHPAD:
            return self.problem(403, "not-allowed")
        key = f"{self.resident_pathway.id}/{self.resident_pathway.version}"
        return JSONResponse(
            {
                "at": self.now(),
                "facility": EHPAD,
                "name": "EHPAD Les Tilleuls",
                "residents": self.residents(),
                "questionnaires": {key: msgspec.to_builtins(self.resident_pathway.questionnaire)},
                "flags": {key: msgspec.to_builtins(red_flags(self.resident_pathway))},
            }
        )

    async def sit(self, request: Request) -> Response:
        """Take what was answered of residents, row by row."""
        rows = []
        for row in (await request.json())["rows"]:
            told = {"patient": row["patient"], "slot": row["slot"], "id": row["id"]}
            refused = self.refuse_rows.pop(row["patient"], None)
            wrong = problems(self.resident_pathway.questionnaire, fitted(self.resident_pathway, row["answers"]))
            if refused is not None:
                rows.append(told | refused)
            elif wrong:
                errors = [{"path": f"answers.{path}", "message": message} for path, message in wrong]
                rows.append(told | {"status": 422, "kind": "wrong-fields", "errors": errors})
            else:
                self.sat[row["patient"]] = row
                of = self.sat_of(row["patient"])
                of = {"lacks": len(of["missing"]), **({"call_15": True} if of["call_15"] else {})}
                rows.append(told | {"status": 201, "received_at": self.now()} | of)
        return JSONResponse({"rows": rows})

    # -- calls

    async def calls(self, _: Request) -> Response:
        """Tell who is to be called."""
        now = self.now()
        done = {each["patient"] for each in self.called if each["outcome"] in ("agreed", "refused")}
        later = {each["patient"]: each.get("next_at") for each in self.called}
        script = self.tracing_pathway.first_call
        calls = [
            {
                "id": f"c{place}",
                "name": f"{NAMES[place]} {FIRST_NAMES[place % 6]}",
                "birth_date": f"19{50 + place}-06-0{place + 1}",
                "departement": "31",
                "title": msgspec.to_builtins(self.tracing_pathway.title),
                "phone": f"+3361234567{place}",
                "calls": sum(each["patient"] == f"c{place}" for each in self.called),
                "call_at": later.get(f"c{place}") or now + (place - 2) * HOUR_MS // 2,
                "script": {"fr": "Bonjour.", "en": "Hello."} if script is None else msgspec.to_builtins(script.script),
                "pathway": "ars-contact/1",
            }
            for place in range(5)
            if f"c{place}" not in done
        ]
        return JSONResponse({"at": now, "calls": sorted(calls, key=lambda call: str(call["call_at"]))})

    async def act(self, request: Request) -> Response:
        """Take the outcome of a call."""
        told, id_ = await request.json(), f"c{request.path_params['place']}"
        if told["outcome"] == "agreed" and id_ in self.unreached:
            refused = {
                "type": "urn:vigilits:problem:not-now",
                "title": "Not now",
                "status": 409,
                "detail": "no channel",
            }
            return JSONResponse(refused, 409, media_type="application/problem+json")
        self.called.append({"patient": id_, **told})
        return JSONResponse({"applied": True})

    async def file_of_called(self, request: Request) -> Response:
        """Tell the file of somebody who is to be called, or take in how they are written to."""
        id_ = f"c{request.path_params['place']}"
        if request.method == "PUT":
            read(await request.body(), FileChangeAsked, self.now())  # as the door does
            self.refiled.append(await request.json())
            self.unreached.discard(id_)
            return JSONResponse({"outcome": "applied"})
        file = {"birth_name": "ABADIE", "first_names": ["Odette"], "birth_date": "1944-03-02", "sex": "female"}
        return JSONResponse({"file": file})

    async def bring(self, request: Request) -> Response:
        """Enrol each row of a list, and say of each that is wrong what is wrong."""
        text = (await request.body()).decode()
        rows = []
        for number, row in enumerate(csv.DictReader(io.StringIO(text), delimiter=";"), start=1):
            if not row.get("phone"):
                rows.append(
                    {
                        "row": number,
                        "line": number + 1,
                        "kind": "wrong-fields",
                        "errors": [{"path": "phone", "message": "is missing"}],
                    }
                )
            else:
                self.imported.append(row)
                rows.append({"row": number, "line": number + 1, "id": f"new{number}"})
        return JSONResponse({"rows": rows})

    # -- the trail

    async def trail(self, request: Request) -> Response:
        """Tell who did what to which file."""
        asked = request.query_params
        before = int(asked.get("before", "121"))
        entries = [
            {
                "number": number,
                "at": self.now() - (120 - number) * 7 * 60_000,
                "who": ("demo-physician", "demo-nurse", "demo-regulator")[number % 3],
                "name": ("Dr Anne Serres", "Paul Vidal", None)[number % 3],
                "grant": ("physician occitanie", "nurse occitanie", "regulator occitanie")[number % 3],
                "act": ("read", "search", "break-glass", "export")[number % 4],
                "file": "" if number % 4 == 1 else f"{'abcdefgh'[number % 8]}kq7mzt4v2x5r6y3wn2b4c6d7",
                "screen": ("board", "patient-search", "patient", "summary")[number % 4],
            }
            for number in range(before - 1, 0, -1)
        ]
        kept = [
            entry
            for entry in entries
            if asked.get("file", "") in ("", entry["file"]) and asked.get("person", "") in ("", entry["who"])
        ]
        page = kept[:50]
        return JSONResponse({"entries": page, "next": page[-1]["number"] if len(kept) > 50 else None})

    def routes(self, guarded: Callable[[Door], Door]) -> list[BaseRoute]:
        """Return the routes; a patient's need no signing in."""
        region = f"{API}/regions/{{code}}"
        return [
            Route(f"{API}/answer/open", self.open, methods=["POST"]),
            Route(f"{API}/answers", self.answer, methods=["POST"]),
            Route(f"{API}/answer/stop", self.stop, methods=["POST"]),
            Route(f"{API}/answer/code", self.code, methods=["POST"]),
            Route(f"{API}/answer/read", self.read, methods=["POST"]),
            Route(f"{region}/sittings/{{finess}}", guarded(self.sitting), methods=["GET"]),
            Route(f"{region}/sittings/{{finess}}", guarded(self.sit), methods=["POST"]),
            Route(f"{region}/calls", guarded(self.calls), methods=["GET"]),
            Route(f"{region}/calls/import", guarded(self.bring), methods=["POST"]),
            Route(f"{region}/patients/c{{place:int}}/acts", guarded(self.act), methods=["POST"]),
            Route(f"{region}/patients/c{{place:int}}", guarded(self.file_of_called), methods=["GET"]),
            Route(f"{region}/patients/c{{place:int}}/file", guarded(self.file_of_called), methods=["PUT"]),
            Route(f"{region}/trail", guarded(self.trail), methods=["GET"]),
        ]
