import { describe, expect, it } from "vitest";
import { byNeed, LONGEST_S, plainTitle, shareOfTime, verdicts } from "../src/alerts/worth";
import type { RuleWorth } from "../src/alerts/wire";

const rule = (of: Partial<RuleWorth>): RuleWorth => ({
  rule: "r", title: null, raised: 10, notified: 10, taken: 5, p50_s: null, p90_s: null, escalated: 0,
  acted: 0, no_action_needed: 0, wrong: 0, unsaid: 0, actionable: null, proposed: false, ...of,
});

describe("what came of alarms", () => {
  it("counts those of which nobody said anything, and none that still goes on", () => {
    expect(verdicts(rule({ acted: 9, no_action_needed: 31, wrong: 11, unsaid: 40, actionable: 0.1 }))).toEqual({ all: 91, unsaid: 40 });
    expect(verdicts(rule({ no_action_needed: 4, actionable: 0 }))).toEqual({ all: 4, unsaid: 0 });
    expect(verdicts(rule({}))).toEqual({ all: 0, unsaid: 0 });
  });
});

describe("a rule's title", () => {
  it("leaves out what each alert fills in", () => {
    expect(plainTitle("Réanimation à {value} · {place}")).toBe("Réanimation à …");
    expect(plainTitle("Lits fermés")).toBe("Lits fermés");
  });
});

describe("a bar of a time", () => {
  it("tells a minute from ten beside an hour, and is never longer than its place", () => {
    expect(shareOfTime(600) - shareOfTime(60)).toBeGreaterThan(0.2);
    expect(shareOfTime(LONGEST_S)).toBe(1);
    expect(shareOfTime(9 * LONGEST_S)).toBe(1);
    expect(shareOfTime(0)).toBe(0);
  });
});

describe("the order of rules", () => {
  it("has those to review first, then those that called people most", () => {
    const rules = [rule({ rule: "few", notified: 1 }), rule({ rule: "many", notified: 9 }), rule({ rule: "review", notified: 2, proposed: true })];
    expect(byNeed(rules).map((one) => one.rule)).toEqual(["review", "many", "few"]);
  });
});
