/** The page's copy of a region's picture: whole values by key, and what each frame altered in it. */
import type { Capacity, Changes, Scenario, TotalPicture, WardPicture } from "./wire";

export interface Altered<T> {
  key: string;
  before: T | undefined;
  after: T | undefined;
}

export interface Delta {
  wards: Altered<WardPicture>[];
  totals: Altered<TotalPicture>[];
}

export class Mirror {
  wards = new Map<string, WardPicture>();
  totals = new Map<string, TotalPicture>();
  token: string | null = null;
  at: number | null = null;
  rebuilding = false;
  regionDigest: string | null = null;
  scenario: Scenario | null = null;

  /** Takes a whole picture and returns how it differs from the one held: what was missed shows itself that way. */
  snapshot(data: Capacity, token: string | null): Delta {
    const delta = {
      wards: replaced(this.wards, data.wards),
      totals: replaced(this.totals, data.totals),
    };
    this.token = token ?? data.token ?? null;
    this.at = data.at;
    this.rebuilding = data.rebuilding ?? false;
    this.scenario = data.scenario ?? null;
    if (data.region_digest !== undefined) this.regionDigest = data.region_digest;
    return delta;
  }

  /** Takes changed values (null removes) and returns what they altered. */
  changes(changes: Changes, token: string): Delta {
    const delta = {
      wards: changed(this.wards, changes.wards ?? {}),
      totals: changed(this.totals, changes.totals ?? {}),
    };
    this.token = token;
    if (changes.at !== undefined) this.at = changes.at;
    if (changes.rebuilding !== undefined) this.rebuilding = changes.rebuilding;
    if (changes.scenario !== undefined) this.scenario = changes.scenario;
    if (changes.region_digest !== undefined) this.regionDigest = changes.region_digest;
    return delta;
  }
}

/** Puts changed values into a map (null removes) and returns what that altered. */
export function changed<T>(held: Map<string, T>, values: Record<string, T | null>): Altered<T>[] {
  const altered: Altered<T>[] = [];
  for (const [key, value] of Object.entries(values)) {
    const before = held.get(key);
    if (value === null) {
      if (before === undefined) continue;
      held.delete(key);
      altered.push({ key, before, after: undefined });
    } else {
      held.set(key, value);
      altered.push({ key, before, after: value });
    }
  }
  return altered;
}

/** Puts whole new values in the place of all that a map holds and returns what that altered. */
export function replaced<T>(held: Map<string, T>, values: Record<string, T>): Altered<T>[] {
  const altered: Altered<T>[] = [];
  for (const [key, before] of held) {
    if (key in values) continue;
    held.delete(key);
    altered.push({ key, before, after: undefined });
  }
  for (const [key, after] of Object.entries(values)) {
    const before = held.get(key);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(after)) continue;
    held.set(key, after);
    altered.push({ key, before, after });
  }
  return altered;
}
