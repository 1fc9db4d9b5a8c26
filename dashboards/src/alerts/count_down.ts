/** How long until something happens by itself, as one reads it at a glance. */

/** Returns "4:05", "1 h 02" beyond an hour, "0:00" for what is due. */
export function countDown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  const minutes = Math.ceil(seconds / 60);
  return `${Math.floor(minutes / 60)}\u00a0h\u00a0${two(minutes % 60)}`;
}
