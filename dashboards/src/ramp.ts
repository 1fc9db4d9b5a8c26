/** The steps by which a département is shaded, and the checks that its colours can be told apart. */

/** Lower bounds of the steps above the first; the last one is beyond the beds that are open. */
export const BOUNDS = [0.75, 0.85, 0.95, 1.0] as const;
export const STEPS = BOUNDS.length + 1;

/** Returns the step (0 to 4) of an occupancy, or null where it is unknown; exactly 100 % is not yet beyond. */
export function stepOf(occupancy: number | null | undefined): number | null {
  if (occupancy == null) return null;
  if (occupancy > 1) return 4;
  let step = 0;
  for (const bound of BOUNDS.slice(0, 3)) if (occupancy >= bound) step += 1;
  return step;
}
