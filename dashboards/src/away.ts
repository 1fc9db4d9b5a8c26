/** What happened while the page was not live: kept until it is live again, then told once. */
import type { Instant } from "./wire";

export interface Away {
  /** The last instant before; null where that was another log's. */
  from: Instant | null;
  to: Instant;
  changes: number;
  /** The picture started anew meanwhile. */
  reset: boolean;
}

/** An absence shorter than this, in which nothing changed, is not worth a word. */
const WORTH_TELLING_MS = 3_000;

export class Absence {
  private since: Instant | null | undefined;
  private changes = 0;
  private anew = false;

  /** Whether what arrives now is what was missed. */
  get isCatchingUp(): boolean {
    return this.since !== undefined;
  }

  /** The page is not live any more; `last` is the clock as it was last heard. */
  leave(last: Instant): void {
    this.since ??= last;
  }

  /** So many lines tell of what was missed. */
  missed(changes: number): void {
    this.changes += changes;
  }

  /** The log is another one: instants before and after can't be compared. */
  startAnew(): void {
    this.since = null;
    this.anew = true;
  }

  /** The shard said that it lives at `at`: returns what was missed if that ends the absence and is worth a word. */
  heard(at: Instant, untold: Away | null): Away | null {
    // A clock that is said again and again but stands still is no life.
    if (this.since === undefined || (this.since !== null && at <= this.since)) return null;
    const { since, changes, anew } = this;
    this.since = undefined;
    this.changes = 0;
    this.anew = false;
    if (changes === 0 && !anew && since !== null && at - since <= WORTH_TELLING_MS) return null;
    return {
      from: untold ? untold.from : since,
      to: at,
      changes: (untold?.changes ?? 0) + changes,
      reset: anew || (untold?.reset ?? false),
    };
  }
}
