/** What a figure may claim: its state, its honesty, and the shares of a ring. */
import type { Figure, State, TotalPicture, WardPicture } from "./wire";

type Picture = WardPicture | TotalPicture;

/** Returns a picture's state; views that get only the free beds get no state, so it is told from those. */
export function stateOf(picture: Picture | undefined | null): State {
  if (!picture) return "unknown";
  if (picture.state) return picture.state;
  if (picture.available == null) return "unknown";
  if (picture.available === 0) return "full";
  return picture.available === 1 ? "nearly" : "free";
}

/** Returns whether any figure in it is older than its limit. */
export function isStale(picture: Picture | undefined | null): boolean {
  return typeof picture?.stale === "number" ? picture.stale > 0 : picture?.stale === true;
}

/** Returns the oldest instant that this picture rests on. */
export function toldAt(picture: Picture | undefined | null): number | null {
  if (!picture) return null;
  const told = "told_at" in picture ? picture.told_at : (picture as TotalPicture).oldest_at;
  return told ?? null;
}

/** A worse state sorts first: what a crisis cell has to look at. */
export const WORST_FIRST: Record<State, number> = { full: 0, nearly: 1, unknown: 2, free: 3 };

export type Honesty =
  | { says: "told"; told: number; wards: number }
  | { says: "oldest"; at: number }
  | { says: "stale"; wards: number }
  | { says: "unknown"; wards: number }
  | { says: "surge"; wards: number };

/** Returns what has to stand beside a total's number, in the order in which it is read. */
export function honestyOf(total: TotalPicture | undefined): Honesty[] {
  if (total?.wards === undefined) return [];
  const parts: Honesty[] = [
    { says: "told", told: total.wards - (total.available_lacking ?? total.unknown ?? 0), wards: total.wards },
  ];
  if (total.oldest_at != null) parts.push({ says: "oldest", at: total.oldest_at });
  if (total.stale) parts.push({ says: "stale", wards: total.stale });
  if (total.unknown) parts.push({ says: "unknown", wards: total.unknown });
  if (total.undeclared_surge) parts.push({ says: "surge", wards: total.undeclared_surge });
  return parts;
}

export type Share = "occupied" | "reserved" | "free" | "unsaid" | "closed";

/** Returns the parts of a ring, as fractions that sum to 1; beyond open the occupied part fills it all. */
export function sharesOf(picture: Picture | undefined | null): { share: Share; part: number }[] {
  // A view of the free beds alone can't tell which part of the whole they are.
  if (!picture || picture.occupied === undefined) return [];
  const occupied = picture.occupied ?? 0;
  const reserved = picture.reserved ?? 0;
  const free = picture.available ?? 0;
  const closed = picture.closed ?? 0;
  const open = picture.open ?? picture.installed ?? 0;
  const said = occupied + reserved + free;
  if (said === 0 && picture.occupied == null && picture.available == null) return [];
  const unsaid = Math.max(0, open - said);
  const whole = said + unsaid + closed;
  if (whole === 0) return [];
  const parts: [Share, number][] = [
    ["occupied", occupied],
    ["reserved", reserved],
    ["free", free],
    ["unsaid", unsaid],
    ["closed", closed],
  ];
  return parts.filter(([, n]) => n > 0).map(([share, n]) => ({ share, part: n / whole }));
}

/** Returns the beds that a ward puts at stake when it is silent: what it could hold. */
export function bedsAtStake(open: Figure, installed: Figure): number | null {
  return open ?? installed ?? null;
}
