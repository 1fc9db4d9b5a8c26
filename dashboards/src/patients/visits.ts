/** When the reader last looked at each patient, kept in this browser: pseudonyms, instants and colours, no content. */
import { signal } from "@preact/signals";
import { forget, remember, remembered, VISITS } from "../remember";
import { isOver, visitOf, type Visit } from "./rows";
import type { Row } from "./wire";

const MOST = 500;

/** Whose visits they are: nobody's but theirs are read again, or left lying. */
let by = "";

function read(): Map<string, Visit> {
  try {
    const told = JSON.parse(remembered(VISITS) ?? "null") as { by: string; seen: Record<string, Visit> } | null;
    if (told?.by === by && by !== "") return new Map(Object.entries(told.seen));
  } catch {
    // not ours, or cut off: then nothing was seen
  }
  forget(VISITS);
  return new Map();
}

export const visits = signal<ReadonlyMap<string, Visit>>(new Map());

/** Takes up what somebody saw before, in this browser. */
export function recallVisits(subject: string): void {
  by = subject;
  visits.value = read();
}

/** The reader has seen a patient as they are at an instant. */
export function visited(row: Row, at: number): void {
  const next = new Map(visits.peek());
  next.delete(row.id); // the latest stand last: the oldest go first
  if (!isOver(row) || row.alert) next.set(row.id, visitOf(row, at));
  while (next.size > MOST) next.delete(next.keys().next().value!);
  visits.value = next;
  remember(VISITS, JSON.stringify({ by, seen: Object.fromEntries(next) }));
}

/** Forgets all of it, in the browser too: somebody else looks from now on. */
export function forgetVisits(): void {
  by = "";
  visits.value = new Map();
  forget(VISITS);
}
