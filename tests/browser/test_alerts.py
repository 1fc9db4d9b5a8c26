"""The desk, the phone's feed, the page of a message's link and the service worker, against the stand-in."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import DESK, PHONE, Screen, shot
from tests.browser.stand_in import SECRET, StandIn
from tests.browser.stand_in_alerts import ROLES
from tests.browser.test_screens import overflow, serious

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, stand_in: StandIn) -> Iterator[Visit]:
    """Return what opens a page of the stand-in for somebody; what a page complained of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def visited(
        path: str = "/alerts",
        *,
        who: str = "",
        screen: Screen = DESK,
        night: bool = False,
        tongue: str = "fr-FR",
        signs_in: bool = True,
        touches: bool | None = None,
        refused: int = 0,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            color_scheme="dark" if night else "light",
            locale=tongue,
            has_touch=screen.is_narrow if touches is None else touches,
            reduced_motion="reduce",
        )
        contexts.append(context)
        # Whatever Playwright asks of a page counts as its having been touched.
        context.add_init_script("Object.defineProperty(navigator, 'userActivation', { value: undefined })")
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def heard(text: str) -> None:
            # A browser itself complains of every refusal, those that a test is about too.
            if not (refused and f"status of {refused}" in text):
                complaints.append(text)

        page.on("console", lambda said: heard(said.text) if said.type == "error" else None)
        link = f"{SECRET}.{who}" if who else SECRET
        page.goto(f"{stand_in.url}{path}{f'#connexion={link}' if signs_in else ''}")
        if signs_in:
            page.wait_for_selector(".live-live")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


def row(page: Page, group: str) -> Locator:
    """Return a group's row or card."""
    return page.locator(f'[data-group="{group}"]')


def shown_order(page: Page) -> list[str]:
    """Return the groups in the order in which they are drawn."""
    order: list[str] = page.locator("[data-group]").evaluate_all("rows => rows.map((row) => row.dataset.group)")
    return order


def acts_of(stand_in: StandIn) -> list[tuple[str, str]]:
    """Return who did what, in order."""
    return [(act["by"], act["act"]) for act in stand_in.alerts.acts]


def soonest(page: Page, does: Callable[[], object], selector: str) -> float:
    """Return how long after it was done (ms) the page drew something, by the one clock of this machine."""
    page.evaluate(
        """(selector) => {
            window.drawnAt = null;
            const watch = new MutationObserver(() => {
                if (!document.querySelector(selector)) return;
                window.drawnAt = Date.now();
                watch.disconnect();
            });
            watch.observe(document, { subtree: true, childList: true, attributes: true });
        }""",
        selector,
    )
    began = time.time() * 1000
    does()
    expect(page.locator(selector)).to_be_visible()
    return float(page.evaluate("window.drawnAt")) - began


def test_what_fires_is_on_the_desk_within_a_second(visit: Visit, stand_in: StandIn) -> None:
    """The best of three, as others use the machine."""
    page = visit()
    expect(page.locator(".calm")).to_have_text("Aucune alerte n’attend quelqu’un.")
    took = [
        soonest(
            page,
            lambda group=group: stand_in.with_alerts(lambda alerts: alerts.fire("rea", group=group)),  # type: ignore[misc]
            f'[data-group="{group}"]',
        )
        for group in ("g1", "g2", "g3")
    ]
    assert min(took) < 1_000
    first = row(page, "g1")
    expect(first).to_contain_text("Réanimation à 92 % · Haute-Garonne")
    expect(first).to_contain_text("maintenant")  # by the capacity channel
    expect(first.locator(".count-down")).to_have_text(re.compile(r"^4:\d\d$"))
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Alertes sans personne : 3 avertissements")
    expect(page).to_have_title(re.compile(r"^\(3\) "))


