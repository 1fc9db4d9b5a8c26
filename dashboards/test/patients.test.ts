import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { areasOf, axisOf, pathOf, scaleOf, seriesOf } from "../src/patients/curves";
import { ageOf, asked, dateOf, draftOf, EMPTY, numberOf, wrongThresholds } from "../src/patients/file";
import { kindOf, mistakesOf, refusalText } from "../src/patients/problems";
import { Problem } from "../src/http";
import { rightsOf, sittingsOf } from "../src/patients/rights";
import { answersOf, confirms, filtered, inOrder, isAhead, isOfAnswers, memosDue, newsOf, NO_FILTER, pinned, rangeText, standing, tallied, visitOf, type BoardRow } from "../src/patients/rows";
import { bandsOf, HOME_COV, inForce, itemText, SAMU_BELOW, thresholdsOf, told, tooLoose, valueText, type RuleWords } from "../src/patients/rules";
import type { Content } from "../src/patients/rows";
import type { Finding, Item, PatientAlert, PatientFile, Pathway, Row, SlotShown } from "../src/patients/wire";
import { en } from "../src/patients/words/en";
import { fr } from "../src/patients/words/fr";

const HOUR = 3_600_000;
const row = (id: string, more: Partial<Row> = {}): Row => ({ id, pathway: "covid/1", status: "followed", circle: [], enrolled_at: 0, ...more });
const alert = (colour: "orange" | "red", more: Partial<PatientAlert> = {}): PatientAlert => ({ id: `a-${colour}`, colour, status: "firing", opened_at: 0, slot: "1-0900", ...more });
const content = (name: string): Content => ({ name, age: 70, title: { fr: "", en: "" }, range: null, trend: null, reasons: [], ask: [], suggestion: null, unread: 0, memos_due: 0, taken_by_name: null, of: { colour: null, incomplete: false, at: null } });
const rows = (...all: Row[]): BoardRow[] => all.map((one) => ({ row: one, content: null }));
const ids = (all: BoardRow[]): string[] => all.map((one) => one.row.id);

describe("the order of the board", () => {
  it("is by colour, then by who has waited longest", () => {
    const order = inOrder(
      rows(
        row("green", { colour: "green", colour_at: 9 }),
        row("late-orange", { colour: "orange", alert: alert("orange", { opened_at: 20 }) }),
        row("yellow", { colour: "yellow" }),
        row("early-orange", { colour: "orange", alert: alert("orange", { opened_at: 10 }) }),
        row("unanswered"),
        row("red", { colour: "red", alert: alert("red") }),
      ),
    );
    expect(ids(order)).toEqual(["red", "early-orange", "late-orange", "yellow", "green", "unanswered"]);
  });

  it("stands a patient under an open alert however green the last answers are", () => {
    const greener = row("greener", { colour: "green", alert: alert("red") });
    expect(standing(greener)).toBe("red");
    expect(ids(inOrder(rows(row("orange", { colour: "orange" }), greener)))).toEqual(["greener", "orange"]);
    expect(isOfAnswers(greener)).toBe(false);
  });

  it("has what somebody took behind what nobody has", () => {
    const taken = row("taken", { colour: "red", alert: alert("red", { status: "acknowledged", taken_by: "me", opened_at: 1 }) });
    expect(ids(inOrder(rows(taken, row("waits", { colour: "red", alert: alert("red", { opened_at: 5 }) }))))).toEqual(["waits", "taken"]);
  });

  it("ends with what is over, unless an alert of it is open", () => {
    const over = row("over", { status: "ended", colour: "orange" });
    const open = row("open", { status: "stopped", colour: "orange", alert: alert("orange") });
    expect(ids(inOrder(rows(over, row("green", { colour: "green" }), open)))).toEqual(["open", "green", "over"]);
    expect(ids(filtered(rows(over, open), NO_FILTER, "me", () => false))).toEqual(["open"]);
  });

  it("pins what presses, and leaves the rest where it was", () => {
    expect(pinned(["a", "b", "c", "d"], new Set(["d", "b"]))).toEqual(["b", "d", "a", "c"]);
  });

  it("does not give a silence the score of the answers before it", () => {
    const slots = { "1-0900": { state: "answered" as const, due_at: 1 }, "2-0900": { state: "missed" as const, due_at: 2 } };
    expect(isOfAnswers(row("missed", { colour: "orange", slots }))).toBe(false);
    expect(isOfAnswers(row("answered", { colour: "orange", slots: { "1-0900": slots["1-0900"] } }))).toBe(true);
  });
});

