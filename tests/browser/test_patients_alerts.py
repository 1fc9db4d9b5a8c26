"""Patients' alerts on pages of alerts: neutral words and the way to the file; the cell's flags and counts."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESK, PHONE, Screen, shot
from tests.browser.stand_in import StandIn
from tests.browser.test_alerts import Visit, acts_of, visit
from tests.browser.test_screens import overflow, serious

pytestmark = pytest.mark.browser

__all__ = ["visit"]


def of_patients(page: Page) -> Locator:
    """Return the cards of patients."""
    return page.locator("[data-group]", has_text="Patient suivi à domicile")


@pytest.mark.parametrize(
    ("screen", "night"), [(PHONE, False), (PHONE, True), (DESK, False)], ids=["phone-day", "phone-night", "desk-day"]
)
def test_a_patients_alert_shows_neutral_words_and_leads_to_the_file(
    visit: Visit, stand_in: StandIn, screen: Screen, night: bool
) -> None:
    stand_in.with_alerts(lambda alerts: alerts.follow_up("demo-nurse"))
    page = visit("/alerts?mine", who="demo-nurse", screen=screen, night=night)
    cards = of_patients(page)
    expect(cards).to_have_count(2)
    red = cards.first
    expect(red.get_by_role("button", name="Vu", exact=True)).to_be_visible()
    expect(red.get_by_role("link", name="Ouvrir le dossier")).to_have_attribute("href", "/patients/p0")
    for name in ("Je prends", "Passer la main", "Clore", "Commenter", "Silence"):
        expect(red.get_by_role("button", name=name)).to_have_count(0)
    shot(page, f"alerts-patients-{screen.name}-{'night' if night else 'day'}")
    red.get_by_role("button", name="Détail").click()
    expect(red.locator(".detail")).to_be_visible()
    for name in ("Je prends", "Passer la main", "Clore", "Commenter", "Silence"):
        expect(red.get_by_role("button", name=name)).to_have_count(0)
    assert overflow(page) == []
    assert serious(page) == []


def test_seen_is_done_here_and_the_rest_on_the_patients_page(visit: Visit, stand_in: StandIn) -> None:
    stand_in.with_alerts(lambda alerts: alerts.follow_up("demo-nurse"))
    stand_in.with_patients(lambda patients: patients.enrol("p0", ("Odette", "Martin"), "1944-03-02", 2))
    page = visit("/alerts?mine", who="demo-nurse", screen=PHONE)
    red = of_patients(page).first
    red.get_by_role("button", name="Vu", exact=True).click()
    expect(red).to_contain_text("vu par vous")
    assert acts_of(stand_in) == [("demo-nurse", "seen")]
    red.get_by_role("link", name="Ouvrir le dossier").click()
    expect(page).to_have_url(f"{stand_in.url}/patients/p0")
    expect(page.locator('[data-patient="p0"]')).to_be_visible()


@pytest.mark.parametrize(("screen", "night"), [(DESK, False), (DESK, True)], ids=["day", "night"])
def test_the_cell_sees_flags_and_counts_and_no_patient(
    visit: Visit, stand_in: StandIn, screen: Screen, night: bool
) -> None:
    stand_in.with_alerts(lambda alerts: alerts.follow_up("demo-nurse"))
    page = visit(screen=screen, night=night)
    expect(of_patients(page)).to_have_count(0)
    flag = page.locator("[data-group]", has_text="Cas groupés dans un EHPAD")
    expect(flag).to_contain_text("310780192")
    expect(flag.get_by_role("button", name="Je prends")).to_be_visible()
    table = page.locator(".followed table")
    row = table.get_by_role("row", name="Haute-Garonne")
    expect(row.get_by_role("cell").nth(0)).to_contain_text("moins de 11")
    expect(row.get_by_role("cell").nth(3)).to_have_text("412")
    expect(table.get_by_role("row", name="Lozère").get_by_role("cell").nth(3)).to_contain_text("moins de 11")
    expect(table.get_by_role("row", name="Région").get_by_role("cell").nth(0)).to_contain_text("de 11 à 20")
    shot(page, f"alerts-cell-patients-{'night' if night else 'day'}")
    flag.get_by_role("button", expanded=False).first.click()
    expect(flag.get_by_role("button", name="Silence")).to_have_count(0)
    assert overflow(page) == []
    assert serious(page) == []
