/** Sends what is kept, oldest first, until it was received: each thing under the id that it got when it was sent first. */
import { isRefused, post, type Said } from "./http";
import type { KeptSending, Receipt, Sending } from "./wire";
import type { Found, Vault } from "./vault";

/** Why a sending waits: no network, being taken in, the door asks for a pause, the slot is not open, something is away. */
export type Waiting = "network" | "taking" | "busy" | "early" | "away";

export interface Told {
  /** It was received. */
  received(sending: KeptSending, receipt: Receipt): void;
  /** It never will be, as it is; the copy is gone from this device. */
  refused(sending: KeptSending, said: Said<unknown>): void;
  /** Its link opens nothing any more: it is kept until another link of the same patient brings it. */
  held(sending: KeptSending): void;
  /** It waits, and is tried again by itself. */
  waits(sending: KeptSending, why: Waiting, untilMs: number): void;
  /** All that waited was tried. */
  ran?(): void;
}

/** What a door says to a link that was revoked, or has expired. */
export const NO_LINK = "no-such-link";
const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;
const TAKING_MS = 1_500;

export class Outbox {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isRunning = false;
  private runAgain = false;
  private failures = 0;

  constructor(
    private readonly vault: Vault,
    private readonly told: Told,
    private readonly send: (sending: Sending) => Promise<Said<Receipt>> = (sending) => post<Receipt>("/answers", sending),
  ) {}

  /** Keeps a sending, and sends it. */
  async add(sending: KeptSending): Promise<void> {
    await this.vault.put("sending", sending.id, sending);
    void this.run();
  }

  /** Returns what waits, oldest first. Nothing is too old: a phone's clock may be wrong, and the door says what is over. */
  async waiting(): Promise<Found<KeptSending>[]> {
    return (await this.kept()).filter(({ value }) => !value.held);
  }

  /** Returns what waits for another link, as its own opens nothing any more. */
  async held(): Promise<Found<KeptSending>[]> {
    return (await this.kept()).filter(({ value }) => value.held);
  }

  /** Lets another link bring what was held, under the id that it got when it was sent first. */
  async bring({ id, at, value }: Found<KeptSending>, link: string, late: boolean): Promise<void> {
    await this.vault.put("sending", id, { ...value, link, late, held: false }, at);
  }

  private kept(): Promise<Found<KeptSending>[]> {
    return this.vault.all<KeptSending>("sending");
  }

  /** Tries all that waits, now; one run at a time. */
  async run(): Promise<void> {
    if (this.isRunning) return void (this.runAgain = true);
    this.isRunning = true;
    clearTimeout(this.timer);
    let next: number | null = LONGEST_MS; // where something breaks here, it is tried again too
    try {
      do {
        this.runAgain = false;
        next = await this.all();
      } while (this.runAgain);
    } finally {
      this.isRunning = false;
      // Many phones lose one network together: they must not come back in one moment.
      if (next !== null) this.timer = setTimeout(() => void this.run(), next * (1 + 0.2 * Math.random()));
    }
    this.told.ran?.();
  }

  /** Sends each; returns after how long to try what still waits, null where nothing does. */
  private async all(): Promise<number | null> {
    let next: number | null = null;
    const waits = new Set<string>(); // links: a correction must not come before what it corrects
    for (const { value, at } of await this.waiting()) {
      if (waits.has(value.link)) continue;
      const said = await this.one(value, at);
      if (said === null) continue;
      waits.add(value.link);
      next = Math.min(next ?? Infinity, said.after);
      // What one day's answers meet need not keep another's back; no network, and a door that asks for a pause, do.
      if (said.why === "network" || said.why === "busy") break;
    }
    if (next !== null) this.failures += 1;
    return next;
  }

  /** Sends one; returns why and for how long it waits, null where it does not. */
  private async one(sending: KeptSending, at: number): Promise<{ why: Waiting; after: number } | null> {
    const { link, id, by, slot, answers } = sending;
    const said = await this.send({ link, id, by, slot, answers });
    if (said.status === 201) {
      this.failures = 0;
      await this.vault.drop("sending", sending.id);
      this.told.received(sending, { ...said.body, received_at: said.body.received_at ?? Date.now() });
      return null;
    }
    if (isRefused(said) && said.kind === NO_LINK) {
      this.failures = 0;
      await this.vault.put("sending", sending.id, { ...sending, held: true }, at);
      this.told.held(sending);
      return null;
    }
    if (isRefused(said)) {
      this.failures = 0;
      await this.vault.drop("sending", sending.id);
      this.told.refused(sending, said);
      return null;
    }
    const why = whyOf(said);
    const waitMs = why === "taking" && this.failures < 10 ? TAKING_MS : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.failures, 10));
    const after = Math.max(waitMs, said.waitMs ?? 0);
    this.told.waits(sending, why, after);
    return { why, after };
  }
}

function whyOf({ status, kind }: Said<unknown>): Waiting {
  if (status === 0) return "network";
  if (kind === "slot-not-open") return "early";
  return status === 202 ? "taking" : status === 429 ? "busy" : "away";
}
