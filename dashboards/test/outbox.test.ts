/** What a phone keeps and sends: each thing once, under one id, until it was received. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readDate } from "../src/answer/date";
import type { Said } from "../src/answer/http";
import { Outbox } from "../src/answer/outbox";
import { Sturdy, type Found, type Kept, type Vault } from "../src/answer/vault";
import type { Receipt, Sending } from "../src/answer/wire";

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

const sending = (id: string, link = "l"): Sending => ({ link, id, by: "patient", slot: "1-0900", answers: { spo2: 97 } });
const said = (status: number, more: Partial<Said<Receipt>> = {}): Said<Receipt> => ({
  status, body: {}, kind: "", wrong: [], waitMs: null, ...more,
});

function open(...answers: Said<Receipt>[]) {
  return openOn(new Shelf(), () => answers.shift() ?? said(201));
}

function openOn(shelf: Shelf, door: (sending: Sending) => Said<Receipt>, vault: Vault = shelf) {
  const sent: string[] = [];
  const told: string[] = [];
  const outbox = new Outbox(
    vault,
    {
      received: ({ id }) => told.push(`received ${id}`),
      held: ({ id }) => told.push(`held ${id}`),
      refused: ({ id }, { status }) => told.push(`refused ${id} ${status}`),
      waits: ({ id }, why) => told.push(`waits ${id} ${why}`),
    },
    async (one) => {
      sent.push(one.id);
      return door(one);
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

  it("is kept where its link opens nothing any more, and goes by the next one under the same id", async () => {
    const { outbox, shelf, sent, told } = open(said(404, { kind: "no-such-link" }));
    await outbox.add({ ...sending("a"), whose: "w" });
    await vi.advanceTimersByTimeAsync(600_000);
    expect([sent, told]).toEqual([["a"], ["held a"]]);
    expect(await outbox.waiting()).toEqual([]);
    const [found] = await outbox.held();
    expect(found!.value).toMatchObject({ link: "l", whose: "w", answers: { spo2: 97 } });
    await vi.advanceTimersByTimeAsync(1_000);
    await outbox.bring(found!, "next", true);
    expect([...shelf.rows.values()][0]!.at).toBe(1_000_000); // it is as old as it was
    await outbox.run();
    expect([sent, told]).toEqual([["a", "a"], ["held a", "received a"]]);
    expect(shelf.rows.size).toBe(0);
  });

  it("tells the door nothing of what is kept beside it", async () => {
    const bodies: unknown[] = [];
    const { outbox } = openOn(new Shelf(), (one) => (bodies.push(one), said(201)));
    await outbox.add({ ...sending("a"), whose: "w", late: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(bodies).toEqual([sending("a")]);
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
    const { outbox, shelf, told } = open(said(status, { kind: "slot-closed" }));
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

  it.each([400, 403, 404, 409, 511])("is kept where it is not our door that says %d: a network's sign-in page, a proxy", async (status) => {
    const { outbox, shelf, told } = open(said(status));
    await outbox.add(sending("a"));
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(["waits a away"]);
    expect(shelf.rows.size).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told.at(-1)).toBe("received a");
  });

  it("waits for its slot where that is not open yet", async () => {
    const { outbox, sent, told } = open(said(409, { kind: "slot-not-open" }));
    await outbox.add(sending("a"));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual(["waits a early", "received a"]);
    expect(sent).toEqual(["a", "a"]);
  });

  it("is never too old: the phone's clock may have been wrong", async () => {
    const { outbox, shelf, sent, told } = open();
    await shelf.put("sending", "old", sending("old"), Date.now() - 400 * 86_400_000);
    await outbox.run();
    expect(sent).toEqual(["old"]);
    expect(told).toEqual(["received old"]);
  });

  it.each([500, 202])("of today does not wait behind another day's that meets %d for ever", async (status) => {
    const { outbox, shelf, told } = openOn(new Shelf(), ({ id }) => said(id === "old" ? status : 201));
    await outbox.add(sending("old", "yesterday"));
    await vi.advanceTimersByTimeAsync(10_000);
    await outbox.add(sending("red", "today"));
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toContain("received red");
    expect([...shelf.rows.keys()]).toEqual(["sending/old"]);
  });

  it("of one link keeps its order: a correction is never taken before what it corrects", async () => {
    const answers = [said(503)];
    const { outbox, shelf, sent } = openOn(new Shelf(), () => answers.shift() ?? said(201));
    await shelf.put("sending", "first", sending("first"), 1);
    await shelf.put("sending", "correction", sending("correction"), 2);
    await outbox.run();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual(["first", "first", "correction"]);
  });

  it.each(["fails", "hangs"])("goes out though the browser's storage %s, and the page knows that it does not last", async (how) => {
    class Broken extends Shelf {
      override put(): Promise<void> {
        return how === "hangs" ? new Promise(() => undefined) : Promise.reject(new DOMException("full", "QuotaExceededError"));
      }
    }
    const broken = new Broken();
    const vault = new Sturdy(broken);
    const answers = [said(0)];
    const { outbox, told } = openOn(broken, () => answers.shift() ?? said(201), vault);
    const added = outbox.add(sending("a"));
    await vi.advanceTimersByTimeAsync(20_000);
    await added;
    expect(told).toEqual(["waits a network", "received a"]);
    expect(vault.lasts).toBe(false);
    expect(await vault.all("sending")).toEqual([]);
  });

  it("is tried again where what keeps it broke for a moment", async () => {
    const { outbox, shelf, told } = open();
    await shelf.put("sending", "a", sending("a"));
    vi.spyOn(shelf, "all").mockRejectedValueOnce(new Error("closed"));
    await outbox.run().catch(() => undefined);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(told).toEqual(["received a"]);
  });
});

describe("a birth date", () => {
  it.each([["07/03/1942", "1942-03-07"], ["7 3 1942", "1942-03-07"], ["07031942", "1942-03-07"], ["7.3.1942 ", "1942-03-07"], ["29-02-1944", "1944-02-29"]])(
    "%s is %s",
    (text, iso) => expect(readDate(text)).toBe(iso),
  );
  it.each(["31/02/1942", "7/3/42", "1942-03-07", "", "29/02/1943", "00/01/1950"])("%s is none", (text) => expect(readDate(text)).toBeNull());
});
