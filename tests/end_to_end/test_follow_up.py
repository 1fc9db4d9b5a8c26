"""Patients at home on the real system and its pages: from a phone without a network to a file that is no more."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from domain.alerts.routing import Window
from domain.events import AnswersGiven, NoticeDelivered, WordSent
from domain.followup.pathway import Limits, Pathway, Reminders, Slots
from event_log.kafka import KafkaLog
from event_log.topics import FOLLOWUP, NOTICES
from launch import alerting, regions
from launch.demo_patients import CONTACTS, RESIDENCE, RESIDENTS, Invented
from launch.pathways import settings_of
from launch.publish import Held
from people.patient_links import secret_in
from tests import recount
from tests.browser.conftest import DESK, PHONE, Screen, shot
from tests.browser.test_answer import answer_all, kept_for_offline, pick, question, write
from tests.browser.test_desks import cell, line
from tests.browser.test_patients import card
from tests.browser.test_screens import overflow, serious
from tests.end_to_end.at_home import AtHome
from tests.end_to_end.peers import Message, Peers
from tests.end_to_end.system import OCCITANIE, UNTIL_WITHIN_S, System, beside, right, running
from tests.engines.chosen import EngineSet
from tests.realtime_api.patients.followed import body_of, file_of

pytestmark = [pytest.mark.browser, pytest.mark.engines, pytest.mark.timeout(180), pytest.mark.usefixtures("built")]

DOCTOR, NURSE, STAFF, AGENT, DPO = "demo-physician", "demo-nurse", "demo-ehpad", "demo-tracing", "demo-dpo"
REGULATOR, REGULATOR_S_NAME = "demo-regulator", "Robin Delpech"
DOCTOR_S_NAME = "Jeanne Rivière"
GONE_WITHIN_S = 5.0  # from a board that is live, once its reader left the circle
ZONE = "Europe/Paris"
REGION = f"/regions/{OCCITANIE}"
LINK = re.compile(r"http://\S+/a#([^\s.]+)")
T = TypeVar("T")

Visit = Callable[..., Page]


class Home(AtHome):
    """A whole vigilits that follows patients, the mail server that it writes to, and what people do there."""

    def __init__(self, system: System, peers: Peers, pathways: tuple[Pathway, ...]) -> None:
        super().__init__(system, OCCITANIE)
        self.peers, self.pathways = peers, {each.id: each for each in pathways}
        self.contact: tuple[str, str, int] | None = None  # who was called: the file, the link, when the slot closes

    def enrol(self, name: str, *, by: str = DOCTOR, **more: Any) -> tuple[str, str]:
        """Return the pseudonym of somebody who is enrolled, and the secret of their link."""
        file = file_of(birth_name=name, contact={"email": mailbox(name)}) | more.pop("file", {})
        nurse = {"subject": NURSE, "role": "nurse"}
        body = body_of(file=file, circle=[nurse], channels=["smtp"], pathway="medical-covid/1") | more
        answer = self.ask("POST", f"{REGION}/patients", by, **body)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        return told["id"], secret_in(told["links"]["answer"] or "")

    def page(self, patient: str, by: str = DOCTOR) -> Any:
        """Return a patient's page."""
        return super().page(patient, by)

    def publish(self, pathway: Pathway) -> None:
        """Return once a pathway can be begun: of a running system, which goes on meanwhile."""

        async def publish() -> None:
            async with regions.stores(self.system.kafka.url, self.system.redis.url) as (log, state):
                await regions.settle(log, state, OCCITANIE, Held(settings_of([pathway]), {}))

        beside(publish())
        wanted = (pathway.id, pathway.version)
        self.until(
            lambda: (
                wanted
                in {
                    (each["id"], each["version"])
                    for each in self.ask("GET", f"{REGION}/pathways", DOCTOR).json()["pathways"]
                }
            ),
            "pathway",
        )

    def events(self, kind: type[T]) -> list[T]:
        """Return what stands of one kind on the logs of the region's patients."""

        async def read() -> list[object]:
            async with KafkaLog(self.system.kafka.url, answers_within_s=UNTIL_WITHIN_S) as log:
                places = await regions.places_of(log, OCCITANIE, FOLLOWUP)
                items = [await recount.items_of(log, FOLLOWUP, place.partition, 1 << 60) for place in places]
                return [item.event for some in items for item in some]

        return [event for event in beside(read()) if isinstance(event, kind)]

    def told_of(self, patient: str) -> set[str]:
        """Return who was told something of a patient beside alerts."""
        words = [item.event.word for item in self.system.log_of(OCCITANIE, NOTICES) if isinstance(item.event, WordSent)]
        return {to for word in words if patient in word.link for to in word.to}

    def until(self, holds: Callable[[], object], what: str, within_s: float = UNTIL_WITHIN_S) -> None:
        """Return once something holds."""
        self.system.until(holds, what, within_s)