describe("a summary's receipt", () => {
  it("is confirmed by the physician or coordinator who stays, and once it was sent", () => {
    const circle = [
      { subject: "physician", role: "physician" as const },
      { subject: "coordinator", role: "coordinator" as const },
      { subject: "nurse", role: "nurse" as const },
      { subject: "guest", role: "physician" as const, until: 9 },
    ];
    const may = (summary: Row["summary"]) => circle.map(({ subject }) => subject).filter((subject) => confirms({ summary, circle }, subject));
    expect(may("sent")).toEqual(["physician", "coordinator"]);
    expect([may("due"), may("received"), may("")]).toEqual([[], [], []]);
  });
});

describe("filters", () => {
  const all: BoardRow[] = [
    { row: row("a", { colour: "red", alert: alert("red", { taken_by: "me", status: "acknowledged" }) }), content: content("Odette Martin") },
    { row: row("b", { colour: "green" }), content: content("Jean Noël") },
    { row: row("c"), content: null },
  ];
  const ask = (by: Partial<typeof NO_FILTER>) => ids(filtered(all, { ...NO_FILTER, ...by }, "me", (one) => one.id === "b"));

  it("finds names without accents, by their beginnings, in any order", () => {
    expect(ask({ text: "noel" })).toEqual(["b"]);
    expect(ask({ text: "mart od" })).toEqual(["a"]);
    expect(ask({ text: "artin" })).toEqual([]);
  });

  it("leaves what was asked for", () => {
    expect(ask({ colours: ["unanswered"] })).toEqual(["c"]);
    expect(ask({ only: ["mine"] })).toEqual(["a"]);
    expect(ask({ only: ["waiting"] })).toEqual([]);
    expect(ask({ only: ["news"] })).toEqual(["b"]);
  });

  it("are counted by what rows stand under", () => {
    expect(tallied(all)).toEqual({ red: 1, orange: 0, yellow: 0, green: 1, unanswered: 1 });
  });
});

describe("what is new since a visit", () => {
  const before = row("p", { colour: "yellow", answered_at: 10, written_at: 5 });
  const visit = visitOf(before, 11);

  it("is nothing where nothing is, or where there was no visit", () => {
    expect(newsOf(before, visit)).toEqual([]);
    expect(newsOf(before, undefined)).toEqual([]);
  });

  it("names what matters most first", () => {
    const after = { ...before, colour: "red" as const, answered_at: 20, written_at: 21, alert: alert("red") };
    expect(newsOf(after, visit)).toEqual(["worse", "alert", "answered", "message"]);
  });

  it("tells an alert that was taken, came again, or was closed", () => {
    const open = { ...before, alert: alert("orange") };
    const taken = { ...before, alert: alert("orange", { status: "acknowledged", taken_by: "other" }) };
    expect(newsOf(taken, visitOf(open, 12))).toEqual(["taken"]);
    const more = { ...taken, alert: { ...taken.alert!, news: 2 } };
    expect(newsOf(more, visitOf(taken, 12))).toEqual(["more"]);
    expect(newsOf(more, visitOf(more, 12))).toEqual([]);
    expect(newsOf(open, visitOf(taken, 12))).toEqual(["alert"]);
    expect(newsOf(before, visitOf(open, 12))).toContain("alert_over");
  });

  it("keeps no content", () => {
    expect(Object.keys(visit).sort()).toEqual(["alert", "answered_at", "at", "colour", "found", "status", "written_at"]);
  });
});

