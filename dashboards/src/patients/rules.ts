/** What a pathway's rules say, in words and as bands of a curve: the page explains what the stream decided, and decides nothing. */
import type { Words } from "../wire";
import type { Colour, Finding, Flag, Item, PatientFile, Pathway, Test, Value } from "./wire";

/** HOME-CoV's measured limits and the HAS's of oximetry, as published; test/patients.test.ts compares them with the domain's. */
export const HOME_COV: Record<string, { test: "at_most" | "at_least"; value: number }> = {
  spo2: { test: "at_most", value: 94 },
  systolic: { test: "at_most", value: 90 },
  respiratory_rate: { test: "at_least", value: 25 },
  pulse: { test: "at_least", value: 120 },
};
export const SAMU_BELOW = 95;
const MEASURED: readonly Test[] = ["at_least", "at_most", "below"];

/** Returns every question of a pathway in the order in which it is asked, those of groups too. */
export function itemsOf(pathway: Pathway): Item[] {
  const walk = (items: readonly Item[]): Item[] => items.flatMap((item) => [item, ...walk(item.items ?? [])]);
  return walk(pathway.questionnaire.items);
}

/**
 * Returns what a question is about in few words: the parameter that a number is read as, else what is asked. Of a question of yes
 * or no the parameter would say something else: *consciousness: no* is nobody's answer to *is there confusion?*
 */
export function itemText(item: Item, pathway: Pathway, words: RuleWords): string {
  const name = Object.entries(pathway.scoring.readings ?? {}).find(([, link]) => link === item.link)?.[0];
  const isNumber = item.kind === "integer" || item.kind === "decimal";
  const short = name && isNumber ? words.parameters[name] : undefined;
  return short ? short.charAt(0).toUpperCase() + short.slice(1) : words.say(item.text);
}

export const isAsked = (item: Item): boolean => item.kind !== "group" && item.kind !== "display";

// --- thresholds ---------------------------------------------------------------------------------------------------------------

export interface Threshold {
  id: string;
  item: string;
  test: "at_least" | "at_most" | "below";
  value: number;
  /** As loose as a patient's own may be; without one nobody has their own. */
  floor: number | null;
  colour: Colour;
}

/** Returns the measured limits of a pathway by their id, which is also that of a patient's own. */
export function thresholdsOf(pathway: Pathway): Threshold[] {
  const { flags = [], readings = {}, home_cov, oximetry } = pathway.scoring;
  const found: Threshold[] = flags
    .filter((flag) => MEASURED.includes(flag.test) && typeof flag.value === "number")
    .map((flag) => ({
      id: `flag/${flag.id}`,
      item: flag.item,
      test: flag.test as Threshold["test"],
      value: flag.value as number,
      floor: flag.floor ?? null,
      colour: flag.colour,
    }));
  if (home_cov) {
    for (const [criterion, { test, value }] of Object.entries(HOME_COV)) {
      const item = readings[criterion];
      if (item) found.push({ id: `home-cov/${criterion}`, item, test, value, floor: home_cov.floors?.[criterion] ?? null, colour: home_cov.colour ?? "red" });
    }
  }
  const spo2 = readings.spo2;
  if (oximetry && spo2) {
    found.push({ id: "oximetry/samu", item: spo2, test: "below", value: SAMU_BELOW, floor: oximetry.floor ?? null, colour: oximetry.samu ?? "red" });
  }
  return found;
}

const looser = (test: Test, one: number, than: number): boolean => (test === "at_least" ? one > than : one < than);

/** Whether a value of a patient's own would let more pass than the pathway's floor allows. */
export const tooLoose = (of: Threshold, own: number): boolean => of.floor !== null && looser(of.test, own, of.floor);

/** Returns the limit that is in force for a patient, and whether it is their own. */
export function inForce(of: Threshold, own: number | undefined): { value: number; own: boolean } {
  if (own === undefined || of.floor === null || Number.isNaN(own)) return { value: of.value, own: false };
  const value = looser(of.test, own, of.floor) ? of.floor : own;
  return { value, own: value !== of.value };
}

export interface Band {
  id: string;
  /** The side of the limit that the rule speaks of. */
  side: "above" | "below";
  /** How a number is compared with the limit: where that itself counts, the words say so. */
  test: Threshold["test"];
  value: number;
  colour: Colour;
  own: boolean;
}

