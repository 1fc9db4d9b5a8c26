"""What is at hand on the clinicians' screens: a number to call, who has an alert, what to ask, what is missing."""

import re

import msgspec
import pytest
from playwright.sync_api import expect

from domain.followup.chart import Caregiver, Contact
from domain.followup.patient import SlotState
from tests.browser.conftest import DESK, PHONE, Screen, shot
from tests.browser.stand_in import StandIn
from tests.browser.stand_in_patients import StandInPatients
from tests.browser.test_patients import Visit, card, followed, visit
from tests.browser.test_screens import overflow, serious

pytestmark = pytest.mark.browser

__all__ = ["followed", "visit"]

BOTH = pytest.mark.parametrize(
    ("screen", "night"), [(DESK, False), (PHONE, False), (PHONE, True)], ids=["desk", "phone", "night"]
)


def with_daughter(stand_in: StandIn, id_: str) -> None:
    """Let somebody's file have a daughter who looks after them."""
    found = stand_in.patients.followed[id_]
    daughter = Caregiver("Léa Martin", "sa fille", Contact(phone="+33639980002"))
    file = msgspec.structs.replace(found.chart.file, caregivers=(daughter,), contact=Contact(phone="+33639980001"))
    found.chart = msgspec.structs.replace(found.chart, file=file)


@BOTH
def test_whoever_reads_a_red_can_call(visit: Visit, followed: StandIn, screen: Screen, night: bool) -> None:
    with_daughter(followed, "p-martin")
    page = visit("/patients/p-martin", screen=screen, night=night)
    expect(page.locator('[data-act="call"]').first).to_be_in_viewport()
    if screen.is_narrow:
        assert "39980001" not in page.content()
        shot(page, f"patients-call-hidden-{screen.name}-{'night' if night else 'day'}")
        page.locator('[data-act="call"]').tap()
    calls = page.locator('a[data-act="call"]')
    expect(calls).to_have_text(["Appeler le patient 06 39 98 00 01", re.compile("sa fille.*39 98 00 02")])
    assert calls.evaluate_all("all => all.map((one) => one.getAttribute('href'))") == [
        "tel:+33639980001",
        "tel:+33639980002",
    ]
    for call in calls.all():
        expect(call).to_be_in_viewport()
    shot(page, f"patients-call-{screen.name}-{'night' if night else 'day'}")
    assert overflow(page) == []
    assert serious(page) == []


@BOTH
def test_what_somebody_has_is_not_offered_to_another(
    visit: Visit, followed: StandIn, screen: Screen, night: bool
) -> None:
    page = visit("/patients/p-roche", screen=screen, night=night)
    expect(page.locator(".on-it")).to_contain_text("Alix Bonnet l’a depuis")
    expect(page.locator('[data-act="take"]')).to_have_count(0)
    expect(page.locator('[data-act="hand_over"]')).to_have_count(0)  # that is hers to do
    expect(page.locator('[data-act="close"]')).to_be_visible()
    shot(page, f"patients-taken-{screen.name}-{'night' if night else 'day'}")
    assert overflow(page) == []


def test_the_thumbs_stand_on_the_tabs(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin", screen=PHONE)
    expect(page.locator('[data-act="take"]')).to_be_enabled()
    bar, tabs = page.locator(".thumbs").bounding_box(), page.locator(".phone-tabs").bounding_box()
    take = page.locator('[data-act="take"]').bounding_box()
    assert bar is not None
    assert tabs is not None
    assert take is not None
    assert bar["y"] + bar["height"] >= tabs["y"] + tabs["height"]
    assert take["y"] + take["height"] <= tabs["y"]
    assert take["height"] <= 60


def test_a_closed_alert_says_who_closed_it_when_and_what_came_of_it(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-roche", who="demo-nurse")
    page.locator('[data-act="close"]').click()
    page.get_by_label("rien à faire").check()
    page.locator(".row-form button[type=submit]").click()
    expect(page.locator(".last-closed")).to_have_text(
        re.compile(r"^Dernière alerte \(orange\) close par vous, \d\d:\d\d : rien à faire$")
    )


def test_a_muted_rule_is_marked_where_the_alert_says_why(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-roche", who="demo-nurse")
    page.get_by_role("button", name="Mettre une règle en sourdine").click()
    page.get_by_label("Motif, visible").fill("son pouls habituel")
    muted = page.get_by_label("Règle", exact=True).locator("option").first.inner_text()
    page.locator(".row-form button[type=submit]").click()
    marked = page.locator(".alert-why li", has=page.locator(".is-muted"))
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text(muted)


def test_whoever_opens_a_file_by_the_keyboard_is_at_its_head(visit: Visit, followed: StandIn) -> None:
    page = visit()
    card(page, "p-martin").locator("a").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".patient-who h2")).to_be_focused()


def test_the_page_follows_the_system_s_day_and_night(visit: Visit, followed: StandIn) -> None:
    page = visit()
    expect(page.locator("html")).to_have_attribute("data-theme", "day")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "night")