def mailbox(name: str) -> str:
    """Return somebody's address."""
    return f"{name.lower()}@exemple.invalid"


def now() -> int:
    """Return the instant that it is (ms)."""
    return regions.now()


def due_now(pathway: Pathway, version: str, *, first_s: float, again_s: float, missed_s: float, closes_s: float) -> Any:
    """Return a pathway whose only slot is due this minute, and when that closes; all is told (s) from now on."""
    at = now()
    ago_s = at % 60_000 / 1000
    here = datetime.fromtimestamp(at / 1000, ZoneInfo(ZONE))
    return replace(
        pathway,
        version=version,
        slots=Slots((1,), (here.hour * 60 + here.minute,)),
        reminders=Reminders(ago_s + first_s, ago_s + again_s, ago_s + missed_s),
        limits=Limits(60.0, ago_s + closes_s, 5),
    ), at + round(closes_s * 1000)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> Iterator[Home]:
    """Return a vigilits with Occitanie's own pathways, whose staff are there at whatever hour a test runs."""
    directory = tmp_path_factory.mktemp("followed")
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    occitanie = regions.read(OCCITANIE)
    pathways = tuple(replace(each, staffed=(Window(0, 1440),), outside={}) for each in occitanie.pathways)
    rights = {
        DOCTOR: right("physician", OCCITANIE),
        NURSE: right("nurse", OCCITANIE),
        STAFF: right("ehpad", f"et:{RESIDENCE}"),
        AGENT: right("tracing_agent", OCCITANIE),
        DPO: right("dpo", OCCITANIE),
        REGULATOR: right("regulator", OCCITANIE),
    }
    assert occitanie.alerting is not None
    alerting.fill(directory / "home", OCCITANIE, occitanie.alerting)
    with ExitStack() as open_:
        for engine in (kafka, redis):
            open_.callback(engine.stop)
            engine.start()
        peers = open_.enter_context(Peers().serving())
        mail = {
            "SMTP_URL": f"smtp://127.0.0.1:{peers.mail.port}",
            "SMTP_FROM": "vigilits@exemple.invalid",
            "SMTP_STARTTLS": "false",
            "SMTP_PER_SECOND": "100",
        }
        founded = [(occitanie._replace(pathways=pathways), rights)]
        yield Home(open_.enter_context(running(directory / "home", kafka, redis, founded, mail)), peers, pathways)


@pytest.fixture
def visit(browser: Browser, home: Home) -> Iterator[Visit]:
    """Return what opens a page for somebody, or by a patient's link; what a page complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    # A browser itself complains of each request without a network, and of each refusal that a test is about.
    quiet = re.compile(r"ERR_INTERNET_DISCONNECTED|ERR_FAILED|WebSocket|status of (403|404)")

    def visited(path: str, *, who: str = "", screen: Screen = DESK) -> Page:
        context = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            locale="fr-FR",
            timezone_id="Europe/Paris",
            has_touch=screen.is_narrow,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" and not quiet.search(said.text) else None,
        )
        signing_in = f"#{home.system.sign_in(who).partition('#')[2]}" if who else ""
        page.goto(f"{home.system.url}{path}{signing_in}")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


def board(visit: Visit, who: str = DOCTOR, **more: Any) -> Page:
    """Return somebody's board, live."""
    page = visit("/patients", who=who, **more)
    expect(page.locator(".not-a-device")).to_be_attached()
    return page


