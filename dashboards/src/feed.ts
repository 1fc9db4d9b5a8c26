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
  told: Told;
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

/** Which of a ward's figures a change is told by. */
type Told = "available" | "occupied";

/** Returns the figure to tell: free beds are what people look for, occupied ones all there is where nobody ever says those. */
function toldOf(before: WardPicture | undefined, after: WardPicture | undefined): Told {
  return before?.available == null && after?.available == null ? "occupied" : "available";
}

/** Returns why a ward's change deserves a line, or null when only its date moved. */
export function reasonOf(before: WardPicture | undefined, after: WardPicture | undefined): Reason | null {
  if (after === undefined) return before === undefined ? null : "state";
  const told = toldOf(before, after);
  if ((after[told] ?? null) !== (before?.[told] ?? null)) return "figure";
  if (before !== undefined && after.stale && !before.stale) return "stale";
  if (before !== undefined && !after.stale && before.stale) return "fresh";
  if (before !== undefined && stateOf(before) !== stateOf(after)) return "state";
  return null;
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
      at,
      ward: key,
      facility: ward.facility,
      kind: ward.kind,
      reason,
      told: toldOf(before, after),
      from: before?.[toldOf(before, after)] ?? null,
      to: after?.[toldOf(before, after)] ?? null,
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
