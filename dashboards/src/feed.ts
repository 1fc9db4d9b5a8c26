/** What changes, as lines one can read: each line is one ward whose figure, state or freshness moved. */
import type { Altered } from "./mirror";
import type { Figure, Instant, State, WardPicture } from "./wire";
import { stateOf } from "./figures";

/** What a line says first: a number moved, a figure grew stale, or a ward fell silent or spoke. */
export type Reason = "figure" | "stale" | "fresh" | "state";

export interface Line {
  id: number;
  at: Instant;
  ward: string;
  facility: string;
  kind: string;
  reason: Reason;
  from: Figure;
  to: Figure;
  state: State;
  stale: boolean;
  /** It happened while the page was not live. */
  missed: boolean;
  /** A critical ward became full: shown at once, even while the list is held still. */
  critical: boolean;
}

/** How many lines are kept. */
export const KEPT = 300;

/** Returns why a ward's change deserves a line, or null when only its date moved. */
export function reasonOf(before: WardPicture | undefined, after: WardPicture | undefined): Reason | null {
  if (after === undefined) return before === undefined ? null : "state";
  const told = shown(before);
  const tells = shown(after);
  if (tells !== told && !(tells === undefined && told === undefined)) return "figure";
  if (before !== undefined && after.stale && !before.stale) return "stale";
  if (before !== undefined && !after.stale && before.stale) return "fresh";
  if (before !== undefined && stateOf(before) !== stateOf(after)) return "state";
  return null;
}

function shown(ward: WardPicture | undefined): Figure {
  // Free beds are what people look for; where nobody ever says them, occupied beds are all there is to tell.
  return ward?.available ?? ward?.occupied ?? (ward === undefined ? null : ward.available);
}

/** Returns the lines of one frame, newest first, numbered from `firstId`. */
export function linesOf(
  altered: Altered<WardPicture>[],
  at: Instant,
  missed: boolean,
  isCritical: (kind: string) => boolean,
  firstId: number,
): Line[] {
  const lines: Line[] = [];
  for (const { key, before, after } of altered) {
    const reason = reasonOf(before, after);
    const ward = after ?? before;
    if (reason === null || ward === undefined) continue;
    const state = stateOf(after);
    const wasFull = before !== undefined && stateOf(before) === "full";
    lines.push({
      id: firstId + lines.length,
      at: after?.told_at && reason === "figure" && missed ? after.told_at : at,
      ward: key,
      facility: ward.facility,
      kind: ward.kind,
      reason,
      from: shown(before),
      to: shown(after),
      state,
      stale: after?.stale ?? false,
      missed,
      critical: state === "full" && !wasFull && isCritical(ward.kind),
    });
  }
  return lines.reverse();
}

/** Returns the feed with new lines on top, bounded. */
export function grown(feed: Line[], lines: Line[]): Line[] {
  return lines.length === 0 ? feed : [...lines, ...feed].slice(0, KEPT);
}
