/** Moves circles apart until none covers another, as near to where they belong as that allows. */

export interface Body {
  id: string;
  /** Where it belongs. */
  x: number;
  y: number;
  /** Half of its width; a label's is half of its diagonal. */
  r: number;
  /** How readily it gives way: 1 for a ring, more for a label, 0 never moves. */
  yields: number;
}

export interface Spot {
  id: string;
  x: number;
  y: number;
}

const GAP = 2;
const MOST_ROUNDS = 240;

/**
 * Returns a spot for each body, in the given order. Deterministic: the same bodies always get the same spots, so a map that
 * is laid out anew after nothing changed does not stir.
 */
export function spread(bodies: readonly Body[]): Spot[] {
  const spots = bodies.map(({ id, x, y }, i) => {
    // Two sites on one geocode need a direction to part in; the golden angle gives each its own.
    const angle = i * 2.399963;
    return { id, x: x + Math.cos(angle) * 0.01, y: y + Math.sin(angle) * 0.01 };
  });
  const cell = 2 * Math.max(1, ...bodies.map((body) => body.r)) + GAP;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    // The pull home weakens to nothing, so that the last rounds only separate.
    const pull = round < MOST_ROUNDS * 0.6 ? 0.04 * (1 - round / (MOST_ROUNDS * 0.6)) : 0;
    if (pull > 0) {
      bodies.forEach((body, i) => {
        const spot = spots[i]!;
        spot.x += (body.x - spot.x) * pull;
        spot.y += (body.y - spot.y) * pull;
      });
    }
    const worst = part(bodies, spots, cell);
    if (pull === 0 && worst < 0.25) break;
  }
  return spots;
}

/** Parts each touching pair once and returns the deepest overlap met. */
function part(bodies: readonly Body[], spots: Spot[], cell: number): number {
  // Only neighbours in a grid can touch; a cell's number leaves room for places off the screen.
  const cellOf = (x: number, y: number) => (Math.floor(x / cell) + 4096) * 16384 + Math.floor(y / cell) + 4096;
  const grid = new Map<number, number[]>();
  spots.forEach((spot, i) => {
    const key = cellOf(spot.x, spot.y);
    const there = grid.get(key);
    if (there) there.push(i);
    else grid.set(key, [i]);
  });
  let worst = 0;
  for (let i = 0; i < spots.length; i++) {
    const a = spots[i]!;
    const here = cellOf(a.x, a.y);
    for (const aside of [-16384, 0, 16384]) {
      for (const below of [-1, 0, 1]) {
        const near = grid.get(here + aside + below);
        if (!near) continue;
        for (const j of near) if (j > i) worst = Math.max(worst, separate(a, spots[j]!, bodies[i]!, bodies[j]!));
      }
    }
  }
  return worst;
}

function separate(a: Spot, b: Spot, bodyA: Body, bodyB: Body): number {
  const yields = bodyA.yields + bodyB.yields;
  if (yields === 0) return 0;
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const apart = Math.hypot(dx, dy) || 1e-6;
  const overlap = bodyA.r + bodyB.r + GAP - apart;
  if (overlap <= 0) return 0;
  const [ux, uy] = [dx / apart, dy / apart];
  const toA = (overlap * bodyA.yields) / yields;
  const toB = (overlap * bodyB.yields) / yields;
  a.x -= ux * toA;
  a.y -= uy * toA;
  b.x += ux * toB;
  b.y += uy * toB;
  return overlap;
}

/** Returns a ring's diameter in pixels: its area grows with its beds, between a size one can hit and one that fits. */
export function diameterOf(beds: number | null | undefined, most: number, scale = 1): number {
  const [smallest, largest] = [24 * scale, 54 * scale];
  if (!beds || most <= 0) return Math.round(smallest);
  return Math.round(Math.sqrt(smallest ** 2 + (largest ** 2 - smallest ** 2) * Math.min(1, beds / most)));
}

/** Returns whether rings would crowd an area of so many square pixels: then a pin for each département says it better. */
export function crowds(diameters: readonly number[], area: number): boolean {
  const taken = diameters.reduce((sum, d) => sum + Math.PI * (d / 2 + GAP) ** 2, 0);
  return taken > 0.3 * area;
}

export interface LabelBody {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** How far from its middle a label may stand, and in what steps it looks for room. */
const REACH = 96;
const STEP = 8;

/** Returns where each label stands free of rings and of other labels, as near as may be to where it belongs. */
export function placeLabels(labels: readonly LabelBody[], rings: readonly { x: number; y: number; r: number }[]): Spot[] {
  const placed: LabelBody[] = [];
  return labels.map((label) => {
    let best = { x: label.x, y: label.y };
    let least = Infinity;
    for (let away = 0; away <= REACH; away += STEP) {
      const around = away === 0 ? 1 : Math.max(8, Math.round((2 * Math.PI * away) / 14));
      for (let i = 0; i < around; i++) {
        const angle = (2 * Math.PI * i) / around - Math.PI / 2;
        const at = { ...label, x: label.x + Math.cos(angle) * away * 1.2, y: label.y + Math.sin(angle) * away };
        const covered = rings.reduce((sum, ring) => sum + overRing(at, ring), 0) + placed.reduce((sum, other) => sum + overLabel(at, other), 0);
        // Covering costs more than standing aside: a name that can't be read says nothing.
        const cost = covered * 12 + away;
        if (cost < least) [best, least] = [{ x: at.x, y: at.y }, cost];
      }
      if (least <= away) break;
    }
    placed.push({ ...label, ...best });
    return { id: label.id, ...best };
  });
}

function overRing(label: LabelBody, ring: { x: number; y: number; r: number }): number {
  const dx = Math.max(0, Math.abs(ring.x - label.x) - label.width / 2);
  const dy = Math.max(0, Math.abs(ring.y - label.y) - label.height / 2);
  return Math.max(0, ring.r + GAP - Math.hypot(dx, dy));
}

function overLabel(a: LabelBody, b: LabelBody): number {
  const x = (a.width + b.width) / 2 - Math.abs(a.x - b.x);
  const y = (a.height + b.height) / 2 - Math.abs(a.y - b.y);
  return x > 0 && y > 0 ? Math.min(x, y) : 0;
}
