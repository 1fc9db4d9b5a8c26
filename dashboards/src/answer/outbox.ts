/** Sends what is kept, oldest first, until it was received: each thing under the id that it got when it was sent first. */
import { post, type Said } from "./http";
import type { Sending } from "./wire";
import type { Found, Vault } from "./vault";

/** Why a sending still waits: nothing answers, it is being taken in, the door asks for a pause, or something is away. */
export type Waiting = "network" | "taking" | "busy" | "away";

export interface Told {
  /** It was received. */
  received(sending: Sending, at: number): void;
  /** It never will be, as it is; the copy is gone from this device. */
  refused(sending: Sending, said: Said<unknown>): void;
  /** It waits, and is tried again by itself. */
  waits(sending: Sending, why: Waiting, untilMs: number): void;
}

const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;
const TAKING_MS = 1_500;
/** No slot is open for longer: what is older can never be sent. */
export const MOST_KEPT_MS = 15 * 86_400_000;

export class Outbox {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isRunning = false;
  private runAgain = false;
  private failures = 0;

  constructor(
    private readonly vault: Vault,
    private readonly told: Told,
    private readonly send: (sending: Sending) => Promise<Said<{ received_at?: number }>> = (sending) => post("/answers", sending),
  ) {}

  /** Keeps a sending, and sends it. */
  async add(sending: Sending): Promise<void> {
    await this.vault.put("sending", sending.id, sending);
    void this.run();
  }

  /** Returns what waits, oldest first; what is too old for any door to take is gone. */
  async waiting(now = Date.now()): Promise<Found<Sending>[]> {
    const all = await this.vault.all<Sending>("sending");
    for (const { id } of all.filter(({ at }) => now - at > MOST_KEPT_MS)) await this.vault.drop("sending", id);
    return all.filter(({ at }) => now - at <= MOST_KEPT_MS);
  }

  /** Tries all that waits, now; one run at a time. */
  async run(): Promise<void> {
    if (this.isRunning) return void (this.runAgain = true);
    this.isRunning = true;
    clearTimeout(this.timer);
    try {
      do {
        this.runAgain = false;
        for (const { value } of await this.waiting()) if (!(await this.one(value))) break;
      } while (this.runAgain);
    } finally {
      this.isRunning = false;
    }
  }

  /** Sends one; returns whether the next may be tried at once. */
  private async one(sending: Sending): Promise<boolean> {
    const said = await this.send(sending);
    if (said.status === 201) {
      this.failures = 0;
      await this.vault.drop("sending", sending.id);
      this.told.received(sending, said.body.received_at ?? Date.now());
      return true;
    }
    if (said.status >= 400 && said.status < 500 && said.status !== 429 && said.status !== 408) {
      this.failures = 0;
      await this.vault.drop("sending", sending.id);
      this.told.refused(sending, said);
      return true;
    }
    const why: Waiting = said.status === 0 ? "network" : said.status === 202 ? "taking" : said.status === 429 ? "busy" : "away";
    const waitMs = why === "taking" && this.failures < 10 ? TAKING_MS : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    const after = Math.max(waitMs, said.waitMs ?? 0);
    this.told.waits(sending, why, after);
    // Many phones lose one network together: they must not come back in one moment.
    this.timer = setTimeout(() => void this.run(), after * (1 + 0.2 * Math.random()));
    return false;
  }
}