def answering(visit: Visit, secret: str) -> Page:
    """Return a patient's page, on a phone."""
    page = visit(f"/a#{secret}", screen=PHONE)
    page.wait_for_selector('[data-step="form"]')
    return page


def send(page: Page) -> None:
    """Send what was answered, and wait for the thanks."""
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()


def told_since(shown: Locator, text: str, since: float) -> None:
    """Return once a page shows something; print how long that took."""
    expect(shown).to_contain_text(text)
    print(f"shown {time.monotonic() - since:.2f} s after it was done")


# --- a contact, called first; what becomes of the file is the last test's --------------------------------------------


def test_a_contact_is_called_agrees_and_answers_by_the_letter_s_link(visit: Visit, home: Home) -> None:
    pathway, closes_at = due_now(home.pathways["ars-contact"], "1.1", first_s=50, again_s=55, missed_s=60, closes_s=70)
    home.publish(pathway)
    # The list is the tracing team's own; whom it names is asked by e-mail once they agreed.
    karim = CONTACTS[0]
    row = {"birth_name": karim.name, "first_names": karim.first_name, "birth_date": karim.born, "phone": "+33639980177"}
    answer = home.ask(
        "POST", f"{REGION}/calls/import", AGENT, pathway="ars-contact", rows=[row | {"email": mailbox(karim.name)}]
    )
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["rows"]
    page = visit("/calls", who=AGENT)
    expect(page.get_by_role("heading", name=f"{karim.name} {karim.first_name}")).to_be_focused()
    expect(page.locator("main")).to_contain_text("Êtes-vous d’accord ?")
    shot(page, "system-calls")
    assert serious(page) == []
    page.get_by_role("button", name="D’accord").click()
    page.get_by_role("button", name="Enregistrer, et appeler le suivant").click()
    expect(page.locator(".call-saved")).to_contain_text("d’accord, enregistré")

    [letter] = home.peers.mailed(mailbox(karim.name), 1)
    phone = answering(visit, secret_of(letter))
    pick(phone, "symptoms", "Aucun")
    for link in ("breathless", "confusion", "needs-help"):
        pick(phone, link, "Non")
    pick(phone, "warning-signs", "Aucun")
    send(phone)
    home.contact = told["id"], secret_of(letter), closes_at


def secret_of(letter: Message) -> str:
    """Return the secret of the link in a letter, which names no disease, service, colour or person."""
    found = LINK.search(letter.text)
    assert found is not None, letter.text
    assert not re.search(r"covid|ars|rouge|orange|vernhes|karim", letter.text.replace(found[0], ""), re.IGNORECASE)
    return found[1]


# --- answers ---------------------------------------------------------------------------------------------------------


def test_what_is_answered_without_a_network_survives_a_reload_and_counts_once(visit: Visit, home: Home) -> None:
    patient, secret = home.enrol("Lambert", file={"first_names": ["Rose"], "birth_date": "1951-04-03"})
    desk = board(visit)
    expect(card(desk, patient)).to_contain_text("Sans réponse")
    phone = answering(visit, secret)
    kept_for_offline(phone)
    assert serious(phone) == []
    phone.context.set_offline(True)
    expect(phone.locator(".no-network")).to_be_visible()
    answer_all(phone, temperature="37,4")
    write(phone, "spo2-effort", "96")
    phone.get_by_role("button", name="Envoyer", exact=True).click()
    expect(phone.get_by_text("Pas encore transmis")).to_be_visible()
    phone.wait_for_timeout(300)  # what is kept is written beside the page
    phone.reload()
    expect(phone.get_by_text("Pas encore transmis")).to_be_visible()
    shot(phone, "system-answer-not-sent")
    expect(card(desk, patient)).to_contain_text("Sans réponse")
    back = time.monotonic()
    phone.context.set_offline(False)
    expect(phone.get_by_role("heading", name="Merci")).to_be_visible()
    told_since(card(desk, patient).locator(".chip"), "Vert", back)
    shot(phone, "system-answer-thanks")
    (slot,) = [each for each in home.page(patient).json()["slots"] if each["sent"]]
    assert len(slot["sent"]) == 1
    assert slot["answers"]["temperature"] == 37.4
    assert [event.patient for event in home.events(AnswersGiven)].count(patient) == 1


