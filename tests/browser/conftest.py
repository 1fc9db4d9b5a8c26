"""A browser, the sizes that matter, and a site to look at: the stand-in, or a running system named by VIGILITS_SITE."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.stand_in import DIST, SECRET, StandIn

expect.set_options(timeout=20_000)  # patient: a busy machine is no defect

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
# MapLibre needs WebGL, which a machine without a graphics card has in software.
WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")

Open = Callable[..., Page]


class Screen(NamedTuple):
    """A size at which the web app is looked at."""

    name: str
    width: int
    height: int

    @property
    def is_narrow(self) -> bool:
        """Return whether it shows one column at a time."""
        return self.width < 1000


DESK, WALL, PHONE = Screen("desk", 1440, 900), Screen("wall", 1920, 1080), Screen("phone", 390, 844)
SCREENS = (DESK, WALL, PHONE)


class Site(NamedTuple):
    """Where the web app is: its origin, and the fragment that signs in."""

    origin: str
    fragment: str

    def at(self, path: str = "/") -> str:
        """Return the address of a page that signs in as it opens."""
        return f"{self.origin}{path}{self.fragment}"


@pytest.fixture(scope="package")  # while it is there Playwright holds the thread's event loop: no later test may wait
def browser(chromium_launch: dict[str, Any]) -> Iterator[Browser]:
    """Return a Chromium that draws WebGL in software."""
    args = [arg for arg in chromium_launch["args"] if arg != "--disable-gpu"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**{**chromium_launch, "args": [*args, *WEBGL]})
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def built() -> None:
    """Say what to do where the web app was not built."""
    assert (DIST / "index.html").exists(), "dashboards/dist is not there: `make web` builds it"


@pytest.fixture(scope="session")
def shared_stand_in(built: None) -> Iterator[StandIn]:
    """Return a stand-in that tests only look at."""
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(built: None) -> Iterator[StandIn]:
    """Return a stand-in of the test's own, to be told what to do."""
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def invented(shared_stand_in: StandIn) -> Site:
    """Return the stand-in, whose figures are known to hold stale and unknown ones."""
    return Site(shared_stand_in.url, f"#connexion={SECRET}")


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    """Return the site that is looked at: VIGILITS_SITE (an address that signs in), else the stand-in."""
    address = os.environ.get("VIGILITS_SITE")
    if address:
        parts = urlsplit(address)
        return Site(f"{parts.scheme}://{parts.netloc}", f"#{parts.fragment}" if parts.fragment else "")
    found: Site = request.getfixturevalue("invented")
    return found


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Open]:
    """Return what opens the site, signed in, at a size; what the page complained of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(
        path: str = "/",
        *,
        screen: Screen = DESK,
        night: bool = False,
        tongue: str = "fr-FR",
        at: Site = site,
        **more: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            color_scheme="dark" if night else "light",
            locale=tongue,
            has_touch=screen.is_narrow,
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(at.at(path))
        page.wait_for_selector(".totals", state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


@pytest.fixture
def live_page(browser: Browser, stand_in: StandIn) -> Iterator[Page]:
    """Return a page on a stand-in of the test's own, live; sockets that fail may be complained of."""
    context = browser.new_context(viewport={"width": DESK.width, "height": DESK.height}, locale="fr-FR")
    page = context.new_page()
    page.goto(f"{stand_in.url}/#connexion={SECRET}")
    page.wait_for_selector(".live-live")
    yield page
    context.close()


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def wait_for_map(page: Page) -> None:
    """Wait until the map has its marks."""
    page.wait_for_selector(".mark-ring, .mark-pin", timeout=30_000)
