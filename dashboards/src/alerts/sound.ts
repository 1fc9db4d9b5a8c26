/** What is heard when an alert comes: which severity sounds, and the notes of each; nothing here makes a noise. */
import { needsSomebody, WEIGHT, type Row } from "./rows";
import type { Severity } from "./wire";

export interface Note {
  /** Hz. */
  pitch: number;
  /** Seconds from the beginning. */
  at: number;
  lasts: number;
}

/** Rising and insistent for what is critical, two notes for a warning, one soft one for the rest. */
export const TUNES: Record<Severity, Note[]> = {
  critical: [0, 0.62].flatMap((start) => [
    { pitch: 740, at: start, lasts: 0.14 },
    { pitch: 988, at: start + 0.16, lasts: 0.14 },
    { pitch: 1319, at: start + 0.32, lasts: 0.2 },
  ]),
  warning: [
    { pitch: 659, at: 0, lasts: 0.16 },
    { pitch: 784, at: 0.2, lasts: 0.24 },
  ],
  info: [{ pitch: 587, at: 0, lasts: 0.22 }],
};

/** How a telephone shakes, ms on and off. */
export const SHAKES: Record<Severity, number[]> = {
  critical: [300, 120, 300, 120, 300],
  warning: [200, 120, 200],
  info: [80],
};

/** What each row was last heard at: its severity, or null where it asked nothing of anybody. */
export type Heard = ReadonlyMap<string, Severity | null>;

/** Returns what the rows ask for now, to be compared with next time. */
export function heardOf(rows: readonly Row[]): Map<string, Severity | null> {
  return new Map(rows.map((row) => [row.id, needsSomebody(row) ? row.severity : null]));
}

/** Returns the gravest severity that came or rose since then, null where nothing did; what is muted makes no sound. */
export function sounding(before: Heard, rows: readonly Row[], muted: ReadonlySet<Severity>): Severity | null {
  let gravest: Severity | null = null;
  for (const row of rows) {
    if (!needsSomebody(row) || muted.has(row.severity)) continue;
    const was = before.get(row.id) ?? null;
    if (was !== null && WEIGHT[was] >= WEIGHT[row.severity]) continue;
    if (gravest === null || WEIGHT[row.severity] > WEIGHT[gravest]) gravest = row.severity;
  }
  return gravest;
}
