"""What the screens show at every size, by day and by night, to the eye, the keyboard and a screen reader."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, SCREENS, WALL, Open, Screen, Site, shot, wait_for_map

pytestmark = pytest.mark.browser

AN_AGE = re.compile(r"\d+ (s|min|h|j|d)\b")
screens = pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)


def overflow(page: Page) -> list[str]:
    """Return what is wider than its place: the page itself, and any element that sticks out of the window."""
    found: list[str] = page.evaluate(
        """() => {
            const root = document.documentElement, wide = [];
            if (root.scrollWidth > root.clientWidth) wide.push(`page ${root.scrollWidth} > ${root.clientWidth}`);
            const boxes = '.column, .panel-list, .top, .banners, .legend, .site, .list-tools, .card';
            for (const part of document.querySelectorAll(boxes)) {
                const { scrollWidth, clientWidth } = part;
                if (part.offsetParent === null || scrollWidth <= clientWidth + 1) continue;
                wide.push(`${part.className} ${scrollWidth} > ${clientWidth}`);
            }
            for (const part of document.querySelectorAll('button, .card, .honest, h2, .live')) {
                if (part.offsetParent === null || part.closest('.map-marks, .hidden, .skip')) continue;
                const { left, right, width } = part.getBoundingClientRect();
                if (!width || (right <= innerWidth + 1 && left >= -1)) continue;
                wide.push(`${part.className || part.tagName} at ${left}–${right}`);
            }
            return wide;
        }"""
    )
    return found


def serious(page: Page) -> list[str]:
    """Return what axe-core finds that is serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {violation['help']} {[node['html'][:160] for node in violation['nodes'][:3]]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]


def go(page: Page, screen: Screen, where: str) -> None:
    """Show a part of the web app, which a narrow screen has one at a time."""
    names = {"beds": "Lits", "map": "Carte", "list": "Liste", "feed": "Fil"}
    if screen.is_narrow:
        page.locator(".phone-tabs").get_by_role("button", name=names[where]).click()
    elif where in ("map", "list"):
        page.get_by_role("tab", name=names[where]).click()
    if where == "map":
        wait_for_map(page)
    elif where == "list":
        page.wait_for_selector("#sites li")


@pytest.mark.parametrize(
    ("screen", "night"),
    [(DESK, False), (DESK, True), (WALL, False), (PHONE, False), (PHONE, True)],
    ids=["desk-day", "desk-night", "wall-day", "phone-day", "phone-night"],
)
def test_every_screen_fits_and_can_be_read_by_all(open_page: Open, screen: Screen, night: bool) -> None:
    """Nothing overflows, and axe-core finds nothing serious, wherever one goes."""
    page = open_page(screen=screen, night=night)
    page.wait_for_selector(".live-live")
    time = "night" if night else "day"
    for where in ("beds", "map", "list", "feed") if screen.is_narrow else ("map", "list"):
        go(page, screen, where)
        shot(page, f"{screen.name}-{time}-{where}")
        assert overflow(page) == [], where
        assert serious(page) == [], where
    go(page, screen, "list")
    page.locator("#sites button.row").first.click()
    page.wait_for_selector(".site .figures")
    shot(page, f"{screen.name}-{time}-site")
    assert overflow(page) == []
    assert serious(page) == []


@screens
def test_ages_are_there_and_what_is_stale_or_unknown_shows(open_page: Open, invented: Site, screen: Screen) -> None:
    page = open_page(screen=screen, at=invented)
    chosen = page.locator(".card.chosen .honest")
    expect(chosen).to_contain_text(AN_AGE)
    expect(chosen).to_contain_text(re.compile(r"\d+/\d+ services"))
    expect(page.locator(".totals .stale").first).to_be_visible()
    expect(page.locator(".totals .unknown").first).to_be_visible()
    go(page, screen, "list")
    expect(page.locator('#sites [data-stale="true"] .glyph-stale').first).to_be_visible()
    unknown = page.locator('#sites [data-state="unknown"]').first
    expect(unknown).to_be_visible()
    expect(unknown.locator(".figure .big")).to_have_text("–")
    expect(page.locator("#sites .told").first).to_contain_text(AN_AGE)


def test_at_low_zoom_nothing_stale_hides(open_page: Open, invented: Site) -> None:
    """A département's pin says how many of its wards are stale, and how old the oldest figure is."""
    page = open_page("/?view=map&kind=medecine", screen=PHONE, at=invented)
    wait_for_map(page)
    expect(page.locator(".map")).to_have_attribute("data-mode", "pins")
    stale = page.locator('.mark-pin[data-stale="true"]')
    assert stale.count() > 0
    expect(stale.first.locator(".pin-stale")).to_contain_text(AN_AGE)


def test_no_ring_covers_another(open_page: Open) -> None:
    page = open_page()
    wait_for_map(page)
    page.wait_for_timeout(300)  # the marks take their places in the frame after they are drawn
    covered = page.evaluate(
        """() => {
            const rings = [...document.querySelectorAll('.mark-ring')].map((ring) => {
                const { x, y, width } = ring.getBoundingClientRect();
                return { x: x + width / 2, y: y + width / 2, r: width / 2 };
            });
            const covered = [];
            rings.forEach((a, i) => rings.slice(i + 1).forEach((b) => {
                if (Math.hypot(a.x - b.x, a.y - b.y) < a.r + b.r - 1.5) covered.push([a.x, a.y, b.x, b.y]);
            }));
            return rings.length > 20 ? covered : ['only', rings.length];
        }"""
    )
    assert covered == []


