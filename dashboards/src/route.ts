/** Which page of the app the address names, and going from one to another without leaving it. */
import { batch, signal } from "@preact/signals";

export type Page = "map" | "alerts" | "worth" | "seen";

/** Returns the page of a path; what is not known is the map. */
export function pageOf(path: string): Page {
  const known: Record<string, Page> = { "/alerts": "alerts", "/alerts/worth": "worth", "/seen": "seen" };
  return known[path.replace(/\/+$/, "")] ?? "map";
}

export const page = signal<Page>(pageOf(location.pathname));
/** The query as the address had it when it was gone to, a new object each time; the page keeps the address in step from there. */
export const query = signal({ text: location.search });

function arrive(): void {
  batch(() => {
    page.value = pageOf(location.pathname);
    query.value = { text: location.search };
  });
}

/** Goes to an address of this app; sockets and pictures stay. */
export function go(to: string): void {
  history.pushState(null, "", to);
  arrive();
}

/** Goes where a link points, but lets the browser have the clicks that ask for a new window. */
export function onLink(event: MouseEvent): void {
  const link = event.currentTarget as HTMLAnchorElement;
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

/** Follows the browser's back and forward. */
export function followRoute(): void {
  addEventListener("popstate", arrive);
}