/** Returns the bands of one question: where which rule speaks, by the default or the patient's own limit. */
export function bandsOf(pathway: Pathway, file: Pick<PatientFile, "thresholds">, item: string): Band[] {
  return thresholdsOf(pathway)
    .filter((threshold) => threshold.item === item)
    .map((threshold) => ({
      id: threshold.id,
      side: threshold.test === "at_least" ? "above" : "below",
      test: threshold.test,
      colour: threshold.colour,
      ...inForce(threshold, file.thresholds?.[threshold.id]?.value),
    }));
}

// --- words --------------------------------------------------------------------------------------------------------------------

/** What the words of a finding are made of: the dictionary of the page in force. */
export interface RuleWords {
  say(words: Words): string;
  locale: string;
  colon: string;
  yes: string;
  no: string;
  unknown: string;
  tests: Record<"at_least" | "at_most" | "below", (limit: string) => string>;
  whose: Record<"default" | "own", string>;
  /** What is usual for the patient: a trend's own threshold. */
  usual(figure: string): string;
  criteria: Record<string, string>;
  parameters: Record<string, string>;
  bands: Record<string, string>;
  news2: string;
  /** Rules that speak of no answer's content, by their names. */
  ours: Record<string, string>;
  /** Nobody answered, and no question had gone out. */
  notSent: string;
  points(n: number): string;
}

/** Returns an answer as people say it: with its unit, by the label of what was chosen; *unknown* is never 0. */
export function valueText(value: Value | undefined, item: Pick<Item, "unit" | "options"> | undefined, words: RuleWords): string {
  if (value === undefined || value === null || value === "") return words.unknown;
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (typeof value === "number") {
    const text = value.toLocaleString(words.locale, { maximumFractionDigits: 2 });
    return item?.unit ? `${text}\u00a0${item.unit}` : text;
  }
  const label = (code: string): string => {
    const option = item?.options?.find((one) => one.code === code);
    return option ? words.say(option.label) : code;
  };
  return Array.isArray(value) ? (value.length > 0 ? value.map(label).join(", ") : words.no) : label(value);
}

/** Returns what a rule is called: the pathway's own words, the published criterion's, or its name. */
export function ruleText(rule: string, pathway: Pathway, words: RuleWords): string {
  const [kind, id = ""] = rule.split("/");
  const { flags = [], trends = [] } = pathway.scoring;
  switch (kind) {
    case "flag":
      return sayOr(flags.find((flag) => flag.id === id)?.words, rule, words);
    case "trend":
      return sayOr(trends.find((trend) => trend.id === id)?.words, rule, words);
    case "home-cov":
      return `HOME-CoV${words.colon}${words.criteria[id] ?? id}`;
    case "oximetry":
      return words.bands[id] ?? rule;
    case "news2":
      return id ? `${words.news2}${words.colon}${words.parameters[id] ?? id}` : words.news2;
    default:
      return words.ours[rule] ?? rule;
  }
}

const sayOr = (told: Words | undefined, otherwise: string, words: RuleWords): string => (told ? words.say(told) : otherwise);

export interface Told {
  /** The rule. */
  what: string;
  /** The answer, with its question's unit; empty where it is of none. */
  answer: string;
  /** Beyond which limit, and whose: empty where there is none. */
  limit: string;
  points: string;
}

const testOf = (rule: string, flags: readonly Flag[]): Threshold["test"] | null => {
  const [kind, id = ""] = rule.split("/");
  if (kind === "oximetry") return "below";
  if (kind === "home-cov") return HOME_COV[id]?.test ?? null;
  const test = flags.find((flag) => flag.id === id)?.test;
  return test && MEASURED.includes(test) ? (test as Threshold["test"]) : null;
};

/** Returns a finding in words: which rule, which answer, which threshold and whose, how many points. */
export function told(finding: Finding, pathway: Pathway, words: RuleWords): Told {
  const item = itemsOf(pathway).find(({ link }) => link === finding.item);
  const test = testOf(finding.rule, pathway.scoring.flags ?? []);
  const figure = finding.threshold == null ? "" : valueText(finding.threshold, item, words);
  const limit =
    figure === ""
      ? ""
      : finding.rule.startsWith("trend/")
        ? words.usual(figure)
        : `${test ? words.tests[test](figure) : figure} (${words.whose[finding.whose ?? "default"]})`;
  return {
    what: finding.rule === "no-answer" && finding.value === "not-reached" ? words.notSent : ruleText(finding.rule, pathway, words),
    answer: finding.item && finding.value !== undefined ? valueText(finding.value, item, words) : "",
    limit,
    points: finding.points == null ? "" : words.points(finding.points),
  };
}
