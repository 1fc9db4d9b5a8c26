"""That the page is live, says so when it is not, comes back by itself, and misses nothing: against the stand-in."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK, shot, wait_for_map
from tests.browser.stand_in import SECRET, StandIn

pytestmark = pytest.mark.browser

SITE = "310783055"  # Rangueil
WARD = f"{SITE}/rea-adulte"
SLOW_MS = 40_000  # no test here says how fast: what was measured is in docs/measurements.md


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait, while the page goes on, until something holds of the stand-in."""
    given_up = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < given_up
        page.wait_for_timeout(50)


def test_a_report_changes_its_marker(live_page: Page, stand_in: StandIn) -> None:
    wait_for_map(live_page)
    marker = live_page.locator(f'.mark-ring[data-facility="{SITE}"]')
    for free in (3, 0, 7):
        stand_in.report(WARD, available=free)
        expect(marker).to_have_attribute("data-available", str(free))
    expect(live_page.locator("#changes button.row").first).to_contain_text("0 → 7")


def test_a_clock_that_stands_still_is_said(live_page: Page, stand_in: StandIn) -> None:
    """The socket stays open, as when the worker alone is stopped; ten seconds are `live.test.ts`'s matter."""
    stand_in.stop_clock()
    banner = live_page.locator(".not-live")
    expect(banner).to_be_visible(timeout=SLOW_MS)
    expect(banner).to_contain_text(re.compile(r"Pas en direct depuis \d\d:\d\d:\d\d"))
    expect(live_page.locator("#live")).to_have_text("pas en direct")
    assert stand_in.sockets
    shot(live_page, "desk-not-live")
    stand_in.start_clock()
    expect(banner).to_be_hidden()
    expect(live_page.locator("#live")).to_contain_text("en direct · ")


def test_a_clock_said_again_without_advancing_is_no_life(live_page: Page, stand_in: StandIn) -> None:
    stand_in.stop_clock()
    frozen = stand_in.clock
    stand_in.stopped_at = frozen
    stand_in.ticking = True  # `live` goes on, `at` does not
    expect(live_page.locator(".not-live")).to_be_visible(timeout=SLOW_MS)


def test_it_comes_back_with_nothing_missed(live_page: Page, stand_in: StandIn) -> None:
    wait_for_map(live_page)
    stand_in.report(WARD, available=5)
    expect(live_page.locator(f'[data-facility="{SITE}"]')).to_have_attribute("data-available", "5")
    stand_in.go_away()
    expect(live_page.locator("#live")).to_have_text("reconnexion…")
    stand_in.report(WARD, available=1)
    stand_in.report(WARD, available=2)
    stand_in.come_back()
    expect(live_page.locator("#live")).to_contain_text("en direct", timeout=SLOW_MS)
    expect(live_page.locator(f'[data-facility="{SITE}"]')).to_have_attribute("data-available", "2")
    note = live_page.locator(".away")
    expect(note).to_contain_text("1 changement pendant la coupure")
    expect(live_page.locator("#changes li.missed")).to_contain_text("5 → 2")
    assert stand_in.since_tokens[-1] is not None
    shot(live_page, "desk-back")
    note.get_by_role("button", name="Vu").click()
    expect(note).to_have_count(0)
    expect(live_page.locator("#changes li.missed")).to_have_count(0)


def test_another_log_is_said(live_page: Page, stand_in: StandIn) -> None:
    stand_in.reset()
    expect(live_page.locator(".away")).to_contain_text("reparti de zéro")
    expect(live_page.locator("#live")).to_contain_text("en direct")


def test_a_close_says_what_to_do_next(live_page: Page, stand_in: StandIn) -> None:
    """4409 comes back at once for a whole picture, 1013 not before it was told."""
    stand_in.cut(4409, "take a snapshot")
    until(live_page, lambda: stand_in.since_tokens[-1] is None)
    expect(live_page.locator("html")).to_have_attribute("data-live", "live")
    had = len(stand_in.since_tokens)
    stand_in.cut(1013, "retry after 2 s")
    cut_at = time.monotonic()
    until(live_page, lambda: len(stand_in.since_tokens) > had)
    assert time.monotonic() - cut_at >= 1.9


def test_a_session_that_ended_leads_to_signing_in(live_page: Page, stand_in: StandIn) -> None:
    stand_in.sign_in_url = "/api/v1/sign-in"
    stand_in.signed_in.clear()
    stand_in.cut(4401, "sign in again")
    expect(live_page.get_by_role("heading", name="Se connecter")).to_be_visible()
    expect(live_page.get_by_role("link", name="Se connecter")).to_have_attribute(
        "href", re.compile(r"^/api/v1/sign-in\?to=%2F")
    )
    shot(live_page, "desk-sign-in")


def test_a_right_that_ended_is_said(live_page: Page, stand_in: StandIn) -> None:
    stand_in.cut(4403, "not allowed")
    expect(live_page.get_by_role("heading", name="Accès refusé")).to_be_visible()


def test_a_used_up_link_is_said(browser: Browser, stand_in: StandIn) -> None:
    page = browser.new_page(locale="fr-FR")
    page.goto(f"{stand_in.url}/#connexion=used-up")
    expect(page.get_by_role("alert")).to_have_text("Ce lien n’est plus valable.")
    assert "used-up" not in page.url
    page.close()


