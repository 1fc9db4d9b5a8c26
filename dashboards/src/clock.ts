/** The shard's clock as this page believes it: what the server says, never what the computer's own clock says. */
import type { Instant } from "./wire";

/** How many of the latest statements are weighed. */
const REMEMBERED = 20;

/**
 * Turns a monotonic reading (`performance.now()`) into the shard's time.
 *
 * The server's `at` is always a little late (a tick is up to 2 s old, the wire adds more), never early: so of the latest
 * statements the one that puts the clock furthest ahead is the best.
 */
export class ShardClock {
  private offsets: number[] = [];
  private best: number | null = null;

  /** Takes in a statement `at`, heard at the monotonic instant `heard`. */
  hear(at: Instant, heard: number): void {
    this.offsets.push(at - heard);
    if (this.offsets.length > REMEMBERED) this.offsets.shift();
    this.best = Math.max(...this.offsets);
  }

  /** Forgets everything: the picture started anew, perhaps with another clock. */
  reset(): void {
    this.offsets = [];
    this.best = null;
  }

  /** Returns the shard's time at the monotonic instant `mono`, or null before anything was heard. */
  at(mono: number): Instant | null {
    return this.best === null ? null : Math.round(mono + this.best);
  }
}
