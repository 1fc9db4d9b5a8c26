"""The patient's page and the desks against the API itself: what they send is what its doors take, folded and sealed."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from domain.followup.patient import Member
from event_log.ids import new_id
from realtime_api.app import now
from tests.browser.conftest import DESK, PHONE
from tests.browser.stand_in import DIST
from tests.realtime_api.followed import AGENT, DOCTOR, EHPAD, STAFF, FollowedHouse, open_followed, person

pytestmark = pytest.mark.browser

T = TypeVar("T")
OPENS_WITHIN_S = 30


class HouseNextDoor:
    """A house in a thread of its own, as Playwright's loop has this one."""

    def __init__(self, home: Path) -> None:
        shutil.copytree(DIST, home / "dist")
        self._home, self._open = home, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with open_followed(self._home) as house:
            await house.found_patients()
            self.house: FollowedHouse = house
            self._open.set()
            await self._over.wait()

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Return what comes of something done in the house."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=OPENS_WITHIN_S)

    def __enter__(self) -> "HouseNextDoor":
        self._thread.start()
        if not self._open.wait(OPENS_WITHIN_S):
            raise TimeoutError("the house did not open")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(timeout=OPENS_WITHIN_S)


@pytest.fixture(scope="module")
def next_door(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HouseNextDoor]:
    """Return a house whose API serves the web app."""
    with HouseNextDoor(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, next_door: HouseNextDoor) -> Iterator[Callable[..., Page]]:
    """Return what opens a page of the house, as somebody where they are named; what it complained of fails the test."""
    contexts, complaints = [], []

    def visited(path: str, who: str = "") -> Page:
        size = DESK if who else PHONE
        context = browser.new_context(
            viewport={"width": size.width, "height": size.height},
            locale="fr-FR",
            extra_http_headers=next_door.house.bearer(who) if who else {},
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{next_door.house.url}{path}")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


def test_a_patient_answers_reads_back_and_stops(visit: Callable[..., Page], next_door: HouseNextDoor) -> None:
    house = next_door.house
    patient = next_door.do(house.enrol())
    page = visit(f"/a#{house.link(patient)}")
    page.locator("#q-temperature-field").fill("38,2")
    page.locator('[data-link="breathless"]').get_by_label("Oui").check()
    expect(page.get_by_role("alertdialog")).to_contain_text("Appelez le 15 maintenant")
    page.keyboard.press("Escape")
    page.locator('[data-link="signs"]').get_by_label("toux").check()
    page.get_by_role("button", name="Envoyer", exact=True).click()
    page.get_by_role("button", name="Je ne peux pas répondre").click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    kept = next_door.do(house.current(patient))
    assert kept.answers == {"temperature": 38.2, "breathless": True, "signs": ("cough",)}
    assert house.patient(patient).colour == "red"

    page.get_by_role("button", name="Relire mes réponses").click()
    page.get_by_label("Date de naissance").fill("1/3/1956")
    page.get_by_label("Code reçu").fill("000000")
    page.get_by_role("button", name="Afficher").click()
    expect(page.get_by_role("alert").last).to_have_text("La date ou le code ne va pas. Vérifiez les deux.")
    asked = new_id()
    assert house.links.expect_code(patient, asked, now() + 600_000, now())
    page.get_by_label("Code reçu").fill(house.links.code(patient, asked))
    page.get_by_role("button", name="Afficher").click()
    expect(page.locator(".own")).to_contain_text("38,2 °C")
    expect(page.locator(".own")).to_contain_text("Jeanne Marie DUPONT")
    expect(page.locator(".own-trail")).to_contain_text("lecture · vous")
    page.get_by_role("button", name="Retour").click()

    page.get_by_role("button", name="Arrêter le suivi").click()
    page.get_by_label("Pour confirmer, écrivez ARRÊTER").fill("Arrêter")
    page.get_by_role("button", name="Arrêter maintenant").click()
    expect(page.get_by_role("heading", name="Le suivi est arrêté")).to_be_visible()
    expect(page.locator("main")).to_contain_text("72 heures au plus")  # a red of theirs is open
    assert house.patient(patient).status == "stopped"


def test_what_a_revoked_link_could_not_bring_comes_by_the_next_one(
    visit: Callable[..., Page], next_door: HouseNextDoor
) -> None:
    house = next_door.house
    patient = next_door.do(house.enrol())
    page = visit(f"/a#{house.link(patient)}")
    page.locator("#q-temperature-field").fill("38,2")
    page.context.set_offline(True)
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_text("Pas encore transmis")).to_be_visible()
    told = next_door.do(house.post(f"/regions/ici/patients/{patient}/revoke-links", {}, DOCTOR))
    assert told.status_code == 200
    page.context.set_offline(False)
    expect(page.locator(".held-back")).to_contain_text("gardées sur ce téléphone")
    assert house.patient(patient).answered_at is None
    page.goto(f"{house.url}/a#{house.link(patient)}")
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    assert next_door.do(house.current(patient)).answers == {"temperature": 38.2}


