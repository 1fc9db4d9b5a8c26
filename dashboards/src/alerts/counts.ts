/** Published counts of patients as rows of a table: what is not told is too few to be told. */
import type { Counts, Span } from "./wire";

export const COLOURS = ["red", "orange", "yellow", "green", "unanswered"] as const;
export type Colour = (typeof COLOURS)[number];

/** Returns the newest of the published hours, null where there is none. */
export function newest(hours: Iterable<Counts>): Counts | null {
  let found: Counts | null = null;
  for (const hour of hours) if (found === null || hour.at > found.at) found = hour;
  return found;
}

export interface CountRow {
  code: string;
  /** By colour, in their order; null is too few to be told. */
  cells: (number | null)[];
}

/** Returns a row for each département that is known or told of: one that nothing is told of has as few as another. */
export function rowsOf(counts: Counts, known: readonly string[]): CountRow[] {
  const codes = [...new Set([...known, ...Object.keys(counts.departements)])].sort();
  return codes.map((code) => ({ code, cells: COLOURS.map((colour) => counts.cells[`${code}/${colour}`] ?? null) }));
}

/** Returns in which span a colour of the whole region is, null where it is too few to be told. */
export const whole = (counts: Counts, colour: Colour): Span | null => counts.colours[colour] ?? null;
