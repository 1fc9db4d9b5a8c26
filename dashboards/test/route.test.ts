import { describe, expect, it, vi } from "vitest";

vi.stubGlobal("location", { pathname: "/", search: "" });
const { placeOf } = await import("../src/route");

describe("the page of an address", () => {
  it("names what it is about", () => {
    expect(placeOf("/patients/p-1")).toEqual({ page: "patient", of: "p-1" });
    expect(placeOf("/sitting/310000001/")).toEqual({ page: "sitting", of: "310000001" });
    expect(placeOf("/patients/new")).toEqual({ page: "enrol", of: "" });
    expect(placeOf("/patients/find")).toEqual({ page: "find", of: "" });
    expect(placeOf("/a")).toEqual({ page: "answer", of: "" });
  });

  it("is the map where nothing else has that address", () => {
    for (const path of ["/", "/nowhere", "/patients/p-1/more", "/calls/1", "/constructor/x"]) {
      expect(placeOf(path), path).toEqual({ page: "map", of: "" });
    }
  });

  it("is told even of an address that can't be decoded", () => {
    expect(placeOf("/patients/%E0%A4%A").page).toBe("patient");
  });
});
