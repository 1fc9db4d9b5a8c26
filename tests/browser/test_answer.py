"""The patient's page: on a phone, with and without a network, and what it says when a door says no."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.conftest import DESK, PHONE, Screen, shot
from tests.browser.stand_in import StandIn
from tests.browser.stand_in_follow_up import BIRTH_DATE, CODE, LINK, NEXT_LINK
from tests.browser.test_screens import overflow, serious

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
# What a patient who is well answers, as it is written on the page.
NUMBERS = {"temperature": "37,2", "spo2": "97", "pulse": "72", "respiratory-rate": "16", "systolic": "12"}
KEPT = """async () => {
    const open = indexedDB.open("vigilits-answers", 1);
    const database = await new Promise((resolve, reject) => {
        open.onsuccess = () => resolve(open.result);
        open.onerror = () => reject(open.error);
        open.onupgradeneeded = () => {
            open.result.createObjectStore("kept", { keyPath: "id" });
            open.result.createObjectStore("keys");
        };
    });
    const all = (name) => new Promise((resolve) => {
        const asked = database.transaction(name).objectStore(name).getAll();
        asked.onsuccess = () => resolve(asked.result);
    });
    const rows = await all("kept"), keys = await all("keys");
    database.close();
    const text = (buffer) => String.fromCharCode(...new Uint8Array(buffer));
    let exported = "no key";
    if (keys[0]) exported = await crypto.subtle.exportKey("raw", keys[0]).then(() => "exported", () => "refused");
    return {
        kinds: rows.map((row) => row.kind).sort(),
        bytes: rows.map((row) => text(row.sealed)).join(""),
        names: rows.map((row) => row.id).join(" "),
        keys: keys.length, exported,
        local: JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }),
    };
}"""


@pytest.fixture
def visit(browser: Browser, stand_in: StandIn) -> Iterator[Visit]:
    """Return what opens a patient's link on a phone; what the page complained of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def visited(
        link: str = LINK, *, screen: Screen = PHONE, night: bool = False, calm: bool = True, worker: bool = True
    ) -> Page:
        context = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            color_scheme="dark" if night else "light",
            locale="fr-FR",
            # What a worker stands before, a test can't lose on its way.
            service_workers="allow" if worker else "block",
            timezone_id="Europe/Paris",
            has_touch=screen.is_narrow,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.add_init_script(
            """window.spoken = [];
            speechSynthesis.speak = (said) => window.spoken.push([said.lang, said.text]);"""
        )
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # A browser itself complains of every refusal, and of each request without a network.
        quiet = re.compile(r"status of \d+|ERR_INTERNET_DISCONNECTED|ERR_FAILED")
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" and not quiet.search(said.text) else None,
        )
        page.goto(f"{stand_in.url}/a#{link}")
        if calm:
            page.wait_for_selector('[data-step="form"]')
        return page

    yield visited
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


def until_kept(page: Page, holds: str) -> None:
    """Wait until something holds of what the browser keeps."""
    page.evaluate(
        f"""async () => {{
            const look = {KEPT};
            const until = Date.now() + 20000;
            for (;;) {{
                const {{ kinds, keys }} = await look();
                if ({holds}) return;
                if (Date.now() > until) throw new Error(`kept: ${{kinds}}, keys: ${{keys}}`);
                await new Promise((resume) => setTimeout(resume, 50));
            }}
        }}"""
    )


def question(page: Page, link: str) -> str:
    """Return the selector of a question."""
    return f'[data-link="{link}"]'


def pick(page: Page, link: str, label: str) -> None:
    """Pick what can be chosen."""
    page.locator(question(page, link)).get_by_label(label, exact=True).check()


def write(page: Page, link: str, text: str) -> None:
    """Write a number and leave the field."""
    field = page.locator(f"{question(page, link)} input[type=text]")
    field.fill(text)
    field.blur()


def answer_all(page: Page, **more: str) -> None:
    """Answer everything that is required, as somebody does who is well; `more` are other numbers."""
    numbers = NUMBERS | {"systolic": "120"} | {link.replace("_", "-"): text for link, text in more.items()}
    for link, text in numbers.items():
        write(page, link, text)
    for link in ("oxygen", "cannot-speak", "confusion", "worsening", "unsafe-at-home"):
        pick(page, link, "Non")
    pick(page, "breathless", "Non")
    pick(page, "warning-signs", "Aucun")


def outside(page: Page) -> list[str]:
    """Return what sticks out of the window, or out of its card."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('.answer *')]
            .filter((part) => part.checkVisibility() && !part.closest('.hidden'))
            .map((part) => [part, part.getBoundingClientRect(), part.closest('.question') ?? document.body])
            .filter(([, { left, right }, card]) => {
                const within = card.getBoundingClientRect();
                return right > within.right + 1 || left < within.left - 1;
            })
            .map(([part]) => part.outerHTML.slice(0, 80))"""
    )
    return found


def kept_for_offline(page: Page) -> None:
    """Wait until the worker keeps the page and stands before it."""
    page.wait_for_selector('.answer[data-kept="true"]')
    page.evaluate(
        """() => new Promise((taken) => {
            if (navigator.serviceWorker.controller) taken();
            else navigator.serviceWorker.addEventListener("controllerchange", taken);
        }).then(() => undefined)"""
    )


