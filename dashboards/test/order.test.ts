import { describe, expect, it } from "vitest";
import { folded, spoken } from "../src/names";
import { heldStill, late, moves, search, sorted } from "../src/order";
import { distanceKm, middleOf } from "../src/geo";
import type { Facility, State, WardPicture } from "../src/wire";

const facility = (code: string, name: string, departement: string): Facility => ({
  finess_et: code, finess_ej: code, name, commune: "X", departement,
});
const row = (code: string, departement: string, state: State, available: number | null, stale = 0) => ({
  facility: facility(code, `Site ${code}`, departement),
  total: { state, available, stale },
});

describe("the order of sites", () => {
  const rows = [row("c", "31", "free", 5), row("a", "09", "full", 0), row("d", "31", "full", 0, 1), row("b", "31", "nearly", 1)];
  const codes = (by: "departement" | "state" | "free") => sorted(rows, by).map(({ facility: { finess_et } }) => finess_et);

  it("is by département, by what is worst, or by what is free", () => {
    expect(codes("departement")).toEqual(["a", "b", "c", "d"]);
    expect(codes("state")).toEqual(["d", "a", "b", "c"]);
    expect(codes("free")).toEqual(["c", "b", "a", "d"]);
  });
});

describe("the late list", () => {
  const ward = (id: string, installed: number | null) => ({ id, facility: id, kind: "rea", installed });
  const pictures: Record<string, Partial<WardPicture>> = {
    fresh: { state: "free", stale: false, told_at: 9 },
    old: { state: "free", stale: true, told_at: 1, open: 12 },
    older: { state: "full", stale: true, told_at: 0, open: 12 },
  };

  it("holds what is stale and what was never told, by beds at stake, unknown sizes last", () => {
    const rows = late([ward("fresh", 90), ward("old", 10), ward("never", 40), ward("older", 10), ward("unsized", null)], (id) =>
      pictures[id] ? ({ id, facility: id, kind: "rea", ...pictures[id] } as WardPicture) : undefined,
    );
    expect(rows.map(({ ward: { id } }) => id)).toEqual(["never", "older", "old", "unsized"]);
  });
});

describe("a list held still", () => {
  it("keeps its order, drops what went, adds what came at the end", () => {
    expect(heldStill(["a", "b", "c"], ["c", "x", "a"])).toEqual(["a", "c", "x"]);
  });

  it("counts how many would move, not how many places shift", () => {
    expect(moves(["a", "b", "c", "d"], ["d", "a", "b", "c"])).toBe(1);
    expect(moves(["a", "b", "c"], ["a", "b", "c"])).toBe(0);
    expect(moves(["a", "b"], ["a", "c"])).toBe(2);
  });
});

describe("search", () => {
  const among = ["Hôpital Purpan Toulouse", "CH Saint-Gaudens", "CHU Nîmes Carémeau"].map((name) => ({ item: name, text: folded(name) }));

  it("needs every word, whatever the accents, and knows St for Saint", () => {
    expect(search("nimes", among, 5)).toEqual(["CHU Nîmes Carémeau"]);
    expect(search("st gaudens", among, 5)).toEqual(["CH Saint-Gaudens"]);
    expect(search("toul purp", among, 5)).toEqual(["Hôpital Purpan Toulouse"]);
    expect(search("purpan nimes", among, 5)).toEqual([]);
    expect(search("   ", among, 5)).toEqual([]);
  });
});

describe("names", () => {
  it("stop shouting, and leave what is written well alone", () => {
    expect(spoken("CL ST JEAN DU LANGUEDOC")).toBe("Clinique Saint Jean du Languedoc");
    expect(spoken("CHU de Nîmes")).toBe("CHU de Nîmes");
  });
});

describe("places", () => {
  it("lie as far apart as they do", () => {
    expect(distanceKm({ lat: 43.6045, lon: 1.444 }, { lat: 43.6108, lon: 3.8767 })).toBeCloseTo(195.9, 0);
  });

  it("have their middle inside a square", () => {
    const square = [[0, 0], [4, 0], [4, 2], [0, 2], [0, 0]];
    const outline = { type: "Feature" as const, properties: { code: "x", name: "x" }, geometry: { type: "Polygon" as const, coordinates: [square] } };
    expect(middleOf(outline).lon).toBeCloseTo(2);
    expect(middleOf(outline).lat).toBeCloseTo(1);
  });
});