def test_what_one_takes_the_other_sees_within_a_second_and_is_told_who_was_first(
    visit: Visit, stand_in: StandIn
) -> None:
    id_ = stand_in.alerts.fire("rea", "34", "critical", group="g1")
    for group in ("g3", "g4"):
        stand_in.alerts.fire("rea", "34", "critical", group=group)
    late = stand_in.alerts.fire("rea", "66", "warning", group="g2")
    mine, theirs = visit(), visit(who="demo-deputy", refused=409)
    took = [
        soonest(
            theirs,
            row(mine, group).get_by_role("button", name="Je prends").click,
            f'[data-group="{group}"][data-standing="taken"]',
        )
        for group in ("g1", "g3", "g4")
    ]
    assert min(took) < 2_000  # a click, a door and a frame; the frame's part is measured above
    expect(row(theirs, "g1")).to_contain_text("Camille Roux l’a")
    expect(row(mine, "g1")).to_contain_text("vous l’avez")
    assert stand_in.alerts.alerts[id_].alert.taken_by == "stand-in"

    stand_in.alerts.take(late, "stand-in")  # and nobody has been told yet
    row(theirs, "g2").get_by_role("button", name="Je prends").click()
    said = row(theirs, "g2").locator(".said-refused")
    expect(said).to_have_text(re.compile(r"^Pris en charge (à l’instant|il y a \d+ s) par Camille Roux$"))
    expect(row(theirs, "g2")).to_contain_text("Camille Roux l’a")

    # Whoever has it may have fallen silent: the cell can give it to itself.
    row(theirs, "g2").locator(".row-head").click()
    row(theirs, "g2").get_by_role("button", name="Passer la main").click()
    theirs.get_by_label("À qui").select_option(label="Maxime Soler (vous) · cellule regionale")
    theirs.get_by_role("button", name="Envoyer").click()
    expect(row(theirs, "g2")).to_contain_text("vous l’avez")


def test_an_act_is_not_shown_as_done_before_it_is(visit: Visit, stand_in: StandIn) -> None:
    stand_in.alerts.fire("rea", group="g1")
    stand_in.alerts.act_slowly = 1.0
    page = visit()
    button = row(page, "g1").locator('[data-act="take"]')
    button.click()
    expect(button).to_have_text("…")
    expect(row(page, "g1")).to_have_attribute("data-standing", "open")
    expect(row(page, "g1")).to_have_attribute("data-standing", "taken")


def test_the_keyboard_alone_takes_passes_on_and_closes(visit: Visit, stand_in: StandIn) -> None:
    for group, departement in (("g1", "31"), ("g2", "34"), ("g3", "66")):
        stand_in.alerts.fire("rea", departement, group=group, ago_min=int(departement))
    page = visit()
    expect(row(page, "g3")).to_be_visible()
    press = page.keyboard.press
    expect(page.locator(".sound-off")).to_have_text("Touchez la page une fois pour entendre les alertes")
    press("j")
    expect(page.locator(".sound-off")).to_have_count(0)
    press("j")
    expect(row(page, "g2").locator(".row-head")).to_be_focused()
    press("v")
    expect(row(page, "g2")).to_contain_text("vu par vous")
    press("Enter")
    expect(row(page, "g2").locator(".timeline")).to_contain_text("déclenchée")
    press("t")
    expect(row(page, "g2")).to_contain_text("vous l’avez")
    expect(row(page, "g2")).to_have_attribute("aria-busy", "false")
    press("p")
    expect(page.get_by_label("À qui")).to_be_focused()
    page.keyboard.type("Maxime")  # a list takes the first that begins so
    press("Tab")
    press("Enter")
    expect(row(page, "g2")).to_contain_text("Maxime Soler l’a")

    row(page, "g1").locator(".row-head").focus()
    press("c")
    expect(page.get_by_label("on a agi")).to_be_focused()
    press("Space")
    press("Enter")
    expect(row(page, "g1")).to_have_count(0)
    assert acts_of(stand_in) == [("stand-in", act) for act in ("seen", "take", "hand_over", "resolve")]
    assert stand_in.alerts.acts[-1]["outcome"] == "acted"

    # What stands open is not what has the focus; and a form gives the focus back to its own row.
    expect(row(page, "g2")).to_have_class(re.compile("unfolded"))
    press("t")
    row(page, "g3").locator(".row-head").focus()
    press("a")  # what waits for somebody, and not what somebody has
    expect(page.locator(".tools-bulk")).to_contain_text("1 choisie")
    press("Escape")
    press("?")
    expect(page.locator("dialog.keys")).to_contain_text("Je prends en charge")
    press("Escape")
    expect(page.locator("dialog.keys")).to_have_count(0)
    press("m")
    expect(page.get_by_label("Commentaire")).to_be_focused()
    page.keyboard.type("On rappelle")
    press("Enter")
    expect(row(page, "g3").locator(".row-head")).to_be_focused()
    press("m")
    press("Escape")
    press("t")
    expect(row(page, "g3")).to_contain_text("vous l’avez")
    assert acts_of(stand_in)[4:] == [("stand-in", "comment"), ("stand-in", "take")]


