import { describe, expect, it } from "vitest";
import { ShardClock } from "../src/clock";

describe("the shard's clock", () => {
  it("says nothing before it heard anything", () => {
    expect(new ShardClock().at(5)).toBeNull();
  });

  it("goes on by the page's own monotonic clock between statements", () => {
    const clock = new ShardClock();
    clock.hear(1_000_000, 10);
    expect(clock.at(10)).toBe(1_000_000);
    expect(clock.at(2_510)).toBe(1_002_500);
  });

  it("does not fall back when a statement comes late", () => {
    const clock = new ShardClock();
    clock.hear(1_000_000, 0);
    clock.hear(1_001_000, 3_000); // a tick that was 2 s old when it arrived
    expect(clock.at(3_000)).toBe(1_003_000);
  });

  it("forgets a statement that put it too far ahead, after some others", () => {
    const clock = new ShardClock();
    clock.hear(9_000_000, 0);
    for (let i = 1; i <= 20; i++) clock.hear(1_000_000 + i * 1000, i * 1000);
    expect(clock.at(20_000)).toBe(1_020_000);
  });

  it("begins anew with another log", () => {
    const clock = new ShardClock();
    clock.hear(9_000_000, 0);
    clock.reset();
    clock.hear(50, 0);
    expect(clock.at(0)).toBe(50);
  });
});