def test_an_answer_is_sent_and_thanked_for_only_once_it_was_received(visit: Visit, stand_in: StandIn) -> None:
    follow_up = stand_in.follow_up
    follow_up.taking = 2  # on the log, but not taken yet: twice
    page = visit()
    expect(page).to_have_title("Questionnaire")
    expect(page.locator(".progress")).to_contain_text("0 réponse sur 13")
    expect(page.locator(question(page, "temperature"))).to_contain_text("degrés (°C)")
    expect(page.locator(question(page, "spo2-effort"))).to_have_count(0)
    answer_all(page)
    expect(page.locator(question(page, "spo2-effort"))).to_be_visible()  # from 96 % on
    expect(page.locator(".progress")).to_contain_text("12 réponses sur 14")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_text("Pas encore transmis")).to_be_visible()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    assert follow_up.tries == 3
    (sending,) = follow_up.received.values()
    assert sending["by"] == "patient"
    assert sending["slot"] == "3-0900"
    assert sending["answers"]["temperature"] == 37.2
    assert sending["answers"]["warning-signs"] == ["none"]
    assert "spo2-effort" not in sending["answers"]
    until_kept(page, "kinds.length === 0 && keys === 0")
    assert all(LINK not in url for url in follow_up.seen_urls)


def test_without_a_network_it_is_kept_sealed_and_goes_once_by_itself_also_after_a_reload(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit()
    kept_for_offline(page)
    write(page, "temperature", "38,4")
    page.context.set_offline(True)
    expect(page.locator(".no-network")).to_be_visible()
    until_kept(page, "kinds.includes('draft')")
    page.reload()  # from what the worker keeps
    expect(page.locator("#q-temperature-field")).to_have_value("38,4")
    answer_all(page, temperature="38,4")
    page.get_by_label("Je réponds pour quelqu’un").check()
    shot(page, "answer-phone-offline-form")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_text("Pas encore transmis")).to_be_visible()
    expect(page.get_by_role("heading", name="Merci")).to_have_count(0)
    shot(page, "answer-phone-not-sent")
    assert serious(page) == []

    until_kept(page, "!kinds.includes('draft')")
    kept = page.evaluate(KEPT)
    assert kept["kinds"] == ["asked", "sending"]
    assert kept["exported"] == "refused"
    for stored in (kept["bytes"], kept["names"], kept["local"]):
        assert not re.search(rf"temperature|38\.4|caregiver|{LINK}", stored)

    page.reload()
    expect(page.get_by_text("Pas encore transmis")).to_be_visible()
    assert not stand_in.follow_up.received
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    (sending,) = stand_in.follow_up.received.values()
    assert sending["by"] == "caregiver"
    assert sending["answers"]["temperature"] == 38.4
    assert len(sending["answers"]) == 12
    until_kept(page, "kinds.length === 0 && keys === 0")


def test_what_was_received_but_not_confirmed_counts_once(visit: Visit, stand_in: StandIn) -> None:
    """The receipt is lost on its way: the same sending goes again, under the same id."""
    page = visit(worker=False)
    answer_all(page)
    lost: list[str] = []

    def lose(route: object) -> None:
        answered = route.fetch()  # type: ignore[attr-defined]
        lost.append(answered.text())
        route.abort()  # type: ignore[attr-defined]

    page.route("**/api/v1/answers", lose, times=1)
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    assert len(lost) == 1
    assert stand_in.follow_up.tries == 2
    assert len(stand_in.follow_up.received) == 1


@pytest.mark.parametrize("offline", [False, True], ids=["online", "offline"])
def test_a_red_flag_says_to_call_15_at_once_and_never_blocks_the_sending(
    visit: Visit, stand_in: StandIn, offline: bool
) -> None:
    page = visit()
    if offline:
        page.context.set_offline(True)
    alarm = page.get_by_role("alertdialog")
    pick(page, "breathless", "Au repos")
    expect(alarm).to_be_visible()
    expect(alarm.get_by_role("heading")).to_have_text("Appelez le 15 maintenant")
    expect(alarm).to_contain_text("Essoufflé au repos")
    expect(alarm).to_contain_text("Pas encore transmis à votre équipe" if offline else "Transmis à votre équipe à")
    assert [each["answers"] for each in stand_in.follow_up.received.values()] == (
        [] if offline else [{"breathless": "at-rest"}]
    )
    call = alarm.get_by_role("link", name="Appeler le 15")
    expect(call).to_have_attribute("href", "tel:15")
    box, size = alarm.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    assert (box["width"], box["height"]) == (size["width"], size["height"])
    shot(page, f"answer-phone-call-15{'-offline' if offline else ''}")
    assert serious(page) == []
    alarm.get_by_role("button", name="Revenir au questionnaire").click()
    expect(alarm).to_have_count(0)
    expect(page.locator(".call-bar")).to_contain_text("Appelez le 15 maintenant")

    page.locator("#q-spo2-field").fill("88")  # another one, while it is still being written
    expect(alarm).to_contain_text("Saturation basse")
    page.keyboard.press("Escape")
    pick(page, "breathless", "Non")
    write(page, "spo2", "97")
    expect(page.locator(".call-bar")).to_be_visible()  # the team was told, and calls
    pick(page, "breathless", "Au repos")
    alarm.get_by_role("button", name="Revenir au questionnaire").click()

    page.get_by_role("button", name="Envoyer", exact=True).click()
    if offline:
        expect(page.get_by_text("Pas encore transmis")).to_be_visible()
        expect(page.locator(".again")).to_contain_text("Ce que vous avez répondu partira tout seul.")
        page.context.set_offline(False)
    expect(page.get_by_role("heading", name="Il manque 10 réponses")).to_be_visible()
    expect(page.locator(".call-bar")).to_be_visible()
    expect(page.locator(".not-sent")).to_have_count(0)
    sent = [each["answers"] for each in stand_in.follow_up.received.values()]
    assert sent == [
        {"breathless": "at-rest"},
        {"breathless": "at-rest", "spo2": 88},
        {"breathless": "at-rest", "spo2": 97},
    ]


