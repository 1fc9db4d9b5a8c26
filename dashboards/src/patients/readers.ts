/** Who has read which message of a thread, and when. Pure. */
import type { Instant } from "../wire";
import type { StoryLine } from "./wire";

/** Returns who has read a message and when first, in that order; its author has, and is not told. */
export function readersOf(message: StoryLine, readings: readonly StoryLine[]): [string, Instant][] {
  const found = new Map<string, Instant>();
  for (const { by, at, until } of readings) {
    if (!by || by === message.by || (until ?? 0) < message.at) continue;
    found.set(by, Math.min(at, found.get(by) ?? at));
  }
  return [...found].sort((a, b) => a[1] - b[1]);
}
