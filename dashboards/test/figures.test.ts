import { describe, expect, it } from "vitest";
import { honestyOf, isStale, sharesOf, stateOf } from "../src/figures";
import { linesOf, reasonOf } from "../src/feed";
import { age, count, openBeds, percent, told } from "../src/format";
import { stepOf } from "../src/ramp";
import { en } from "../src/words/en";
import { fr } from "../src/words/fr";
import type { WardPicture } from "../src/wire";

describe("a figure", () => {
  it("that nobody said is a dash, never 0", () => {
    expect(count(null, fr)).toBe("–");
    expect(count(undefined, fr)).toBe("–");
    expect(count(0, fr)).toBe("0");
    expect(percent(null, false, fr)).toBe("–");
  });

  it("is never clipped nor rounded onto the line that matters", () => {
    expect(percent(1.26, false, en)).toBe("126%");
    expect(percent(1.004, false, en)).toBe("101%");
    expect(percent(0.999, false, en)).toBe("99%");
    expect(percent(1, false, en)).toBe("100%");
  });

  it("says that it is a bound", () => {
    expect(percent(0.89, true, en).replace(/\s/g, " ")).toBe("≥ 89%");
    expect(openBeds(46, true, en).replace(/\s/g, " ")).toBe("≤ 46");
  });

  it("tells its age in the largest whole unit, in both languages", () => {
    expect([12_000, 41 * 60_000, 14 * 3_600_000, 72 * 3_600_000].map((ms) => age(ms, fr))).toEqual(["12 s", "41 min", "14 h", "3 j"]);
    expect(told(1_000, 13_000, fr)).toBe("dit il y a 12 s");
    expect(told(1_000, 13_000, en)).toBe("told 12 s ago");
    expect(told(null, 13_000, fr)).toBe("jamais dit");
  });
});

describe("a state", () => {
  it("is the server's where it says one, else what the free beds tell", () => {
    expect(stateOf({ state: "nearly", available: 4 })).toBe("nearly");
    expect(stateOf({ available: 0 })).toBe("full");
    expect(stateOf({ available: null })).toBe("unknown");
    expect(stateOf(undefined)).toBe("unknown");
  });

  it("is stale for a ward by its mark, for a total by any of its wards", () => {
    expect(isStale({ id: "a", facility: "a", kind: "k", stale: true })).toBe(true);
    expect(isStale({ stale: 1 })).toBe(true);
    expect(isStale({ stale: 0 })).toBe(false);
  });
});

describe("a total's honesty", () => {
  it("counts who told, the oldest, the stale, the unknown and the undeclared", () => {
    expect(honestyOf({ wards: 431, available_lacking: 19, unknown: 12, stale: 7, oldest_at: 5, undeclared_surge: 2 })).toEqual([
      { says: "told", told: 412, wards: 431 },
      { says: "oldest", at: 5 },
      { says: "stale", wards: 7 },
      { says: "unknown", wards: 12 },
      { says: "surge", wards: 2 },
    ]);
  });
});

describe("a ring", () => {
  const sum = (picture: Parameters<typeof sharesOf>[0]) => sharesOf(picture).reduce((all, { part }) => all + part, 0);

  it("is whole whatever was said", () => {
    for (const occupied of [0, 3, 10, 14]) {
      for (const available of [null, 0, 2]) {
        for (const closed of [null, 0, 4]) {
          const picture = { open: 10, occupied, available, closed, reserved: 1 };
          expect(sum(picture)).toBeCloseTo(1);
          for (const { part } of sharesOf(picture)) expect(part).toBeGreaterThan(0);
        }
      }
    }
  });

  it("is empty where nothing was said", () => {
    expect(sharesOf({ open: 10, occupied: null, available: null })).toEqual([]);
    expect(sharesOf(undefined)).toEqual([]);
    expect(sharesOf({ available: 4 })).toEqual([]);
  });

  it("shows beds that are neither taken nor free as neither", () => {
    expect(sharesOf({ open: 10, occupied: 6, available: 2 }).map(({ share }) => share)).toEqual(["occupied", "free", "unsaid"]);
  });
});

describe("the shade of a département", () => {
  it("keeps 100 % apart from what lies beyond", () => {
    expect([null, 0.5, 0.75, 0.949, 0.95, 1, 1.001].map(stepOf)).toEqual([null, 0, 1, 2, 3, 3, 4]);
  });
});

describe("a line of the feed", () => {
  const ward = (change: Partial<WardPicture>): WardPicture => ({
    id: "a", facility: "a", kind: "k", available: 2, occupied: 8, state: "free", stale: false, told_at: 1, ...change,
  });

  it("is made for a figure, for freshness and for a state, not for a date alone", () => {
    expect(reasonOf(ward({}), ward({ available: 1 }))).toBe("figure");
    expect(reasonOf(ward({}), ward({ stale: true }))).toBe("stale");
    expect(reasonOf(ward({ stale: true }), ward({}))).toBe("fresh");
    expect(reasonOf(ward({}), ward({ state: "nearly" }))).toBe("state");
    expect(reasonOf(ward({}), ward({ told_at: 2 }))).toBeNull();
  });

  it("is made for a ward that speaks for the first time", () => {
    expect(reasonOf(undefined, ward({}))).toBe("figure");
  });

  it("never sets free beds against occupied ones", () => {
    const [line] = linesOf([{ key: "a", before: ward({ available: null }), after: ward({ available: 2 }) }], 5, false, () => true, 1);
    expect([line?.told, line?.from, line?.to]).toEqual(["available", null, 2]);
    const [other] = linesOf([{ key: "a", before: ward({ available: null }), after: ward({ available: null, occupied: 9 }) }], 5, false, () => true, 1);
    expect([other?.told, other?.from, other?.to]).toEqual(["occupied", 8, 9]);
  });

  it("is critical where a critical ward becomes full, not where it stays so", () => {
    const becomes = (before: Partial<WardPicture>, kind: boolean) =>
      linesOf([{ key: "a", before: ward(before), after: ward({ available: 0, state: "full" }) }], 5, false, () => kind, 1)[0]?.critical;
    expect(becomes({}, true)).toBe(true);
    expect(becomes({}, false)).toBe(false);
    expect(becomes({ state: "full", available: 1 }, true)).toBe(false);
  });
});

describe("the dictionaries", () => {
  it("have the same keys, all filled", () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(fr).sort());
    expect(en.keys.map(([key]) => key).slice(0, 9)).toEqual(fr.keys.map(([key]) => key).slice(0, 9));
  });
});