def test_a_red_flag_reaches_the_team_though_nobody_comes_back_from_its_screen(visit: Visit, stand_in: StandIn) -> None:
    page = visit(worker=False)
    write(page, "temperature", "37,4")
    pick(page, "warning-signs", "Douleur dans la poitrine")
    expect(page.get_by_role("alertdialog")).to_contain_text("Transmis à votre équipe à")
    (sending,) = stand_in.follow_up.received.values()
    assert sending["answers"]["temperature"] == 37.4
    page.reload()
    page.get_by_role("button", name="Revenir au questionnaire").click()
    expect(page.locator("#q-temperature-field")).to_have_value("37,4")
    expect(page.locator(".call-bar")).to_be_visible()
    assert len(stand_in.follow_up.received) == 1, "what was sent is not sent again for being shown again"
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Il manque 10 réponses")).to_be_visible()


def test_what_went_by_itself_is_not_sent_once_more(visit: Visit, stand_in: StandIn) -> None:
    page = visit(worker=False)
    pick(page, "breathless", "Au repos")
    expect(page.get_by_role("alertdialog")).to_contain_text("Transmis à votre équipe à")
    page.get_by_role("button", name="Revenir au questionnaire").click()
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Il manque 11 réponses")).to_be_visible()
    page.get_by_role("button", name="Je ne peux pas répondre").click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    assert stand_in.follow_up.tries == 1
    until_kept(page, "kinds.join() === 'red'")


def test_a_red_flag_without_a_network_goes_by_itself_after_a_reload_and_the_questionnaire_goes_on(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit()
    kept_for_offline(page)
    page.context.set_offline(True)
    pick(page, "breathless", "Au repos")
    expect(page.get_by_role("alertdialog")).to_contain_text("Pas encore transmis à votre équipe")
    until_kept(page, "kinds.includes('draft') && kinds.includes('sending')")
    page.reload()
    page.get_by_role("button", name="Revenir au questionnaire").click()
    expect(page.locator(".answer")).to_have_attribute("data-step", "form")
    assert not stand_in.follow_up.received
    page.context.set_offline(False)
    until_kept(page, "!kinds.includes('sending')")
    assert [each["answers"] for each in stand_in.follow_up.received.values()] == [{"breathless": "at-rest"}]
    expect(page.locator(".answer")).to_have_attribute("data-step", "form")


def test_whoever_comes_back_to_answers_that_are_not_whole_is_told_what_lacks_and_may_complete_them(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit(worker=False)
    write(page, "temperature", "37")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    page.get_by_role("button", name="Je ne peux pas répondre").click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    until_kept(page, "kinds.length === 0")
    page.reload()
    expect(page.get_by_role("heading", name="Il manque 11 réponses")).to_be_visible()
    expect(page.get_by_role("heading", name="Merci")).to_have_count(0)
    shot(page, "answer-phone-lacks")
    assert serious(page) == []
    page.get_by_role("button", name="Compléter mes réponses").click()
    expect(page.locator("main")).to_contain_text("Ce que vous laissez vide ne change pas.")
    answer_all(page, temperature="")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Vous avez déjà répondu")).to_be_visible()
    page.get_by_role("button", name="Corriger mes réponses").click()
    expect(page.locator("main")).to_contain_text("Ce que vous laissez vide ne change pas.")


def test_the_15_stays_in_sight_when_the_follow_up_is_stopped_and_nothing_is_left_to_stop(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit(worker=False)
    pick(page, "breathless", "Au repos")
    page.get_by_role("button", name="Revenir au questionnaire").click()
    page.get_by_role("button", name="Arrêter le suivi").click()
    page.get_by_label("Pour confirmer, écrivez ARRÊTER").fill("arrêter")
    page.get_by_role("button", name="Arrêter maintenant").click()
    expect(page.get_by_role("heading", name="Le suivi est arrêté")).to_be_visible()
    expect(page.locator(".call-bar")).to_be_visible()
    until_kept(page, "kinds.join() === 'red'")
    page.reload()
    expect(page.get_by_text("Votre suivi est arrêté.")).to_be_visible()
    expect(page.locator(".call-bar")).to_be_visible()
    expect(page.get_by_role("button", name="Arrêter le suivi")).to_have_count(0)
    shot(page, "answer-phone-stopped-red")


def test_what_is_missing_or_impossible_is_asked_again_once_and_holds_nothing_back(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit()
    answer_all(page, temperature="385", pulse="")
    wrong = page.locator(f"{question(page, 'temperature')} .wrong")
    expect(wrong).to_contain_text("Vérifiez")
    write(page, "pulse", "douze")
    expect(page.locator(f"{question(page, 'pulse')} .wrong")).to_contain_text("nombre entier")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="2 réponses à vérifier")).to_be_visible()
    expect(page.locator(".again")).to_contain_text("Elles ne sont pas envoyées")
    expect(page.locator(".again")).to_contain_text("Vos autres réponses sont envoyées.")
    shot(page, "answer-phone-asked-again")
    assert serious(page) == []
    expect(page.locator(".not-sent")).to_have_count(0)
    (first,) = stand_in.follow_up.received.values()
    assert "temperature" not in first["answers"]
    assert "pulse" not in first["answers"]
    expect(page.locator(".again .question")).to_have_count(2)
    write(page, "temperature", "38.5")
    page.locator(question(page, "pulse")).get_by_label("Je n’ai pas l’appareil").check()
    page.get_by_role("button", name="Envoyer ces réponses").click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    second = list(stand_in.follow_up.received.values())[1]
    assert second["answers"]["temperature"] == 38.5
    assert second["answers"]["pulse"] is None

    page.get_by_role("button", name="Corriger mes réponses").click()
    write(page, "temperature", "37,5")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    assert len(stand_in.follow_up.received) == 3


def test_what_is_missing_can_be_left_missing(visit: Visit, stand_in: StandIn) -> None:
    page = visit()
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_text("Répondez d’abord à une question.")).to_be_visible()
    write(page, "temperature", "37")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    page.get_by_role("button", name="Je ne peux pas répondre").click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    until_kept(page, "kinds.length === 0")
    page.reload()
    expect(page.get_by_role("heading", name="Il manque 11 réponses")).to_be_visible()


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ((409, "slot-closed"), "Ce questionnaire est clos"),
        ((409, "too-many-corrections"), "corrigées trop de fois"),
        ((400, "unreadable"), "Le service ne les a pas acceptées"),
    ],
    ids=lambda told: told[1] if isinstance(told, tuple) else "",
)
def test_a_refusal_is_told_in_plain_words_with_what_to_do(
    visit: Visit, stand_in: StandIn, refusal: tuple[int, str], says: str
) -> None:
    page = visit()
    answer_all(page)
    stand_in.follow_up.refuse = refusal
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Vos réponses n’ont pas été transmises")).to_be_visible()
    expect(page.locator("main")).to_contain_text(says)
    expect(page.locator("main")).to_contain_text("Si vous n’allez pas bien, appelez le 15.")
    until_kept(page, "!kinds.includes('sending')")


