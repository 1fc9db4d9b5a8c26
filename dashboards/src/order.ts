/** The orders in which sites and late wards are read, and how many moves an order held still would take. */
import { folded, spoken } from "./names";
import { bedsAtStake, isStale, stateOf, toldAt, WORST_FIRST } from "./figures";
import type { DirectoryWard, Facility, TotalPicture, WardPicture } from "./wire";

export interface SiteRow {
  facility: Facility;
  total: TotalPicture | undefined;
}

export type SortBy = "departement" | "state" | "free" | "near";

const byName = (a: SiteRow, b: SiteRow) => spoken(a.facility.name).localeCompare(spoken(b.facility.name), "fr");
const byDepartement = (a: SiteRow, b: SiteRow) => a.facility.departement.localeCompare(b.facility.departement);

/** Returns the rows in the order asked for; ties by name, so that the order is always the same one. */
export function sorted(rows: readonly SiteRow[], by: Exclude<SortBy, "near">): SiteRow[] {
  const first: (a: SiteRow, b: SiteRow) => number = {
    departement: byDepartement,
    state: (a: SiteRow, b: SiteRow) =>
      WORST_FIRST[stateOf(a.total)] - WORST_FIRST[stateOf(b.total)] || Number(isStale(b.total)) - Number(isStale(a.total)),
    free: (a: SiteRow, b: SiteRow) => (b.total?.available ?? -1) - (a.total?.available ?? -1),
  }[by];
  return [...rows].sort((a, b) => first(a, b) || byName(a, b) || a.facility.finess_et.localeCompare(b.facility.finess_et));
}

export interface LateRow {
  ward: DirectoryWard;
  beds: number | null;
  toldAt: number | null;
}

/** Returns the wards whose figures are older than their limit or were never told, most beds at stake first. */
export function late(wards: readonly DirectoryWard[], pictureOf: (id: string) => WardPicture | undefined): LateRow[] {
  const rows: LateRow[] = [];
  for (const ward of wards) {
    const picture = pictureOf(ward.id);
    const unknown = stateOf(picture) === "unknown" && toldAt(picture) === null;
    if (!unknown && !isStale(picture)) continue;
    rows.push({ ward, beds: bedsAtStake(picture?.open, picture?.installed ?? ward.installed), toldAt: toldAt(picture) });
  }
  return rows.sort((a, b) => (b.beds ?? -1) - (a.beds ?? -1) || (a.toldAt ?? 0) - (b.toldAt ?? 0) || a.ward.id.localeCompare(b.ward.id));
}

/** Returns how many entries would have to move, come or go to turn one order into the other. */
export function moves(held: readonly string[], fresh: readonly string[]): number {
  const place = new Map(fresh.map((id, i) => [id, i]));
  const kept = held.filter((id) => place.has(id)).map((id) => place.get(id)!);
  // The longest run that is already in order stays where it is.
  const tails: number[] = [];
  for (const n of kept) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (tails[mid]! < n) low = mid + 1;
      else high = mid;
    }
    tails[low] = n;
  }
  return fresh.length - tails.length + (held.length - kept.length);
}

/** Returns the order to show while the pointer rests on a list: as held, without what went, with what came at the end. */
export function heldStill(held: readonly string[], fresh: readonly string[]): string[] {
  const there = new Set(fresh);
  const known = new Set(held);
  return [...held.filter((id) => there.has(id)), ...fresh.filter((id) => !known.has(id))];
}

export interface Found<T> {
  item: T;
  text: string;
}

/** Returns up to `most` of the items whose text holds every word asked for; those that begin with it first. */
export function search<T>(asked: string, among: readonly Found<T>[], most: number): T[] {
  const words = folded(asked).split(" ").filter(Boolean);
  if (words.length === 0) return [];
  return among
    .map(({ item, text }) => ({ item, rank: rankOf(words, text) }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank)
    .slice(0, most)
    .map(({ item }) => item);
}

function rankOf(words: readonly string[], text: string): number {
  let rank = 0;
  for (const word of words) {
    const at = ` ${text}`.indexOf(` ${word}`);
    if (at < 0) {
      if (!text.includes(word)) return 0;
      rank += 1;
    } else rank += at === 0 ? 4 : 2;
  }
  return rank;
}
