"""The clinicians' screens against the stand-in: the board, one patient, enrolment, and what may be seen by whom."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from domain.followup.chart import Chart
from domain.followup.ins import Ins, Traits
from realtime_api.patients.shapes import Similar
from tests.browser.conftest import DESK, PHONE, Screen, shot
from tests.browser.stand_in import SECRET, StandIn
from tests.browser.test_screens import overflow, serious

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
HOUR_MS = 3_600_000
MATRICULE = "290093155500168"
RED: dict[str, Any] = {"spo2": 90, "pulse": 132, "temperature": 39.4}
# All that the browser keeps of this origin, as one text.
KEPT = """async () => {
    const databases = (await indexedDB.databases()).map(({ name }) => name);
    return JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + databases.join();
}"""


@pytest.fixture
def visit(browser: Browser, stand_in: StandIn) -> Iterator[Visit]:
    """Return what opens a page for somebody; what a page complained of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def visited(
        path: str = "/patients",
        *,
        who: str = "demo-physician",
        screen: Screen = DESK,
        night: bool = False,
        tongue: str = "fr-FR",
        refused: tuple[int, ...] = (),
    ) -> Page:
        context = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            color_scheme="dark" if night else "light",
            locale=tongue,
            has_touch=screen.is_narrow,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def heard(text: str) -> None:
            # A browser itself complains of every refusal, those that a test is about too.
            if not any(f"status of {status}" in text for status in refused):
                complaints.append(text)

        page.on("console", lambda said: heard(said.text) if said.type == "error" else None)
        page.goto(f"{stand_in.url}{path}#connexion={SECRET}.{who}")
        expect(page.locator(".not-a-device")).to_be_attached()
        return page

    yield visited
    for context in contexts:
        context.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


@pytest.fixture
def followed(stand_in: StandIn) -> StandIn:
    """Return the stand-in with followed patients of every colour."""
    stand_in.with_patients(lambda patients: patients.invent())
    return stand_in


def card(page: Page, id_: str) -> Locator:
    """Return a patient's card on the board."""
    return page.locator(f'.patient-card[data-patient="{id_}"]')


def order(page: Page) -> list[str]:
    """Return the patients in the order in which they are drawn."""
    shown: list[str] = page.locator(".patient-card").evaluate_all("all => all.map((one) => one.dataset.patient)")
    return shown


def acts_of(stand_in: StandIn) -> list[str]:
    """Return what was done, in order; that messages were read is done by looking."""
    return [each["act"] for each in stand_in.patients.acts if each["act"] != "read"]


# --- the board -------------------------------------------------------------------------------------------------------


def test_the_board_is_by_colour_then_time_and_says_why(visit: Visit, followed: StandIn) -> None:
    page = visit()
    expect(card(page, "p-martin")).to_contain_text("Odette Martin")
    assert order(page) == ["p-martin", "p-leroy", "p-roche", "p-blanc", *order(page)[4:]]
    martin = card(page, "p-martin")
    expect(martin.locator(".chip")).to_have_text("Rouge 8–11")
    expect(martin).to_contain_text("s’aggrave")
    expect(martin.locator(".reason").first).to_have_text(re.compile(r"Saturation.* 91.%"))
    expect(martin).to_contain_text(re.compile(r"répondu (\d+ \w+\.? )?\d\d:\d\d"))
    expect(martin).to_contain_text("1 message non lu")
    expect(martin).to_contain_text("1 pense-bête échu")
    expect(card(page, "p-blanc").locator(".chip")).to_have_text(re.compile(r"Jaune \d–\d+incomplet"))
    expect(card(page, "p-roche")).to_contain_text("Alix Bonnet l’a")
    expect(card(page, "p-leroy").locator(".chip")).to_have_text("Orange")  # of a silence there is no score
    expect(card(page, "p-leroy")).to_contain_text("pas répondu")
    expect(page.locator(".not-a-device")).to_contain_text("pas un dispositif médical certifié")


def test_an_answer_is_on_the_board_at_once_and_opens_that_one_alone(visit: Visit, followed: StandIn) -> None:
    page = visit()
    expect(card(page, "p-girard").locator(".chip")).to_have_text("Vert 0")
    opened = len(followed.patients.opened)
    followed.with_patients(lambda patients: patients.answer("p-girard", **RED))
    expect(card(page, "p-girard").locator(".chip")).to_have_text(re.compile("Rouge 8"))
    assert set(followed.patients.opened[opened:]) == {("demo-physician", "p-girard")}


def test_nothing_jumps_under_the_pointer_but_what_presses(visit: Visit, followed: StandIn) -> None:
    page = visit()
    expect(card(page, "p-martin")).to_contain_text("Odette")
    before = order(page)
    card(page, "p-blanc").hover()
    followed.with_patients(lambda patients: patients.answer("p-noel", breathless="on-effort"))
    expect(card(page, "p-noel").locator(".chip")).to_contain_text("Orange")
    assert order(page) == before
    expect(page.locator(".pending")).to_contain_text("changement")
    followed.with_patients(lambda patients: patients.answer("p-girard", **RED))
    expect(page.locator(".patient-card").nth(1)).to_have_attribute("data-patient", "p-girard")
    rest = [id_ for id_ in before if id_ not in ("p-martin", "p-girard")]
    assert [id_ for id_ in order(page) if id_ in rest] == rest
    page.mouse.move(5, 5)
    expect(page.locator(".patient-card").nth(3)).to_have_attribute("data-patient", re.compile("p-roche|p-noel"))
    assert order(page).index("p-noel") < order(page).index("p-blanc")


