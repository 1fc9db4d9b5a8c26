/** When the reader last looked at each patient, kept in this browser: pseudonyms, instants and colours, no content. */
import { signal } from "@preact/signals";
import { remember, remembered } from "../remember";
import { isOver, visitOf, type Visit } from "./rows";
import type { Row } from "./wire";

const MOST = 500;

function read(): Map<string, Visit> {
  try {
    return new Map(Object.entries(JSON.parse(remembered("visits") ?? "{}") as Record<string, Visit>));
  } catch {
    return new Map(); // not ours, or cut off: then nothing was seen
  }
}

export const visits = signal<ReadonlyMap<string, Visit>>(read());

/** The reader has seen a patient as they are at an instant. */
export function visited(row: Row, at: number): void {
  const next = new Map(visits.peek());
  next.delete(row.id); // the latest stand last: the oldest go first
  if (!isOver(row) || row.alert) next.set(row.id, visitOf(row, at));
  while (next.size > MOST) next.delete(next.keys().next().value!);
  visits.value = next;
  remember("visits", JSON.stringify(Object.fromEntries(next)));
}

/** Forgets all of it: somebody else looks from now on. */
export function forgetVisits(): void {
  visits.value = new Map();
}