def test_staff_answer_for_residents(visit: Callable[..., Page], next_door: HouseNextDoor) -> None:
    house = next_door.house
    staff = (Member(STAFF, "ehpad"),)
    one, other = (
        next_door.do(house.enrol(person(birth_name=name, birth_date=date), "ehpad", facility=EHPAD, circle=staff))
        for name, date in (("ABADIE", "1931-01-01"), ("BARTHE", "1932-02-02"))
    )
    page = visit(f"/sitting/{EHPAD}", STAFF)
    expect(page.locator("tr[data-resident]")).to_have_count(2)
    page.locator(f'tr[data-resident="{one}"] [data-col="temperature"]').fill("37,2")
    page.locator(f'tr[data-resident="{other}"] [data-col="breathless"]').select_option("true")
    page.get_by_role("button", name="Envoyer les 2 lignes remplies").click()
    expect(page.locator('tr[data-standing="part"]')).to_have_count(2)
    assert house.patient(other).colour == "red"
    assert next_door.do(house.current(one)).sent[0].by == "staff"


def test_an_agent_calls_and_brings_a_list_and_the_officer_reads_the_trail(
    visit: Callable[..., Page], next_door: HouseNextDoor
) -> None:
    house = next_door.house
    circle = (Member(AGENT, "tracing_agent"),)
    contact = next_door.do(house.enrol(person(birth_name="CONTACT", birth_date="1980-01-01"), "ars", circle=circle))
    page = visit("/calls", AGENT)
    expect(page.get_by_role("link", name="Appeler le 06 00 00 00 00")).to_have_attribute("href", "tel:+33600000000")
    page.get_by_role("button", name="D’accord").click()
    page.get_by_role("button", name="Enregistrer, et appeler le suivant").click()
    expect(page.locator(".call-saved")).to_contain_text("enregistré")
    assert house.patient(contact).status == "followed"
    page.get_by_text("Importer une liste").click()
    lines = (
        "birth_name;first_names;birth_date;phone",
        "XIMENES;Yves;1950-01-01;+33612345678",
        "ZOLA;Luc;1950-13-01;+33612345679",
    )
    page.get_by_label("Fichier").set_input_files(
        {"name": "liste.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    )
    page.get_by_label("Parcours").select_option("ars")
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_text("1 dossier ouvert · 1 ligne à corriger")).to_be_visible()
    expect(page.locator(".bring-rows")).to_contain_text("Ligne 3 : date de naissance : doit être une date")
    expect(page.locator(".call-row")).to_have_count(1)  # the one who was brought

    trail = visit(f"/trail?file={contact}", "dpo")
    expect(trail.locator(".trail-table tbody tr").first).to_contain_text("appels")
    expect(trail.locator("main")).not_to_contain_text("CONTACT")
