"""An EHPAD's sitting, the tracing agents' calls and the access trail, against the stand-in."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.browser.conftest import DESK, PHONE, Screen, shot
from tests.browser.stand_in import SECRET, StandIn
from tests.browser.stand_in_follow_up import EHPAD, RESIDENTS
from tests.browser.test_screens import overflow, serious

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
SEEN_ALREADY = 7  # of the stand-in's residents; one more can't be seen yet


@pytest.fixture
def visit(browser: Browser, stand_in: StandIn) -> Iterator[Visit]:
    """Return what opens a desk for somebody; what the page complained of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def visited(path: str, *, who: str, screen: Screen = DESK, night: bool = False, tongue: str = "fr-FR") -> Page:
        context = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            color_scheme="dark" if night else "light",
            locale=tongue,
            timezone_id="Europe/Paris",
            has_touch=screen.is_narrow,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        quiet = re.compile(r"status of \d+|ERR_INTERNET_DISCONNECTED|WebSocket")
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" and not quiet.search(said.text) else None,
        )
        page.goto(f"{stand_in.url}{path}#connexion={SECRET}.{who}")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


def small_targets(page: Page) -> list[str]:
    """Return what can be touched within the desk and is smaller than 44 px."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(
                '#main button, #main input:not([type=checkbox]), #main select, #main summary, #main a')]
            .filter((part) => part.checkVisibility() && part.getBoundingClientRect().width > 0)
            .map((part) => [part.textContent || part.ariaLabel || part.id, part.getBoundingClientRect()])
            .filter(([, { width, height }]) => width < 43.5 || height < 43.5)
            .map(([text, { width, height }]) => `${text} ${width}×${height}`)"""
    )
    return found


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("demo-ehpad", "/sitting/[^/]+"),
        ("demo-tracing", "/calls"),
        ("demo-support", "/patients/new"),
        ("demo-dpo", "/trail"),
    ],
)
def test_who_sees_no_beds_comes_to_their_own_desk_and_is_offered_no_map(visit: Visit, who: str, path: str) -> None:
    page = visit("/", who=who)
    expect(page).to_have_url(re.compile(rf"{path}(\?.*)?$"))
    expect(page.locator("nav.links a")).not_to_have_count(0)
    expect(page.get_by_role("link", name="Carte")).to_have_count(0)


# --- an EHPAD's sitting ----------------------------------------------------------------------------------------------


def sitting(visit: Visit, **more: object) -> Page:
    """Return the sitting's page, all residents there."""
    page = visit(f"/sitting/{EHPAD}", who="demo-ehpad", **more)
    expect(page.locator("tr[data-resident]")).to_have_count(RESIDENTS)
    return page


def line(page: Page, id_: str) -> Locator:
    """Return a resident's row."""
    return page.locator(f'tr[data-resident="{id_}"]')


def cell(page: Page, id_: str, link: str) -> Locator:
    """Return a resident's cell."""
    return line(page, id_).locator(f'[data-col="{link}"]')