def test_the_board_says_what_is_still_to_be_asked(visit: Visit, followed: StandIn) -> None:
    page = visit()
    expect(card(page, "p-blanc").locator(".ask-still")).to_have_text(
        "Reste à demander : température, fréquence respiratoire, tension systolique"
    )
    expect(card(page, "p-martin").locator(".ask-still")).to_have_count(0)


def test_the_board_asks_nothing_of_who_has_not_agreed_and_nothing_before_the_file_was_there(
    visit: Visit, followed: StandIn
) -> None:
    def come(patients: StandInPatients) -> None:
        for id_, changed in (
            ("p-noel", {"status": "calling", "call_at": patients.now() + 60_000}),
            ("p-girard", {"status": "stopped"}),
        ):
            found = patients.followed[id_]
            found.patient = msgspec.structs.replace(found.patient, **changed)
        patients.enrol("p-new", ("Zoé", "Crémieux"), "1960-06-05", 1)
        found = patients.followed["p-new"]
        slots = {"1-0800": SlotState("open", patients.now() - 1_200_000)}
        found.patient = msgspec.structs.replace(found.patient, slots=slots, enrolled_at=patients.now() - 600_000)

    followed.with_patients(come)
    page = visit()
    expect(card(page, "p-noel").locator(".card-time")).to_have_text(
        re.compile(r"^premier appel à faire · à appeler (\d+ \w+\.? )?\d\d:\d\d$")
    )
    page.get_by_role("button", name="Suivis terminés").click()
    expect(card(page, "p-girard").locator(".card-time")).to_have_text(re.compile(r"^arrêté · répondu "))
    since = card(page, "p-new").locator(".card-time")
    enrolled = followed.patients.followed["p-new"].patient.enrolled_at // 60_000 % 60
    expect(since).to_have_text(re.compile(rf"^questionnaire à remplir depuis .*:{enrolled:02}$"))
    shot(page, "patients-board-words")
    assert serious(page) == []


@BOTH
def test_enrolment_says_which_fields_are_missing(visit: Visit, followed: StandIn, screen: Screen, night: bool) -> None:
    page = visit("/patients/new", screen=screen, night=night)
    lacks = page.locator(".enrol-missing")
    expect(lacks).to_have_text(
        "Il manque : Parcours, Nom de naissance, Prénoms, Date de naissance, Version du texte lu, Consentement."
    )
    page.get_by_label("Parcours", exact=True).select_option("medical-covid/1")
    page.get_by_label("Nom de naissance").fill("Crémieux")
    page.get_by_label("Prénoms").fill("Zoé")
    shot(page, f"enrol-missing-top-{screen.name}-{'night' if night else 'day'}")
    page.get_by_label("Version du texte lu").fill("2026-1")
    expect(lacks).to_have_text("Il manque : Date de naissance, Consentement.")
    lacks.scroll_into_view_if_needed()
    shot(page, f"enrol-missing-{screen.name}-{'night' if night else 'day'}")
    assert serious(page) == []
    assert overflow(page) == []
    page.get_by_label("Date de naissance").fill("1988-06-05")
    page.get_by_label("Le consentement a été recueilli maintenant").check()
    expect(lacks).to_have_count(0)
    expect(page.get_by_role("button", name="Ouvrir le dossier")).to_be_enabled()