def revoked_while_offline(page: Page, stand_in: StandIn) -> None:
    """Send what was answered while the network is away, and let it come back to a link that was revoked meanwhile."""
    page.context.set_offline(True)
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_text("Pas encore transmis")).to_be_visible()
    stand_in.follow_up.links = {NEXT_LINK}
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="Ce lien n’ouvre rien")).to_be_visible()


def test_what_waits_when_its_link_is_revoked_is_kept_read_out_and_sent_by_the_next_one(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit()
    answer_all(page, temperature="38,4")
    revoked_while_offline(page, stand_in)
    expect(page.locator(".held-back")).to_contain_text("gardées sur ce téléphone")
    until_kept(page, "kinds.includes('sending')")
    page.reload()  # it outlives the page
    expect(page.locator(".held-back")).to_contain_text("Ouvrez sur ce téléphone le lien du dernier message")
    shot(page, "answer-phone-link-revoked")
    page.get_by_role("button", name="Voir ce que j’ai répondu").click()
    expect(page.locator(".held-back dl")).to_contain_text("38,4 °C")
    shot(page, "answer-phone-link-revoked-read-out")
    assert serious(page) == []
    assert overflow(page) == []
    assert stand_in.follow_up.received == {}
    page.goto(f"{stand_in.url}/a#{NEXT_LINK}")
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    (sending,) = stand_in.follow_up.received.values()
    assert (sending["link"], sending["slot"], sending["answers"]["temperature"]) == (NEXT_LINK, "3-0900", 38.4)
    assert set(sending) == {"link", "id", "by", "slot", "answers"}
    until_kept(page, "kinds.length === 0 && keys === 0")


def test_what_waits_of_another_slot_goes_by_the_next_link_and_is_not_shown_as_this_ones(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit()
    answer_all(page)
    revoked_while_offline(page, stand_in)
    stand_in.follow_up.slot = "4-0900"
    page.goto(f"{stand_in.url}/a#{NEXT_LINK}")
    expect(page.locator("#q-temperature-field")).to_have_value("")
    until_kept(page, "!kinds.includes('sending')")
    (sending,) = stand_in.follow_up.received.values()
    assert (sending["link"], sending["slot"]) == (NEXT_LINK, "3-0900")
    expect(page.locator("#q-temperature-field")).to_have_value("")


def test_what_waits_is_no_other_patients_to_send(visit: Visit, stand_in: StandIn) -> None:
    page = visit()
    answer_all(page)
    revoked_while_offline(page, stand_in)
    stand_in.follow_up.whose = "7b52009b64fd0a2a49e6d8a9"
    page.goto(f"{stand_in.url}/a#{NEXT_LINK}")
    expect(page.locator("#q-temperature-field")).to_have_value("")
    write(page, "temperature", "37")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    page.get_by_role("button", name="Je ne peux pas répondre").click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    (sending,) = stand_in.follow_up.received.values()
    assert sending["answers"] == {"temperature": 37}
    until_kept(page, "kinds.includes('sending')")  # the other one's, for their own next link
    page.goto(f"{stand_in.url}/a#{LINK}")
    expect(page.locator(".held-back")).to_be_visible()


def test_what_was_written_and_not_sent_when_a_link_is_revoked_is_written_in_the_next_ones_page(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit()
    write(page, "temperature", "38,4")
    until_kept(page, "kinds.includes('draft')")
    stand_in.follow_up.links = {NEXT_LINK}
    page.reload()
    expect(page.get_by_role("heading", name="Ce lien n’ouvre rien")).to_be_visible()
    expect(page.locator(".held-back")).to_be_visible()
    page.goto(f"{stand_in.url}/a#{NEXT_LINK}")
    expect(page.locator("#q-temperature-field")).to_have_value("38,4")


@pytest.mark.parametrize(
    ("refusal", "says"),
    [((503, "key-store-away"), "Le service ne répond pas"), ((429, "too-many"), "Trop d’envois en ce moment")],
    ids=["503", "429"],
)
def test_what_a_door_puts_off_is_kept_and_sent_by_itself(
    visit: Visit, stand_in: StandIn, refusal: tuple[int, str], says: str
) -> None:
    page = visit()
    answer_all(page)
    stand_in.follow_up.refuse = refusal
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator(".not-sent")).to_contain_text(says)
    expect(page.locator(".not-sent")).to_contain_text("appelez le 15")
    stand_in.follow_up.refuse = None
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    assert len(stand_in.follow_up.received) == 1


def test_what_the_door_alone_refuses_does_not_hold_back_the_rest(visit: Visit, stand_in: StandIn) -> None:
    page = visit(worker=False)
    answer_all(page)
    refusal = '{"type": "urn:vigilits:problem:wrong-fields", "errors": [{"path": "answers.measures/pulse"}]}'
    page.route("**/api/v1/answers", lambda route: route.fulfill(status=422, body=refusal), times=1)
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Une réponse à vérifier")).to_be_visible()
    expect(page.locator(f"{question(page, 'pulse')} .wrong")).to_be_visible()
    expect(page.locator(".not-sent")).to_have_count(0)
    (sending,) = stand_in.follow_up.received.values()
    assert "pulse" not in sending["answers"]
    assert len(sending["answers"]) == 11


def test_a_receipt_that_says_15_is_shown_over_the_screen_and_stays_after_a_reload(
    visit: Visit, stand_in: StandIn
) -> None:
    """A score of 7, or a limit of their own: the page's own flags are silent."""
    stand_in.follow_up.call_15 = True
    page = visit(worker=False)
    answer_all(page, temperature="39,4", pulse="112", respiratory_rate="22")
    expect(page.locator(".call-bar")).to_have_count(0)
    page.get_by_role("button", name="Envoyer", exact=True).click()
    alarm = page.get_by_role("alertdialog")
    expect(alarm).to_contain_text("Vos réponses, prises ensemble")
    expect(alarm.get_by_role("link", name="Appeler le 15")).to_have_attribute("href", "tel:15")
    shot(page, "answer-phone-call-15-receipt")
    assert serious(page) == []
    alarm.get_by_role("button", name="Retour").click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    expect(page.locator(".call-bar")).to_be_visible()
    until_kept(page, "kinds.join() === 'red'")
    page.reload()
    expect(page.get_by_text("Vous avez déjà répondu")).to_be_visible()
    expect(page.locator(".call-bar")).to_be_visible()
    stand_in.follow_up.call_15 = False
    page.get_by_role("button", name="Corriger mes réponses").click()
    write(page, "temperature", "37,4")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    expect(page.locator(".call-bar")).to_be_visible()  # what was corrected says nothing of the rest
    until_kept(page, "kinds.join() === 'red'")


def test_a_red_that_was_sent_keeps_the_bar_after_a_reload(visit: Visit, stand_in: StandIn) -> None:
    stand_in.follow_up.call_15 = True
    page = visit(worker=False)
    answer_all(page)
    pick(page, "breathless", "Au repos")
    page.get_by_role("button", name="Revenir au questionnaire").click()
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    expect(page.get_by_role("alertdialog")).to_have_count(0)  # it was shown already
    page.reload()
    expect(page.get_by_text("Vous avez déjà répondu")).to_be_visible()
    expect(page.locator(".call-bar")).to_be_visible()


def test_when_nobody_is_there_to_read_it_says_until_when_and_to_call_15(visit: Visit, stand_in: StandIn) -> None:
    stand_in.follow_up.unread_ms = 11 * 3_600_000
    page = visit(worker=False)
    note = page.locator(".nobody")
    expect(note).to_contain_text("Personne ne lit vos réponses avant")
    expect(note).to_contain_text("appelez le 15")
    expect(note.get_by_role("link", name="Appeler le 15")).to_have_attribute("href", "tel:15")
    shot(page, "answer-phone-nobody-there")
    assert serious(page) == []
    answer_all(page)
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    expect(note).to_be_visible()
    stand_in.follow_up.unread_ms = 0
    page.reload()
    expect(page.get_by_text("Vous avez déjà répondu")).to_be_visible()
    expect(note).to_have_count(0)


def test_enter_goes_on_to_the_next_question_and_sends_nothing(visit: Visit, stand_in: StandIn) -> None:
    page = visit(worker=False)
    page.locator("#q-temperature-field").fill("37,2")
    page.keyboard.press("Enter")
    expect(page.locator("#q-spo2-field")).to_be_focused()
    page.locator(question(page, "oxygen")).get_by_label("Non", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_have_attribute("data-step", "form")
    assert stand_in.follow_up.tries == 0


def test_a_full_storage_keeps_no_answer_from_being_sent(visit: Visit, stand_in: StandIn) -> None:
    page = visit(worker=False)
    page.evaluate(
        """() => {
            IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
        }"""
    )
    answer_all(page)
    stand_in.follow_up.refuse = (503, "key-store-away")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator(".not-sent")).to_contain_text("Gardez cette page ouverte.")
    stand_in.follow_up.refuse = None
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    assert len(stand_in.follow_up.received) == 1


def saying(status: int) -> Callable[[Route], None]:
    """Return a network's own answer to whatever is asked."""
    return lambda route: route.fulfill(status=status, body="<html>portail</html>")


def test_a_networks_own_page_is_no_refusal_and_costs_no_answer(visit: Visit, stand_in: StandIn) -> None:
    """A hotel's sign-in page says 403, or 200, to whatever is asked."""
    page = visit(worker=False)
    write(page, "temperature", "39,9")
    until_kept(page, "kinds.includes('draft')")
    for status in (403, 200):
        page.route("**/answer/open", saying(status))
        page.reload()
        expect(page.locator("#q-temperature-field")).to_have_value("39,9")
        page.unroute("**/answer/open")
    portal = re.compile(r"/api/v1/(answers|answer/stop)$")
    page.route(portal, saying(200))
    page.get_by_role("button", name="Arrêter le suivi").click()
    page.get_by_label("Pour confirmer, écrivez ARRÊTER").fill("arreter")
    page.get_by_role("button", name="Arrêter maintenant").click()
    expect(page.get_by_role("alert")).to_contain_text("Le suivi n’est pas arrêté")
    page.get_by_role("button", name="Retour").click()
    page.unroute(portal)
    page.route(portal, saying(403))
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator(".not-sent")).to_contain_text("Le service ne répond pas")
    page.unroute(portal)
    page.get_by_role("button", name="Essayer maintenant").click()
    expect(page.locator(".not-sent")).to_have_count(0)
    (sending,) = stand_in.follow_up.received.values()
    assert sending["answers"] == {"temperature": 39.9}


def test_that_answers_were_not_taken_is_not_drawn_over_by_a_page_that_opens_late(
    visit: Visit, stand_in: StandIn
) -> None:
    follow_up = stand_in.follow_up
    page = visit(worker=False)
    context = page.context
    answer_all(page)
    context.route("**/api/v1/answers", lambda route: route.abort())
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_text("Pas encore transmis")).to_be_visible()
    until_kept(page, "kinds.includes('sending')")
    page.close()
    follow_up.refuse, follow_up.slot = (409, "slot-closed"), None
    other = context.new_page()
    late: list[Route] = []
    other.route("**/api/v1/answer/open", lambda route: late.append(route))
    context.unroute("**/api/v1/answers")
    other.goto(f"{stand_in.url}/a#{LINK}")
    heading = other.get_by_role("heading", name="Vos réponses n’ont pas été transmises")
    expect(heading).to_be_visible()
    of_that_slot = other.get_by_role("button", name="Voir ce que j’ai répondu")
    expect(of_that_slot).to_be_visible()
    late[0].continue_()
    expect(of_that_slot).to_have_count(0)
    expect(heading).to_be_visible()


