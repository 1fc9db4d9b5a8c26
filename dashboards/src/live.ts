/** Whether the page may say that it is live, and what to do when a socket ends: tables and values, no socket. */
import type { Instant } from "./wire";

/** Without an advance of `at` for this long the page is not live; the server speaks at least every 5 s. */
export const LOST_AFTER_MS = 8_000;
/** Without any frame for this long the page asks `ping`… */
export const PING_AFTER_MS = 7_000;
/** …and without an answer for this long after that it takes the socket for dead. */
export const DEAD_AFTER_MS = 5_000;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;

export interface Advance {
  /** The shard's clock, as the server said it. */
  at: Instant;
  /** When this page heard it, by its monotonic clock. */
  heard: number;
}

export type Verdict =
  | { is: "connecting" }
  | { is: "live"; agoMs: number }
  | { is: "reconnecting"; agoMs: number }
  | { is: "lost"; since: Instant | null };

/** Returns what the page says of itself at the monotonic instant `now`. */
export function verdict(open: boolean, last: Advance | null, started: number, now: number): Verdict {
  const silence = now - (last?.heard ?? started);
  if (silence >= LOST_AFTER_MS) return { is: "lost", since: last?.at ?? null };
  if (last === null) return { is: "connecting" };
  return { is: open ? "live" : "reconnecting", agoMs: Math.max(0, silence) };
}

export type Next =
  | { does: "sign-in" }
  | { does: "forbidden" }
  | { does: "retry"; afterMs: number; fromSnapshot: boolean };

/** Returns how long to wait before try number `attempt` (from 0): exponential, with full jitter. */
export function backoff(attempt: number, random: () => number): number {
  return Math.round(random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 16)));
}

/** Returns the seconds that a reason like "retry after 3 s" names, else null. */
export function secondsIn(reason: string): number | null {
  const found = /(\d+(?:\.\d+)?)/.exec(reason);
  return found ? Number(found[1]) : null;
}

/** Returns what to do after a socket closed with `code`; `attempt` counts the closes since the last frame. */
export function afterClose(code: number, reason: string, attempt: number, random: () => number): Next {
  switch (code) {
    case 4401:
      return { does: "sign-in" };
    case 4403:
      return { does: "forbidden" };
    case 4409:
      // At once, but a server that says so again and again must not be hammered.
      return { does: "retry", afterMs: attempt === 0 ? 0 : backoff(attempt, random), fromSnapshot: true };
    case 1013: {
      const seconds = Math.min(300, secondsIn(reason) ?? 1);
      // Jitter on top, never below what was asked for: all dashboards hear the same number.
      return { does: "retry", afterMs: Math.round(seconds * 1000 * (1 + 0.25 * random())), fromSnapshot: false };
    }
    default:
      return { does: "retry", afterMs: backoff(attempt, random), fromSnapshot: false };
  }
}
