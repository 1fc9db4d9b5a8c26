/** What a reader may do with followed patients, by their roles: which pages are offered; the doors decide. */
import type { Session } from "../wire";

type Grant = NonNullable<Session["grants"]>[number];

export type Right = "circle" | "enrol" | "open" | "break_glass" | "sitting" | "calls" | "trail" | "trail_own";

const OF_ROLE = new Map<string, readonly Right[]>([
  ["physician", ["circle", "enrol", "trail_own"]],
  ["nurse", ["circle", "enrol", "trail_own"]],
  ["regulator", ["break_glass", "trail_own"]],
  ["ehpad", ["sitting", "trail_own"]],
  ["tracing_agent", ["circle", "enrol", "calls", "trail_own"]],
  ["support", ["open"]],
  ["dpo", ["trail"]],
]);

/** Returns the rights that grants give. */
export function rightsOf(grants: readonly Pick<Grant, "role">[]): ReadonlySet<Right> {
  return new Set(grants.flatMap(({ role }) => OF_ROLE.get(role) ?? []));
}

/** Roles that see no beds: who has none but these is here for followed patients alone. */
const WITHOUT_BEDS: ReadonlySet<string> = new Set(["ehpad", "tracing_agent", "support", "dpo"]);

/** Returns where somebody begins who sees no beds; null for all others, who begin at the map. */
export function homeOf(grants: readonly Pick<Grant, "role" | "scope">[]): string | null {
  if (grants.length === 0 || grants.some(({ role }) => !WITHOUT_BEDS.has(role))) return null;
  const rights = rightsOf(grants);
  const [sitting] = sittingsOf(grants);
  if (sitting !== undefined) return `/sitting/${encodeURIComponent(sitting)}`;
  return rights.has("calls") ? "/calls" : rights.has("open") ? "/patients/new" : "/trail";
}

/** Returns the FINESS of the establishments in which somebody sits with residents. */
export function sittingsOf(grants: readonly Pick<Grant, "role" | "scope">[]): string[] {
  return [...new Set(grants.filter(({ role }) => role === "ehpad").map(({ scope }) => scope.replace(/^et[:/]/, "")))];
}