@pytest.mark.parametrize("hears", [True, False], ids=["told", "by-what-is-kept"])
@pytest.mark.parametrize("refused", [True, False], ids=["refused", "received"])
def test_what_another_tab_was_answered_this_one_says_too(
    visit: Visit, stand_in: StandIn, refused: bool, hears: bool
) -> None:
    follow_up = stand_in.follow_up
    page = visit(worker=False)
    context = page.context
    if not hears:
        context.add_init_script("delete globalThis.BroadcastChannel")
        page.reload()
        page.wait_for_selector('[data-step="form"]')
    answer_all(page)
    context.route("**/api/v1/answers", lambda route: route.abort())
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_text("Pas encore transmis")).to_be_visible()
    page.route("**/api/v1/answers", lambda route: route.abort())  # first, or this one might send it in between
    context.unroute("**/api/v1/answers")
    follow_up.refuse = (409, "slot-closed") if refused else None
    if refused:
        follow_up.slot = None
    other = context.new_page()
    other.goto(f"{stand_in.url}/a#{LINK}")
    heading = "Vos réponses n’ont pas été transmises" if refused else "Merci"
    expect(other.get_by_role("heading", name=heading)).to_be_visible()
    if hears:
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    else:
        page.bring_to_front()
        page.get_by_role("button", name="Essayer maintenant").click()
        expect(page.get_by_role("heading", name="Rien à remplir" if refused else "Merci")).to_be_visible()
    expect(page.get_by_text("Pas encore transmis")).to_have_count(0)