const number = (link: string, unit: string, lowest: number, highest: number): Item => ({ link, kind: "decimal", text: { fr: `${link} ?`, en: `${link}?` }, unit, lowest, highest });
const pathway = {
  id: "covid",
  version: "3",
  title: { fr: "COVID", en: "COVID" },
  questionnaire: {
    url: "",
    version: "",
    title: { fr: "", en: "" },
    items: [
      { link: "measures", kind: "group", text: { fr: "", en: "" }, items: [number("temp", "°C", 30, 45), number("sat", "%", 40, 100)] },
      { link: "confused", kind: "boolean", text: { fr: "Confus ?", en: "Confused?" } },
      { link: "breath", kind: "choice", text: { fr: "Essoufflé ?", en: "Breathless?" }, options: [{ code: "rest", label: { fr: "Au repos", en: "At rest" } }] },
    ],
  },
  scoring: {
    readings: { temperature: "temp", spo2: "sat", consciousness: "confused" },
    flags: [
      { id: "fever", item: "temp", test: "at_least", value: 38.5, floor: 39, colour: "yellow", words: { fr: "Fièvre", en: "Fever" }, source: "" },
      { id: "rest", item: "breath", test: "is", value: "rest", colour: "red", words: { fr: "Essoufflé au repos", en: "Breathless at rest" }, source: "" },
    ],
    trends: [{ id: "falls", item: "sat", worse: "lower", by: 3, days: 3, colour: "yellow", words: { fr: "La saturation baisse", en: "Saturation falls" } }],
    home_cov: { items: {}, colour: "red", floors: { spo2: 87 } },
    oximetry: { floor: 88 },
  },
  end: { how: "erase" },
} satisfies Pathway;
const words: RuleWords = { ...fr.rule, say: (one) => one.fr, locale: "fr-FR", colon: fr.colon };
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, " ");

describe("thresholds", () => {
  it("are the published ones", () => {
    const homeCov = readFileSync(new URL("../../domain/followup/home_cov.py", import.meta.url), "utf8");
    const limits = (name: string) => Object.fromEntries([...homeCov.match(new RegExp(`^${name}.*\\{(.*)\\}`, "m"))![1]!.matchAll(/"(\w+)": (\d+)/g)].map(([, key, value]) => [key, Number(value)]));
    const ours = (test: string) => Object.fromEntries(Object.entries(HOME_COV).flatMap(([key, one]) => (one.test === test ? [[key, one.value]] : [])));
    expect(ours("at_most")).toEqual(limits("AT_MOST"));
    expect(ours("at_least")).toEqual(limits("AT_LEAST"));
    const oximetry = readFileSync(new URL("../../domain/followup/oximetry.py", import.meta.url), "utf8");
    expect(SAMU_BELOW).toBe(Number(/SAMU_BELOW = ([\d.]+)/.exec(oximetry)![1]));
  });

  it("are a patient's own where they have one, never looser than the floor", () => {
    const [fever] = thresholdsOf(pathway);
    expect(inForce(fever!, undefined)).toEqual({ value: 38.5, own: false });
    expect(inForce(fever!, 38)).toEqual({ value: 38, own: true });
    expect(inForce(fever!, 41)).toEqual({ value: 39, own: true });
    expect([tooLoose(fever!, 39), tooLoose(fever!, 39.1)]).toEqual([false, true]);
    const spo2 = thresholdsOf(pathway).find(({ id }) => id === "home-cov/spo2")!;
    expect([tooLoose(spo2, 87), tooLoose(spo2, 86)]).toEqual([false, true]);
  });

  it("become bands of the curve, by default or own", () => {
    const own = { thresholds: { "oximetry/samu": { value: 90, reason: "BPCO" } } };
    expect(bandsOf(pathway, own, "sat")).toEqual([
      { id: "home-cov/spo2", side: "below", test: "at_most", value: 94, colour: "red", own: false },
      { id: "oximetry/samu", side: "below", test: "below", value: 90, colour: "red", own: true },
    ]);
    expect(bandsOf(pathway, {}, "temp")).toEqual([{ id: "flag/fever", side: "above", test: "at_least", value: 38.5, colour: "yellow", own: false }]);
  });
});

