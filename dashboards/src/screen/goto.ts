/** Where a choice takes the reader: a site, a département, the whole region. */
import { signal } from "@preact/signals";
import { departement, pane, site, view } from "../state";

/** What the map should bring into view; a new object each time, so that the same place can be asked for twice. */
export const aim = signal<{ site?: string; departement?: string | null } | null>(null);

/** Opens a facility's panel, and shows it on the map when the map is there. */
export function openSite(finess: string): void {
  site.value = finess;
  aim.value = { site: finess };
}

/** Narrows totals, list and map to a département; null goes back to the region. */
export function openDepartement(code: string | null): void {
  departement.value = code;
  aim.value = { departement: code };
}

/** Shows the map or the list. */
export function show(wanted: "map" | "list"): void {
  view.value = wanted;
  pane.value = "centre";
}
