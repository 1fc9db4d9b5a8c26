import { describe, expect, it } from "vitest";
import { readersOf } from "../src/patients/readers";
import type { StoryLine } from "../src/patients/wire";

const line = (what: string, by: string, at: number, until: number | null = null): StoryLine => ({ id: `${by}${at}`, what, by, at, until });

describe("who has read a message", () => {
  const first = line("message", "anne", 10);
  const second = line("message", "paul", 30);

  it("is told with when they first had, in that order, and not of its author", () => {
    const readings = [line("read", "paul", 40, 10), line("read", "zoe", 20, 10), line("read", "zoe", 50, 30), line("read", "anne", 60, 30)];
    expect(readersOf(first, readings)).toEqual([["zoe", 20], ["paul", 40]]);
    expect(readersOf(second, readings)).toEqual([["zoe", 50], ["anne", 60]]);
  });

  it("is nobody where nobody has read as far", () => {
    expect(readersOf(second, [line("read", "zoe", 35, 29), line("read", "anne", 36)])).toEqual([]);
  });
});