describe("a finding in words", () => {
  const say = (finding: Partial<Finding>) => told({ rule: "", version: "1", colour: "red", ...finding }, pathway, words);

  it("names the rule, the answer, the threshold and whose it is", () => {
    const found = say({ rule: "flag/fever", item: "temp", value: 38.9, threshold: 38.5, whose: "own" });
    expect([found.what, plain(found.answer), plain(found.limit)]).toEqual(["Fièvre", "38,9 °C", "au moins 38,5 °C (seuil personnel)"]);
    const samu = say({ rule: "oximetry/samu", item: "sat", value: 92, threshold: 95 });
    expect(plain(samu.limit)).toBe("sous 95 % (seuil par défaut)");
    expect(say({ rule: "flag/rest", item: "breath", value: "rest" })).toEqual({ what: "Essoufflé au repos", answer: "Au repos", limit: "", points: "" });
  });

  it("says points, trends, and what was not answered", () => {
    expect(say({ rule: "news2", points: 7 })).toEqual({ what: "NEWS2", answer: "", limit: "", points: "7 points" });
    expect(say({ rule: "news2/spo2", item: "sat", value: 91, points: 3 }).what).toBe("NEWS2\u00a0: saturation");
    expect(plain(say({ rule: "trend/falls", item: "sat", value: 91, threshold: 95, whose: "own" }).limit)).toBe("habituel 95 %");
    expect(say({ rule: "no-answer" }).what).toBe("Pas de réponse");
    expect(say({ rule: "no-answer", value: "not-reached" }).what).toBe("Pas de réponse : question non envoyée");
    expect(say({ rule: "not-taken" }).what).toBe("Une réponse n’a pas été prise : trop tard, en pause ou terminé");
    expect(say({ rule: "not-read" }).what).toBe("Une réponse ne peut pas être lue");
    expect(say({ rule: "something/new" }).what).toBe("something/new");
  });

  it("never says 0 for what nobody knows", () => {
    expect(valueText(null, undefined, words)).toBe("inconnu");
    expect(valueText(undefined, undefined, words)).toBe("inconnu");
    expect(valueText(0, undefined, words)).toBe("0");
    expect(valueText([], undefined, words)).toBe("non");
  });

  it("calls a number by its parameter, and a question of yes or no by what was asked", () => {
    const [measures, confused] = pathway.questionnaire.items as Item[];
    expect(itemText(measures!.items![1]!, pathway, words)).toBe("Saturation");
    expect(itemText(confused!, pathway, words)).toBe("Confus ?");
  });
});

describe("curves", () => {
  const slot = (day: number, answers: Record<string, number | null>, first: Record<string, number> = {}): SlotShown => ({
    slot: `${day}-0900`,
    day,
    state: { state: "answered", due_at: day * 24 * HOUR },
    sent: [{ id: "s", at: day * 24 * HOUR, by: "patient", answers }],
    answers,
    first,
    result: null,
  });
  const slots = [slot(1, { temp: 37, sat: 97 }), slot(2, { temp: 38, sat: null }), slot(3, { temp: 39, sat: 91 }, { sat: 93 })];

  it("stand in the order in which they are read, on one axis", () => {
    const drawn = seriesOf(pathway, {}, slots);
    expect(drawn.map(({ item }) => item.link)).toEqual(["temp", "sat"]);
    const [from, to] = axisOf(slots)!;
    expect(from).toBeLessThan(24 * HOUR);
    expect(to).toBeGreaterThan(72 * HOUR);
    expect(axisOf([])).toBeNull();
  });

  it("keep the limits and what was said first in sight", () => {
    const sat = seriesOf(pathway, {}, slots)[1]!;
    expect(sat.points).toEqual([
      { slot: "1-0900", at: 24 * HOUR, value: 97, first: null },
      { slot: "3-0900", at: 72 * HOUR, value: 91, first: 93 },
    ]);
    expect(sat.unknown).toEqual([{ slot: "2-0900", at: 48 * HOUR }]);
    expect(sat.low).toBeLessThan(91);
    expect(sat.high).toBeGreaterThan(97);
    expect(sat.high).toBeLessThanOrEqual(100);
  });

  it("are broken where nobody answered", () => {
    const missed: SlotShown = { slot: "2-0900", state: { state: "missed", due_at: 48 * HOUR } };
    const [temp] = seriesOf(pathway, {}, [slots[0]!, missed, slots[2]!]);
    expect(pathOf(temp!, scaleOf(axisOf(slots)!, temp!, 100, 50)).match(/M/g)).toHaveLength(2);
  });

  it("are broken where there was no device, and not where nobody was asked", () => {
    const [temp, sat] = seriesOf(pathway, {}, slots);
    const scale = scaleOf(axisOf(slots)!, sat!, 100, 50);
    expect(pathOf(sat!, scale).match(/M/g)).toHaveLength(2);
    expect(pathOf(temp!, scaleOf(axisOf(slots)!, temp!, 100, 50)).match(/M/g)).toHaveLength(1);
  });

  it("have bands on the side that the rule speaks of, within the drawing", () => {
    const sat = seriesOf(pathway, {}, slots)[1]!;
    const scale = scaleOf(axisOf(slots)!, sat, 100, 50);
    for (const { y, height, band } of areasOf(sat.bands, scale, 50)) {
      expect(y).toBeCloseTo(scale.y(band.value), 6);
      expect(y + height).toBeCloseTo(50, 6);
    }
    const temp = seriesOf(pathway, {}, slots)[0]!;
    const [above] = areasOf(temp.bands, scaleOf(axisOf(slots)!, temp, 100, 50), 50);
    expect(above!.y).toBe(0);
  });
});

