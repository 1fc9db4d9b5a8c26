"""The web app on the real system: a report on the map, a clock that stops, an API that comes back, at every size."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.browser.conftest import DESK, SCREENS, WALL, Screen, shot, wait_for_map
from tests.browser.test_screens import go, overflow, serious
from tests.end_to_end.conftest import CELL, PHYSICIAN
from tests.end_to_end.system import OCCITANIE, System

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built", "spring")]

SITE = "310783055"
REA = f"{SITE}/rea-adulte"
MARKER = f'.mark-ring[data-facility="{SITE}"]'
NOT_LIVE_WITHIN_S = 10.0
# Notes at what instant an element says something: an event in the page, so that nobody's looking is measured.
WATCH = """([selector, name, wanted]) => {
    window.shownAt = null;
    const element = document.querySelector(selector);
    const look = () => {
        if (element.dataset[name] !== wanted || window.shownAt) return;
        requestAnimationFrame(() => { window.shownAt = performance.timeOrigin + performance.now(); });
    };
    new MutationObserver(look).observe(element, { attributes: true });
    look();
}"""

Open = Any


@pytest.fixture
def open_page(browser: Browser, system: System) -> Iterator[Open]:
    """Return what opens a page for someone, signed in by a link; what it complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(said: ConsoleMessage) -> None:
        # That a socket or a fetch failed is what Chromium itself says where an API is killed.
        if said.type == "error" and "ERR_CONNECTION_REFUSED" not in said.text and "WebSocket" not in said.text:
            complaints.append(said.text)

    def opened(subject: str = CELL, *, screen: Screen = DESK, path: str = "/", night: bool = False) -> Page:
        address = system.sign_in(subject)
        page_at, _, fragment = address.partition("#")
        context = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            locale="fr-FR",
            color_scheme="dark" if night else "light",
            has_touch=screen.is_narrow,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", heard)
        ask = "&" if "?" in path else "?"
        page.goto(f"{page_at.rstrip('/')}{path}{ask}region={OCCITANIE}#{fragment}")
        page.wait_for_selector(".live-live")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


def tell(system: System, available: int, url: str = "") -> None:
    """Report the site's free beds."""
    answer = system.tell_and_hear(CELL, {"ward": REA, "status": "02", "count": available}, url=url)
    assert answer.status_code == 201, answer.text


def listed(page: Page) -> Locator:
    """Return the site's number in the list, which tells all that the map does and costs less to draw."""
    return page.locator(f'#sites [data-site="{SITE}"] .big')


def test_a_report_changes_its_marker_and_the_total(open_page: Open, system: System) -> None:
    tell(system, 4)
    page = open_page()
    wait_for_map(page)
    marker, total = page.locator(MARKER), page.locator(".card.chosen .free .big")
    expect(marker).to_have_attribute("data-available", "4")
    before = int(re.sub(r"\D", "", total.inner_text()))
    took: list[float] = []
    for free in (0, 7, 3):
        page.evaluate(WATCH, [MARKER, "available", str(free)])
        sent = time.time() * 1000
        tell(system, free)
        page.wait_for_function("() => window.shownAt !== null", timeout=10_000)
        took.append(page.evaluate("window.shownAt") - sent)
    expect(total).to_have_text(str(before - 4 + 3))
    expect(page.locator("#changes button.row").first).to_contain_text("7 → 3")
    print(f"from a report's POST to its frame on the map: {', '.join(f'{each:.0f}' for each in took)} ms")


def test_a_worker_that_stands_still_is_said_within_ten_seconds(open_page: Open, system: System) -> None:
    """Sockets and API are well: only the shard's clock tells."""
    tell(system, 2)
    page = open_page(path="/?view=list")
    expect(listed(page)).to_have_text("2")
    page.evaluate(WATCH, ["html", "live", "lost"])
    with system.stopped("worker 1"):
        stopped = time.time()
        banner = page.locator(".not-live")
        expect(banner).to_be_visible(timeout=20_000)
        took_s = page.evaluate("window.shownAt") / 1000 - stopped
        expect(banner).to_contain_text(re.compile(r"Pas en direct depuis \d\d:\d\d:\d\d"))
        expect(page.locator("#live")).to_have_text("pas en direct")
        shot(page, "system-not-live")
        assert system.tell(CELL, {"ward": REA, "status": "02", "count": 5}).status_code == 202
        system.until(lambda: f"region {OCCITANIE}" in (system.not_ready() or {}), "word that the clock stands still")
        expect(listed(page)).to_have_text("2")
    print(f"not live said {took_s:.1f} s after the worker was stopped")
    assert took_s <= NOT_LIVE_WITHIN_S
    expect(banner).to_be_hidden(timeout=30_000)
    expect(listed(page)).to_have_text("5")
    expect(page.locator("#live")).to_contain_text("en direct · ")
    system.until_ready()


def test_an_api_that_was_killed_is_said_and_the_page_catches_up(
    open_page: Open, system: System, another_api: str
) -> None:
    tell(system, 6)
    page = open_page(path="/?view=list")
    expect(listed(page)).to_have_text("6")
    killed = system.kill("api")
    page.wait_for_function("() => ['reconnecting', 'lost'].includes(document.documentElement.dataset.live)")
    said = page.locator("#live").inner_text()
    tell(system, 1, another_api)
    tell(system, 2, another_api)
    assert said in ("reconnexion…", "pas en direct")
    system.until(lambda: system.told["pids"]["api"] not in (None, killed), "API")
    expect(page.locator("#live")).to_contain_text("en direct · ", timeout=60_000)
    expect(listed(page)).to_have_text("2")
    expect(page.locator("#changes li.missed")).to_contain_text("6 → 2")
    expect(page.locator(".away")).to_contain_text("1 changement pendant la coupure")
    shot(page, "system-back")
    system.until_ready()


def test_a_physician_sees_the_free_beds_and_nothing_else(open_page: Open, system: System) -> None:
    page = open_page(PHYSICIAN)
    wait_for_map(page)
    expect(page.locator(".card.chosen .free .big")).to_have_text(re.compile(r"\d+"))
    assert page.locator(".card .line").count() == 0
    assert page.locator(".card-more dl > div").count() == 0
    shot(page, "system-physician")
    page.get_by_role("tab", name="Liste").click()
    page.wait_for_selector("#sites li")
    assert "ouverts" not in page.locator("#sites").inner_text()
    told = json.dumps(system.picture(PHYSICIAN, OCCITANIE))
    assert not re.search(r'"(occupied|installed|closed|reserved|supplementary|covid|occupancy)"', told)


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_every_size_fits_and_can_be_read_by_all(open_page: Open, screen: Screen) -> None:
    """With the figures of a real day; every other place and the night are looked at with the stand-in."""
    page = open_page(screen=screen)
    for where in ("map", "list"):
        go(page, screen, where)
        shot(page, f"system-{screen.name}-{where}")
        assert overflow(page) == [], where
    page.locator("#sites button.row").first.click()
    page.wait_for_selector(".site .figures")
    shot(page, f"system-{screen.name}-site")
    assert overflow(page) == []
    if screen is not WALL:  # as the desk's, only larger, and slow to go through
        assert serious(page) == []
