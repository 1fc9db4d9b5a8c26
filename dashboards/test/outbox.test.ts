/** What a phone keeps and sends: each thing once, under one id, until it was received. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readDate } from "../src/answer/date";
import type { Said } from "../src/answer/http";
import { Outbox } from "../src/answer/outbox";
import type { Found, Kept, Vault } from "../src/answer/vault";
import type { Sending } from "../src/answer/wire";

class Shelf implements Vault {
  readonly lasts = true;
  readonly rows = new Map<string, { kind: Kept; id: string; at: number; value: unknown }>();
  async put(kind: Kept, id: string, value: unknown, at = Date.now()) {
    this.rows.set(`${kind}/${id}`, { kind, id, at, value });
  }
  async all<T>(kind: Kept): Promise<Found<T>[]> {
    return [...this.rows.values()].filter((row) => row.kind === kind).sort((one, other) => one.at - other.at) as unknown as Found<T>[];
  }
  async drop(kind: Kept, id: string) {
    this.rows.delete(`${kind}/${id}`);
  }
  async clear() {
    this.rows.clear();
  }
}

const sending = (id: string): Sending => ({ link: "l", id, by: "patient", slot: "1-0900", answers: { spo2: 97 } });
const said = (status: number, more: Partial<Said<{ received_at?: number }>> = {}): Said<{ received_at?: number }> => ({
  status, body: {}, kind: "", wrong: [], waitMs: null, ...more,
});

function open(...answers: Said<{ received_at?: number }>[]) {
  const shelf = new Shelf();
  const sent: string[] = [];
  const told: string[] = [];
  const outbox = new Outbox(
    shelf,
    {
      received: ({ id }) => told.push(`received ${id}`),
      refused: ({ id }, { status }) => told.push(`refused ${id} ${status}`),
      waits: ({ id }, why) => told.push(`waits ${id} ${why}`),
    },
    async ({ id }) => {
      sent.push(id);
      return answers.shift() ?? said(201);
    },
  );
  return { outbox, shelf, sent, told };
}

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

describe("what is sent", () => {
  it("is tried again by itself under the same id, and gone once it was received", async () => {
    const { outbox, shelf, sent, told } = open(said(0), said(503), said(202));
    await outbox.add(sending("a"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual(["a", "a", "a", "a"]);
    expect(told).toEqual(["waits a network", "waits a away", "waits a taking", "received a"]);
    expect(shelf.rows.size).toBe(0);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(sent.length).toBe(4);
  });

  it("goes in the order in which it was written, and waits behind what waits", async () => {
    const { outbox, shelf, sent } = open(said(0));
    await outbox.add(sending("first"));
    await vi.advanceTimersByTimeAsync(10);
    await shelf.put("sending", "second", sending("second"), Date.now() + 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual(["first", "first", "second"]);
  });

  it("waits as long as the door asks", async () => {
    const { outbox, sent } = open(said(429, { waitMs: 30_000 }));
    await outbox.add(sending("a"));
    await vi.advanceTimersByTimeAsync(29_000);
    expect(sent).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual(["a", "a"]);
  });

  it("is not sent twice at once, however often one asks", async () => {
    const { outbox, sent } = open();
    await outbox.add(sending("a"));
    await Promise.all([outbox.run(), outbox.run(), outbox.run()]);
    expect(sent).toEqual(["a"]);
  });

  it.each([400, 404, 409, 422])("is gone from the device where the door says %d, and that is told", async (status) => {
    const { outbox, shelf, told } = open(said(status));
    await outbox.add(sending("a"));
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([`refused a ${status}`]);
    expect(shelf.rows.size).toBe(0);
  });

  it("never comes back more often than once in a while, nor less", async () => {
    const { outbox, sent } = open(...Array.from({ length: 200 }, () => said(0)));
    await outbox.add(sending("a"));
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(sent.length).toBeGreaterThan(45);
    expect(sent.length).toBeLessThan(75);
  });

  it("is dropped once no slot can be that old", async () => {
    const { outbox, shelf, sent } = open();
    await shelf.put("sending", "old", sending("old"), Date.now() - 16 * 86_400_000);
    await outbox.run();
    expect(sent).toEqual([]);
    expect(shelf.rows.size).toBe(0);
  });
});

describe("a birth date", () => {
  it.each([["07/03/1942", "1942-03-07"], ["7 3 1942", "1942-03-07"], ["07031942", "1942-03-07"], ["7.3.1942 ", "1942-03-07"], ["29-02-1944", "1944-02-29"]])(
    "%s is %s",
    (text, iso) => expect(readDate(text)).toBe(iso),
  );
  it.each(["31/02/1942", "7/3/42", "1942-03-07", "", "29/02/1943", "00/01/1950"])("%s is none", (text) => expect(readDate(text)).toBeNull());
});
