import { describe, expect, it } from "vitest";
import { afterClose, backoff, LOST_AFTER_MS, secondsIn, verdict } from "../src/live";

const last = { at: 1_700_000_000_000, heard: 10_000 };

describe("the verdict", () => {
  it("is live while the clock advances", () => {
    expect(verdict(true, last, 0, 12_000)).toEqual({ is: "live", agoMs: 2_000 });
  });

  it("survives the longest silence that a healthy server keeps", () => {
    expect(verdict(true, last, 0, last.heard + 5_500).is).toBe("live");
  });

  it("is not live within 10 s although the socket is open: a stopped worker says so by itself", () => {
    expect(LOST_AFTER_MS).toBeLessThan(9_000); // the second hand may add one more
    expect(verdict(true, last, 0, last.heard + LOST_AFTER_MS)).toEqual({ is: "lost", since: last.at });
  });

  it("is reconnecting at once when the socket is gone, and not live soon after", () => {
    expect(verdict(false, last, 0, last.heard + 1_000).is).toBe("reconnecting");
    expect(verdict(false, last, 0, last.heard + LOST_AFTER_MS).is).toBe("lost");
  });

  it("is connecting first, and not live when nothing ever came", () => {
    expect(verdict(false, null, 0, 500)).toEqual({ is: "connecting" });
    expect(verdict(true, null, 0, LOST_AFTER_MS)).toEqual({ is: "lost", since: null });
  });
});

describe("after a close", () => {
  const half = () => 0.5;

  it.each([
    [4401, { does: "sign-in" }],
    [4403, { does: "forbidden" }],
  ] as const)("%i ends it", (code, next) => {
    expect(afterClose(code, "", 0, half)).toEqual(next);
  });

  it("4409 comes back at once for a snapshot, but does not hammer", () => {
    expect(afterClose(4409, "", 0, half)).toEqual({ does: "retry", afterMs: 0, fromSnapshot: true });
    expect(afterClose(4409, "", 3, half)).toEqual({ does: "retry", afterMs: 2_000, fromSnapshot: true });
  });

  it("1013 waits at least as long as it was told", () => {
    expect(afterClose(1013, "retry after 3 s", 0, () => 0)).toEqual({ does: "retry", afterMs: 3_000, fromSnapshot: false });
    expect(afterClose(1013, "retry after 3 s", 0, () => 1)).toEqual({ does: "retry", afterMs: 3_750, fromSnapshot: false });
    expect(secondsIn("later")).toBeNull();
  });

  it("waits longer each time, at random from nothing on, and never more than 20 s", () => {
    expect([0, 1, 2, 3].map((attempt) => backoff(attempt, () => 1))).toEqual([500, 1_000, 2_000, 4_000]);
    expect(backoff(40, () => 1)).toBe(20_000);
    expect(backoff(5, () => 0)).toBe(0);
  });
});
