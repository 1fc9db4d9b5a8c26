import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Row } from "../src/patients/wire";

const kept = new Map<string, string>();
vi.stubGlobal("localStorage", {
  getItem: (name: string) => kept.get(name) ?? null,
  setItem: (name: string, value: string) => void kept.set(name, value),
  removeItem: (name: string) => void kept.delete(name),
});
const { forgetVisits, recallVisits, visited, visits } = await import("../src/patients/visits");

const row = { id: "p1", pathway: "home-cov/1", status: "followed", circle: [], slots: {}, changed: 5 } as unknown as Row;

describe("what a reader saw", () => {
  beforeEach(() => {
    kept.clear();
    forgetVisits();
    recallVisits("anna");
    visited(row, 1_000);
  });

  it("is there when they come again", () => {
    recallVisits("anna");
    expect([...visits.value.keys()]).toEqual(["p1"]);
  });

  it("is nobody else's, and is not left lying for them", () => {
    recallVisits("berta");
    expect(visits.value.size).toBe(0);
    expect(kept.size).toBe(0);
  });

  it("ends with the session, in the browser too", () => {
    forgetVisits();
    expect(kept.size).toBe(0);
    recallVisits("anna");
    expect(visits.value.size).toBe(0);
  });
});