def test_a_column_is_filled_in_by_keyboard_and_each_row_is_sent(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    to_see = RESIDENTS - SEEN_ALREADY - 1
    expect(page.locator(".sitting-count")).to_have_text(f"{to_see} à voir sur {RESIDENTS - 1}")
    expect(page.locator(".sitting-missing button")).to_have_count(to_see)
    cell(page, "r00", "temperature").focus()
    for text in ("37,2", "36,9", "?", "38.1"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    expect(cell(page, "r05", "temperature")).to_be_focused()  # r04 is done already
    page.keyboard.press("ArrowUp")
    expect(cell(page, "r04", "temperature")).to_be_focused()
    cell(page, "r00", "breathless").focus()
    page.keyboard.press("N")
    page.keyboard.press("ArrowDown")
    expect(cell(page, "r01", "breathless")).to_be_focused()
    expect(cell(page, "r00", "breathless")).to_have_value("no")
    expect(line(page, "r00")).to_have_attribute("data-standing", "started")
    page.get_by_role("button", name="Envoyer les 4 lignes remplies").click()
    expect(line(page, "r00")).to_have_attribute("data-standing", "part")
    expect(line(page, "r00")).to_contain_text(re.compile(r"incomplet, transmis \d\d:\d\d"))
    expect(line(page, "r00")).to_contain_text("manque : Saturation")  # and what was told is sent all the same
    sent = stand_in.follow_up.sat
    assert sent["r00"]["answers"] == {"temperature": 37.2, "breathless": "no"}
    assert sent["r02"]["answers"] == {"temperature": None}
    assert sent["r03"]["answers"] == {"temperature": 38.1}
    expect(page.locator(".sitting-count")).to_have_text(f"{to_see - 4} à voir, 4 à compléter sur {RESIDENTS - 1}")
    expect(page.locator(".sitting-missing button").first).to_have_text("101")
    page.reload()
    expect(line(page, "r00")).to_contain_text(re.compile(r"incomplet, fait \d\d:\d\d.*manque : Saturation"))
    expect(page.locator(".sitting-count")).to_have_text(f"{to_see - 4} à voir, 4 à compléter sur {RESIDENTS - 1}")
    page.locator(".sitting-missing button").last.click()
    expect(cell(page, "r57", "temperature")).to_be_focused()
    expect(page.locator(".sitting-count")).to_be_in_viewport()


def test_what_becomes_of_a_row_is_told_in_it(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    stand_in.follow_up.refuse_rows = {
        "r00": {"status": 409, "kind": "slot-closed"},
        "r01": {"status": 422, "errors": [{"path": "answers.measures/pulse", "message": "…"}]},
        "r02": {"status": 202},
    }
    for id_ in ("r00", "r01", "r02", "r03"):
        cell(page, id_, "pulse").fill("80")
    cell(page, "r03", "spo2").fill("970")  # impossible: it stays here, the rest goes
    page.get_by_role("button", name="Envoyer les 4 lignes remplies").click()
    expect(line(page, "r00").get_by_role("alert")).to_contain_text("la séance est close")
    expect(line(page, "r01").get_by_role("alert")).to_contain_text("à vérifier : Pouls")
    expect(cell(page, "r01", "pulse")).to_have_attribute("aria-invalid", "true")
    expect(line(page, "r02")).to_have_attribute("data-standing", "part")  # asked again by itself
    expect(line(page, "r03")).to_have_attribute("data-standing", "part")
    expect(line(page, "r03").locator(".cell-why")).to_contain_text("à 100")
    assert stand_in.follow_up.sat["r03"]["answers"] == {"pulse": 80}
    shot(page, "desks-sitting-told")
    assert serious(page) == []


def test_without_a_network_rows_stay_and_go_by_themselves(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    page.context.set_offline(True)
    cell(page, "r06", "temperature").fill("37,4")
    line(page, "r06").get_by_role("button", name="Envoyer").click()
    expect(line(page, "r06").get_by_role("alert")).to_contain_text("pas de réseau")
    assert not stand_in.follow_up.sat
    page.context.set_offline(False)
    expect(line(page, "r06")).to_have_attribute("data-standing", "part")
    assert list(stand_in.follow_up.sat) == ["r06"]


def test_what_was_typed_in_an_earlier_round_stands_apart_and_goes_to_its_own(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    cell(page, "r00", "temperature").fill("39,9")
    cell(page, "r00", "pulse").fill("800")  # can't be, and is read out as it was written
    page.route("**/sittings/*", at_the_next_slot)
    page.get_by_role("button", name="Actualiser").click()
    expect(cell(page, "r00", "temperature")).to_have_value("")
    left = page.get_by_role("region", name="Une ligne d’un tour précédent n’est pas transmise")
    expect(left).to_contain_text(re.compile(r"101.*tour de \d\d:\d\d.*39,9 °C.*800.*jamais transmis"))
    stand_in.follow_up.refuse_rows = {"r00": {"status": 409, "kind": "slot-closed"}}
    with page.expect_request(lambda request: request.method == "POST" and "/sittings/" in request.url) as sent:
        left.get_by_role("button", name="Transmettre à ce tour").click()
    (row,) = json.loads(sent.value.post_data or "")["rows"]
    assert (row["slot"], row["answers"]) == ("4-0900", {"temperature": 39.9})
    expect(left.get_by_role("alert")).to_contain_text("trop tard : ce tour est clos")
    shot(page, "desks-sitting-left-over")
    assert serious(page) == []
    assert not stand_in.follow_up.sat
    # And what is typed now is of the slot that is open now.
    cell(page, "r00", "temperature").fill("37,1")
    line(page, "r00").get_by_role("button", name="Envoyer").click()
    expect(line(page, "r00")).to_have_attribute("data-standing", "part")
    assert (stand_in.follow_up.sat["r00"]["slot"], stand_in.follow_up.sat["r00"]["answers"]) == (
        "5-1600",
        {"temperature": 37.1},
    )
    left.get_by_role("button", name="Lu, retirer").click()
    expect(left).to_have_count(0)


def test_a_row_that_is_refused_as_its_round_is_closed_stands_apart(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    cell(page, "r00", "temperature").fill("39,9")
    page.route("**/sittings/*", at_the_next_slot)
    stand_in.follow_up.refuse_rows = {"r00": {"status": 409, "kind": "slot-closed"}}
    line(page, "r00").get_by_role("button", name="Envoyer").click()
    expect(page.locator(".sitting-left").get_by_role("alert")).to_contain_text("trop tard")
    expect(cell(page, "r00", "temperature")).to_have_value("")


def test_what_is_left_over_fits_on_a_telephone(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit, screen=PHONE)
    for id_ in ("r00", "r03"):
        cell(page, id_, "temperature").fill("39,9")
        cell(page, id_, "breathless").select_option("at-rest")
        page.get_by_role("button", name="Revenir à la séance").click()
    page.route("**/sittings/*", at_the_next_slot)
    stand_in.follow_up.refuse_rows = {"r00": {"status": 409, "kind": "slot-closed"}}
    line(page, "r00").get_by_role("button", name="Envoyer").click()
    expect(page.locator(".sitting-left li")).to_have_count(2)
    page.locator(".sitting-left").scroll_into_view_if_needed()
    shot(page, "desks-sitting-left-over-phone")
    assert [each for each in overflow(page) if not each.startswith("room-link")] == []
    assert serious(page) == []
    assert small_targets(page) == []


def test_what_was_sent_without_a_network_goes_to_its_own_round_once_it_is_back(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    cell(page, "r00", "temperature").fill("38,1")
    page.route("**/sittings/*", without_a_network)
    line(page, "r00").get_by_role("button", name="Envoyer").click()
    expect(line(page, "r00").get_by_role("alert")).to_contain_text("gardé sur cet appareil")
    until_rows_are_kept(page, 1)
    page.unroute_all()
    page.route("**/sittings/*", at_the_next_slot)
    page.reload()
    expect(page.locator(".left-standing")).to_contain_text(re.compile(r"transmis \d\d:\d\d"))
    assert (stand_in.follow_up.sat["r00"]["slot"], stand_in.follow_up.sat["r00"]["answers"]) == (
        "4-0900",
        {"temperature": 38.1},
    )
    until_rows_are_kept(page, 0)


def without_a_network(route: Route) -> None:
    """Let nothing be sent."""
    route.abort("internetdisconnected") if route.request.method == "POST" else route.continue_()


def at_the_next_slot(route: Route) -> None:
    """Tell the sitting as it is once the next slot is open."""
    if route.request.method != "GET":
        route.continue_()
        return
    answered = route.fetch()
    told = answered.json()
    for resident in told["residents"]:
        resident["slot"] = "5-1600"
    route.fulfill(response=answered, json=told)


def test_unsent_rows_are_there_after_another_page(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    cell(page, "r00", "temperature").fill("38,4")
    cell(page, "r03", "breathless").select_option("at-rest")
    page.locator("nav.links").get_by_role("link", name=re.compile("^Alertes")).click()
    expect(page.locator("tr[data-resident]")).to_have_count(0)
    page.go_back()
    expect(cell(page, "r00", "temperature")).to_have_value("38,4")
    expect(cell(page, "r03", "breathless")).to_have_value("at-rest")
    page.get_by_role("button", name="Envoyer les 2 lignes remplies").click()
    expect(line(page, "r03")).to_have_attribute("data-standing", "part")
    assert {id_: row["answers"] for id_, row in stand_in.follow_up.sat.items()} == {
        "r00": {"temperature": 38.4},
        "r03": {"breathless": "at-rest"},
    }


KEPT_ROWS = """async (wanted) => {
    const until = Date.now() + 20000;
    for (;;) {
        const names = (await indexedDB.databases()).map(({ name }) => name);
        let rows = [];
        if (names.includes("vigilits-sitting")) {
            const asked = indexedDB.open("vigilits-sitting");
            const database = await new Promise((resolve) => (asked.onsuccess = () => resolve(asked.result)));
            const all = database.transaction("kept").objectStore("kept").getAll();
            rows = await new Promise((resolve) => (all.onsuccess = () => resolve(all.result)));
            database.close();
        }
        if (rows.length === wanted)
            return rows.map((row) => row.id + String.fromCharCode(...new Uint8Array(row.sealed))).join("");
        if (Date.now() > until) throw new Error(`${rows.length} rows are kept`);
        await new Promise((resume) => setTimeout(resume, 50));
    }
}"""


def until_rows_are_kept(page: Page, wanted: int) -> str:
    """Return what the browser keeps of so many rows, as it stands there."""
    kept: str = page.evaluate(KEPT_ROWS, wanted)
    return kept


def test_unsent_rows_are_there_after_a_reload_and_kept_sealed(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    cell(page, "r00", "temperature").fill("38,4")
    cell(page, "r03", "breathless").select_option("at-rest")
    kept = until_rows_are_kept(page, 2)
    assert not any(each in kept for each in ("38", "at-rest", "ABADIE", EHPAD))
    page.reload()
    expect(cell(page, "r00", "temperature")).to_have_value("38,4")
    expect(cell(page, "r03", "breathless")).to_have_value("at-rest")
    expect(page.locator(".sitting-left")).to_have_count(0)
    page.get_by_role("button", name="Envoyer les 2 lignes remplies").click()
    expect(line(page, "r03")).to_have_attribute("data-standing", "part")
    assert {id_: row["answers"] for id_, row in stand_in.follow_up.sat.items()} == {
        "r00": {"temperature": 38.4},
        "r03": {"breathless": "at-rest"},
    }
    until_rows_are_kept(page, 0)


def test_on_a_shared_tablet_nobody_finds_anothers_rows(visit: Visit, stand_in: StandIn) -> None:
    page = sitting(visit)
    cell(page, "r00", "temperature").fill("38,4")
    until_rows_are_kept(page, 1)
    # The first one's session ended and somebody else signed in: theirs are not shown, and still theirs.
    page.goto("about:blank")
    page.goto(f"{stand_in.url}/sitting/{EHPAD}#connexion={SECRET}.demo-nurse")
    expect(page.locator("tr[data-resident]")).to_have_count(RESIDENTS)
    expect(cell(page, "r00", "temperature")).to_have_value("")
    until_rows_are_kept(page, 1)
    # Whoever signs out leaves nothing of anybody.
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.locator("tr[data-resident]")).to_have_count(0)
    until_rows_are_kept(page, 0)
    page.goto("about:blank")
    page.goto(f"{stand_in.url}/sitting/{EHPAD}#connexion={SECRET}.demo-ehpad")
    expect(page.locator("tr[data-resident]")).to_have_count(RESIDENTS)
    expect(cell(page, "r00", "temperature")).to_have_value("")


def test_a_resident_who_is_red_by_score_alone_is_told_of_in_their_row(visit: Visit) -> None:
    page = sitting(visit)
    send = line(page, "r00").get_by_role("button", name="Envoyer")
    for item, value in {"spo2": "95", "respiratory-rate": "25", "systolic": "90", "pulse": "131"}.items():
        cell(page, "r00", item).fill(value)
    expect(line(page, "r00").get_by_role("link")).to_have_count(0)
    send.click()
    call = line(page, "r00").get_by_role("alert").get_by_role("link", name="Appelez le 15 pour ce résident")
    expect(call).to_have_attribute("href", "tel:15")
    for item, value in {"spo2": "97", "respiratory-rate": "16", "systolic": "120", "pulse": "80"}.items():
        cell(page, "r00", item).fill(value)
    send.click()
    expect(line(page, "r00")).to_have_attribute("data-standing", "part")
    expect(call).to_be_visible()  # as a receipt says nothing of what was answered before, it stays for the round


def test_a_red_flag_calls_for_the_15_in_its_row(visit: Visit) -> None:
    page = sitting(visit)
    cell(page, "r00", "warning-signs").click()
    line(page, "r00").get_by_label("Cyanose").check()
    call = line(page, "r00").get_by_role("alert").get_by_role("link")
    expect(call).to_contain_text("Appelez le 15")
    expect(call).to_have_attribute("href", "tel:15")
    page.keyboard.press("Escape")
    expect(cell(page, "r00", "warning-signs")).to_be_focused()
    cell(page, "r00", "warning-signs").click()
    line(page, "r00").get_by_label("Aucun").check()
    expect(call).to_have_count(0)


def test_the_15_of_a_row_is_there_after_a_reload_too(visit: Visit) -> None:
    page = sitting(visit)
    for item, value in {"spo2": "95", "respiratory-rate": "25", "systolic": "90", "pulse": "131"}.items():
        cell(page, "r00", item).fill(value)
    line(page, "r00").get_by_role("button", name="Envoyer").click()
    expect(line(page, "r00")).to_have_attribute("data-standing", "part")
    page.reload()
    expect(line(page, "r00").get_by_role("alert")).to_contain_text("Appelez le 15 pour ce résident")


def test_what_can_be_ticked_is_in_sight_in_the_last_row_too(visit: Visit) -> None:
    page = sitting(visit)
    last = f"r{RESIDENTS - 2:02}"  # the last that is asked anything
    cell(page, last, "warning-signs").click()
    options = line(page, last).locator(".several-list label")
    for place in range(options.count()):
        expect(options.nth(place)).to_be_in_viewport(ratio=1)
    covered = """(box) => {
        const { left, top, width, height } = box.getBoundingClientRect();
        return !box.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    }"""
    assert [options.nth(place).evaluate(covered) for place in range(options.count())] == [False] * options.count()
    shot(page, "desks-sitting-signs-last")
    line(page, last).get_by_label("Cyanose").check()
    expect(line(page, last).get_by_role("alert")).to_contain_text("Appelez le 15")
    page.mouse.click(5, 5)
    expect(line(page, last).locator(".several-list")).to_be_hidden()


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
def test_on_a_telephone_a_red_flag_fills_the_screen_and_stays_at_its_foot(visit: Visit, night: bool) -> None:
    page = sitting(visit, screen=PHONE, night=night)
    alarm = page.get_by_role("alertdialog")
    cell(page, "r02", "warning-signs").click()
    shot(page, f"desks-sitting-phone-signs-{'night' if night else 'day'}")
    line(page, "r02").get_by_label("Douleur").check()
    expect(alarm).to_contain_text("Appelez le 15 pour ce résident")
    expect(alarm.get_by_role("link", name="Appeler le 15")).to_have_attribute("href", "tel:15")
    expect(alarm).to_contain_text("pas encore transmise")
    shot(page, f"desks-sitting-phone-15-{'night' if night else 'day'}")
    assert serious(page) == []
    alarm.get_by_role("button", name="Revenir à la séance").click()
    expect(alarm).to_have_count(0)
    foot = page.locator(".sitting-urgent")
    expect(foot).to_be_in_viewport(ratio=1)
    expect(foot).to_contain_text("103")
    page.locator(".sitting-missing button").last.click()
    expect(foot).to_be_in_viewport(ratio=1)
    shot(page, f"desks-sitting-phone-urgent-{'night' if night else 'day'}")
    foot.get_by_role("button").click()
    expect(line(page, "r02")).to_be_in_viewport()
    cell(page, "r02", "spo2").fill("8")  # half written
    expect(alarm).to_have_count(0)
    cell(page, "r02", "spo2").fill("82")
    cell(page, "r02", "spo2").blur()
    assert serious(page) == []


@pytest.mark.parametrize(
    ("screen", "night"), [(DESK, False), (DESK, True), (PHONE, False)], ids=["desk-day", "desk-night", "phone-day"]
)
def test_the_sitting_fits_and_can_be_read_by_all(visit: Visit, screen: Screen, night: bool) -> None:
    page = sitting(visit, screen=screen, night=night)
    cell(page, "r00", "temperature").fill("37,2")
    cell(page, "r01", "temperature").fill("372")
    cell(page, "r01", "breathless").select_option("at-rest")
    page.mouse.move(0, 0)
    shot(page, f"desks-sitting-{screen.name}-{'night' if night else 'day'}")
    # Who is missing stands in one line, which scrolls.
    assert [each for each in overflow(page) if not each.startswith("room-link")] == []
    assert serious(page) == []
    assert small_targets(page) == []


def test_the_focused_cell_is_never_under_what_stays_in_place(visit: Visit) -> None:
    page = sitting(visit, screen=Screen("narrow-desk", 1024, 700))
    cell(page, "r00", "temperature").focus()
    covered = """() => {
        const cell = document.activeElement, box = cell.getBoundingClientRect();
        const at = (x, y) => cell.closest("td").contains(document.elementFromPoint(x, y));
        const middle = (box.top + box.bottom) / 2;
        return at(box.left + 3, middle) && at(box.right - 3, middle) ? null : cell.ariaLabel;
    }"""
    for key in ["Tab"] * 40 + ["Shift+Tab"] * 40:
        page.keyboard.press(key)
        if page.evaluate("document.activeElement.dataset.col !== undefined"):
            assert page.evaluate(covered) is None


def test_a_wrong_cell_has_a_sign_as_well(visit: Visit) -> None:
    page = sitting(visit)
    wrong = cell(page, "r01", "temperature")
    wrong.fill("372")
    sign = "at => getComputedStyle(at.closest('td'), '::after').content"
    expect(wrong).to_have_attribute("aria-invalid", "true")
    assert "✕" in wrong.evaluate(sign)
    assert "✕" not in cell(page, "r02", "temperature").evaluate(sign)


# --- calls -----------------------------------------------------------------------------------------------------------


def test_calls_are_made_by_time_and_the_next_one_comes_by_itself(visit: Visit, stand_in: StandIn) -> None:
    page = visit("/calls", who="demo-tracing")
    expect(page.get_by_role("heading", name="5 personnes à appeler")).to_be_visible()
    expect(page.locator(".call-row").first).to_contain_text("en retard")
    expect(page.get_by_role("heading", name="Abadie Odette")).to_be_focused()
    call = page.get_by_role("link", name="Appeler le 06 12 34 56 70")
    expect(call).to_have_attribute("href", "tel:+33612345670")
    expect(page.locator(".call-whom")).to_contain_text("Suivi ARS")
    expect(page.locator(".call-whom")).to_contain_text("département 31 · né·e le 01/06/1950")
    save = page.get_by_role("button", name="Enregistrer, et appeler le suivant")
    expect(save).to_be_disabled()
    page.get_by_role("button", name="D’accord").click()
    page.get_by_label("Note (facultatif)").fill("par sa fille")
    save.click()
    expect(page.get_by_role("heading", name="4 personnes à appeler")).to_be_visible()
    expect(page.get_by_role("heading", name="Barthe Marcel")).to_be_focused()
    expect(page.locator(".call-saved")).to_have_text("Abadie Odette : d’accord, enregistré.")
    page.get_by_role("button", name="Pas de réponse").click()
    page.get_by_role("button", name="Demain 10 h").click()
    save.click()
    expect(page.get_by_role("heading", name="Castex Simone")).to_be_focused()
    expect(page.locator(".call-row").last).to_contain_text("1 appel déjà fait")
    agreed, unreachable = stand_in.follow_up.called
    assert agreed == {"patient": "c0", "act": "call", "outcome": "agreed", "note": "par sa fille"}
    assert unreachable["outcome"] == "unreachable"
    assert unreachable["next_at"] > stand_in.clock


def test_who_agrees_and_cannot_be_written_to_is_asked_for_a_number_before_it_is_recorded(
    visit: Visit, stand_in: StandIn
) -> None:
    stand_in.follow_up.unreached.add("c0")
    page = visit("/calls", who="demo-tracing")
    save = page.get_by_role("button", name="Enregistrer, et appeler le suivant")
    page.get_by_role("button", name="D’accord").click()
    save.click()
    expect(page.get_by_role("alert")).to_contain_text("Rien ne permet encore de lui écrire")
    expect(page.get_by_role("heading", name="Abadie Odette")).to_be_visible()
    save.click()
    expect(page.get_by_role("alert").last).to_contain_text("Un portable ou un courriel est nécessaire")
    page.get_by_label("Courriel").fill("odette@example.org")
    shot(page, "desks-calls-no-channel")
    assert small_targets(page) == []
    save.click()
    expect(page.locator(".call-saved")).to_have_text("Abadie Odette : d’accord, enregistré.")
    (filed,) = stand_in.follow_up.refiled
    assert (filed["channels"], filed["file"]["contact"]) == (["smtp"], {"email": "odette@example.org"})
    assert [each["outcome"] for each in stand_in.follow_up.called] == ["agreed"]


def test_a_refusal_is_asked_for_twice_and_what_was_not_recorded_is_not_said_to_be(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit("/calls", who="demo-tracing")
    saved = page.locator(".call-saved")
    save = page.get_by_role("button", name="Enregistrer, et appeler le suivant")
    page.get_by_role("button", name="Refuse").click()
    save.click()
    expect(page.get_by_role("alert")).to_contain_text("efface le dossier")
    page.get_by_role("button", name="Pas de réponse").click()  # it was a slip
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    save.click()
    assert not stand_in.follow_up.called
    page.get_by_role("button", name="Oui : enregistrer le refus, et effacer").click()
    expect(saved).to_have_text("Abadie Odette : refuse, enregistré.")
    assert [call["outcome"] for call in stand_in.follow_up.called] == ["refused"]

    def answers(place: int, status: int, body: dict[str, str]) -> None:
        page.route(f"**/patients/c{place}/acts", lambda route: route.fulfill(status=status, json=body), times=1)

    # Not recorded yet, somebody else's, and one that may be tried again: three things, and no note is lost unsaid.
    answers(1, 202, {"outcome": "pending"})
    page.get_by_role("button", name="D’accord").click()
    save.click()
    expect(saved).to_contain_text("Barthe Marcel : d’accord, transmis, pas encore enregistré")
    answers(2, 409, {"type": "urn:vigilits:problem:not-now"})
    page.get_by_role("button", name="D’accord").click()
    page.get_by_label("Note (facultatif)").fill("par sa fille")
    save.click()
    expect(saved).to_contain_text("Castex Simone : plus personne n’est à appeler ici")
    expect(saved).to_contain_text("« par sa fille »")
    answers(3, 409, {"type": "urn:vigilits:problem:paused", "title": "Paused"})
    page.get_by_role("button", name="D’accord").click()
    page.get_by_label("Note (facultatif)").fill("le soir")
    save.click()
    expect(page.get_by_role("alert")).to_contain_text("Cela n’a pas marché")
    expect(page.get_by_label("Note (facultatif)")).to_have_value("le soir")


def test_a_list_is_imported_and_each_wrong_row_is_told(visit: Visit, stand_in: StandIn) -> None:
    page = visit("/calls", who="demo-tracing")
    page.route(
        "**/api/v1/regions/*/pathways",
        lambda route: route.fulfill(
            json={"pathways": [{"id": "ars-contact", "title": {"fr": "Contact", "en": "Contact"}, "first_call": {}}]}
        ),
    )
    page.get_by_text("Importer une liste").click()
    lines = [
        "birth_name;first_names;birth_date;phone",
        "DURAND;Odette;1942-03-07;+33612345678",
        "DUPONT;Jean;1950-01-01;+33612345679",
        "MARTIN;Paul;1960-02-02;",
    ]
    page.get_by_label("Fichier").set_input_files(
        {"name": "liste.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    )
    expect(page.get_by_text("3 lignes lues dans le fichier")).to_be_visible()
    bring = page.get_by_role("button", name="Importer", exact=True)
    expect(bring).to_be_disabled()  # a case is no contact: nobody but the agent knows which they are
    page.get_by_label("Parcours").select_option("ars-contact")
    bring.click()
    expect(page.get_by_text("2 dossiers ouverts · 1 ligne à corriger")).to_be_visible()
    expect(page.locator(".bring-rows")).to_contain_text("Ligne 4 : téléphone : manque")
    assert [row["birth_name"] for row in stand_in.follow_up.imported] == ["DURAND", "DUPONT"]
    shot(page, "desks-calls-import")
    assert serious(page) == []


def test_a_list_of_an_older_encoding_is_read_as_it_was_written_and_shown(visit: Visit, stand_in: StandIn) -> None:
    page = visit("/calls", who="demo-tracing")
    page.route(
        "**/api/v1/regions/*/pathways",
        lambda route: route.fulfill(
            json={"pathways": [{"id": "ars-contact", "title": {"fr": "Contact", "en": "Contact"}, "first_call": {}}]}
        ),
    )
    page.get_by_text("Importer une liste").click()
    text = "birth_name;first_names;birth_date;phone\nCrémieux;Zoé;05/06/1988;0612345678\n"
    page.get_by_label("Fichier").set_input_files(
        {"name": "liste.csv", "mimeType": "text/csv", "buffer": text.encode("cp1252")}
    )
    expect(page.get_by_text("lu comme du Windows-1252")).to_be_visible()
    expect(page.get_by_text("Crémieux · Zoé · 05/06/1988")).to_be_visible()
    shot(page, "desks-calls-old-encoding")
    assert serious(page) == []
    page.get_by_label("Parcours").select_option("ars-contact")
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_text("1 dossier ouvert")).to_be_visible()
    assert [row["birth_name"] for row in stand_in.follow_up.imported] == ["Crémieux"]


@pytest.mark.parametrize(
    ("screen", "night"), [(DESK, False), (PHONE, False), (PHONE, True)], ids=["desk-day", "phone-day", "phone-night"]
)
def test_the_calls_fit_and_can_be_read_by_all(visit: Visit, screen: Screen, night: bool) -> None:
    page = visit("/calls", who="demo-tracing", screen=screen, night=night)
    page.get_by_role("button", name="Rappeler", exact=True).click()
    shot(page, f"desks-calls-{screen.name}-{'night' if night else 'day'}")
    assert overflow(page) == []
    assert serious(page) == []
    assert small_targets(page) == []


def test_on_a_phone_names_and_numbers_are_out_of_sight_until_asked_for_and_again_once_it_was_put_away(
    visit: Visit,
) -> None:
    for who, path, there, secrets in (
        ("demo-tracing", "/calls", ".call-row", ("Abadie", "33612345670", "06 12")),
        ("demo-ehpad", f"/sitting/{EHPAD}", "tr[data-resident]", ("ABADIE", "Odette")),
    ):
        page = visit(path, who=who, screen=PHONE)
        expect(page.locator(there).first).to_contain_text("Nom masqué")
        assert [secret for secret in secrets if secret in page.content()] == []
        shot(page, f"desks-hidden-{who}")
        page.get_by_role("button", name="Afficher les noms").first.click()
        expect(page.locator(there).first).to_contain_text(secrets[0])
        assert small_targets(page) == []
        page.evaluate("dispatchEvent(new Event('pagehide'))")
        expect(page.locator(there).first).to_contain_text("Nom masqué")
        assert [secret for secret in secrets if secret in page.content()] == []


# --- the trail -------------------------------------------------------------------------------------------------------


def test_the_trail_is_read_by_person_and_by_file_and_further_back(visit: Visit) -> None:
    page = visit("/trail", who="demo-dpo")
    expect(page.locator(".trail-table tbody tr")).to_have_count(50)
    page.get_by_role("button", name="Plus anciens").click()
    expect(page.locator(".trail-table tbody tr")).to_have_count(100)
    page.get_by_label("Personne (identifiant)").fill("demo-nurse")
    page.get_by_role("button", name="Chercher").click()
    expect(page).to_have_url(re.compile(r"/trail\?person=demo-nurse$"))
    expect(page.locator(".trail-table tbody tr")).to_have_count(40)
    file = page.locator(".trail-link.code").first
    name = file.get_attribute("title") or ""
    file.click()
    expect(page).to_have_url(re.compile(rf"file={name}"))
    expect(page.get_by_label("Dossier (pseudonyme)")).to_have_value(name)
    page.get_by_role("button", name="Tout voir").click()
    expect(page.locator(".trail-table tbody tr")).to_have_count(50)
    page.go_back()
    expect(page.get_by_label("Dossier (pseudonyme)")).to_have_value(name)


def test_others_see_their_own_accesses_alone(visit: Visit) -> None:
    page = visit("/trail", who="demo-nurse")
    expect(page.get_by_text("Vous voyez vos propres accès.")).to_be_visible()
    expect(page.get_by_label("Personne (identifiant)")).to_have_count(0)


@pytest.mark.parametrize(
    ("screen", "night"), [(DESK, False), (DESK, True), (PHONE, False)], ids=["desk-day", "desk-night", "phone-day"]
)
def test_the_trail_fits_and_can_be_read_by_all(visit: Visit, screen: Screen, night: bool) -> None:
    page = visit("/trail", who="demo-dpo", screen=screen, night=night)
    page.wait_for_selector(".trail-table")
    shot(page, f"desks-trail-{screen.name}-{'night' if night else 'day'}")
    assert overflow(page) == []
    assert serious(page) == []
    assert small_targets(page) == []