@screens
def test_the_page_is_usable_within_two_seconds(open_page: Open, screen: Screen) -> None:
    """Cold, each time in a browser's context of its own; the best of five, as others use the machine."""

    def usable() -> float:
        after: float = open_page(screen=screen).evaluate("performance.getEntriesByName('usable')[0].startTime")
        print(f"usable after {after:.0f} ms at {screen.width}×{screen.height}")
        return after

    assert any(usable() <= 2_000 for _ in range(5))


def test_nothing_is_asked_of_another_host(open_page: Open, site: Site) -> None:
    page = open_page()
    wait_for_map(page)
    asked = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked
    assert [name for name in asked if not name.startswith((site.origin, "blob:", "data:"))] == []


def test_english_is_complete_and_remembered(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.locator("#language").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".totals h2")).to_have_text(re.compile("Free beds, "))
    expect(page.get_by_role("tab", name="List")).to_be_visible()
    page.reload()
    expect(page.locator(".totals h2")).to_have_text(re.compile("Free beds, "))
    shot(page, "desk-english")


def test_the_browsers_language_decides_at_first(open_page: Open) -> None:
    page = open_page(tongue="en-GB")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_night_follows_the_system_until_it_is_chosen(open_page: Open) -> None:
    page = open_page(night=True)
    expect(page.locator("html")).to_have_attribute("data-theme", "night")
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "day")
    page.reload()
    page.wait_for_selector(".totals")
    expect(page.locator("html")).to_have_attribute("data-theme", "day")


def test_the_secret_leaves_the_address(open_page: Open) -> None:
    page = open_page()
    assert "connexion" not in page.url


def test_thumbs_hit_what_they_aim_at(open_page: Open) -> None:
    """Every control on a phone is at least 44 px high."""
    page = open_page(screen=PHONE)
    for where in ("beds", "map", "list", "feed"):
        go(page, PHONE, where)
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, select, a[href], [role=radio], label.check')]
                .filter((one) => one.offsetParent !== null && !one.closest('.map-marks, .sources, .skip'))
                .map((one) => [one.className || one.tagName, Math.round(one.getBoundingClientRect().height)])
                .filter(([, height]) => height > 0 && height < 44)"""
        )
        assert small == [], where


def test_the_keyboard_reaches_everything(open_page: Open) -> None:
    page = open_page(screen=DESK)
    wait_for_map(page)
    press = page.keyboard.press

    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()

    press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("purpan")
    option = page.locator("#search-found [role=option]")
    expect(option.first).to_have_attribute("aria-selected", "true")
    press("Enter")
    expect(page.locator("#site-title")).to_contain_text("Purpan")
    press("Escape")
    page.locator("#search").blur()
    press("Escape")
    expect(page.locator(".site")).to_have_count(0)

    press("k")
    first = page.locator('[role=radio][aria-checked="true"]')
    expect(first).to_be_focused()
    was = first.get_attribute("data-kind")
    press("ArrowDown")
    expect(page.locator('[role=radio][aria-checked="true"]')).not_to_have_attribute("data-kind", was or "")
    press("ArrowUp")

    press("l")
    rows = page.locator("#sites button")
    expect(rows.first).to_be_focused()
    press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    press("Enter")
    expect(page.locator("#site-title")).to_be_focused()
    press("Escape")

    press("c")
    expect(page.locator("#tab-map")).to_be_focused()
    # Placed again, now that it shows.
    expect(page.locator(".mark-ring").first).to_have_attribute("style", re.compile("transform"))
    page.locator(".map-marks button[tabindex='0']").focus()
    before = page.evaluate("document.activeElement.ariaLabel")
    press("ArrowRight")
    assert page.evaluate("document.activeElement.ariaLabel") != before
    press("Enter")
    expect(page.locator(".site")).to_be_visible()

    press("?")
    expect(page.locator("dialog.keys")).to_be_visible()
    press("Escape")
    expect(page.locator("dialog.keys")).to_have_count(0)


def test_the_list_narrows_sorts_and_finds_what_is_near(open_page: Open) -> None:
    page = open_page("/?view=list", geolocation={"latitude": 43.6045, "longitude": 1.444}, permissions=["geolocation"])
    page.wait_for_selector("#sites li")
    page.get_by_role("group", name="Montrer").get_by_role("button", name="plein", exact=True).click()
    states = page.locator("#sites [data-site]").evaluate_all("rows => rows.map((row) => row.dataset.state)")
    assert set(states) == {"full"}
    page.get_by_role("group", name="Montrer").get_by_role("button", name="plein", exact=True).click()

    page.locator("[data-sort=near]").click()
    page.get_by_role("button", name="Ma position").click()
    expect(page.locator("#sites li .where strong").first).to_contain_text("km")
    far = page.locator("#sites li .where strong").all_inner_texts()
    kilometres = [float(text.split("\u00a0")[0].split(" ")[0].replace(",", ".").replace("\u202f", "")) for text in far]
    assert kilometres == sorted(kilometres)
    shot(page, "desk-near")


def test_a_departement_narrows_all(open_page: Open) -> None:
    page = open_page("/?view=list")
    page.wait_for_selector("#sites li")
    page.locator("button.dep", has_text="Hérault").click()
    expect(page.locator(".totals h2")).to_contain_text("Hérault")
    where = page.locator("#sites [data-site] .where").all_inner_texts()
    assert where
    assert all("(34)" in text for text in where)
    page.locator(".crumb").click()
    expect(page.locator(".totals h2")).not_to_contain_text("Hérault")