describe("a file as a form has it", () => {
  const file: PatientFile = {
    birth_name: "MARTIN",
    first_names: ["Odette", "Jeanne"],
    birth_date: "1944-03-02",
    sex: "female",
    contact: { phone: "+33639980001" },
    caregivers: [{ name: "Anne" }, { name: "Luc" }],
    consent: { text_version: "1", given_at: 0, recorded_by: "x" },
    symptoms_day: 20_000,
    scale: 2,
    scale_2_prescribed_by: "physician",
    thresholds: { "flag/fever": { value: 38, set_by: "x", set_at: 1, reason: "fragile" } },
  };

  it("comes back as it was, without who set what and when", () => {
    expect(asked(draftOf(file), file)).toEqual({
      birth_name: "MARTIN",
      first_names: ["Odette", "Jeanne"],
      birth_date: "1944-03-02",
      sex: "female",
      language: "fr",
      contact: { phone: "+33639980001" },
      caregivers: [{ name: "Anne", contact: {} }, { name: "Luc" }],
      symptoms_date: dateOf(20_000),
      scale: 2,
      thresholds: { "flag/fever": { value: 38, reason: "fragile" } },
    });
  });

  it("says which thresholds can't be", () => {
    const draft = (value: string, reason: string) => ({ ...EMPTY, thresholds: { "flag/fever": { value, reason } } });
    expect(wrongThresholds(draft("40", "x"), pathway)).toEqual({ "flag/fever": "loose" });
    expect(wrongThresholds(draft("38,2", ""), pathway)).toEqual({ "flag/fever": "reason" });
    expect(wrongThresholds(draft("chaud", "x"), pathway)).toEqual({ "flag/fever": "number" });
    expect(wrongThresholds(draft("38,2", "x"), pathway)).toEqual({});
    expect(wrongThresholds(draft("", ""), pathway)).toEqual({});
  });

  it("shows what the server found wrong at the field, and at the one that it needs", () => {
    const body = {
      errors: [
        { path: "channels[0]", message: "needs file.contact.phone" },
        { path: "file.birth_date", message: "must be a date: YYYY-MM-DD" },
        { path: "file.used_name", message: "at most 300 characters" },
        { path: "file.thresholds.flag/fever", message: "looser than the pathway's floor, 38.5" },
        { path: "file.new", message: "something that no page knows" },
      ],
    };
    expect(mistakesOf(body, fr)).toEqual({
      "channels[0]": "le numéro de téléphone manque",
      "file.contact.phone": "nécessaire",
      "file.birth_date": "doit être une date",
      "file.used_name": "300 signes au plus",
      "file.thresholds.flag/fever": "plus lâche que le plancher du parcours (38.5)",
      "file.new": "something that no page knows",
    });
    expect(mistakesOf({}, fr)).toEqual({});
  });

  it("says why something was refused in the reader's words, and in the server's only where it has none", () => {
    const problem = (status: number, kind: string, more: Record<string, unknown> = {}) => new Problem(status, { type: `urn:vigilits:problem:${kind}`, ...more });
    const say = (refusal: Problem) => refusalText(refusal, fr, (subject) => subject);
    expect(kindOf(problem(409, "news"))).toBe("news");
    expect(kindOf(new Error("no problem of ours"))).toBe("");
    expect(say(problem(409, "news"))).toBe("Il y a du nouveau depuis : rien n’est fait. Relisez, puis décidez.");
    expect(plain(say(problem(422, "wrong-fields", { errors: [{ path: "check_at", message: "must be to come, and within 2 hours" }] })))).toBe("Refusé : à revoir : doit être à venir, dans les 2 heures");
    expect(plain(say(problem(409, "not-now", { detail: "not paused" })))).toBe("Refusé : le suivi n’est pas en pause");
    expect(plain(say(problem(422, "refused", { detail: "there are 20 mutes already" })))).toBe("Refusé : 20 règles sont déjà en sourdine");
    expect(say(problem(409, "taken", { detail: "taken 3 s ago", taken_by: "ward-1" }))).toBe("Déjà pris en charge par ward-1.");
    expect(say(problem(503, "key-store-away"))).toBe(fr.keysAway);
    expect(say(problem(500, "bug"))).toBe(fr.notDone);
    expect(say(new Problem(0))).toBe(fr.notDone);
    expect(say(problem(403, "something-new"))).toBe(fr.forbidden);
    expect(plain(say(problem(409, "something-new", { title: "of tomorrow" })))).toBe("Refusé : of tomorrow");
  });

  it("has the same words of refusals in both languages", () => {
    expect(Object.keys(en.problem)).toEqual(Object.keys(fr.problem));
    expect(Object.keys(en.mistake).sort()).toEqual(Object.keys(fr.mistake).sort());
    expect(Object.keys(en.fieldOf)).toEqual(Object.keys(fr.fieldOf));
  });

  it("reads numbers as people write them", () => {
    expect([numberOf("38,5"), numberOf(" 38.5 "), numberOf("38,5,1"), numberOf(""), numberOf("1e3")]).toEqual([38.5, 38.5, null, null, null]);
  });

  it("knows an age on the day before a birthday and on it", () => {
    expect(ageOf("1944-03-02", Date.parse("2020-03-01T12:00:00"))).toBe(75);
    expect(ageOf("1944-03-02", Date.parse("2020-03-02T12:00:00"))).toBe(76);
    expect(ageOf("unknown", 0)).toBeNull();
  });
});