def test_a_red_flag_fills_the_phone_is_on_the_board_at_once_and_a_person_answers_to_it(
    visit: Visit, home: Home
) -> None:
    patient, secret = home.enrol("Massol", file={"first_names": ["Émile"], "birth_date": "1947-09-12", "sex": "male"})
    desk, feed = board(visit), visit("/alerts?mine", who=NURSE, screen=PHONE)
    expect(card(desk, patient)).to_contain_text("Émile Massol")
    phone = answering(visit, secret)
    alarm = phone.get_by_role("alertdialog")
    ticked = time.monotonic()
    pick(phone, "breathless", "Au repos")
    expect(alarm.get_by_role("heading")).to_have_text("Appelez le 15 maintenant")
    told_since(card(desk, patient).locator(".chip"), "Rouge", ticked)  # sent by itself, whoever comes back or not
    expect(alarm).to_contain_text("Transmis à votre équipe à")
    expect(alarm.get_by_role("link", name="Appeler le 15")).to_have_attribute("href", "tel:15")
    shot(phone, "system-answer-call-15")
    assert serious(phone) == []
    alarm.get_by_role("button", name="Revenir au questionnaire").click()
    expect(alarm).to_have_count(0)
    write(phone, "spo2", "92")
    alarm.get_by_role("button", name="Revenir au questionnaire").click()
    phone.get_by_role("button", name="Envoyer", exact=True).click()  # what is missing is asked once more, after it went
    expect(card(desk, patient)).to_contain_text("Essoufflé au repos")
    expect(card(desk, patient)).to_contain_text("sans personne")
    expect(phone.get_by_role("heading", name=re.compile(r"Il manque \d+ réponses"))).to_be_visible()
    shot(desk, "system-board-desk")
    assert serious(desk) == []
    assert overflow(desk) == []

    # The nurse's feed says it without a name; the file is one tap away, and taken there with the next.
    link = feed.locator(f'a[href="/patients/{patient}"]').first
    expect(link).to_be_visible()
    assert "Massol" not in feed.content()
    shot(feed, "system-feed-phone")
    link.tap()
    expect(feed.locator('[data-act="take"]')).to_be_in_viewport()
    shot(feed, "system-patient-phone")
    assert serious(feed) == []
    feed.get_by_label("À revoir dans").select_option("15")
    feed.locator('[data-act="take"]').tap()
    expect(feed.locator(".alert-box")).to_have_attribute("data-status", "acknowledged")
    expect(card(desk, patient)).to_contain_text("Sami Aubert")
    card(desk, patient).locator("a").first.click()
    expect(desk.locator(".alert-box")).to_contain_text(re.compile("prochain contrôle dans"))
    shot(desk, "system-patient-desk")
    assert serious(desk) == []

    feed.locator('[data-act="close"]').tap()
    feed.get_by_label("on a agi").check()
    feed.get_by_label("Un mot").fill("Vu avec le 15.")
    feed.locator(".row-form button[type=submit]").tap()
    expect(feed.locator(".alert-box")).to_have_count(0)
    expect(desk.locator(".alert-box")).to_have_count(0)
    story = [each["what"] for each in home.page(patient).json()["story"]]
    assert set(story[:3]) == {"enrolled", "answered", "fired"}
    assert story[3:] == ["corrected", "taken", "closed"]  # what was measured after the first red


