/** One channel's life: its shard's clock as it was last heard, and whether the page may call itself live by it. */
import { computed, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { ShardClock } from "./clock";
import { verdict, type Advance, type Verdict } from "./live";
import type { Instant } from "./wire";

const started = performance.now();
/** The page's own monotonic clock, moved once a second and with each frame. */
export const mono = signal(started);

export class Pulse {
  private readonly clock = new ShardClock();
  readonly open = signal(false);
  readonly advance: Signal<Advance | null> = signal(null);
  readonly verdict: ReadonlySignal<Verdict> = computed(() => verdict(this.open.value, this.advance.value, started, mono.value));
  private readonly heard = signal(false);
  /** The shard's time, by which every age is told; null before anything was heard. */
  readonly now: ReadonlySignal<Instant | null> = computed(() => (this.heard.value ? this.clock.at(mono.value) : null));

  /** The shard said that it is `at` now. */
  hear(at: Instant): void {
    const heard = performance.now();
    this.clock.hear(at, heard);
    this.heard.value = true;
    if (this.advance.value === null || at > this.advance.value.at) this.advance.value = { at, heard };
    mono.value = heard;
  }

  /** A picture was asked for and says when it was drawn: that sets the clock, but is no sign of life of the channel. */
  set(at: Instant): void {
    this.clock.hear(at, performance.now());
    this.heard.value = true;
  }

  /** The socket opened or closed. */
  opened(isOpen: boolean): void {
    this.open.value = isOpen;
    mono.value = performance.now();
  }

  /** Another log, perhaps another clock. */
  startAnew(): void {
    this.clock.reset();
    this.advance.value = null;
  }
}
