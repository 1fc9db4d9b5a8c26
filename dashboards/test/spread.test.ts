import { describe, expect, it } from "vitest";
import { crowds, diameterOf, placeLabels, spread, type Body } from "../src/spread";

/** A small deterministic source of chance (mulberry32): a failure can be seen again. */
function chance(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function town(seed: number, n: number): Body[] {
  const random = chance(seed);
  return Array.from({ length: n }, (_, i) => ({
    id: String(i),
    x: 400 + (random() - 0.5) * (i % 3 ? 60 : 700),
    y: 300 + (random() - 0.5) * (i % 3 ? 60 : 500),
    r: 12 + random() * 14,
    yields: 1,
  }));
}

describe("spreading", () => {
  it.each([1, 2, 3, 4, 5])("hides no site under another (seed %i)", (seed) => {
    const bodies = town(seed, 60);
    const spots = spread(bodies);
    for (let i = 0; i < spots.length; i++) {
      for (let j = i + 1; j < spots.length; j++) {
        const apart = Math.hypot(spots[i]!.x - spots[j]!.x, spots[i]!.y - spots[j]!.y);
        expect(apart, `${i} and ${j}`).toBeGreaterThan(bodies[i]!.r + bodies[j]!.r - 1.5);
      }
    }
  });

  it("leaves alone what covers nothing", () => {
    const bodies: Body[] = [
      { id: "a", x: 0, y: 0, r: 10, yields: 1 },
      { id: "b", x: 100, y: 0, r: 10, yields: 1 },
    ];
    for (const [i, spot] of spread(bodies).entries()) expect(Math.hypot(spot.x - bodies[i]!.x, spot.y)).toBeLessThan(0.1);
  });

  it("parts two sites on one geocode, and does it alike each time", () => {
    const twins: Body[] = ["a", "b"].map((id) => ({ id, x: 50, y: 50, r: 12, yields: 1 }));
    const [a, b] = spread(twins);
    expect(Math.hypot(a!.x - b!.x, a!.y - b!.y)).toBeGreaterThan(23);
    expect(spread(twins)).toEqual([a, b]);
  });

  it("looks only at neighbours: a whole region costs no pairwise comparison of all", () => {
    let looks = 0;
    const far: Body[] = Array.from({ length: 267 }, (_, i) => ({
      id: String(i),
      x: i * 200,
      y: 0,
      r: 10,
      get yields() {
        looks += 1; // asked for once a compared pair and body; all pairs would be 70,000 in each round
        return 1;
      },
    }));
    spread(far);
    expect(looks).toBe(0);
  });
});

describe("labels", () => {
  it("stand where no ring covers them", () => {
    const rings = [{ x: 100, y: 100, r: 20 }];
    const [spot] = placeLabels([{ id: "31", x: 100, y: 100, width: 80, height: 30 }], rings);
    const dx = Math.max(0, Math.abs(100 - spot!.x) - 40);
    const dy = Math.max(0, Math.abs(100 - spot!.y) - 15);
    expect(Math.hypot(dx, dy)).toBeGreaterThanOrEqual(20);
  });

  it("stay at home where there is room", () => {
    expect(placeLabels([{ id: "31", x: 10, y: 10, width: 80, height: 30 }], [])[0]).toEqual({ id: "31", x: 10, y: 10 });
  });
});

describe("a ring's size", () => {
  it("grows with beds in area, from what one can hit to what fits", () => {
    expect(diameterOf(null, 100)).toBe(24);
    expect(diameterOf(100, 100)).toBe(54);
    expect(diameterOf(50, 100)).toBeGreaterThan(diameterOf(10, 100));
  });

  it("gives way to pins where rings would crowd", () => {
    expect(crowds(Array(30).fill(30), 700 * 500)).toBe(false);
    expect(crowds(Array(180).fill(30), 350 * 250)).toBe(true);
  });
});
