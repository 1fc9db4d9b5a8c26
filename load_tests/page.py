"""From opening the page, cold, to a list and a map drawn with figures: all 267 facilities, in headless Chromium.

The whole system runs and holds a day of the spring of 2020. Each opening has a fresh browser context, so nothing is
cached, and begins with the link that signs in; what is drawn is looked at in every animation frame.
"""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from launch import accounts
from launch.replay import door, replay
from launch.story import TELLER, rights_of_teller, story_of
from load_tests.finding import Run, arguments, run, spread
from load_tests.system import crisis_cell, live, token

REGION, LOOKER, DAY = "occitanie", "load-test", "2020-04-08"
BUDGET_MS = 2_000.0
WITHIN_S = 30.0
SIZE = {"width": 1440, "height": 900}
VIEWS = {
    # What must be there: figures in the totals, and in the view's own marks or rows.
    "map": ("/?view=map", [".totals", ".mark-ring, .mark-pin"]),
    "list": ("/?view=list", [".totals", "#sites [data-site]"]),
}
CHROMIUM = Path(__file__).parent.parent / ".engines" / "chromium"  # written by make/browser.sh
# As the browser tests have it: MapLibre needs WebGL, here in software, and a closed network refuses much at start.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
# Notes the first frame in which every one of these has something drawn in it.
WATCH = """
(wanted) => {
    const drawn = (selector) => [...document.querySelectorAll(selector)].some(
        (found) => found.getBoundingClientRect().width > 0 && /\\d/.test(found.textContent));
    const look = () => {
        if (document.body && wanted.every(drawn)) window.drawnAt = performance.now();
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}
"""


def chromium() -> str:
    """Return the path of the browser that the tests use."""
    told = CHROMIUM.read_text().strip() if CHROMIUM.exists() else ""
    path = os.environ.get("VIGILITS_CHROMIUM") or told or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        raise SystemExit("no Chromium on this machine: `make test` says what it tried")
    return path


async def opened(browser: Browser, url: str, wanted: list[str]) -> dict[str, Any]:
    """Return how many milliseconds after navigation began the page was ready, and all of it was drawn."""
    context = await browser.new_context(viewport=SIZE, locale="fr-FR")  # type: ignore[arg-type]
    try:
        page = await context.new_page()
        await page.add_init_script(f"({WATCH})({wanted!r})")
        await page.goto(url, wait_until="commit")
        async with asyncio.timeout(WITHIN_S):
            while not await page.evaluate("() => window.drawnAt"):  # noqa: ASYNC110 - the page forbids what would tell us
                await asyncio.sleep(0.02)
        found: dict[str, Any] = await page.evaluate(
            "() => ({drawn: window.drawnAt, usable: performance.getEntriesByName('usable')[0]?.startTime,"
            " bytes: performance.getEntriesByType('resource').reduce((sum, one) => sum + one.transferSize, 0)})"
        )
        return found
    finally:
        await context.close()


async def main() -> None:
    """Measure, and say what was found."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--openings", type=int, default=7)
    told = parser.parse_args()
    measured = Run("page", told)
    story = story_of(REGION, DAY, DAY, speed=1)
    grants = crisis_cell(LOOKER, [REGION]) | rights_of_teller(story.document.region, 0)
    found: dict[str, list[dict[str, Any]]] = {view: [] for view in VIEWS}
    async with live("embedded", [story.document], grants) as (_, stage):
        async with door(stage.url, lambda: token(stage, TELLER)) as through:
            await replay(story.past, through, story.days)
        link = accounts.link(stage.home, stage.url, LOOKER).removeprefix(stage.url)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS, headless=True)
            for _ in range(1 if told.short else told.openings):
                for view, (path, wanted) in VIEWS.items():
                    address = stage.url + path + link.removeprefix("/")
                    found[view].append(await opened(browser, address, wanted))
            await browser.close()
    drawn = {view: spread([one["drawn"] for one in times]) for view, times in found.items()}
    slowest = max(times["p50"] for times in drawn.values())
    measured.found(
        f"page of {len(story.document.region.facilities)} facilities, cold, sign-in included: map drawn after "
        f"{drawn['map']['p50']:.0f} ms (at most {drawn['map']['max']:.0f}), list after {drawn['list']['p50']:.0f} "
        f"(at most {drawn['list']['max']:.0f}); budget {BUDGET_MS:.0f}; {found['map'][0]['bytes'] / 1000:.0f} kB",
        {f"{view}_ms": times for view, times in drawn.items()} | {"openings": found},
        budget=f"usable ≤ {BUDGET_MS:.0f} ms after opening",
        met=slowest <= BUDGET_MS,
        beside=("playwright",),
    )


if __name__ == "__main__":
    run(main())
