import { describe, expect, it } from "vitest";
import { Absence } from "../src/away";

describe("an absence", () => {
  it("is told once, with what was missed, when the clock goes on", () => {
    const absence = new Absence();
    absence.leave(10_000);
    absence.missed(3);
    absence.missed(1);
    expect(absence.heard(20_000, null)).toEqual({ from: 10_000, to: 20_000, changes: 4, reset: false });
    expect(absence.isCatchingUp).toBe(false);
    expect(absence.heard(21_000, null)).toBeNull();
  });

  it("ends although changes had said the same instant before: under load they always do", () => {
    const absence = new Absence();
    absence.leave(10_000);
    absence.missed(1); // a changes frame at 20_000
    expect(absence.heard(20_000, null)?.changes).toBe(1);
  });

  it("does not end with a clock that stands still", () => {
    const absence = new Absence();
    absence.leave(10_000);
    expect(absence.heard(10_000, null)).toBeNull();
    expect(absence.isCatchingUp).toBe(true);
  });

  it("begins where it first began, however often the page leaves", () => {
    const absence = new Absence();
    absence.leave(10_000);
    absence.leave(15_000);
    expect(absence.heard(20_000, null)?.from).toBe(10_000);
  });

  it("is not told when it was short and nothing changed", () => {
    const absence = new Absence();
    absence.leave(10_000);
    expect(absence.heard(12_000, null)).toBeNull();
    expect(absence.isCatchingUp).toBe(false);
  });

  it("adds to one that nobody has seen yet", () => {
    const absence = new Absence();
    absence.leave(10_000);
    absence.missed(2);
    const first = absence.heard(20_000, null);
    absence.leave(30_000);
    absence.missed(5);
    expect(absence.heard(40_000, first)).toEqual({ from: 10_000, to: 40_000, changes: 7, reset: false });
  });

  it("across two logs has no beginning that could be compared", () => {
    const absence = new Absence();
    absence.leave(10_000);
    absence.startAnew();
    expect(absence.heard(50, null)).toEqual({ from: null, to: 50, changes: 0, reset: true });
  });
});
