/** The rows of a sitting: what is sent of what was typed, and what becomes of it. */
import { describe, expect, it } from "vitest";
import type { Item, Questionnaire } from "../src/answer/questionnaire";
import { after, fresh, isMissing, isPart, isReady, isWrong, lacking, numberOf, rangeMissed, toSend, turned, typed } from "../src/desks/rows";
import type { Resident } from "../src/desks/wire";

const words = { fr: "x", en: "x" };
const pulse: Item = { link: "pulse", kind: "integer", text: words, required: true, unknowable: true, lowest: 20, highest: 250 };
const fall: Item = { link: "fall", kind: "boolean", text: words, required: true };
const asked: Questionnaire = { url: "u", version: "1", title: words, items: [pulse, fall] };
const resident: Resident = { id: "r", name: "X", room: "1", pathway: "p/1", status: "followed", state: "open", slot: "1-0900" };

describe("a row", () => {
  it("is ready once something in it can be an answer, and sends only that", () => {
    let row = fresh(resident);
    expect(isReady(asked, resident, row)).toBe(false);
    row = typed(row, "pulse", numberOf(pulse, "800"), "800");
    expect(isWrong(pulse, row)).toBe(true);
    expect(isReady(asked, resident, row)).toBe(false);
    row = typed(row, "fall", false);
    expect(toSend(asked, row)).toEqual({ fall: false });
    expect(isReady(asked, resident, row)).toBe(true);
    const told = after({ ...row, sendingId: "a" }, { patient: "r", slot: "1-0900", id: "a", status: 201, lacks: 1 });
    expect(lacking(asked, resident, told)).toEqual(["pulse"]);
    expect(isMissing(resident, told)).toBe(false);
    expect(isPart(resident, told)).toBe(true);
    expect(isPart(resident, after(told, { patient: "r", slot: "1-0900", id: "b", status: 201 }))).toBe(false);
    expect(rangeMissed(pulse, typed(row, "pulse", 800, "800"))).toEqual({ low: 20, high: 250 });
  });

  it("is part of what is asked after a reload too, and names no item that another may have answered", () => {
    const again: Resident = { ...resident, state: "answered", missing: ["pulse"] };
    expect(isPart(again, fresh(again))).toBe(true);
    expect(lacking(asked, again, fresh(again))).toEqual(["pulse"]);
    const told = after({ ...fresh(resident), sendingId: "a" }, { patient: "r", slot: "1-0900", id: "a", status: 201, lacks: 1 });
    expect(lacking(asked, resident, told)).toEqual([]);
  });

  it("takes ? for what cannot be measured, where that is offered", () => {
    expect(numberOf(pulse, "?")).toBeNull();
    expect(numberOf({ ...pulse, unknowable: false }, "?")).toBeUndefined();
    expect(numberOf(pulse, "72")).toBe(72);
  });

  it("asks nothing of whom nothing can be asked now", () => {
    const row = typed(fresh(resident), "fall", false);
    for (const state of ["none", "waits"] as const) {
      expect(isReady(asked, { ...resident, state }, row)).toBe(false);
      expect(isMissing({ ...resident, state }, row)).toBe(false);
    }
    expect(isMissing({ ...resident, state: "missed" }, row)).toBe(true);
  });

  it("keeps its name while what is sent stays the same, and gets another with another answer", () => {
    const sent = { ...typed(fresh(resident), "fall", false), sendingId: "one", busy: true };
    const lost = after(sent, { patient: "r", slot: "1-0900", id: "one", status: 503 });
    expect(lost.sendingId).toBe("one");
    expect(typed(lost, "fall", true).sendingId).toBeNull();
  });

  it("says to call 15 for the rest of its round, once a receipt said so", () => {
    const told = { patient: "r", slot: "1-0900", id: "one", status: 201 };
    const red = after({ ...typed(fresh(resident), "pulse", 140), sendingId: "one" }, { ...told, call_15: true });
    expect(red.calls15).toBe(true);
    expect(after(typed(red, "pulse", 80), told).calls15).toBe(true);
    expect(turned(red, { ...resident, slot: "1-1600" }).row.calls15).toBe(false);
  });

  it("is of the round in which it was begun, and left over once another one is asked", () => {
    const next = { ...resident, slot: "1-1600" };
    const row = typed(fresh(resident), "pulse", undefined, "8OO");
    expect(turned(row, resident)).toEqual({ row, left: null });
    expect(turned(row, next)).toEqual({ row: fresh(next), left: row });
    expect(turned({ ...row, busy: true }, next).left).toBeNull(); // what becomes of it is not known yet
    expect(turned(fresh(resident), next)).toEqual({ row: fresh(next), left: null });
    expect(turned(typed(row, "pulse", undefined, ""), next).left).toBeNull();
    const paused = { ...resident, slot: null, state: "none" as const };
    expect(turned(row, paused)).toEqual({ row: fresh(paused), left: row });
  });

  it("is done once it was received, but not where more was typed meanwhile", () => {
    const told = { patient: "r", slot: "1-0900", id: "one", status: 201 };
    const sent = { ...typed(fresh(resident), "fall", false), sendingId: "one", busy: true };
    expect(after(sent, told).dirty).toBe(false);
    expect(isMissing(resident, after(sent, told))).toBe(false);
    expect(after(typed(sent, "pulse", 80, "80"), told).dirty).toBe(true);
  });

  it("marks what the door refuses, and sends the rest again under another name", () => {
    const sent = { ...typed(typed(fresh(resident), "fall", false), "pulse", 80, "80"), sendingId: "one", busy: true };
    const back = after(sent, { patient: "r", slot: "1-0900", id: "one", status: 422, errors: [{ path: "answers.measures/pulse", message: "…" }] });
    expect(isWrong(pulse, back)).toBe(true);
    expect(back.sendingId).toBeNull();
    expect(toSend(asked, back)).toEqual({ fall: false });
    expect(isWrong(pulse, typed(back, "pulse", 81, "81"))).toBe(false);
  });
});
