/** The patient's page and the domain make the same of the same answers; the cases are the domain's (tests/answer_cases.py). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { raised, reasons, type RedFlag } from "../src/answer/flags";
import { enabled, missing, possible, readNumber, walk, whyImpossible, type Answers, type Item, type Questionnaire } from "../src/answer/questionnaire";

interface Case {
  answers: Answers;
  enabled: string[];
  missing: string[];
  impossible: Record<string, string>;
  raised?: string[];
}
interface CaseSet {
  questionnaire: Questionnaire;
  flags: RedFlag[];
  cases: Case[];
}
const { sets } = JSON.parse(readFileSync(new URL("answer_cases.json", import.meta.url), "utf8")) as { sets: CaseSet[] };

describe.each(sets.map((set, place) => ({ name: `${place} ${set.questionnaire.url}`, ...set })))("$name", ({ questionnaire, flags, cases }) => {
  it("shows the items that the domain shows, and misses those that it misses", () => {
    for (const { answers, enabled: shown, missing: lacks } of cases) {
      expect([...enabled(questionnaire, answers)], JSON.stringify(answers)).toEqual(shown);
      expect(missing(questionnaire, answers), JSON.stringify(answers)).toEqual(lacks);
    }
  });

  it("refuses the answers that the domain refuses, and for its reasons", () => {
    const items = new Map(walk(questionnaire.items).map((item) => [item.link, item]));
    for (const { answers, impossible } of cases) {
      for (const [link, value] of Object.entries(answers)) {
        const wrong = whyImpossible(items.get(link)!, value);
        expect(wrong !== null, `${link} ${JSON.stringify(value)}`).toBe(link in impossible);
        if (wrong === "range") expect(impossible[link]).toMatch(/^must be from/);
        if (wrong === "needed") expect(impossible[link]).toBe("an answer is needed");
      }
    }
  });

  it("sees the red flags that the domain sees", () => {
    for (const { answers, raised: seen } of cases) {
      if (seen) expect(raised(questionnaire, flags, answers).map(({ rule, item }) => `${rule} ${item}`)).toEqual(seen);
    }
  });
});

it("covers what it is for: shown and hidden, missing, impossible and alarming", () => {
  const all = sets.flatMap(({ cases }) => cases);
  expect(all.length).toBeGreaterThan(300);
  expect(sets.some(({ questionnaire, cases }) => cases.some(({ enabled: shown }) => shown.length < walk(questionnaire.items).length))).toBe(true);
  expect(all.filter(({ missing: lacks }) => lacks.length > 0).length).toBeGreaterThan(50);
  expect(all.filter(({ impossible }) => Object.keys(impossible).length > 0).length).toBeGreaterThan(50);
  expect(all.filter(({ raised: seen }) => seen && seen.length > 0).length).toBeGreaterThan(50);
});

describe("a number that somebody writes", () => {
  it.each([["38,5", 38.5], ["38.5", 38.5], [" 120 ", 120], ["1\u202f200", 1200], ["37,", 37], [",5", 0.5], ["-1", -1]])("%s is %d", (text, value) => {
    expect(readNumber(text)).toBe(value);
  });
  it.each(["", "abc", "38,5,1", "12/8", "1e3", "--1", "."])("%s is none", (text) => {
    expect(readNumber(text)).toBeNull();
  });
});

it("sends what is alarming, whatever stands beside it", () => {
  const item = (link: string, more: Partial<Item>): Item => ({ link, kind: "integer", text: { fr: link, en: link }, ...more });
  const asked: Questionnaire = {
    url: "u",
    version: "1",
    title: { fr: "t", en: "t" },
    items: [item("a", { lowest: 0, highest: 100 }), item("b", { lowest: 0, highest: 100, unknowable: true }), item("c", { kind: "text" })],
  };
  expect(possible(asked, { a: 900, b: null, c: "" })).toEqual({ b: null });
});

it("says each reason once", () => {
  const words = { fr: "Saturation basse", en: "Low saturation" };
  const flag: RedFlag = { rule: "r", item: "spo2", test: "below", value: 95, words };
  expect(reasons([flag, { ...flag, rule: "s" }])).toEqual([words]);
});
