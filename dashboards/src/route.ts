/** Which page of the app the address names, and going from one to another without leaving it. */
import { batch, signal } from "@preact/signals";

export type Page =
  | "map"
  | "alerts"
  | "worth"
  | "seen"
  | "patients"
  | "patient"
  | "enrol"
  | "find"
  | "answer"
  | "sitting"
  | "calls"
  | "trail";

/** A page, and what of its kind it is about: a patient, an establishment. */
export interface Place {
  page: Page;
  of: string;
}

const FIXED: Record<string, Page> = {
  "/alerts": "alerts",
  "/alerts/worth": "worth",
  "/seen": "seen",
  "/patients": "patients",
  "/patients/new": "enrol",
  "/patients/find": "find",
  "/a": "answer",
  "/calls": "calls",
  "/trail": "trail",
};
const OF = new Map<string, Page>([
  ["patients", "patient"],
  ["sitting", "sitting"],
]);

/** Who comes to these by a link of a message need not be signed in: the link says all. */
const BY_LINK: ReadonlySet<Page> = new Set(["seen", "answer"]);
/** Those of the followed patients, and the desks beside them: they need the session alone, and neither beds nor directory. */
const FOLLOW_UP: ReadonlySet<Page> = new Set(["patients", "patient", "enrol", "find", "sitting", "calls", "trail"]);
const DESKS: ReadonlySet<Page> = new Set(["sitting", "calls", "trail"]);

export const isByLink = (one: Page): boolean => BY_LINK.has(one);
export const isFollowUp = (one: Page): boolean => FOLLOW_UP.has(one);
export const isDesk = (one: Page): boolean => DESKS.has(one);

/** Returns the page of a path; what is not known is the map. */
export function placeOf(path: string): Place {
  const bare = path.replace(/\/+$/, "");
  const fixed = FIXED[bare];
  if (fixed) return { page: fixed, of: "" };
  const [, kind, of, more] = bare.split("/");
  const page = more === undefined && of ? OF.get(kind ?? "") : undefined;
  return page ? { page, of: plain(of!) } : { page: "map", of: "" };
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray % names nothing: the door says so
  }
}

const first = placeOf(location.pathname);
export const page = signal<Page>(first.page);
/** What the page is about, where it is about one thing: a patient's pseudonym, a FINESS. */
export const of = signal(first.of);
/** The query as the address had it when it was gone to, a new object each time; the page keeps the address in step from there. */
export const query = signal({ text: location.search });

function arrive(): void {
  batch(() => {
    const place = placeOf(location.pathname);
    page.value = place.page;
    of.value = place.of;
    query.value = { text: location.search };
  });
}

/** Goes to an address of this app; sockets and pictures stay. */
export function go(to: string): void {
  history.pushState(null, "", to);
  arrive();
}

/** Goes there instead of where one is: back leads past it. */
export function turn(to: string): void {
  history.replaceState(null, "", to);
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