def test_one_finds_patients_by_name_and_by_colour(visit: Visit, followed: StandIn) -> None:
    page = visit()
    expect(card(page, "p-noel")).to_contain_text("Yves Noël")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("noel")
    expect(page.locator(".patient-card")).to_have_count(1)
    expect(card(page, "p-noel")).to_be_visible()
    page.locator("#search").fill("")
    page.get_by_role("button", name=re.compile("^Orange")).click()
    assert sorted(order(page)) == ["p-leroy", "p-roche"]
    page.get_by_role("button", name="Alerte sans personne").click()
    assert order(page) == ["p-leroy"]


def test_the_least_grave_beyond_what_a_board_opens_are_counted_and_opened_when_asked(
    visit: Visit, followed: StandIn
) -> None:
    followed.patients.most_on_board = 4
    page = visit()
    expect(page.locator(".left-off")).to_contain_text("3 dossiers, les moins graves, ne sont pas ouverts ici")
    expect(page.locator(".card-name", has_text="Dossier non ouvert ici")).to_have_count(3)
    assert {patient for _, patient in followed.patients.opened} == {"p-martin", "p-leroy", "p-roche", "p-blanc"}
    shot(page, "patients-left-off-desk")
    page.get_by_role("button", name="Ouvrir les 3 suivants").click()
    expect(page.locator(".left-off")).to_have_count(0)
    expect(card(page, "p-noel")).to_contain_text("Yves Noël")
    expect(card(page, "p-martin")).to_contain_text("Odette Martin")
    assert len({patient for _, patient in followed.patients.opened}) == 7


