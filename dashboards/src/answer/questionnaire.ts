/** What is asked, what is shown of it and what can be an answer: as domain/followup/questionnaire.py, and checked against it. */
import type { Words } from "../wire";

export type Kind = "group" | "display" | "boolean" | "integer" | "decimal" | "choice" | "choices" | "text";
/** One answer; null is *known to be unknown* (no device at home), never 0. An item without an entry was not answered. */
export type Value = boolean | number | string | string[] | null;
export type Answers = Record<string, Value>;

export interface Condition {
  item: string;
  operator: "exists" | "=" | "!=" | ">" | "<" | ">=" | "<=";
  answer: boolean | number | string;
}

/** Fields that have their default are left out by the API. */
export interface Item {
  link: string;
  kind: Kind;
  text: Words;
  required?: boolean;
  unknowable?: boolean;
  unit?: string;
  lowest?: number;
  highest?: number;
  longest?: number;
  options?: { code: string; label: Words }[];
  when?: Condition[];
  any_of?: boolean;
  items?: Item[];
}

export interface Questionnaire {
  url: string;
  version: string;
  title: Words;
  items: Item[];
}

/** Why an item can't have an answer. */
export type Wrong = "unasked" | "needed" | "yes-or-no" | "whole" | "number" | "range" | "choice" | "long" | "sign";

const LONGEST_TEXT = 4_000;
const FORBIDDEN_SIGN = /[\p{Cc}\p{Cs}]/u;
const LINE_SIGNS = /[\n\r\t]/g;

/** Returns an item and all below it, in the order in which they are asked. */
export function walk(items: Item[]): Item[] {
  return items.flatMap((item) => [item, ...walk(item.items ?? [])]);
}

/** Returns whether an item has an answer of its own. */
export const isAsked = (item: Item): boolean => item.kind !== "group" && item.kind !== "display";

/** Returns the links of the items that are shown with these answers: what is not shown counts as not answered. */
export function enabled(questionnaire: Questionnaire, answers: Answers): Set<string> {
  const shown = new Set<string>();
  const look = (items: Item[]) => {
    for (const item of items) {
      const held = (item.when ?? []).map((one) => holds(one, shown.has(one.item) ? answers[one.item] : undefined));
      if (held.length > 0 && !(item.any_of ? held.some(Boolean) : held.every(Boolean))) continue;
      shown.add(item.link);
      look(item.items ?? []);
    }
  };
  look(questionnaire.items);
  return shown;
}

function holds({ operator, answer }: Condition, value: Value | undefined): boolean {
  const there = value !== undefined && value !== null;
  if (operator === "exists") return (there && !(Array.isArray(value) && value.length === 0)) === answer;
  if (operator === "=" || operator === "!=") {
    const same = Array.isArray(value) ? value.includes(answer as string) : there && value === answer;
    return same === (operator === "=");
  }
  return typeof value === "number" && typeof answer === "number" && compare(operator, value, answer);
}

/** Returns whether a number is above, below or at least, at most another. */
export function compare(operator: ">" | "<" | ">=" | "<=", value: number, wanted: number): boolean {
  if (operator === ">") return value > wanted;
  if (operator === "<") return value < wanted;
  return operator === ">=" ? value >= wanted : value <= wanted;
}

/** Returns the links of required items that are shown and not answered, in order; unknown is an answer. */
export function missing(questionnaire: Questionnaire, answers: Answers): string[] {
  const shown = enabled(questionnaire, answers);
  return walk(questionnaire.items)
    .filter((item) => item.required && isAsked(item) && shown.has(item.link) && isBlank(answers[item.link]))
    .map(({ link }) => link);
}

/** Returns whether nothing was said: unknown is something. */
export function isBlank(value: Value | undefined): boolean {
  return value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Returns why an item can't have this answer, null where it can. */
export function whyImpossible(item: Item, value: Value): Wrong | null {
  if (!isAsked(item)) return "unasked";
  if (value === null) return item.unknowable ? null : "needed";
  const codes = (item.options ?? []).map(({ code }) => code);
  switch (item.kind) {
    case "boolean":
      return typeof value === "boolean" ? null : "yes-or-no";
    case "integer":
    case "decimal":
      return whyNoNumber(item, value);
    case "choice":
      return typeof value === "string" && codes.includes(value) ? null : "choice";
    case "choices": {
      const each = Array.isArray(value) && new Set(value).size === value.length && value.every((code) => codes.includes(code));
      return each ? null : "choice";
    }
    default:
      if (typeof value !== "string") return "sign";
      if ([...value].length > (item.longest ?? LONGEST_TEXT)) return "long";
      return FORBIDDEN_SIGN.test(value.replace(LINE_SIGNS, "")) ? "sign" : null;
  }
}

function whyNoNumber(item: Item, value: Value): Wrong | null {
  if (typeof value !== "number" || !Number.isFinite(value)) return item.kind === "integer" ? "whole" : "number";
  if (item.kind === "integer" && !Number.isInteger(value)) return "whole";
  const beyond = (item.lowest !== undefined && value < item.lowest) || (item.highest !== undefined && value > item.highest);
  return beyond ? "range" : null;
}

/** Returns the number that somebody wrote, with a comma or a point; null where it is none. */
export function readNumber(text: string): number | null {
  const plain = text.replace(/[\s\u00a0\u202f]/g, "").replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : null;
}

/** Returns the answers without those that are impossible: these must not keep the others from being sent. */
export function possible(questionnaire: Questionnaire, answers: Answers): Answers {
  const kept: Answers = {};
  for (const item of walk(questionnaire.items)) {
    const value = answers[item.link];
    if (value !== undefined && !isBlank(value) && whyImpossible(item, value) === null) kept[item.link] = value;
  }
  return kept;
}