def test_a_worker_killed_between_a_slot_and_its_reminders_costs_none_and_doubles_none(home: Home) -> None:
    pathway, _ = due_now(home.pathways["medical-covid"], "1.0.1", first_s=20, again_s=38, missed_s=43, closes_s=600)
    remind_at = now() + 20_000
    home.publish(pathway)
    names = [f"RAPPEL{chr(ord('A') + number)}" for number in range(6)]
    asked = {
        home.enrol(name, pathway="medical-covid/1.0.1", zone=ZONE, file={"birth_date": f"19{50 + n}-01-01"})[0]: name
        for n, name in enumerate(names)
    }
    for name in names:
        home.peers.mailed(mailbox(name), 1)
    home.until(lambda: delivered(home, set(asked)) == dict.fromkeys(asked, 1), "receipts")
    assert now() < remind_at, "this machine is too slow for what is tested"
    home.system.kill("worker 1")
    for name in names:
        home.peers.mailed(mailbox(name), 3)
    home.until(lambda: home.page(next(iter(asked))).json()["row"].get("alert"), "alert of who does not answer")
    home.until(lambda: delivered(home, set(asked)) == dict.fromkeys(asked, 3), "receipts")
    for name in names:
        letters = home.peers.mails(mailbox(name))
        assert len(letters) == 3, name
        assert len({letter.key for letter in letters}) == 3
    home.system.until_ready()


def delivered(home: Home, patients: set[str]) -> dict[str, int]:
    """Return how many letters of some patients are known to have arrived."""
    ids = {event.notice for event in home.events(NoticeDelivered)}
    return dict(Counter(patient for id_ in ids if (patient := id_.partition("/")[0]) in patients))


# --- who may look ----------------------------------------------------------------------------------------------------


def test_whoever_is_taken_out_of_a_circle_has_nothing_on_their_board_within_five_seconds(
    visit: Visit, home: Home
) -> None:
    patient, _ = home.enrol("Pujol", file={"first_names": ["Alain"], "birth_date": "1960-06-06", "sex": "male"})
    hers = board(visit, NURSE)
    expect(card(hers, patient)).to_contain_text("Alain Pujol")
    his = visit(f"/patients/{patient}", who=DOCTOR)
    his.locator(f'[data-member="{NURSE}"]').get_by_role("button", name="Retirer").click()
    since = time.monotonic()
    expect(card(hers, patient)).to_have_count(0, timeout=GONE_WITHIN_S * 1000)
    print(f"gone {time.monotonic() - since:.2f} s after it was said")
    assert "Pujol" not in hers.content()
    assert home.page(patient, NURSE).status_code == 404


def test_five_residents_are_answered_for_by_keyboard_in_one_sitting(visit: Visit, home: Home) -> None:
    residents = {one.room: enrolled_resident(home, one) for one in RESIDENTS}
    page = visit(f"/sitting/{RESIDENCE}", who=STAFF)
    expect(page.locator("tr[data-resident]")).to_have_count(len(residents))
    expect(page.locator(".sitting-count")).to_have_text("5 à voir sur 5")
    first = residents["101"]
    numbers = {
        "temperature": ("36,8", "37,1", "?", "38,9", "36,5"),
        "spo2": ("97", "96", "95", "96", "98"),
        "pulse": ("70", "76", "81", "92", "66"),
        "respiratory-rate": ("15", "16", "18", "20", "14"),
        "systolic": ("130", "128", "141", "119", "135"),
    }
    for link, column in numbers.items():
        cell(page, first, link).focus()
        for text in column:
            page.keyboard.type(text)
            page.keyboard.press("Enter")
    for link, letter in {
        "oxygen": "N",
        "consciousness": "A",
        "breathless": "N",
        "worsening": "N",
        "drinks": "O",
        "fall": "N",
    }.items():
        cell(page, first, link).focus()
        for _ in residents:
            page.keyboard.press(letter)
            page.keyboard.press("ArrowDown")
    for id_ in residents.values():
        cell(page, id_, "warning-signs").click()
        line(page, id_).get_by_label("Aucun").check()
    shot(page, "system-sitting-desk")
    assert serious(page) == []
    for id_ in residents.values():
        cell(page, id_, "pulse").focus()
        page.keyboard.press("Control+Enter")
        expect(line(page, id_)).to_have_attribute("data-standing", "done")
    expect(page.locator(".sitting-count")).to_have_text("Tous vus (5)")
    shot(page, "system-sitting-done")
    given = [event for event in home.events(AnswersGiven) if event.patient in residents.values()]
    assert Counter(event.patient for event in given) == dict.fromkeys(residents.values(), 1)
    (slot,) = [each for each in home.page(residents["104"]).json()["slots"] if each["sent"]]
    assert slot["answers"]["temperature"] is None  # could not be measured, and is no 0
    assert slot["answers"]["spo2"] == 95