describe("small readings", () => {
  it("says a range, and one number where it is one", () => {
    expect([rangeText([7, 9]), rangeText([5, 5])]).toEqual(["7–9", "5"]);
  });

  it("counts the memos that are due", () => {
    expect(memosDue(row("p", { memos: { a: 5, b: 9 } }), 5)).toEqual(["a"]);
  });

  it("opens pages by role, and no page to a role that is not known", () => {
    expect([...rightsOf([{ role: "support" }])]).toEqual(["open"]);
    expect([...rightsOf([{ role: "constructor" }, { role: "crisis_cell" }])]).toEqual([]);
    expect(sittingsOf([{ role: "ehpad", scope: "et:310000009" }, { role: "nurse", scope: "occitanie" }])).toEqual(["310000009"]);
  });

  it("says the same things in both languages", () => {
    const keys = (value: unknown, path = ""): string[] =>
      value !== null && typeof value === "object" && !Array.isArray(value) ? Object.entries(value).flatMap(([key, one]) => keys(one, `${path}.${key}`)) : [path];
    expect(keys(en).sort()).toEqual(keys(fr).sort());
  });
});

it("a colour never stands beside what earlier answers meant", () => {
  const of = answersOf(row("a", { colour: "green", colour_at: 5 }));
  expect(isAhead(row("a", { colour: "green", colour_at: 5, changed: 9 }), of)).toBe(false);
  expect(isAhead(row("a", { colour: "red", colour_at: 5 }), of)).toBe(true);
  expect(isAhead(row("a", { colour: "green", colour_at: 6 }), of)).toBe(true);
  expect(isAhead(row("a", { colour: "green", colour_at: 5, incomplete: true }), of)).toBe(true);
});