def test_what_was_written_for_a_slot_that_closed_is_said_to_be_lost_and_still_looked_at(
    visit: Visit, stand_in: StandIn
) -> None:
    page = visit(worker=False)
    pick(page, "breathless", "Au repos")
    page.get_by_role("button", name="Revenir au questionnaire").click()
    write(page, "temperature", "39,9")
    until_kept(page, "kinds.includes('draft')")
    stand_in.follow_up.slot = "3-1900"
    page.reload()
    alarm = page.get_by_role("alertdialog")
    expect(alarm).to_contain_text("Essoufflé au repos")
    page.keyboard.press("Escape")
    expect(page.locator("main")).to_contain_text("Ce que vous aviez écrit sans l’envoyer n’a pas été transmis")
    expect(page.locator(".call-bar")).to_be_visible()
    expect(page.locator("#q-temperature-field")).to_have_value("")  # one slot's answers are never another's
    write(page, "pulse", "72")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator(".again")).to_be_visible()
    expect(page.locator(".not-sent")).to_have_count(0)
    sent = [(each["slot"], each["answers"]) for each in stand_in.follow_up.received.values()]
    # The red went by itself as it was ticked; what was written after it is lost, and that is said.
    assert sent == [("3-0900", {"breathless": "at-rest"}), ("3-1900", {"pulse": 72})]


