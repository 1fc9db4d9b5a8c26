/** What a rule's alarms were worth, as shares and times that can be drawn. */
import type { RuleWorth } from "./wire";

/** The histogram's longest bucket, s: a bar is full there. */
export const LONGEST_S = 3_600;

/** Returns how long a bar of a time is, 0 to 1: a logarithm, so that one minute and ten are told apart beside an hour. */
export function shareOfTime(seconds: number): number {
  return Math.min(1, Math.log1p(seconds / 10) / Math.log1p(LONGEST_S / 10));
}

/** Returns a rule's title without what each alert fills in: its place goes, its values are an ellipsis. */
export function plainTitle(title: string): string {
  return title.replace(/\s*·\s*\{(place|facility|departement|region|source)\}/g, "").replace(/\{\w+\}/g, "…");
}

/** What came of a rule's alarms that are over: how many there are, and of how many nobody said what. */
export interface Verdicts {
  all: number;
  unsaid: number;
}

/** Returns what came of a rule's alarms that are over, those of which nobody said anything too. */
export function verdicts({ acted, no_action_needed, wrong, unsaid }: RuleWorth): Verdicts {
  return { all: acted + no_action_needed + wrong + unsaid, unsaid };
}

/** Returns the rules as they are read: those proposed for change first, then those that called people most often. */
export function byNeed(rules: readonly RuleWorth[]): RuleWorth[] {
  return [...rules].sort((a, b) => Number(b.proposed) - Number(a.proposed) || b.notified - a.notified || (a.rule < b.rule ? -1 : 1));
}