def test_what_changed_since_ones_visit_is_marked(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-girard")
    expect(page.locator(".patient-who h2")).to_have_text("Lucie Girard")
    page.keyboard.press("Escape")
    expect(card(page, "p-girard")).not_to_contain_text("Depuis votre visite")
    followed.with_patients(lambda patients: patients.answer("p-girard", breathless="on-effort"))
    expect(card(page, "p-girard")).to_contain_text("Depuis votre visite : aggravé, alerte, a répondu")
    page.get_by_role("button", name="Changé depuis ma visite").click()
    assert order(page) == ["p-girard"]
    card(page, "p-girard").locator("a").click()
    expect(page.locator(".story li.is-new").first).to_contain_text("depuis votre visite")


def test_whose_grants_ended_is_named_and_nothing_is_handed_to_them(visit: Visit, followed: StandIn) -> None:
    followed.with_patients(lambda patients: patients.lapse("p-girard", "demo-nurse"))
    page = visit("/patients/p-girard")
    expect(page.locator('[data-member="demo-nurse"]')).to_contain_text("n’a plus accès au dossier")
    expect(page.locator('[data-member="demo-physician"]')).not_to_contain_text("n’a plus accès")


def test_whoever_is_on_call_brings_somebody_into_an_empty_circle_alone(visit: Visit, followed: StandIn) -> None:
    followed.with_patients(lambda patients: patients.lapse("p-girard", on_call="demo-physician"))
    page = visit("/patients/p-girard")
    expect(page.locator('[data-member="demo-nurse"]')).to_be_visible()
    expect(page.get_by_role("button", name="Ajouter au cercle")).to_have_count(0)
    followed.with_patients(lambda patients: patients.lapse("p-girard", "demo-nurse", on_call="demo-physician"))
    page.reload()
    page.get_by_role("button", name="Ajouter au cercle").click()
    page.get_by_label("Personne", exact=True).select_option(label="Maxime Soler")
    page.get_by_label("Rôle").select_option("coordinator")
    page.locator(".row-form button[type=submit]").click()
    expect(page.locator('[data-member="demo-deputy"]')).to_contain_text("Maxime Soler")


def test_whoever_leaves_a_circle_sees_no_more_of_the_patient(visit: Visit, followed: StandIn) -> None:
    board, page = visit(), visit("/patients/p-roche", refused=(404,))
    expect(card(board, "p-roche")).to_contain_text("Jean Roche")
    expect(page.locator(".patient-who h2")).to_have_text("Jean Roche")
    followed.with_patients(lambda patients: patients.remove("p-roche", "demo-physician"))
    expect(card(board, "p-roche")).to_have_count(0, timeout=5_000)
    expect(page.get_by_text("Ce dossier n’est pas dans vos cercles")).to_be_visible(timeout=5_000)
    assert "Roche" not in board.content()
    assert "Roche" not in page.content()


def test_an_open_file_is_out_of_sight_at_once_also_while_a_store_is_away(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-roche", refused=(503,))
    expect(page.locator(".patient-who h2")).to_have_text("Jean Roche")
    followed.patients.away = "trail-away"
    followed.with_patients(lambda patients: patients.remove("p-roche", "demo-physician"))
    expect(page.get_by_text("Le registre des accès ne répond pas")).to_be_visible(timeout=5_000)
    assert "Roche" not in page.content()


def test_a_lost_telephone_s_links_are_revoked_from_the_file(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-roche")
    page.get_by_role("button", name="Téléphone perdu").click()
    expect(page.get_by_text("n’ouvriront plus rien")).to_be_visible()
    page.get_by_role("button", name="Annuler ses liens").click()
    expect(page.get_by_role("button", name="Téléphone perdu")).to_be_visible()
    assert followed.patients.revoked == ["p-roche"]


def test_without_the_key_store_or_the_trail_nothing_is_shown_and_it_is_said_why(
    visit: Visit, followed: StandIn
) -> None:
    followed.patients.away = "trail-away"
    page = visit(refused=(503,))
    expect(page.get_by_text("Le registre des accès ne répond pas")).to_be_visible()
    followed.patients.away = "key-store-away"
    expect(page.get_by_text("Le coffre des clés ne répond pas")).to_be_visible()
    followed.patients.away = ""
    expect(card(page, "p-martin")).to_contain_text("Odette Martin")
    followed.patients.away = "key-store-away"
    page.goto(f"{followed.url}/patients/p-martin")
    expect(page.get_by_text("Le coffre des clés ne répond pas")).to_be_visible()


# --- one patient -----------------------------------------------------------------------------------------------------


def test_seen_is_one_thing_and_taken_another(visit: Visit, followed: StandIn) -> None:
    followed.with_alerts(lambda alerts: alerts.fire("rea", group="g1"))
    alert = followed.alerts.alerts.pop("a0000001")
    followed.alerts.alerts["al-p-martin"] = alert
    page = visit("/patients/p-martin")
    box = page.locator(".alert-box")
    expect(box).to_contain_text("sans personne depuis")
    page.keyboard.press("v")
    expect(page.locator(".said")).to_have_text(re.compile("vu"))
    assert [act["act"] for act in followed.alerts.acts] == ["seen"]
    expect(box).to_have_attribute("data-status", "firing")
    page.get_by_label("À revoir dans").select_option("60")
    page.locator('[data-act="take"]').click()
    expect(box).to_have_attribute("data-status", "acknowledged")
    expect(box).to_contain_text("vous l’avez")
    expect(box).to_contain_text(re.compile(r"prochain contrôle dans (59:\d\d|1.h)"))
    assert acts_of(followed) == ["take"]


def test_a_red_is_looked_at_again_within_two_hours_at_most(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin")
    expect(page.get_by_label("À revoir dans")).to_be_visible()
    offered = page.get_by_label("À revoir dans").locator("option").evaluate_all("all => all.map((one) => one.value)")
    assert max(int(minutes) for minutes in offered) == 120
    page.get_by_label("À revoir dans").select_option("120")
    page.keyboard.press("t")
    expect(page.locator(".alert-box")).to_have_attribute("data-status", "acknowledged")
    taken = followed.patients.acts[-1]
    assert 0 < taken["check_at"] - followed.clock <= 2 * HOUR_MS


def test_a_red_that_arrives_takes_no_tap_at_once_and_leaves_what_one_reads_where_it_was(
    visit: Visit, followed: StandIn
) -> None:
    page = visit("/patients/p-girard", screen=PHONE)
    reads = page.locator('.curve-of[data-item="spo2"]')
    reads.evaluate("at => at.scrollIntoView({ block: 'start' })")
    assert page.locator("main").evaluate("main => main.scrollTop") > 0  # at the very top a red is to be seen
    before = reads.bounding_box()
    page.evaluate(
        """() => new MutationObserver((_, watch) => {
            const take = document.querySelector('[data-act="take"]');
            if (!take) return;
            watch.disconnect();
            window.first = take.disabled;
            take.click();
        }).observe(document.body, { childList: true, subtree: true })"""
    )
    followed.with_patients(lambda patients: patients.answer("p-girard", **RED))
    take = page.locator('[data-act="take"]')
    expect(take).to_be_visible()
    expect(take).to_be_enabled()
    assert page.evaluate("window.first") is True
    assert acts_of(followed) == []
    after = reads.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 2
    take.click()
    expect(page.locator(".alert-box")).to_have_attribute("data-status", "acknowledged")


def test_what_is_typed_into_a_file_outlives_a_look_at_another_app(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-roche", screen=PHONE)
    page.get_by_role("tab", name="Dossier").click()
    page.get_by_role("button", name="Afficher les noms").click()
    page.get_by_role("button", name="Modifier le dossier").click()
    page.get_by_label("Motif").fill("a changé de numéro")
    page.get_by_label("Téléphone", exact=True).first.fill("+33698765432")
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    expect(page.get_by_text("ne sont pas encore enregistrés")).to_be_visible()
    assert "33698765432" not in page.content()
    page.get_by_role("button", name="Afficher les noms").last.click()
    expect(page.get_by_label("Téléphone", exact=True).first).to_have_value("+33698765432")
    expect(page.get_by_label("Motif")).to_have_value("a changé de numéro")


def test_the_colour_of_who_is_paused_recedes(visit: Visit, followed: StandIn) -> None:
    page = visit()
    expect(card(page, "p-petit")).to_contain_text("en pause")
    expect(card(page, "p-petit").locator(".chip")).to_have_class(re.compile("is-past"))
    expect(card(page, "p-girard").locator(".chip")).not_to_have_class(re.compile("is-past"))
    expect(card(page, "p-petit")).to_contain_text(re.compile(r"répondu|demandé|jamais"))
    card(page, "p-petit").scroll_into_view_if_needed()
    shot(page, "patients-paused")
    assert serious(page) == []


def test_the_panes_of_a_phone_are_tabs_by_keyboard_too(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin", screen=PHONE)
    page.get_by_role("tab", name="Suivi").focus()
    for key, name in (
        ("ArrowRight", "Échanges"),
        ("End", "Histoire"),
        ("ArrowRight", "Suivi"),
        ("ArrowLeft", "Histoire"),
    ):
        page.keyboard.press(key)
        expect(page.get_by_role("tab", name=name)).to_be_focused()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        expect(page.get_by_role("tabpanel")).to_have_count(1)
    assert serious(page) == []


def test_who_was_first_is_said_to_who_was_second(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin", refused=(409,))
    expect(page.locator('[data-act="take"]')).to_be_visible()
    followed.patients.act_slowly = 1.0  # the nurse's comes before it
    page.locator('[data-act="take"]').click()
    followed.patients.take("p-martin", "demo-nurse")
    expect(page.locator(".said-refused")).to_have_text("Déjà pris en charge par Alix Bonnet.")
    expect(page.locator(".on-it")).to_contain_text("Alix Bonnet l’a depuis")


def test_only_a_person_closes_and_with_an_outcome(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-roche", who="demo-nurse")
    expect(page.locator(".alert-box")).to_contain_text("vous l’avez")
    followed.with_patients(lambda patients: patients.answer("p-roche", breathless="no", temperature=37.0, pulse=70))
    expect(page.locator(".patient-who")).to_contain_text("dernière réponse : Vert")
    expect(page.locator(".alert-box")).to_be_visible()
    page.locator('[data-act="hand_over"]').click()
    page.get_by_label("À qui").select_option(label="Sacha Morel")
    page.get_by_role("button", name="Envoyer").first.click()
    expect(page.locator(".on-it")).to_contain_text("Sacha Morel l’a")
    expect(page.locator(".row-form")).to_have_count(0)
    page.locator('[data-act="close"]').click()
    send = page.locator(".row-form button[type=submit]")
    expect(send).to_be_disabled()
    page.get_by_label("on a agi").check()
    page.get_by_label("Un mot").fill("Vue à domicile, va mieux.")
    send.click()
    expect(page.locator(".alert-box")).to_have_count(0)
    expect(page.locator(".story")).to_contain_text("« Vue à domicile, va mieux. »")
    assert acts_of(followed) == ["hand_over", "close"]
    assert followed.patients.acts[-1]["outcome"] == "acted"


def test_nobody_closes_what_came_while_they_typed_and_what_they_typed_stays(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-roche", who="demo-nurse", refused=(409,))
    page.locator('[data-act="close"]').click()
    page.get_by_label("on a agi").check()
    page.get_by_label("Un mot").fill("Vu à domicile.")
    followed.patients.answer("p-roche", temperature=34.8)  # nobody was told of it yet
    send = page.locator(".row-form button[type=submit]")
    send.click()
    expect(page.locator(".said-refused")).to_contain_text("Il y a du nouveau depuis : rien n’est fait. Relisez")
    expect(page.get_by_label("Un mot")).to_have_value("Vu à domicile.")
    expect(page.locator(".alert-box .findings")).to_contain_text(re.compile(r"NEWS2.*nouveau"))
    expect(page.locator(".alert-head .is-new")).to_have_text("du nouveau depuis")
    shot(page, "patients-news-desk")
    send.click()
    expect(page.locator(".alert-box")).to_have_count(0)
    assert [act["seen"] for act in followed.patients.acts if act["act"] == "close"] == [1, 2]


def test_what_the_page_has_not_read_nobody_takes(visit: Visit, followed: StandIn) -> None:
    """The row is told at once, what it means a moment later: the taking says what was on the page."""
    page = visit("/patients/p-martin", refused=(409,))
    expect(page.locator('[data-act="take"]')).to_be_enabled()
    page.route("**/patients/p-martin", lambda route: None)  # the page is read again, and nothing comes
    followed.with_patients(lambda patients: patients.answer("p-martin", spo2=85, temperature=40.1))
    expect(page.locator(".alert-why .is-new")).to_contain_text("pas encore lu ici")
    page.locator('[data-act="take"]').click()
    expect(page.locator(".said-refused")).to_contain_text("Il y a du nouveau")
    alert = followed.patients.followed["p-martin"].patient.alert
    assert alert is not None
    assert followed.patients.acts[-1]["seen"] < alert.news


def test_an_answer_that_was_not_taken_in_is_said_on_the_board_and_the_page(visit: Visit, followed: StandIn) -> None:
    page = visit()
    followed.with_patients(lambda patients: patients.refuse_answer("p-girard"))
    expect(card(page, "p-girard")).to_contain_text("Une réponse n’a pas été prise")
    card(page, "p-girard").locator("a").click()
    expect(page.locator(".alert-why")).to_contain_text("Une réponse n’a pas été prise : trop tard, en pause ou terminé")


@pytest.mark.parametrize(
    ("screen", "night"), [(DESK, False), (PHONE, False), (PHONE, True)], ids=["desk", "phone", "night"]
)
def test_the_alert_of_a_file_that_cannot_be_read_is_somebodys_all_the_same(
    visit: Visit, followed: StandIn, screen: Screen, night: bool
) -> None:
    followed.with_patients(lambda patients: patients.lose("p-martin"))
    page = visit(screen=screen, night=night, refused=(503,))
    expect(card(page, "p-martin")).to_contain_text("dossier illisible : appelez")
    expect(card(page, "p-martin")).not_to_contain_text("en cours de lecture")
    expect(card(page, "p-martin")).to_contain_text("sans personne depuis")
    shot(page, f"patients-lost-board-{screen.name}-{'night' if night else 'day'}")
    card(page, "p-martin").locator("a").click()
    box = page.locator(".alert-box")
    expect(page.locator(".banner-warn")).to_contain_text("Ce dossier ne peut pas être lu")
    expect(box).to_contain_text("ne peut pas être lu : appelez la personne")
    expect(page.locator('[data-act="comment"]')).to_have_count(0)
    shot(page, f"patients-lost-{screen.name}-{'night' if night else 'day'}")
    assert overflow(page) == []
    assert serious(page) == []
    page.locator('[data-act="take"]').click()
    expect(box).to_contain_text("vous l’avez")
    page.locator('[data-act="hand_over"]').click()
    page.get_by_label("À qui").select_option(label="Alix Bonnet")
    page.get_by_role("button", name="Envoyer").first.click()
    expect(box).to_contain_text("Alix Bonnet l’a")
    page.locator('[data-act="close"]').click()
    expect(page.get_by_label("Un mot")).to_have_count(0)
    page.get_by_label("on a agi").check()
    page.locator(".row-form button[type=submit]").click()
    expect(box).to_have_count(0)
    assert acts_of(followed) == ["take", "hand_over", "close"]
    assert "text" not in followed.patients.acts[-1]


def test_an_alert_is_taken_also_while_the_key_store_is_away(visit: Visit, followed: StandIn) -> None:
    followed.patients.away = "key-store-away"
    page = visit("/patients/p-martin", refused=(503,))
    expect(page.locator(".banner-warn")).to_contain_text("Le coffre des clés ne répond pas")
    page.locator('[data-act="take"]').click()
    expect(page.locator(".alert-box")).to_contain_text("vous l’avez")
    followed.patients.away = ""
    expect(page.locator(".patient-who h2")).to_have_text("Odette Martin")


def test_an_act_is_not_shown_as_done_before_it_is(visit: Visit, followed: StandIn) -> None:
    followed.patients.act_slowly = 1.0
    page = visit("/patients/p-martin")
    button = page.locator('[data-act="take"]')
    button.click()
    expect(button).to_have_text("…")
    expect(page.locator(".alert-box")).to_have_attribute("data-status", "firing")
    expect(page.locator(".alert-box")).to_have_attribute("data-status", "acknowledged")


def test_behind_each_point_are_its_answers_what_was_said_first_and_why(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin")
    expect(page.locator(".curve-of")).to_have_count(5)
    names = page.locator(".curve-of figcaption strong").all_inner_texts()
    assert names == ["Température", "Saturation", "Fréquence respiratoire", "Pouls", "Tension systolique"]
    saturation = page.locator('.curve-of[data-item="spo2"]')
    expect(saturation.locator(".curve-now")).to_have_text(re.compile(r"91.%.d’abord 92.%"))
    expect(saturation.locator(".band-words")).to_contain_text(re.compile(r"jusqu’à 94.% : rouge \(seuil par défaut\)"))
    expect(saturation.locator(".band-words")).to_contain_text(re.compile(r"sous 95.% : rouge"))
    expect(page.locator(".slot-detail")).to_contain_text("1 correction")
    expect(page.locator(".answers tr", has_text="Saturation")).to_contain_text(re.compile(r"91.%\s*92.%"))
    reasons = page.locator(".explained .findings")
    expect(reasons).to_contain_text(re.compile(r"Saturation sous le seuil de la HAS.: 91.% · sous 95.%"))
    expect(reasons).to_contain_text("règle oximetry/has-2021-04-13")
    expect(reasons).to_contain_text("3 points")
    expect(page.locator(".explained")).to_contain_text("Manque : tension systolique")
    # From the slots by keyboard, and from a point by a finger or a mouse.
    page.locator('.slot[aria-checked="true"]').focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".slot-detail")).to_have_attribute("data-shown", "6-0900")
    saturation.locator(".hit").first.click()
    expect(page.locator(".slot-detail")).to_have_attribute("data-shown", "1-0900")
    expect(page.locator(".suggestion")).to_contain_text("SAMU (15)")
    expect(page.locator(".suggestion")).to_contain_text("jamais moins")
    expect(page.locator(".suggestion")).to_contain_text(re.compile(r"répondu .*\d\d:\d\d"))
    page.locator(".all-slots summary").click()
    expect(page.locator(".wide-table td", has_text="d’abord 92")).to_be_visible()


def test_the_circle_writes_reads_and_remembers(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin")
    expect(page.locator(".thread li")).to_have_count(3)
    # Of each message its own time, though the nurse has read on since.
    first, second = (page.locator(".thread li").nth(n).locator(".thread-read") for n in (0, 1))
    expect(second).to_have_text(re.compile(r"lu par Alix Bonnet .*\d\d:\d\d$"))
    expect(first).to_have_text(re.compile(r"lu par vous .*\d\d:\d\d$"))
    expect(page.locator(".story")).not_to_contain_text("read")
    expect(page.locator(".thread li").nth(2).locator(".thread-read")).to_contain_text("lu par vous")  # it was in sight
    page.get_by_label("Écrire au cercle").fill("<b>J’y vais</b>")
    page.locator(".thread-write button").click()
    expect(page.locator(".thread li").nth(3)).to_contain_text("<b>J’y vais</b>")
    expect(page.locator(".memos li")).to_contain_text("échu")
    page.get_by_role("button", name="Fait").click()
    expect(page.locator(".memos li")).to_have_count(0)
    page.get_by_role("button", name="Nouveau pense-bête").click()
    page.get_by_label("À faire").fill("Rappeler ce soir")
    page.locator(".row-form button[type=submit]").click()
    expect(page.locator(".memos li")).to_contain_text("Rappeler ce soir")
    assert acts_of(followed) == ["message", "memo_done", "memo"]


def test_a_rule_is_muted_for_a_while_with_a_reason_that_all_see(visit: Visit, followed: StandIn) -> None:
    page, other = visit("/patients/p-roche", who="demo-nurse"), visit("/patients/p-roche")
    page.get_by_role("button", name="Mettre une règle en sourdine").click()
    lengths = page.get_by_label("Durée").locator("option").evaluate_all("all => all.map((one) => Number(one.value))")
    assert max(lengths) == 240
    page.get_by_label("Règle").select_option("flag/breathless-on-effort")
    send = page.locator(".row-form button[type=submit]")
    expect(send).to_be_disabled()
    page.get_by_label("Motif").fill("Asthme connu")
    send.click()
    for one in (page, other):
        expect(one.locator(".muted")).to_contain_text("Essoufflé à l’effort : en sourdine par")
        expect(one.locator(".muted")).to_contain_text("« Asthme connu »")


def test_who_shares_the_follow_up_and_how_it_goes_on(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-girard")
    page.get_by_role("button", name="Ajouter au cercle").click()
    page.get_by_label("Personne", exact=True).select_option(label="Maxime Soler")
    page.get_by_label("Rôle").select_option("coordinator")
    page.locator(".row-form button[type=submit]").click()
    expect(page.locator('[data-member="demo-deputy"]')).to_contain_text("Maxime Soler")
    expect(page.locator(".row-form")).to_have_count(0)  # the door's answer may come after what it changed
    page.locator('[data-act="pause"]').click()
    send = page.locator(".row-form button[type=submit]")
    expect(send).to_be_disabled()
    page.get_by_label("Motif").fill("Hospitalisée")
    send.click()
    expect(page.locator(".patient-who")).to_contain_text("en pause")
    page.locator('[data-act="resume"]').click()
    expect(page.locator(".patient-who")).not_to_contain_text("en pause")
    with page.context.expect_page() as opened:
        page.locator('[data-provider="teleo"]').click()
    assert "p-girard" not in opened.value.url
    expect(page.locator(".story")).to_contain_text("téléconsultation")
    assert acts_of(followed) == ["join", "pause", "resume", "teleconsultation"]


def test_a_threshold_of_ones_own_is_never_looser_than_the_floor(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-girard")
    page.get_by_role("button", name="Modifier le dossier").click()
    page.locator(".row-form summary", has_text="Seuils").click()
    fever = page.get_by_label(re.compile("^Seuil personnel : Température"))
    fever.fill("40")
    expect(page.locator(".threshold .wrong")).to_contain_text("plus lâche que le plancher (39")
    fever.fill("38,2")
    page.get_by_label(re.compile("^Motif du seuil")).fill("Greffée")
    page.get_by_label("Téléphone").first.fill("+33 6 39 98 00 99")
    page.get_by_label("Motif", exact=True).fill("Seuil revu avec elle")
    page.locator(".row-form button[type=submit]").click()
    expect(page.locator(".facts-list")).to_contain_text("+33 6 39 98 00 99")
    sent = followed.patients.files[-1]
    assert sent["reason"] == "Seuil revu avec elle"
    assert sent["file"]["thresholds"] == {"flag/fever": {"value": 38.2, "reason": "Greffée"}}
    assert sent["file"]["symptoms_date"]  # what was on file goes back as it was
    assert "consent" not in sent["file"]


def test_from_a_push_to_the_patient_are_two_taps(visit: Visit, followed: StandIn) -> None:
    """The notification is one; it leads to the alert, where the file is the next."""
    followed.with_alerts(lambda alerts: alerts.fire("rea", severity="critical", group="g1"))
    held = followed.alerts.alerts["a0000001"]
    labels = {"rule": "patient", "concern": "patients", "severity": "critical", "region": "occitanie"}
    alert = msgspec.structs.replace(held.alert, labels=labels, subject="patient/p-martin", link="/patients/p-martin")
    followed.alerts.alerts["a0000001"] = msgspec.structs.replace(held, alert=alert, told=("demo-physician",))
    context = visit(screen=PHONE).context
    page = context.new_page()
    page.goto(f"{followed.url}/alerts?mine&group=g1")  # where the service worker leads
    page.locator('[data-group="g1"] a[href="/patients/p-martin"]').first.tap()
    expect(page.locator('[data-act="take"]')).to_be_in_viewport()
    expect(page.locator('[data-act="seen"]')).to_be_in_viewport()


# --- who may see what ------------------------------------------------------------------------------------------------


def test_names_are_hidden_on_a_phone_until_they_are_asked_for_and_again_after_it_was_away(
    visit: Visit, followed: StandIn
) -> None:
    page = visit(screen=PHONE)
    expect(card(page, "p-martin")).to_contain_text("Nom masqué")
    expect(page.locator("#search")).to_have_count(0)  # what is searched would say who is there
    assert "Martin" not in page.content()
    page.get_by_role("button", name="Afficher les noms").click()
    expect(card(page, "p-martin")).to_contain_text("Odette Martin")
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
            delete document.hidden;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(card(page, "p-martin")).to_contain_text("Nom masqué")
    card(page, "p-martin").locator("a").click()
    expect(page.locator(".patient-who")).to_contain_text("Nom masqué")
    page.locator("#pane-file").click()
    expect(page.locator(".facts-list")).to_be_visible()
    assert "Odette" not in page.content()
    assert "+33 6" not in page.content()


def test_a_regulator_breaks_the_glass_with_a_reason_and_for_an_hour(visit: Visit, followed: StandIn) -> None:
    page = visit(who="demo-regulator", refused=(404,))
    expect(page.get_by_text("Aucun dossier ouvert en urgence.")).to_be_visible()
    expect(page.locator("#search")).to_have_count(0)  # there is nobody to be found in it
    page.get_by_label("Nom de naissance").fill("Martin")
    page.get_by_label("Prénom").fill("Odette")
    page.get_by_label("Date de naissance").fill("1944-03-02")
    page.get_by_role("button", name="Chercher", exact=True).click()
    page.get_by_role("link", name="Dossier 1").click()
    send = page.get_by_role("button", name="Ouvrir ce dossier 60 minutes")
    expect(send).to_be_disabled()
    assert "Martin" not in page.content()
    page.get_by_label("Motif").fill("Patiente en ligne, essoufflée")
    send.click()
    expect(page.locator(".patient-who h2")).to_have_text("Odette Martin")
    expect(page.locator(".glass-left")).to_contain_text(re.compile(r"accès d’urgence, encore (59:\d\d|1.h)"))
    expect(page.locator('[data-act="take"]')).to_have_count(0)
    expect(page.locator('[data-act="close"]')).to_have_count(0)
    expect(page.locator('[data-act="comment"]')).to_be_visible()
    expect(page.get_by_role("button", name="Nouveau pense-bête")).to_have_count(0)
    expect(page.get_by_role("button", name="Fait", exact=True)).to_have_count(0)
    expect(page.locator('[data-member="demo-regulator"]')).to_contain_text("SAMU accès d’urgence")
    followed.with_patients(lambda patients: patients.remove("p-martin", "demo-regulator"))
    expect(page.locator(".patient-who")).to_have_count(0)


def test_signing_out_empties_the_browser(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin", refused=(401,))
    expect(page.locator(".patient-who h2")).to_have_text("Odette Martin")
    page.keyboard.press("n")
    kept = page.evaluate(KEPT)
    assert "p-martin" in kept  # when one looked last, and of which colour it was: in clear, and no content
    assert not re.search("Odette|Martin|fatiguée|temperature|spo2", kept)
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("heading", name="Se connecter")).to_be_visible()
    assert "p-martin" not in page.evaluate(KEPT)
    assert page.evaluate("localStorage.length + sessionStorage.length") <= 1  # the language that the page was in
    assert "Martin" not in page.content()


# --- enrolment -------------------------------------------------------------------------------------------------------


def fill_in(page: Page, phone: str = "") -> None:
    """Fill in what a file needs."""
    page.get_by_label("Parcours", exact=True).select_option("medical-covid/1")
    page.get_by_label("Nom de naissance").fill("DURAND")
    page.get_by_label("Prénoms").fill("Léa, Marie")
    page.get_by_label("Date de naissance").fill("1960-02-29")
    if phone:
        page.get_by_label("Téléphone").fill(phone)
    page.get_by_label("Version du texte lu").fill("2026-1")
    page.get_by_label("Le consentement a été recueilli maintenant").check()


def test_a_clinician_enrols_and_is_told_what_is_wrong_field_by_field(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/new", refused=(422,))
    send = page.get_by_role("button", name="Ouvrir le dossier")
    expect(send).to_be_disabled()
    fill_in(page)
    page.get_by_role("button", name="Ajouter au cercle").click()
    page.get_by_label("Personne", exact=True).select_option(label="Alix Bonnet")
    send.click()
    expect(page.get_by_label("Téléphone")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Téléphone")).to_be_focused()
    page.get_by_label("Téléphone").fill("+33 6 39 98 00 42")
    send.click()
    expect(page.get_by_text("Dossier ouvert.")).to_be_visible()
    expect(page.get_by_text("1 dossier ressemble à celui-ci : rien n’a été fusionné.")).to_be_visible()
    sent = followed.patients.enrolled[-1]
    assert sent["pathway"] == "medical-covid/1"
    assert sent["file"]["first_names"] == ["Léa", "Marie"]
    assert sent["file"]["consent"] == {"text_version": "2026-1", "by": "patient"}
    assert sent["circle"] == [{"subject": "demo-nurse", "role": "nurse"}]
    assert "for" not in sent


def test_where_a_call_comes_first_no_consent_is_ticked_before_it(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/new", who="demo-tracing")
    page.get_by_label("Parcours", exact=True).select_option("ars-case/1")
    expect(page.get_by_text("Le consentement se donne au premier appel")).to_be_visible()
    expect(page.get_by_label("Version du texte lu")).to_have_count(0)
    page.get_by_label("Nom de naissance").fill("Marchand")
    page.get_by_label("Prénoms").fill("Léa")
    page.get_by_label("Date de naissance").fill("1968-04-11")
    page.get_by_label("Téléphone").fill("+33 6 39 98 00 42")
    page.get_by_label("Fuseau horaire du patient").select_option(label="La Réunion (Indian/Reunion)")
    shot(page, "patients-enrol-call-first")
    page.get_by_role("button", name="Ouvrir le dossier").click()
    expect(page.get_by_text("Dossier ouvert.")).to_be_visible()
    sent = followed.patients.enrolled[-1]
    assert "consent" not in sent["file"]
    assert sent["zone"] == "Indian/Reunion"


def test_who_lives_by_other_clocks_is_shown_with_theirs(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-girard")
    page.get_by_role("button", name="Modifier le dossier").click()
    page.get_by_label("Fuseau horaire du patient").select_option("Pacific/Noumea")
    page.get_by_label("Motif", exact=True).fill("Rentrée chez elle")
    page.locator(".row-form button[type=submit]").click()
    expect(page.locator(".patient-who")).to_contain_text(
        re.compile(r"Nouvelle-Calédonie \(Pacific/Noumea\) : il y est \d\d:\d\d")
    )
    assert followed.patients.files[-1]["zone"] == "Pacific/Noumea"
    shot(page, "patients-other-clocks")


def test_practice_software_opens_the_patient_whom_it_knows_by_ins(visit: Visit, followed: StandIn) -> None:
    file = followed.patients.followed["p-girard"].chart.file
    traits = Traits(file.birth_name, file.first_names, file.birth_date, file.sex, "31555")
    ins = Ins(status="validée", traits=traits, matricule=MATRICULE)
    followed.patients.followed["p-girard"].chart = Chart(file=msgspec.structs.replace(file, ins=ins))
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{followed.url}/patients/find#ins={MATRICULE}")
    expect(page.locator(".patient-who")).to_contain_text("Lucie Girard")
    expect(page).to_have_url(f"{followed.url}/patients/p-girard")
    assert [url for url in asked if MATRICULE in url.partition("#")[0]] == []
    assert MATRICULE not in page.evaluate(KEPT)
    page.goto(f"{followed.url}/patients/find#ins=199013155500233")
    expect(page.get_by_text("Aucun de vos patients n’a cet INS.")).to_be_visible()
    expect(page).to_have_url(f"{followed.url}/patients/find")
    page.goto(f"{followed.url}/patients/find#id=p-roche")
    expect(page.locator(".patient-who")).to_contain_text("Jean Roche")


def test_the_staff_of_an_ehpad_are_led_from_a_resident_s_page_to_their_sitting(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin", who="demo-ehpad", screen=PHONE, refused=(403, 404))
    link = page.get_by_role("link", name="Ouvrir la séance")
    expect(link).to_have_attribute("href", re.compile(r"^/sitting/\d{9}$"))
    expect(page.locator("#main")).not_to_contain_text("n’existe pas")
    shot(page, "patients-of-a-resident")
    link.click()
    expect(page).to_have_url(re.compile(r"/sitting/\d{9}$"))


def test_a_tracing_agent_is_offered_what_they_may_begin(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/new", who="demo-tracing")
    offered = page.get_by_label("Parcours", exact=True).locator("option")
    expect(offered).to_have_count(3)  # the choice to be made, and two
    told = offered.evaluate_all("all => all.map((one) => one.value.split('/')[0])")
    assert sorted(told) == ["", "ars-case", "ars-contact"]


def test_who_may_be_the_same_person_is_proposed_on_the_page_and_a_look_that_is_put_off_is_said(
    visit: Visit, followed: StandIn
) -> None:
    followed.patients.similar = Similar(["p-marchal"], elsewhere=True)
    page = visit("/patients/new")
    fill_in(page, "+33 6 39 98 00 42")
    page.get_by_role("button", name="Ouvrir le dossier").click()
    expect(page.get_by_text("ne sont pas encore cherchés")).to_be_visible()
    page.goto(f"{followed.url}/patients/p-girard")
    told = page.locator(".similar")
    expect(told).to_contain_text("1 dossier ressemble à celui-ci : rien n’a été fusionné.")
    expect(told).to_contain_text("hors de vos patients")
    expect(told.get_by_role("link")).to_have_attribute("href", "/patients/p-marchal")
    followed.patients.rings = False
    page.get_by_role("button", name="Modifier le dossier").click()
    page.get_by_label("Motif", exact=True).fill("corrigé")
    page.locator(".row-form button[type=submit]").click()
    expect(page.locator(".nobody-rung")).to_be_visible()  # the page was read anew
    expect(told).to_be_visible()


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=lambda screen: screen.name)
def test_that_a_red_would_ring_nobody_is_said_on_the_page_and_at_enrolment(
    visit: Visit, followed: StandIn, screen: Screen
) -> None:
    page = visit("/patients/p-girard", screen=screen)
    expect(page.locator(".curve-of").first).to_be_attached()
    expect(page.locator(".nobody-rung")).to_have_count(0)
    followed.patients.rings = False
    page.reload()
    expect(page.locator(".nobody-rung")).to_contain_text("Un rouge ne ferait sonner personne.")
    shot(page, f"patients-nobody-rung-{screen.name}")
    assert overflow(page) == []
    assert serious(page) == []
    page.goto(f"{followed.url}/patients/new")
    fill_in(page, "+33 6 39 98 00 42")
    page.get_by_role("button", name="Ouvrir le dossier").click()
    expect(page.locator(".nobody-rung")).to_be_visible()


def test_support_opens_a_file_for_somebody_and_reads_nothing_back(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/new", who="demo-support")
    fill_in(page, "+33 6 39 98 00 42")
    send = page.get_by_role("button", name="Ouvrir le dossier")
    expect(send).to_be_disabled()
    page.get_by_label("À la demande de").select_option("demo-physician")
    send.click()
    expect(page.get_by_text("C’est fait.")).to_be_visible()
    assert followed.patients.enrolled[-1]["for"] == "demo-physician"
    assert "p-new" not in page.content()
    assert "DURAND" not in page.content()
    expect(page.get_by_role("link", name="Patients", exact=True)).to_have_count(0)


# --- for everybody ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=lambda screen: screen.name)
def test_every_page_fits_and_can_be_read_by_all(visit: Visit, followed: StandIn, screen: Screen, night: bool) -> None:
    """Nothing overflows, axe-core finds nothing serious, and what is touched is large enough."""
    theme = "night" if night else "day"
    for name, path, ready in (
        ("board", "/patients", ".patient-card .card-reasons"),
        ("patient", "/patients/p-martin", ".curve-of"),
        ("enrol", "/patients/new", ".enrol"),
    ):
        page = visit(path, screen=screen, night=night)
        page.wait_for_selector(ready, state="attached")
        shot(page, f"patients-{name}-{screen.name}-{theme}")
        assert overflow(page) == [], name
        assert serious(page) == [], name
        small = page.locator("main :is(button, a, select, input:not([type=checkbox], [type=radio]))").evaluate_all(
            """all => all.filter((one) => one.checkVisibility()).flatMap((one) => {
                const { width, height } = one.getBoundingClientRect();
                return height < 43.5 || width < 43.5 ? [`${one.className} ${one.textContent} ${width}x${height}`] : [];
            })"""
        )
        assert small == [], name
        if screen.is_narrow and name == "patient":
            for pane in ("talk", "file", "story"):
                page.locator(f"#pane-{pane}").click()
                assert overflow(page) == [], pane
                assert serious(page) == [], pane


def test_the_pages_are_complete_in_english(visit: Visit, followed: StandIn) -> None:
    page = visit("/patients/p-martin", tongue="en-GB")
    expect(page.locator('[data-act="take"]')).to_have_text(re.compile("I take it.* to be checked at"))
    expect(page.locator(".explained")).to_contain_text("Saturation below the HAS threshold")
    expect(page.locator(".not-a-device")).to_contain_text("not a certified medical device")


def test_the_keyboard_alone_goes_from_the_board_to_a_patient_and_back(visit: Visit, followed: StandIn) -> None:
    page = visit()
    expect(card(page, "p-martin")).to_contain_text("Odette")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".alert-box")).to_be_visible()
    page.keyboard.press("t")
    expect(page.locator(".alert-box")).to_have_attribute("data-status", "acknowledged")
    page.keyboard.press("Escape")
    expect(card(page, "p-martin")).to_contain_text("vous l’avez")
    assert json.loads(page.evaluate("localStorage.getItem('vigilits.visits')"))["seen"].keys() == {"p-martin"}