def enrolled_resident(home: Home, one: Invented) -> str:
    """Return the pseudonym of a resident whom the physician enrolled, their family agreeing."""
    consent = {"text_version": "1", "by": "representative", "representative": "Famille", "capacity": "famille"}
    file = {
        "birth_name": one.name,
        "first_names": [one.first_name],
        "birth_date": one.born,
        "residence": {"room": one.room},
        "consent": consent,
    }
    id_, _ = home.enrol(
        one.name,
        file=file,
        pathway="ehpad-resident",
        circle=[{"subject": STAFF, "role": "ehpad"}],
        channels=[],
        departement="09",
        facility=RESIDENCE,
    )
    return id_


def test_the_dpo_reads_who_opened_what_and_never_what_it_held(visit: Visit, home: Home) -> None:
    patient, _ = home.enrol("Roux", file={"first_names": ["Lise"], "birth_date": "1972-02-02"})
    opened = visit(f"/patients/{patient}", who=DOCTOR)
    expect(opened.locator(".patient-who h2")).to_have_text("Lise Roux")
    page = visit("/trail", who=DPO)
    page.get_by_label("Dossier (pseudonyme)").fill(patient)
    page.get_by_role("button", name="Chercher").click()
    rows = page.locator(".trail-table tbody tr")
    expect(rows.filter(has_text=DOCTOR_S_NAME).first).to_be_visible()
    expect(rows.filter(has_not_text=patient[:6])).to_have_count(0)
    assert not re.search("roux|lise|covid", page.locator("main").inner_text(), re.IGNORECASE)
    shot(page, "system-trail-desk")
    assert serious(page) == []
    assert home.page(patient, DPO).status_code in (403, 404)


def test_a_regulator_opens_one_file_for_an_hour_before_everybody_s_eyes(visit: Visit, home: Home) -> None:
    patient, _ = home.enrol("Cazes", file={"first_names": ["Rémi"], "birth_date": "1949-12-01", "sex": "male"})
    other, _ = home.enrol("Lagarde", file={"birth_date": "1949-12-01"})
    page = visit("/patients", who=REGULATOR)
    page.get_by_label("Nom de naissance").fill("Cazes")
    page.get_by_label("Prénom").fill("Rémi")
    page.get_by_label("Date de naissance").fill("1949-12-01")
    page.get_by_role("button", name="Chercher", exact=True).click()
    page.get_by_role("link", name="Dossier 1").click()
    page.get_by_label("Motif").fill("Patient en ligne")
    assert "Cazes" not in page.locator("main").inner_text()
    page.get_by_role("button", name="Ouvrir ce dossier 60 minutes").click()
    expect(page.locator(".patient-who h2")).to_have_text("Rémi Cazes")
    shot(page, "system-glass-broken")
    assert serious(page) == []
    assert home.page(other, REGULATOR).status_code == 404
    home.until(lambda: home.told_of(patient) >= {DOCTOR, NURSE, DPO}, "word to the circle and the DPO")
    feed = visit("/alerts", who=DPO)
    expect(feed.locator(".told-once")).to_contain_text("Un dossier a été ouvert en urgence")
    shot(feed, "system-told-once")
    assert serious(feed) == []
    trail = visit(f"/trail?file={patient}", who=DPO)
    expect(trail.locator('tr[data-act="break-glass"]')).to_contain_text(REGULATOR_S_NAME)
    its = visit(f"/patients/{patient}", who=DOCTOR)
    expect(its.locator(".story")).to_contain_text("« Patient en ligne »")


