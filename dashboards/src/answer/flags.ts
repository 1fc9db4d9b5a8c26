/** Which answers ask for the 15 at once: looked at on the page itself, without a network. As domain/followup/red_flags.py. */
import type { Words } from "../wire";
import { compare, walk, whyImpossible, type Answers, type Item, type Questionnaire, type Value } from "./questionnaire";

export interface RedFlag {
  rule: string;
  item: string;
  test: "is" | "includes" | "at_least" | "at_most" | "below";
  value: boolean | number | string;
  words: Words;
}

const OPERATOR = { at_least: ">=", at_most: "<=", below: "<" } as const;

/** Returns the red flags that answers raise, those of items that are not shown too; an impossible answer raises none. */
export function raised(questionnaire: Questionnaire, flags: RedFlag[], answers: Answers): RedFlag[] {
  const items = new Map(walk(questionnaire.items).map((item) => [item.link, item]));
  return flags.filter((flag) => isRaised(flag, items.get(flag.item), answers[flag.item]));
}

function isRaised({ test, value: wanted }: RedFlag, item: Item | undefined, value: Value | undefined): boolean {
  if (!item || value === undefined || value === null || whyImpossible(item, value) !== null) return false;
  if (test === "is") return value === wanted;
  if (test === "includes") return Array.isArray(value) && value.includes(wanted as string);
  return typeof value === "number" && typeof wanted === "number" && compare(OPERATOR[test], value, wanted);
}

/** Returns what red flags say, each thing once. */
export function reasons(flags: RedFlag[]): Words[] {
  return [...new Map(flags.map(({ words }) => [words.fr, words])).values()];
}