def test_a_list_keeps_still_under_the_pointer(live_page: Page, stand_in: StandIn) -> None:
    live_page.get_by_role("tab", name="Liste").click()
    live_page.locator("[data-sort=free]").click()
    rows = live_page.locator("#sites [data-site]")
    order = "rows => rows.map((row) => row.dataset.site)"
    before = rows.evaluate_all(order)
    rows.nth(2).hover()
    last = before[-1]
    stand_in.report(f"{last}/rea-adulte", available=99)
    expect(live_page.locator(f'[data-site="{last}"] .big')).to_have_text("99")
    assert rows.evaluate_all(order) == before
    expect(live_page.locator(".list .pending")).to_contain_text("1 changement")
    live_page.locator("header h1").hover()
    expect(rows.first).to_have_attribute("data-site", last)


def test_a_critical_ward_that_fills_does_not_wait_for_the_pointer(live_page: Page, stand_in: StandIn) -> None:
    stand_in.report("340000207/medecine" if "340000207/medecine" in stand_in.wards else WARD, available=6)
    first = live_page.locator("#changes button.row").first
    expect(first).to_be_visible()
    first.hover()
    other = next(id_ for id_ in stand_in.wards if id_.endswith("/chirurgie"))
    stand_in.report(other, available=77)
    expect(live_page.locator("#changes .pending")).to_contain_text("1 changement")
    stand_in.report(WARD, available=4)
    stand_in.report(WARD, available=0)
    expect(live_page.locator("#changes li.pinned")).to_contain_text("4 → 0")
    expect(live_page.locator("#changes")).not_to_contain_text("77")


def test_a_view_with_fewer_fields_draws_no_empty_places(browser: Browser, stand_in: StandIn) -> None:
    """A physician sees the free beds alone."""
    stand_in.hidden = frozenset(
        "installed occupied reserved closed supplementary open open_is_bound occupancy occupancy_is_bound"
        " undeclared_surge covid counted lacking supplementary_unknown".split()
    )
    context = browser.new_context(viewport={"width": DESK.width, "height": DESK.height}, locale="fr-FR")
    page = context.new_page()
    page.goto(f"{stand_in.url}/#connexion={SECRET}")
    wait_for_map(page)
    expect(page.locator(".card.chosen .free .big")).to_have_text(re.compile(r"\d+"))
    assert page.locator(".card .line").count() == 0
    assert page.locator(".card-more dl > div").count() == 0
    shot(page, "desk-physician")
    page.get_by_role("tab", name="Liste").click()
    page.wait_for_selector("#sites li")
    assert "ouverts" not in page.locator("#sites").inner_text()
    context.close()


def test_rebuilding_and_the_scenario_are_said(live_page: Page, stand_in: StandIn) -> None:
    expect(live_page.locator("#scenario")).to_have_text("Rejeu du printemps 2020 · 8 avril 2020")
    stand_in.say_rebuilding(True)
    expect(live_page.locator(".rebuilding")).to_contain_text("Reconstruction en cours")
    stand_in.say_rebuilding(False)
    expect(live_page.locator(".rebuilding")).to_have_count(0)
    stand_in.say_scenario(None)
    expect(live_page.locator("#scenario")).to_have_count(0)


def test_a_picture_that_is_not_ready_opens_by_itself(browser: Browser, stand_in: StandIn) -> None:
    page = browser.new_page(locale="fr-FR")
    stand_in.away = True
    page.goto(f"{stand_in.url}/#connexion={SECRET}")
    expect(page.get_by_role("heading")).to_have_text("Le tableau n’est pas encore prêt")
    stand_in.away = False
    expect(page.locator(".totals")).to_be_visible()
    page.close()


def test_a_panel_shows_who_said_what_and_when(live_page: Page, stand_in: StandIn) -> None:
    stand_in.report(WARD, available=4, occupied=48)
    live_page.goto(f"{stand_in.url}/?site={SITE}&view=list")
    ward = live_page.locator(f'.ward[data-ward="{WARD}"]')
    expect(ward.locator(".figures tr", has_text="Disponibles")).to_contain_text("4")
    expect(ward.locator(".figures tr", has_text="Occupés")).to_contain_text(f"{SITE}-lits")
    ward.get_by_role("button", name="Derniers chiffres").click()
    expect(ward.locator(".history li.stands").first).to_contain_text("en vigueur")
    stand_in.report(WARD, available=1)
    expect(ward.locator(".history li").first).to_contain_text("Disponibles 1")
    expect(ward.locator(".ward-head .big")).to_have_text("1")


def test_nine_hundred_wards_change_in_one_frame_without_jank(live_page: Page, stand_in: StandIn) -> None:
    """What a whole region costs when all of it changes at once; the best of three, as others use the machine."""
    wait_for_map(live_page)
    live_page.evaluate(
        "() => { window.longest = []; new PerformanceObserver((list) => list.getEntries().forEach((entry) =>"
        " window.longest.push(entry.duration))).observe({ type: 'longtask' }) }"
    )
    tasks = []
    for free in (51, 62, 73):
        live_page.evaluate("window.longest = []")
        stand_in.report_all(lambda picture, free=free: free)  # type: ignore[misc]
        expect(live_page.locator("#changes button.row").first).to_contain_text(f"→ {free}")
        live_page.wait_for_timeout(300)  # long tasks are told a little later
        tasks.append(max(live_page.evaluate("window.longest"), default=0))
    print("longest tasks as all wards changed at once:", ", ".join(f"{task:.0f} ms" for task in tasks))
    assert min(tasks) < 400
