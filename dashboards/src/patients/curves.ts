/** The curves of one patient, as numbers to draw: one time axis for all, bands, points, what is missing. Pure. */
import type { Instant } from "../wire";
import { bandsOf, itemsOf, type Band } from "./rules";
import type { Item, PatientFile, Pathway, SlotShown } from "./wire";

export interface Point {
  slot: string;
  at: Instant;
  value: number;
  /** What was said first, where that was corrected. */
  first: number | null;
}

export interface Series {
  item: Item;
  points: Point[];
  /** Slots in which it was answered that there is no device: asked, and unknown. */
  unknown: { slot: string; at: Instant }[];
  /** When nobody answered, or not this: the line does not run across as if something were known. */
  gaps: Instant[];
  bands: Band[];
  low: number;
  high: number;
}

const ORDER = ["temperature", "spo2", "respiratory_rate", "pulse", "systolic"];

const numberOf = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** Returns when a slot stands on the axis: when it was answered first, else when it was due. */
export const timeOf = (slot: SlotShown): Instant | null => slot.sent?.[0]?.at ?? slot.state?.at ?? slot.state?.due_at ?? null;

/** Returns the first and the last instant of the axis, so that the first and last points are not on its very edge. */
export function axisOf(slots: readonly SlotShown[]): [Instant, Instant] | null {
  const times = slots.map(timeOf).filter((at) => at !== null);
  if (times.length === 0) return null;
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const beside = Math.max((last - first) * 0.03, 3_600_000);
  return [first - beside, last + beside];
}

/** Returns the curves to draw, in the order in which clinicians read them: what a rule reads as a number, and was ever answered. */
export function seriesOf(pathway: Pathway, file: Pick<PatientFile, "thresholds">, slots: readonly SlotShown[]): Series[] {
  const readings = pathway.scoring.readings ?? {};
  const place = new Map(ORDER.flatMap((name, i) => (readings[name] ? [[readings[name]!, i] as const] : [])));
  const numbers = itemsOf(pathway).filter(({ kind }) => kind === "integer" || kind === "decimal");
  const drawn = numbers
    .map((item) => curveOf(item, bandsOf(pathway, file, item.link), slots))
    .filter(({ points, unknown }) => points.length + unknown.length > 0);
  return drawn.sort((a, b) => (place.get(a.item.link) ?? ORDER.length) - (place.get(b.item.link) ?? ORDER.length));
}

function curveOf(item: Item, bands: Band[], slots: readonly SlotShown[]): Series {
  const points: Point[] = [];
  const unknown: Series["unknown"] = [];
  const gaps: Instant[] = [];
  for (const slot of slots) {
    const at = timeOf(slot);
    if (at === null || slot.state?.state === "open") continue;
    if (!slot.answers || !(item.link in slot.answers)) {
      gaps.push(at);
      continue;
    }
    const value = numberOf(slot.answers[item.link]);
    if (value === null) unknown.push({ slot: slot.slot, at });
    else points.push({ slot: slot.slot, at, value, first: numberOf(slot.first?.[item.link]) });
  }
  points.sort((a, b) => a.at - b.at);
  // Limits are always in sight: how far from them one is, is what the curve is looked at for.
  const seen = [...points.flatMap(({ value, first }) => (first === null ? [value] : [value, first])), ...bands.map(({ value }) => value)];
  const [low, high] = seen.length > 0 ? [Math.min(...seen), Math.max(...seen)] : [item.lowest ?? 0, item.highest ?? 1];
  const beside = Math.max((high - low) * 0.15, 0.5);
  return { item, points, unknown, gaps, bands, low: Math.max(item.lowest ?? -Infinity, low - beside), high: Math.min(item.highest ?? Infinity, high + beside) };
}

export interface Scale {
  x(at: Instant): number;
  y(value: number): number;
}

/** Returns what maps instants and values to a drawing of that size. */
export function scaleOf(axis: readonly [Instant, Instant], of: Pick<Series, "low" | "high">, width: number, height: number): Scale {
  const span = Math.max(1, axis[1] - axis[0]);
  const reach = Math.max(1e-9, of.high - of.low);
  return {
    x: (at) => ((at - axis[0]) / span) * width,
    y: (value) => height - ((value - of.low) / reach) * height,
  };
}

/** Returns the line through the points; a slot that has no value, or that nobody answered, breaks it. */
export function pathOf({ points, unknown, gaps }: Pick<Series, "points" | "unknown" | "gaps">, scale: Scale): string {
  const breaks = [...unknown.map(({ at }) => at), ...gaps];
  let path = "";
  let before: Instant | null = null;
  for (const { at, value } of points) {
    const broken = before === null || breaks.some((gap) => gap > before! && gap < at);
    path += `${broken ? "M" : "L"}${scale.x(at).toFixed(1)} ${scale.y(value).toFixed(1)}`;
    before = at;
  }
  return path;
}

/** Returns the rectangles of the bands, the mildest first so that the graver lie on top. */
export function areasOf(bands: readonly Band[], scale: Scale, height: number): { band: Band; y: number; height: number }[] {
  const rank = { green: 0, yellow: 1, orange: 2, red: 3 };
  return [...bands]
    .sort((a, b) => rank[a.colour] - rank[b.colour])
    .map((band) => {
      const edge = Math.min(height, Math.max(0, scale.y(band.value)));
      return band.side === "above" ? { band, y: 0, height: edge } : { band, y: edge, height: height - edge };
    });
}
