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

/** What a row that asks for somebody was last heard at, to be compared with next time. */
interface Asking {
  severity: Severity;
  unanswered: boolean;
  critical: ReadonlySet<string>;
}

/** By row; one that asked nothing of anybody is not among them. */
export type Heard = ReadonlyMap<string, Asking>;

const criticalOf = (row: Row): string[] =>
  row.open.flatMap(({ alert }) => (alert.severity === "critical" && alert.status === "firing" ? alert.id : []));

/** Returns what the rows ask for now. */
export function heardOf(rows: readonly Row[]): Map<string, Asking> {
  return new Map(
    rows
      .filter(needsSomebody)
      .map((row) => [row.id, { severity: row.severity, unanswered: row.standing === "unanswered", critical: new Set(criticalOf(row)) }]),
  );
}

/** Whether a row asks for more than it did: it is new or graver, nobody answered, or another critical alert joined it. */
function asksMore(was: Asking | undefined, row: Row): boolean {
  if (was === undefined || WEIGHT[was.severity] < WEIGHT[row.severity]) return true;
  // Where many warnings join a group one by one, one sound is enough.
  return (row.standing === "unanswered" && !was.unanswered) || criticalOf(row).some((id) => !was.critical.has(id));
}

/** Returns the gravest severity that came or rose since then, null where nothing did; what is muted makes no sound. */
export function sounding(before: Heard, rows: readonly Row[], muted: ReadonlySet<Severity>): Severity | null {
  let gravest: Severity | null = null;
  for (const row of rows) {
    if (!needsSomebody(row) || muted.has(row.severity) || !asksMore(before.get(row.id), row)) continue;
    if (gravest === null || WEIGHT[row.severity] > WEIGHT[gravest]) gravest = row.severity;
  }
  return gravest;
}