def test_a_patient_reads_their_own_answers_by_a_code_that_came_by_letter(visit: Visit, home: Home) -> None:
    patient, secret = home.enrol("Delmas", file={"first_names": ["Inès"], "birth_date": "1966-07-15"})
    phone = answering(visit, secret)
    answer_all(phone, temperature="37,9")
    send(phone)
    assert home.page(patient).status_code == 200  # whoever reads is told to the patient
    phone.get_by_role("button", name="Relire mes réponses").first.click()
    sent = len(home.peers.mails(mailbox("Delmas")))
    phone.get_by_role("button", name="Recevoir un code").click()
    letter = home.peers.mailed(mailbox("Delmas"), sent + 1)[-1]
    code = re.search(r"\b\d{6}\b|\b\d{3} \d{3}\b", letter.text)
    assert code is not None, letter.text
    assert not re.search("covid|delmas|rouge|orange", letter.text, re.IGNORECASE)
    phone.get_by_label("Date de naissance").fill("15/07/1966")
    phone.get_by_label("Code reçu").fill("000000" if code[0] != "000000" else "111111")
    phone.get_by_role("button", name="Afficher").click()
    expect(phone.get_by_role("alert")).to_have_text("La date ou le code ne va pas. Vérifiez les deux.")
    phone.get_by_label("Code reçu").fill(code[0])
    phone.get_by_role("button", name="Afficher").click()
    expect(phone.get_by_role("heading", name="Mes réponses")).to_be_visible()
    expect(phone.locator(".own")).to_contain_text("37,9")
    expect(phone.locator(".own-trail")).to_contain_text(DOCTOR_S_NAME)
    shot(phone, "system-answer-own")
    assert serious(phone) == []


# --- ends ------------------------------------------------------------------------------------------------------------


def test_a_patient_stops_at_once_and_the_circle_is_told(visit: Visit, home: Home) -> None:
    patient, secret = home.enrol("Vidal", file={"first_names": ["Guy"], "birth_date": "1958-08-08", "sex": "male"})
    desk = visit(f"/patients/{patient}", who=DOCTOR)
    expect(desk.locator(".patient-who h2")).to_have_text("Guy Vidal")
    phone = answering(visit, secret)
    phone.get_by_role("button", name="Arrêter le suivi").click()
    phone.get_by_label("Pour confirmer, écrivez ARRÊTER").fill("arreter")
    shot(phone, "system-answer-stop")
    assert serious(phone) == []
    phone.get_by_role("button", name="Arrêter maintenant").click()
    expect(phone.get_by_role("heading", name="Le suivi est arrêté")).to_be_visible()
    expect(desk.locator(".patient-who")).to_contain_text("arrêté")
    assert home.page(patient).json()["row"]["status"] == "stopped"
    home.until(lambda: home.told_of(patient) >= {DOCTOR, NURSE}, "word to the circle")


def test_the_contact_s_file_is_erased_at_the_end_of_the_pathway(visit: Visit, home: Home) -> None:
    """Of the first test's contact."""
    assert home.contact is not None
    patient, secret, closes_at = home.contact
    desk = board(visit, AGENT)
    if not home.is_erased(patient):
        expect(card(desk, patient)).to_be_visible()
    home.until(lambda: home.is_erased(patient), "erasure", within_s=(closes_at - now()) / 1000 + 30)
    assert now() >= closes_at
    expect(card(desk, patient)).to_have_count(0)
    assert home.page(patient, AGENT).status_code == 404
    assert home.ask("POST", "/answer/open", link=secret).status_code == 404
    phone = visit(f"/a#{secret}", screen=PHONE)
    expect(phone.get_by_role("heading")).to_be_visible()
    expect(phone.locator(question(phone, "breathless"))).to_have_count(0)
    shot(phone, "system-answer-no-more")
    assert serious(phone) == []
