/** What the page knows and what its reader chose, as signals; and the one place that alters them. */
import { batch, computed, effect, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { Absence, type Away } from "./away";
import { Channel } from "./channel";
import { grown, linesOf, type Line } from "./feed";
import { api, Problem } from "./http";
import { Mirror, type Delta } from "./mirror";
import { homeOf, rightsOf } from "./patients/rights";
import { mono, Pulse } from "./pulse";
import { emptyStorage, forget, remember, remembered, VISITS } from "./remember";
import { page, query } from "./route";
import type { SortBy } from "./order";
import type { BedKind, Directory, Facility, Frame, RegionName, Scenario, Session, TotalPicture, WardPicture } from "./wire";

// --- who looks, and at what -------------------------------------------------------------------------------------------

export type Phase = "loading" | "ready" | "sign-in" | "forbidden" | "no-region" | "not-ready" | "failed";
export const phase = signal<Phase>("loading");
export const signInUrl = signal<string | null>(null);
export const linkExpired = signal(false);
export const session = signal<Session | null>(null);
export const regions = computed<RegionName[]>(() =>
  (session.value?.regions ?? []).map((region) => (typeof region === "string" ? { code: region } : region)),
);
export const region = signal<string>("");
/** Whether the reader may have followed patients: then the way to them is offered. */
export const hasPatients = computed(() => {
  const rights = rightsOf(session.value?.grants ?? []);
  return rights.has("circle") || rights.has("break_glass");
});
/** Where the reader begins, where that is not the map: beds are not theirs to see. */
export const home = computed(() => homeOf(session.value?.grants ?? []));
export const directory = signal<Directory | null>(null);
export const directoryOld = signal(false);

const asked = new URLSearchParams(location.search);
export const kind = signal<string>(asked.get("kind") ?? "");
export const departement = signal<string | null>(asked.get("departement"));
export const site = signal<string | null>(asked.get("site"));
export const view = signal<"map" | "list">(asked.get("view") === "list" ? "list" : "map");
export const sortBy = signal<SortBy>("departement");
/** Which of the three columns a narrow screen shows. */
export const pane = signal<"beds" | "centre" | "feed">(asked.has("view") ? "centre" : "beds");
export const wall = signal(asked.has("wall"));
export const oneKey = signal(remembered("one-key") !== "off");
const dark = matchMedia("(prefers-color-scheme: dark)");
export const theme = signal<"day" | "night">(firstTheme());

function firstTheme(): "day" | "night" {
  const kept = remembered("theme");
  if (kept === "day" || kept === "night") return kept;
  return dark.matches ? "night" : "day";
}

export const kinds = computed<BedKind[]>(() => {
  const known = directory.value;
  if (!known) return [];
  const kept = new Set(known.wards.map((ward) => ward.kind));
  return known.kinds.filter(({ code }) => kept.has(code));
});
export const chosenKind = computed<BedKind | undefined>(() => kinds.value.find(({ code }) => code === kind.value) ?? kinds.value[0]);
export const kindOf = computed(() => new Map((directory.value?.kinds ?? []).map((known) => [known.code, known])));
export const facilityOf = computed(() => new Map((directory.value?.facilities ?? []).map((known) => [known.finess_et, known])));
export const zone = computed(() => directory.value?.time_zone ?? "Europe/Paris");
export const departementName = (code: string): string =>
  directory.value?.departements.find((known) => known.code === code)?.name ?? code;

/** The facilities that have wards of the chosen kind, with the beds installed there. */
export const sites = computed<{ facility: Facility; installed: number | null }[]>(() => {
  const known = directory.value;
  const code = chosenKind.value?.code;
  if (!known || !code) return [];
  const beds = new Map<string, number | null>();
  for (const ward of known.wards) {
    if (ward.kind !== code) continue;
    const before = beds.get(ward.facility);
    beds.set(ward.facility, ward.installed == null ? (before ?? null) : (before ?? 0) + ward.installed);
  }
  return known.facilities.flatMap((facility) => {
    const installed = beds.get(facility.finess_et);
    return installed === undefined ? [] : [{ facility, installed }];
  });
});

// --- the picture --------------------------------------------------------------------------------------------------------

const mirror = new Mirror();
const wardCells = new Map<string, Signal<WardPicture | undefined>>();
const totalCells = new Map<string, Signal<TotalPicture | undefined>>();
/** Moves whenever any ward or total did: for what depends on all of them (orders, the late list). */
export const pictureVersion = signal(0);
export const scenario = signal<Scenario | null>(null);
export const rebuilding = signal(false);
export const hasPicture = signal(false);

function cellOf<T>(cells: Map<string, Signal<T | undefined>>, held: Map<string, T>, key: string): Signal<T | undefined> {
  let cell = cells.get(key);
  if (!cell) cells.set(key, (cell = signal(held.get(key))));
  return cell;
}

/** Returns the live picture of a ward. */
export const ward = (id: string): ReadonlySignal<WardPicture | undefined> => cellOf(wardCells, mirror.wards, id);
/** Returns the live total of a level ("region", "departement", "facility"), a code and a kind. */
export const total = (level: string, code: string, ofKind: string): ReadonlySignal<TotalPicture | undefined> =>
  cellOf(totalCells, mirror.totals, `${level}/${code}/${ofKind}`);
/** Returns the total of a kind where the reader looks: the region, or the chosen département. */
export const scopeTotal = (ofKind: string): ReadonlySignal<TotalPicture | undefined> =>
  departement.value ? total("departement", departement.value, ofKind) : total("region", region.value, ofKind);
/** Reads a ward or total without following it. */
export const peekWard = (id: string): WardPicture | undefined => mirror.wards.get(id);
export const peekTotal = (level: string, code: string, ofKind: string): TotalPicture | undefined =>
  mirror.totals.get(`${level}/${code}/${ofKind}`);

// --- live or not ----------------------------------------------------------------------------------------------------------

const pulse = new Pulse();
export const refusal = signal<string | null>(null);
export const { verdict, now } = pulse;

/** What the reader has not yet seen of the last time the page was not live. */
export const away = signal<Away | null>(null);
export const feed = signal<Line[]>([]);

const absence = new Absence();
let nextLine = 1;

/** Whether what comes now was missed: the page is not live, or has only just come back. */
function isMissed(): boolean {
  if (pulse.advance.value !== null && verdict.value.is === "lost") absence.leave(pulse.advance.value.at);
  return absence.isCatchingUp;
}

/** The reader has seen what was missed: the marks go. */
export function seenAway(): void {
  away.value = null;
  feed.value = feed.value.map((line) => (line.missed ? { ...line, missed: false } : line));
}

function take(delta: Delta, at: number, missed: boolean): void {
  for (const { key, after } of delta.wards) {
    const cell = wardCells.get(key);
    if (cell) cell.value = after;
  }
  for (const { key, after } of delta.totals) {
    const cell = totalCells.get(key);
    if (cell) cell.value = after;
  }
  if (hasPicture.value) {
    const lines = linesOf(delta.wards, at, missed, (code) => kindOf.value.get(code)?.critical ?? false, nextLine);
    nextLine += lines.length;
    if (missed) absence.missed(lines.length);
    feed.value = grown(feed.value, lines);
  }
  scenario.value = mirror.scenario;
  rebuilding.value = mirror.rebuilding;
  if (delta.wards.length + delta.totals.length > 0) pictureVersion.value += 1;
}

function apply(frame: Frame): void {
  switch (frame.type) {
    case "snapshot":
      take(mirror.snapshot(frame.data, frame.token), frame.data.at, isMissed());
      hasPicture.value = true;
      refusal.value = null;
      if (pulse.advance.value !== null && frame.data.at < pulse.advance.value.at) pulse.startAnew();
      pulse.hear(frame.data.at);
      break;
    case "changes":
      take(mirror.changes(frame.changes, frame.token), frame.changes.at ?? mirror.at ?? 0, isMissed());
      refusal.value = null;
      if (frame.changes.at !== undefined) pulse.hear(frame.changes.at);
      break;
    case "reset":
      // Another log, perhaps another clock: what was held is compared with the snapshot that follows, then gone.
      absence.startAnew();
      pulse.startAnew();
      break;
    case "live":
      isMissed();
      pulse.hear(frame.at);
      away.value = absence.heard(frame.at, away.value) ?? away.value;
      break;
    case "error":
      refusal.value = frame.detail ?? frame.code;
      break;
    case "pong":
      break;
  }
}

// Frames come up to 25 times a second; one paint takes all that came since the last.
let queue: Frame[] = [];
let scheduled = false;
function flush(): void {
  if (!scheduled) return;
  scheduled = false;
  const frames = queue;
  queue = [];
  batch(() => frames.forEach(apply));
  const digest = mirror.regionDigest;
  if (digest && directory.value?.digest && digest !== directory.value.digest) void reloadDirectory(digest);
}
function receive(frame: Frame): void {
  queue.push(frame);
  if (scheduled) return;
  scheduled = true;
  // A hidden page is never painted, and its queue must not grow.
  if (document.hidden) queueMicrotask(flush);
  else {
    requestAnimationFrame(flush);
    setTimeout(flush, 500);
  }
}

let reloading: string | null = null;
async function reloadDirectory(digest: string): Promise<void> {
  if (reloading === digest) return;
  reloading = digest;
  try {
    directory.value = await api.directory(region.value);
    directoryOld.value = false;
  } catch {
    directoryOld.value = true;
    setTimeout(() => (reloading = null), 5_000);
  }
}

// --- coming and going -------------------------------------------------------------------------------------------------------

let channel: Channel<Frame> | null = null;

function refused(error: unknown): boolean {
  const status = error instanceof Problem ? error.status : 0;
  if (status === 401) {
    const url = error instanceof Problem ? error.body.sign_in : null;
    // Only a door of this origin: where it sends people is the server's to say.
    signInUrl.value = typeof url === "string" && /^\/[^/]/.test(url) ? url : null;
    forget(VISITS); // a session that ended by itself leaves as little as one that was signed out
    phase.value = "sign-in";
  } else if (status === 403) phase.value = "forbidden";
  else return false;
  channel?.stop();
  channel = null;
  return true;
}

/** Says why nothing can be shown yet, and tries again in a while. */
function later(error: unknown, again: () => Promise<void>): void {
  phase.value = error instanceof Problem && error.status === 503 ? "not-ready" : "failed";
  setTimeout(() => void again(), 3_000);
}

/** Signs in with the link's secret when the address holds one, and opens the region. */
export async function enter(): Promise<void> {
  const secret = new URLSearchParams(location.hash.slice(1)).get("connexion");
  // The secret leaves the address before anything else can read or keep it.
  if (secret) history.replaceState(null, "", location.pathname + location.search);
  try {
    session.value = secret ? await api.signIn(secret) : await api.session();
  } catch (error) {
    linkExpired.value = secret !== null && error instanceof Problem && [400, 401, 403, 404, 410].includes(error.status);
    if (linkExpired.value) {
      // The link is used up, but whoever opened it before may still be signed in.
      try {
        session.value = await api.session();
      } catch (again) {
        if (refused(again)) return;
      }
    } else if (refused(error)) return;
    if (session.value === null) {
      later(error, enter);
      return;
    }
  }
  const wanted = asked.get("region");
  const first = regions.value.find(({ code }) => code === wanted) ?? regions.value[0];
  if (!first) {
    phase.value = "no-region";
    return;
  }
  await open(first.code);
}

async function open(code: string): Promise<void> {
  region.value = code;
  const picture = api.capacity(code).catch((error: unknown) => error as Error);
  try {
    directory.value = await api.directory(code);
  } catch (error) {
    if (!refused(error)) later(error, () => open(code));
    return;
  }
  const first = await picture;
  batch(() => {
    if (first instanceof Error) {
      // 503 while rebuilding: the page shows the directory, and the socket brings the picture when it is whole.
      if (first instanceof Problem && first.status === 503) rebuilding.value = true;
    } else {
      take(mirror.snapshot(first, first.token ?? null), first.at, false);
      hasPicture.value = true;
      pulse.set(first.at);
    }
    phase.value = "ready";
  });
  if (first instanceof Error && refused(first)) return;
  listen(code);
}

function listen(code: string): void {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
  channel = new Channel<Frame>(url, `capacity:${code}`, {
    frame: receive,
    open: (isOpen) => {
      flush(); // what came before is not what was missed
      pulse.opened(isOpen);
      if (!isOpen && pulse.advance.value !== null) absence.leave(pulse.advance.value.at);
    },
    refused: (why) => {
      if (why === "forbidden") phase.value = "forbidden";
      else void askAgain(code);
    },
    token: () => mirror.token,
    forgetToken: () => {
      mirror.token = null;
    },
  });
}

/** The socket was told to sign in again: the door that signs in says whether that is so, and where. */
async function askAgain(code: string): Promise<void> {
  try {
    session.value = await api.session();
    setTimeout(() => listen(code), 3_000); // a new session, in another tab perhaps
  } catch (error) {
    if (!refused(error)) setTimeout(() => void askAgain(code), 3_000);
  }
}

/** Ends the session here and on the server. */
export async function signOut(): Promise<void> {
  channel?.stop();
  channel = null;
  await forgetPush().catch(() => undefined);
  await api.signOut().catch(() => undefined);
  await emptyStorage();
  signInUrl.value = null;
  session.value = null;
  phase.value = "sign-in";
}

/** Whoever signs in here next must not get the messages of whoever signed out. */
async function forgetPush(): Promise<void> {
  const worker = await navigator.serviceWorker?.getRegistration();
  const held = await worker?.pushManager?.getSubscription();
  const id = remembered("push-id");
  // While the session still says whose it is; else the push service tells the server, with the next message.
  if (id) await api.dropPush(id).catch(() => undefined);
  await held?.unsubscribe();
  remember("push-id", "");
}

/** Starts what runs by itself: the second hand, the theme, the address bar. */
export function follow(): void {
  const beat = () => {
    mono.value = performance.now();
  };
  setInterval(beat, 1_000);
  // Timers of a hidden page are held back: what it says must be right in the first frame that is seen again.
  document.addEventListener("visibilitychange", beat);
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
  dark.addEventListener("change", () => (theme.value = firstTheme()));
  effect(() => {
    if (page.value === "map") document.documentElement.dataset.live = verdict.value.is;
  });
  let first = true;
  effect(() => {
    const said = new URLSearchParams(query.value.text);
    if (first || page.value !== "map") return void (first = false);
    // Gone to by a link of another page: it says what to look at; what it does not say stays as it was left.
    if (said.has("kind")) kind.value = said.get("kind")!;
    if (said.has("departement")) departement.value = said.get("departement");
    if (said.has("site")) site.value = said.get("site");
  });
  effect(() => {
    if (phase.value !== "ready" || page.value !== "map") return;
    const said = new URLSearchParams();
    if (regions.value.length > 1 || asked.has("region")) said.set("region", region.value);
    if (kind.value) said.set("kind", kind.value);
    if (departement.value) said.set("departement", departement.value);
    if (site.value) said.set("site", site.value);
    if (view.value === "list") said.set("view", "list");
    if (wall.value) said.set("wall", "");
    const text = said.toString().replace(/=(?=&|$)/g, "");
    history.replaceState(null, "", text ? `${location.pathname}?${text}` : location.pathname);
  });
}

export function chooseTheme(chosen: "day" | "night"): void {
  theme.value = chosen;
  remember("theme", chosen);
}
