/** How many alerts wait for somebody: what the bell, the title and the icon of the tab say, whichever page is open. */
import { signal } from "@preact/signals";

export interface Tally {
  critical: number;
  warning: number;
  info: number;
}

/** null until alerts were heard of, and for people who see none: then no bell is drawn. */
export const tally = signal<Tally | null>(null);

/** What is not muted can't be heard either: browsers let a page sound only once it was touched. */
export const soundBlocked = signal(false);

/** Returns what stands before a page's title: "(3) ", or nothing. */
export function counted(now: Tally | null): string {
  const waiting = now === null ? 0 : now.critical + now.warning;
  return waiting === 0 ? "" : `(${waiting}) `;
}