def test_what_is_wrong_at_enrolment_is_said_in_french(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/new", refused=(422,))
    page.get_by_label("Parcours", exact=True).select_option("medical-covid/1")
    page.get_by_label("Nom de naissance").fill("Crémieux")
    page.get_by_label("Prénoms").fill("Zoé")
    page.get_by_label("Date de naissance").fill("2031-01-01")
    page.get_by_label("Téléphone").fill("12")
    page.get_by_role("textbox", name="Courriel").fill("x@y")
    page.get_by_label("Version du texte lu").fill("2026-1")
    page.get_by_label("Le consentement a été recueilli maintenant").check()
    page.get_by_role("button", name="Ouvrir le dossier").click()
    wrong = page.locator("small.wrong")
    expect(wrong.first).to_be_visible()
    said = " ".join(wrong.all_inner_texts())
    assert "numéro de téléphone" in said
    assert re.search(r"\b(must|is|the)\b", said) is None, said


def of_martin(stand_in: StandIn) -> None:
    """Tell somebody of a patient's alert as the circle is told."""
    stand_in.with_alerts(lambda alerts: alerts.fire("rea", severity="critical", group="g1"))
    held = stand_in.alerts.alerts["a0000001"]
    labels = {"rule": "patient", "concern": "patients", "severity": "critical", "region": "occitanie"}
    alert = msgspec.structs.replace(held.alert, labels=labels, subject="patient/p-martin", link="/patients/p-martin")
    stand_in.alerts.alerts["a0000001"] = msgspec.structs.replace(held, alert=alert, told=("demo-physician",))


@BOTH
def test_an_alert_says_of_whom_it_is_without_opening_their_file(
    visit: Visit, followed: StandIn, screen: Screen, night: bool
) -> None:
    of_martin(followed)
    page = visit(screen=screen, night=night)
    page.goto(f"{followed.url}/alerts?mine")
    whose = page.locator('[data-of="p-martin"]')
    expect(whose).to_contain_text(re.compile(r"Rouge.*Suivi médical COVID · J\d+"))
    expect(whose).not_to_contain_text("82 ans")
    opened = len(followed.patients.opened)
    page.get_by_role("link", name="Patients").first.click()
    expect(card(page, "p-martin")).to_contain_text("82 ans")
    assert len(followed.patients.opened) > opened  # the board opens them, and is at hand from there on
    opened = len(followed.patients.opened)
    page.get_by_role("link", name="Alertes").first.click()
    expect(whose).to_contain_text("82 ans")
    expect(whose).to_contain_text(re.compile(r"Saturation.* 91.%"))
    expect(whose).to_contain_text("Nom masqué" if screen.is_narrow else "Odette Martin")
    assert len(followed.patients.opened) == opened
    shot(page, f"alerts-of-whom-{screen.name}-{'night' if night else 'day'}")
    assert overflow(page) == []
    assert serious(page) == []


@BOTH
def test_a_file_that_was_opened_twice_is_stopped_where_that_is_told(
    visit: Visit, followed: StandIn, screen: Screen, night: bool
) -> None:
    followed.with_patients(lambda patients: patients.enrol("p-new", ("Odette", "Martin"), "1944-03-02", 1))
    page = visit("/patients/new", screen=screen, night=night)
    page.get_by_label("Parcours", exact=True).select_option("medical-covid/1")
    page.get_by_label("Nom de naissance").fill("Martin")
    page.get_by_label("Prénoms").fill("Odette")
    page.get_by_label("Date de naissance").fill("1944-03-02")
    page.get_by_label("Téléphone").fill("+33639980001")
    page.get_by_label("Version du texte lu").fill("2026-1")
    page.get_by_label("Le consentement a été recueilli maintenant").check()
    page.get_by_role("button", name="Ouvrir le dossier").click()
    expect(page.get_by_role("link", name="Dossier 1")).to_have_attribute("href", "/patients/p-martin")
    shot(page, f"enrol-twice-{screen.name}-{'night' if night else 'day'}")
    assert overflow(page) == []
    assert serious(page) == []
    page.get_by_role("button", name="C’est la même personne").click()
    expect(page.get_by_text("Ce nouveau dossier est arrêté")).to_be_visible()
    expect(page.locator(".answer-link")).to_have_count(0)
    stopped = followed.patients.acts[-1]
    assert (stopped["act"], stopped["patient"]) == ("stop", "p-new")
    assert "même personne" in stopped["reason"]


def test_a_regulator_s_opened_files_come_first_and_are_named_by_the_act_that_opened_them(
    visit: Visit, followed: StandIn
) -> None:
    page = visit("/patients/p-martin", who="demo-regulator", screen=PHONE, refused=(404,))
    page.get_by_label("Motif").fill("Patiente en ligne, essoufflée")
    page.get_by_role("button", name="Ouvrir ce dossier 60 minutes").click()
    expect(page.locator(".patient-who h2")).to_have_text("Odette Martin")
    page.get_by_role("link", name="Mes patients").click()
    expect(card(page, "p-martin")).to_be_in_viewport(ratio=1)
    expect(card(page, "p-martin")).to_contain_text("Odette Martin")
    expect(page.get_by_role("heading", name="Chercher le patient au téléphone")).to_be_attached()
    shot(page, "patients-regulator-phone")


def test_on_a_phone_a_rule_s_version_stands_behind_a_word(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin", screen=PHONE)
    why = page.locator(".alert-why")
    expect(why).to_contain_text("NEWS2")
    expect(why.get_by_text("rcp-2017")).to_be_hidden()
    why.get_by_text("Version des règles").click()
    expect(why.get_by_text("rcp-2017")).to_be_visible()