def test_a_number_is_judged_once_it_is_written(visit: Visit) -> None:
    page = visit(worker=False)
    field = page.locator("#q-temperature-field")
    wrong = page.locator(f"{question(page, 'temperature')} .wrong")
    page.clock.install()
    field.press_sequentially("3")
    expect(page.locator(".progress")).to_contain_text("1 réponse sur 13")
    expect(wrong).to_have_count(0)
    field.press_sequentially("8,5")
    field.blur()
    expect(wrong).to_have_count(0)
    field.fill("3")
    page.clock.run_for(1_500)  # a pause
    expect(wrong).to_contain_text("Vérifiez")


def test_own_answers_are_gone_from_the_screen_once_the_phone_is_put_away(visit: Visit) -> None:
    page = visit(worker=False)
    page.get_by_role("button", name="Relire mes réponses").click()
    page.get_by_label("Date de naissance").fill("07/03/1942")
    page.get_by_label("Code reçu").fill(CODE)
    put_away = """() => {
        Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
        delete document.visibilityState;
    }"""
    page.evaluate(put_away)  # to look for the code: what was written stays
    expect(page.get_by_label("Date de naissance")).to_have_value("07/03/1942")
    page.get_by_role("button", name="Afficher").click()
    expect(page.locator(".own")).to_be_visible()
    page.evaluate(put_away)
    expect(page.locator(".own")).to_have_count(0)
    page.wait_for_selector("form .question")


def test_a_link_that_opens_nothing_says_so_and_what_to_do(visit: Visit, stand_in: StandIn) -> None:
    page = visit("bm90LXRoaXMtb25l", calm=False)
    expect(page.get_by_role("heading", name="Ce lien n’ouvre rien")).to_be_visible()
    expect(page.locator("main")).to_contain_text("appelez le 15")
    assert serious(page) == []
    page.goto(f"{stand_in.url}/a#{LINK}")  # another message's link, in the same tab
    page.wait_for_selector('[data-step="form"]')


def test_with_nothing_to_answer_it_says_why_and_until_when(visit: Visit, stand_in: StandIn) -> None:
    stand_in.follow_up.slot = None
    page = visit(calm=False)
    expect(page.get_by_role("heading", name="Rien à remplir pour le moment")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Le prochain questionnaire s’ouvre")
    stand_in.follow_up.status = "paused"
    page.reload()
    expect(page.locator("main")).to_contain_text("Votre suivi est en pause.")
    expect(page.get_by_role("button", name="Arrêter le suivi")).to_be_visible()


def test_without_a_network_and_nothing_kept_it_says_so_and_opens_by_itself(visit: Visit, stand_in: StandIn) -> None:
    stand_in.follow_up.slot = None
    page = visit(calm=False)
    kept_for_offline(page)
    expect(page.get_by_role("heading", name="Rien à remplir pour le moment")).to_be_visible()
    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_role("heading", name="Le questionnaire ne s’ouvre pas")).to_be_visible()
    expect(page.locator("main").get_by_role("link", name="Appeler le 15")).to_be_visible()
    stand_in.follow_up.slot = "3-0900"
    page.context.set_offline(False)
    page.wait_for_selector('[data-step="form"]')


def test_stopping_says_what_is_deleted_and_is_typed(visit: Visit, stand_in: StandIn) -> None:
    stand_in.follow_up.erasure_waits = True
    page = visit()
    write(page, "temperature", "37")
    page.get_by_role("button", name="Arrêter le suivi").click()
    expect(page.locator("main")).to_contain_text("Vos réponses et vos coordonnées sont effacées.")
    button = page.get_by_role("button", name="Arrêter maintenant")
    expect(button).to_be_disabled()
    shot(page, "answer-phone-stop")
    assert serious(page) == []
    page.get_by_label("Pour confirmer, écrivez ARRÊTER").fill("arreter")
    button.click()
    expect(page.get_by_role("heading", name="Le suivi est arrêté")).to_be_visible()
    expect(page.locator("main")).to_contain_text("72 heures au plus")
    assert stand_in.follow_up.status == "stopped"
    until_kept(page, "kinds.length === 0")


