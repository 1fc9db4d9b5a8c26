import { expect, test } from "vitest";
import { newest, rowsOf, whole } from "../src/alerts/counts";
import type { Counts } from "../src/alerts/wire";

const hour: Counts = {
  at: 7_200_000,
  cells: { "31/green": 40, "31/red": 12, "?/green": 11 },
  departements: { "31": 52, "?": 11 },
  colours: { green: { least: 51, most: 61 }, red: { least: 12, most: 22 } },
  all: { least: 63, most: 113 },
};

test("the newest hour is told, whatever the order in which they came", () => {
  expect(newest([hour, { ...hour, at: 3_600_000 }])).toBe(hour);
  expect(newest([])).toBeNull();
});

test("a département of which nothing is told has as few as another, and is not left out", () => {
  expect(rowsOf(hour, ["09", "31"])).toEqual([
    { code: "09", cells: [null, null, null, null, null] },
    { code: "31", cells: [12, null, null, 40, null] },
    { code: "?", cells: [null, null, null, 11, null] },
  ]);
});

test("a colour of the region is a span, or too few to be told", () => {
  expect(whole(hour, "red")).toEqual({ least: 12, most: 22 });
  expect(whole(hour, "orange")).toBeNull();
});
