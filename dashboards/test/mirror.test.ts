import { describe, expect, it } from "vitest";
import { Mirror } from "../src/mirror";
import type { Changes, WardPicture } from "../src/wire";

const ward = (id: string, available: number | null): WardPicture => ({ id, facility: id.split("/")[0]!, kind: "rea", available });
const picture = (wards: Record<string, WardPicture>) => ({ at: 1, wards, totals: {} });

describe("the mirror", () => {
  it("takes changes whole, by key, and null away", () => {
    const mirror = new Mirror();
    mirror.snapshot(picture({ a: ward("a", 1), b: ward("b", 2) }), "t1");
    const delta = mirror.changes({ at: 2, wards: { a: ward("a", 0), b: null, c: ward("c", 3) } }, "t2");
    expect([...mirror.wards.keys()].sort()).toEqual(["a", "c"]);
    expect(delta.wards.map(({ key, before, after }) => [key, before?.available, after?.available])).toEqual([
      ["a", 1, 0],
      ["b", 2, undefined],
      ["c", undefined, 3],
    ]);
    expect(mirror.token).toBe("t2");
  });

  it("tells what was missed when a snapshot replaces what it held", () => {
    const mirror = new Mirror();
    mirror.snapshot(picture({ a: ward("a", 1), b: ward("b", 2), c: ward("c", 3) }), "t1");
    const delta = mirror.snapshot(picture({ a: ward("a", 1), b: ward("b", 0) }), "t9");
    expect(delta.wards.map(({ key }) => key).sort()).toEqual(["b", "c"]);
    expect(mirror.wards.has("c")).toBe(false);
  });

  it("ends at the same picture whether it left or stayed", () => {
    const frames: Changes[] = [
      { wards: { a: ward("a", 0) } },
      { wards: { b: ward("b", 5) } },
      { wards: { a: null, c: ward("c", 1) } },
      { wards: { b: ward("b", 4) } },
    ];
    const stayed = new Mirror();
    stayed.snapshot(picture({ a: ward("a", 1) }), "0");
    frames.forEach((frame, i) => stayed.changes(frame, String(i + 1)));
    for (let left = 0; left <= frames.length; left++) {
      const returned = new Mirror();
      returned.snapshot(picture({ a: ward("a", 1) }), "0");
      frames.slice(0, left).forEach((frame, i) => returned.changes(frame, String(i + 1)));
      // What a server sends on resuming: the newest value of each key that moved since.
      returned.changes({ wards: Object.assign({}, ...frames.slice(left).map((frame) => frame.wards)) }, "4");
      expect(returned.wards, `left after ${left}`).toEqual(stayed.wards);
    }
  });

  it("keeps what a frame does not speak of", () => {
    const mirror = new Mirror();
    mirror.snapshot({ ...picture({}), scenario: { label: { fr: "x", en: "x" } }, region_digest: "d" }, "1");
    mirror.changes({ at: 2 }, "2");
    expect(mirror.scenario).not.toBeNull();
    expect(mirror.regionDigest).toBe("d");
    mirror.changes({ at: 3, scenario: null }, "3");
    expect(mirror.scenario).toBeNull();
  });
});