def test_many_are_taken_at_once(visit: Visit, stand_in: StandIn) -> None:
    for departement in ("31", "34", "66"):
        stand_in.alerts.fire("rea", departement, group=f"g{departement}")
    page = visit()
    row(page, "g31").get_by_role("checkbox").check()
    row(page, "g66").get_by_role("checkbox").check()
    page.get_by_role("button", name="Je prends les 2").click()
    for group, standing in (("g31", "taken"), ("g34", "open"), ("g66", "taken")):
        expect(row(page, group)).to_have_attribute("data-standing", standing)
    expect(page.locator(".tools-bulk")).to_have_count(0)


def test_the_filter_is_in_the_address(visit: Visit, stand_in: StandIn) -> None:
    stand_in.alerts.invent()
    page = visit()
    every = len(shown_order(page))
    page.get_by_role("group", name="Sujet").get_by_role("button", name="Données").click()
    expect(page).to_have_url(re.compile(r"/alerts\?concern=data$"))
    expect(page.locator("[data-group]")).to_have_count(2)
    expect(page.get_by_role("button", name="2 critiques hors filtre")).to_be_visible()
    page.get_by_label("Département").select_option("12")
    expect(page.locator("[data-group]")).to_have_count(1)
    page.reload()
    expect(page.locator("[data-group]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"concern=data&departement=12$"))
    page.get_by_role("link", name="Utilité").click()
    expect(page.locator(".rules")).to_be_visible()
    page.go_back()
    expect(page.locator("[data-group]")).to_have_count(1)
    page.get_by_role("link", name="Carte").click()
    page.wait_for_selector(".totals")
    sockets = len(stand_in.sockets)
    page.locator("#bell").click()
    expect(page.locator("[data-group]")).to_have_count(every)
    assert len(stand_in.sockets) == sockets == 2  # no page let go of its own


def test_what_is_critical_pins_at_once_and_moves_nothing_under_the_hand(visit: Visit, stand_in: StandIn) -> None:
    for number, departement in enumerate(("31", "34", "66")):
        stand_in.alerts.fire("rea", departement, group=f"g{departement}", ago_min=number)
    page = visit()
    pointed = row(page, "g34")
    pointed.hover()
    where, order = pointed.bounding_box(), shown_order(page)
    stand_in.with_alerts(lambda alerts: alerts.fire("rea", "09", "critical", 99, group="worst"))
    strip = page.locator(".strip-critical")
    expect(strip).to_contain_text("Réanimation à 99 % · Ariège")
    expect(page.get_by_role("button", name="1 changement")).to_be_visible()
    assert pointed.bounding_box() == where
    assert shown_order(page)[:3] == order
    shot(page, "alerts-critical-pinned")

    # The next one moves neither what was pinned first, nor the rows that came since.
    take = strip.get_by_role("button", name="Je prends")
    take.hover()
    stand_in.with_alerts(lambda alerts: alerts.fire("rea", "82", "critical", 97, group="next"))
    expect(strip).to_contain_text("+ 1")
    assert shown_order(page) == [*order, "worst", "next"]
    take.click()
    expect(row(page, "worst")).to_contain_text("vous l’avez")
    expect(strip).to_contain_text("Réanimation à 97 % · Tarn-et-Garonne")
    page.mouse.move(1300, 700)  # the hand leaves
    expect(page.locator("[data-group]").first).to_have_attribute("data-group", "next")
    expect(strip).to_have_count(0)


def test_a_silence_is_made_from_an_alert_and_ended(visit: Visit, stand_in: StandIn) -> None:
    stand_in.alerts.fire("rea", "31", group="g1")
    page = visit()
    row(page, "g1").locator(".row-head").focus()
    page.keyboard.press("s")
    form = page.locator(".row-form")
    expect(form.get_by_label("règle rea departement")).to_be_checked()
    expect(form.get_by_label("département Haute-Garonne")).to_be_checked()
    expect(form.get_by_role("button", name="Envoyer")).to_be_disabled()  # it says why, or it is not made
    form.get_by_label("Raison").fill("Travaux connus")
    form.get_by_label("4 h", exact=True).check()
    form.get_by_role("button", name="Envoyer").click()
    expect(row(page, "g1")).to_have_attribute("data-standing", "hushed")
    expect(row(page, "g1")).to_contain_text("en silence jusqu’à")
    expect(page.locator(".strip")).to_contain_text(re.compile("Rien n’attend.*1 en silence"))  # which is not calm
    (made,) = stand_in.alerts.silences.values()
    assert made.matchers == {"rule": ("rea-departement",), "departement": ("31",)}
    assert abs(made.until - stand_in.clock - 4 * 3_600_000) < 60_000
    expect(page.locator("#silences")).to_contain_text("Travaux connus")
    page.get_by_role("button", name=re.compile("Mettre fin.*Travaux connus")).click()
    expect(page.locator("#silences")).to_contain_text("Aucun silence en cours.")
    expect(row(page, "g1")).to_have_attribute("data-standing", "open")


def test_somebody_stands_in_on_call(visit: Visit, stand_in: StandIn) -> None:
    stand_in.alerts.invent()
    page = visit()
    page.locator(".schedule", has_text="Cellule de crise").get_by_role("button", name="Remplacer").click()
    form = page.get_by_role("form", name="Remplaçant, cellule")
    form.get_by_label("Qui").select_option(label="Maxime Soler · cellule regionale")
    form.get_by_role("button", name="Mettre en place").click()
    expect(page.locator(".schedule", has_text="Cellule de crise")).to_contain_text("Maxime Soler")
    expect(page.locator(".schedule", has_text="exploitation")).to_contain_text("l’agenda n’a pas pu être lu")
    expect(page.locator(".stand-in")).to_have_count(2)


def small_targets(page: Page) -> list[object]:
    """Return every control that a thumb would miss."""
    small: list[object] = page.evaluate(
        """() => [...document.querySelectorAll('button, select, a[href], label.check, label.choice, label.tick')]
            .filter((one) => one.offsetParent !== null && !one.closest('.skip, .detail p'))
            .map((one) => [one.className || one.tagName, Math.round(one.getBoundingClientRect().height)])
            .filter(([, height]) => height > 0 && height < 44)"""
    )
    return small


def test_the_phones_feed_is_for_one_thumb_and_for_whom_it_concerns(visit: Visit, stand_in: StandIn) -> None:
    stand_in.alerts.invent()
    page = visit(screen=PHONE)
    first = page.locator(".alert-card").first
    expect(first).to_contain_text("Réanimation à 98 % · Haute-Garonne")
    expect(first).to_contain_text("aussi prévenus : Dominique Vidal")
    expect(page.locator(".alert-card")).to_have_count(2)  # those of others are on the other page
    assert small_targets(page) == []
    first.get_by_role("button", name="Vu").click()
    expect(first).to_contain_text("vu par")
    first.get_by_role("button", name="Je prends en charge").click()
    expect(first).to_contain_text("vous l’avez")
    assert acts_of(stand_in) == [("stand-in", "seen"), ("stand-in", "take")]
    page.get_by_role("link", name="Région").click()
    expect(page.locator(".alert-card").nth(5)).to_be_visible()
    assert small_targets(page) == []

    nurse = visit(screen=PHONE, who="demo-nurse")  # has no desk
    expect(nurse.locator(".alert-card")).to_have_count(1)
    expect(nurse.locator(".alert-card")).to_contain_text("38 lits aux chiffres périmés · Aveyron")
    expect(nurse.get_by_role("link", name="Région")).to_have_count(0)


def test_who_is_told_of_nothing_reads_how_much_waits_in_the_region(visit: Visit, stand_in: StandIn) -> None:
    """On a phone; a narrow window of a desk has the desk's alerts, as ever."""
    stand_in.alerts.fire("rea", "31", "critical", group="g1")
    page = visit(screen=Screen("window", 990, 800), touches=False)
    expect(page.locator(".alert-card")).to_have_count(1)
    page.set_viewport_size({"width": PHONE.width, "height": PHONE.height})
    expect(page.locator(".calm")).to_contain_text("Rien ne vous attend, vous.")
    page.get_by_role("link", name="1 alerte de la région attend quelqu’un").click()
    expect(page.locator(".alert-card")).to_have_count(1)


def test_whose_right_to_the_desk_ends_keeps_what_is_their_own(
    visit: Visit, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.alerts.invent()
    page = visit(refused=403)
    expect(page.get_by_role("link", name="Utilité")).to_be_visible()
    monkeypatch.setitem(ROLES, "stand-in", "nurse")
    stand_in.cut_alerts(4403)
    expect(page.locator(".alert-card")).to_have_count(2)
    expect(page.get_by_role("link", name="Utilité")).to_have_count(0)


def test_a_messages_link_marks_seen_only_when_the_button_is_pressed(visit: Visit, stand_in: StandIn) -> None:
    """Nobody is signed in: link scanners open such pages, and must change nothing."""
    page = visit("/seen#a-link", screen=PHONE, signs_in=False, refused=410)
    button = page.get_by_role("button", name="Vu")
    expect(button).to_be_visible()
    assert stand_in.alerts.seen_links == []
    shot(page, "alerts-phone-seen")
    assert serious(page) == []
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 100
    button.click()
    expect(page.get_by_role("status")).to_have_text("C’est noté : vu.")
    expect(page.locator(".seen-title")).to_have_text("Réanimation à 98 % · Haute-Garonne")
    assert stand_in.alerts.seen_links == ["a-link"]
    assert "a-link" not in page.url
    expect(page.get_by_role("link", name="Ouvrir l’alerte")).to_have_attribute("href", "/alerts?group=g1")
    page.evaluate("location.hash = 'an-old-one'")  # another message's link, in the same tab
    button.click()
    expect(page.get_by_role("alert")).to_have_text("Ce lien n’est plus valable.")


PUSH = """{"title": "Réanimation à 98 % · Haute-Garonne", "body": "Confirmer les chiffres.", "tag": "g1",
           "url": "/alerts?group=g1", "severity": "critical", "seen": "a-link", "at": 1585000000000}"""


def test_a_push_is_shown_and_marked_seen_from_the_lock_screen(visit: Visit, stand_in: StandIn) -> None:
    """Through the browser's own hooks: the message as a push service hands it over, the click as the shade does."""
    stand_in.alerts.fire("rea", "31", "critical", 98, group="g1", ago_min=3)
    page = visit("/alerts?mine", screen=PHONE, refused=401)
    context = page.context
    context.grant_permissions(["notifications"], origin=stand_in.url)
    stand_in.alerts.choices = {"info": ["app"], "warning": ["app"], "critical": ["app", "mssante"]}
    page.get_by_role("link", name="Réglages").click()
    # MSSanté is chosen without an address: the application is the last that reaches them.
    expect(page.get_by_label("application, Critique")).to_be_disabled()
    page.evaluate(
        """() => {
            const toJSON = () => ({ endpoint: "https://push.example/1", keys: {} });
            const held = { toJSON, unsubscribe: async () => true };
            PushManager.prototype.subscribe = async () => held;
            PushManager.prototype.getSubscription = async () => null;
        }"""
    )
    page.get_by_role("button", name="Activer").click()
    expect(page.locator("[data-push=on]")).to_contain_text("Cet appareil est prévenu : critique, avertissement.")
    assert stand_in.alerts.choices["warning"] == ["app", "push"]
    worker = context.service_workers[0] if context.service_workers else context.wait_for_event("serviceworker")
    page.evaluate("navigator.serviceWorker.ready")
    with_cdp = context.new_cdp_session(page)
    with_cdp.send("ServiceWorker.enable")
    registrations: list[str] = []
    with_cdp.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registrations.extend(each["registrationId"] for each in told["registrations"]),
    )
    with_cdp.send("ServiceWorker.enable")
    while not registrations:
        page.wait_for_timeout(50)

    # Chromium drops a notification that is asked for between its being written down and its being shown.
    worker.evaluate(
        """() => {
            const show = ServiceWorkerRegistration.prototype.showNotification;
            ServiceWorkerRegistration.prototype.showNotification = async function (...told) {
                await show.apply(this, told);
                self.isShown = true;
            };
        }"""
    )

    def deliver(data: str) -> None:
        worker.evaluate("self.isShown = false")
        with_cdp.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": stand_in.url, "registrationId": registrations[-1], "data": data},
        )

    shown = """async () => {
        for (let tries = 0; tries < 1200; tries++) {
            const [one] = self.isShown ? await self.registration.getNotifications() : [];
            if (one) return { title: one.title, body: one.body, tag: one.tag, stays: one.requireInteraction,
                              acts: one.actions.map(({ title }) => title), url: one.data.url };
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    }"""
    click = """async (action) => {
        const [notification] = await self.registration.getNotifications();
        let done = Promise.resolve();
        const event = new NotificationEvent("notificationclick", { notification, action });
        Object.defineProperty(event, "waitUntil", { value: (promise) => (done = promise) });
        self.dispatchEvent(event);
        await done.catch(() => undefined);
        return (await self.registration.getNotifications()).map(({ body }) => body);
    }"""
    deliver(PUSH)
    told = worker.evaluate(shown)
    assert told == {
        "title": "Réanimation à 98 % · Haute-Garonne",
        "body": "Confirmer les chiffres.",
        "tag": "g1",
        "stays": True,
        "acts": ["Vu", "Ouvrir"],
        "url": f"{stand_in.url}/alerts?group=g1",
    }
    assert worker.evaluate(click, "seen") == []
    assert stand_in.alerts.seen_links == ["a-link"]

    # What was pressed and did not arrive says so, and another site is never opened.
    deliver(PUSH.replace("a-link", "an-old-one").replace("/alerts?group=g1", "https://elsewhere.invalid/"))
    assert worker.evaluate(shown)["url"] == f"{stand_in.url}/alerts?mine"
    (left,) = worker.evaluate(click, "seen")
    assert "pas été transmis" in left

    # A subscription that the browser renews by itself is the server's to know.
    worker.evaluate(
        """async () => {
            let done;
            const event = new ExtendableEvent("pushsubscriptionchange");
            const keys = { p256dh: "a-key", auth: "a-secret" };
            const newSubscription = { toJSON: () => ({ endpoint: "https://push.example/renewed", keys }) };
            Object.defineProperty(event, "newSubscription", { value: newSubscription });
            Object.defineProperty(event, "waitUntil", { value: (promise) => (done = promise) });
            self.dispatchEvent(event);
            await done;
        }"""
    )
    (renewed,) = stand_in.alerts.subscriptions
    assert renewed["asked"]["endpoint"] == "https://push.example/renewed"

    # A tap leads to the alert, by the page that is there, or by where it signs in; signing out ends the subscription.
    deliver(PUSH)
    assert worker.evaluate(shown)["tag"] == "g1"
    worker.evaluate(click, "open")
    expect(page.locator('[data-group="g1"].unfolded')).to_be_visible()
    page.goto(f"{stand_in.url}/alerts?settings")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Se connecter")
    assert stand_in.alerts.subscriptions == []
    page.goto(f"{stand_in.url}/")
    deliver(PUSH)
    assert worker.evaluate(shown)["tag"] == "g1"
    worker.evaluate(click, "open")
    expect(page).to_have_url(re.compile(r"/alerts\?group=g1$"))


def test_who_is_not_signed_in_is_asked_to(visit: Visit) -> None:
    page = visit("/alerts?mine", screen=PHONE, signs_in=False, refused=401)
    expect(page.get_by_role("heading", level=1)).to_have_text("Se connecter")


def test_without_a_network_the_page_says_so_and_shows_no_old_figure(visit: Visit, stand_in: StandIn) -> None:
    page = visit("/alerts?mine", screen=PHONE, refused=503)
    page.get_by_role("link", name="Réglages").click()
    page.evaluate("navigator.serviceWorker.ready.then(() => caches.match('/offline.html'))")
    page.evaluate(
        """() => new Promise((taken) => {
            if (navigator.serviceWorker.controller) taken();
            else navigator.serviceWorker.addEventListener("controllerchange", taken);
        }).then(() => undefined)"""
    )
    page.context.set_offline(True)
    page.goto(f"{stand_in.url}/alerts")
    expect(page.get_by_role("heading")).to_have_text("Hors ligne")
    assert page.evaluate("getComputedStyle(document.querySelector('a')).minHeight") == "52px"
    shot(page, "alerts-phone-offline")


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
def test_every_alert_screen_fits_and_can_be_read_by_all(visit: Visit, stand_in: StandIn, night: bool) -> None:
    """Nothing overflows, and axe-core finds nothing serious, at a desk and on a phone."""
    stand_in.alerts.invent()
    time_ = "night" if night else "day"

    def look(page: Page, name: str) -> None:
        shot(page, f"alerts-{name}-{time_}")
        assert overflow(page) == [], name
        assert serious(page) == [], name

    desk = visit(night=night)
    desk.wait_for_selector(".now-is")
    look(desk, "desk")
    row(desk, "g-surge").locator(".row-head").click()
    desk.wait_for_selector(".timeline")
    desk.keyboard.press("s")
    desk.wait_for_selector(".row-form")
    look(desk, "desk-open")
    desk.get_by_role("link", name="Mes alertes").click()
    desk.wait_for_selector(".channels")
    look(desk, "desk-mine")
    desk.get_by_role("link", name="Utilité").click()
    desk.wait_for_selector(".rules")
    look(desk, "desk-worth")

    phone = visit(screen=PHONE, night=night)
    phone.wait_for_selector(".now-is")
    look(phone, "phone-mine")
    phone.locator(".alert-card").first.get_by_role("button", name="Détail").click()
    phone.wait_for_selector(".timeline")
    phone.locator(".detail-acts").get_by_role("button", name="Clore").click()
    look(phone, "phone-open")
    assert small_targets(phone) == []
    phone.get_by_role("link", name="Région").click()
    look(phone, "phone-region")
    phone.get_by_role("link", name="Utilité").click()
    phone.wait_for_selector(".rules")
    look(phone, "phone-worth")
    phone.get_by_role("link", name="Réglages").click()
    phone.wait_for_selector(".channels")
    look(phone, "phone-settings")
    assert small_targets(phone) == []


def test_english_alerts_are_complete(visit: Visit, stand_in: StandIn) -> None:
    stand_in.alerts.invent()
    page = visit(tongue="en-GB")
    expect(page.locator(".alert-row").first).to_contain_text("nobody has answered for 11 min")
    expect(page.locator(".alert-row").first.get_by_role("button", name="I take it")).to_be_visible()
    expect(page.locator(".side")).to_contain_text("On call")
    shot(page, "alerts-desk-english")