def test_answers_are_read_again_with_birth_date_and_code_and_five_tries(visit: Visit, stand_in: StandIn) -> None:
    page = visit()
    page.get_by_role("button", name="Relire mes réponses").click()
    page.get_by_role("button", name="Recevoir un code").click()
    expect(page.locator("main")).to_contain_text("un code vient d’y être envoyé")
    date, code = page.get_by_label("Date de naissance"), page.get_by_label("Code reçu")
    show = page.get_by_role("button", name="Afficher")
    date.fill("31/02/1942")
    show.click()
    expect(page.get_by_role("alert")).to_have_text("Écrivez la date ainsi : 07/03/1942")
    date.fill("7 3 1942")
    for _ in range(5):
        code.fill("999 999")
        with page.expect_response("**/answer/read"):
            show.click()
        expect(page.get_by_role("alert")).to_have_text("La date ou le code ne va pas. Vérifiez les deux.")
    code.fill(CODE)
    show.click()
    expect(page.get_by_role("alert")).to_contain_text("Trop d’essais")
    page.get_by_role("button", name="Recevoir un autre code").click()
    expect(show).to_be_enabled()
    show.click()
    expect(page.get_by_role("heading", name="Mes réponses")).to_be_visible()
    expect(page.locator(".own h2").first).to_contain_text(re.compile(r"^Jour \d+, "))
    expect(page.locator(".own")).to_contain_text("38,2 °C (d’abord : 39,2 °C)")
    expect(page.locator(".own")).to_contain_text("sans appareil ou inconnu")
    expect(page.locator(".own")).to_contain_text("Odette DURAND")
    expect(page.locator(".own-trail")).to_contain_text("lecture · Dr Anne Serres")
    shot(page, "answer-phone-own")
    assert overflow(page) == []
    assert serious(page) == []
    assert BIRTH_DATE not in page.evaluate(KEPT)["local"]


def test_a_page_is_in_the_language_that_its_patient_was_enrolled_in(visit: Visit) -> None:
    """Whatever telephone they have: its browser here is French."""
    page = visit(link=f"{LINK}.en")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".caregiver")).to_contain_text("I am answering for somebody")
    pick(page, "breathless", "At rest")
    expect(page.get_by_role("alertdialog")).to_contain_text("Call 15")
    page.get_by_role("alertdialog").get_by_role("button").click()
    page.get_by_role("button", name="Français").click()
    expect(page.locator(".caregiver")).to_contain_text("Je réponds pour")
    page.reload()
    expect(page.locator(".caregiver")).to_contain_text("Je réponds pour")


def test_a_question_is_read_aloud_in_the_language_of_the_page(visit: Visit, stand_in: StandIn) -> None:
    page = visit()
    page.get_by_role("button", name=re.compile("^Écouter la question : Êtes-vous essoufflé")).click()
    page.get_by_role("button", name="English").click()
    expect(page.locator(".caregiver")).to_contain_text("I am answering for somebody")
    page.get_by_role("button", name=re.compile("^Listen to the question: Are you short of breath")).click()
    page.get_by_role("button", name=re.compile("^Listen to the question: .*temperature")).click()
    spoken = page.evaluate("window.spoken")
    assert spoken[0][0] == "fr-FR"
    assert "Au repos" in spoken[0][1]
    assert spoken[-1][0] == "en-GB"
    assert "degrees" in spoken[-1][1]
    page.reload()
    expect(page.locator(".caregiver")).to_contain_text("I am answering for somebody")


@pytest.mark.parametrize(
    ("screen", "night"), [(PHONE, False), (PHONE, True), (DESK, False)], ids=["phone-day", "phone-night", "desk-day"]
)
def test_the_page_fits_can_be_read_by_all_and_has_large_targets(visit: Visit, screen: Screen, night: bool) -> None:
    page = visit(screen=screen, night=night)
    name = f"answer-{screen.name}-{'night' if night else 'day'}"
    assert overflow(page) == []
    assert outside(page) == []
    assert serious(page) == []
    shot(page, name)
    card = page.locator(question(page, "oxygen")).bounding_box()
    assert card is not None
    assert card["width"] > min(screen.width, 600) - 50  # all of its column
    pick(page, "oxygen", "Non")
    page.locator(question(page, "breathless")).scroll_into_view_if_needed()
    shot(page, f"{name}-choices")
    small = page.evaluate(
        """() => [...document.querySelectorAll('.answer button, .answer .pick, .answer input[type=text], .answer a')]
            .filter((part) => part.offsetParent !== null)
            .map((part) => [part.textContent || part.id, part.getBoundingClientRect()])
            .filter(([, { width, height }]) => width < 44 || height < 44)
            .map(([text, { width, height }]) => `${text} ${width}×${height}`)"""
    )
    assert small == []
    answer_all(page)
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    shot(page, f"{name}-thanks")
    assert overflow(page) == []
    assert serious(page) == []
