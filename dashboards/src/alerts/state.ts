/** What the page knows of alerts and what its reader asks of them, as signals; and the one place that alters them. */
import { batch, computed, effect, signal, untracked, type Signal } from "@preact/signals";
import { soundBlocked, tally } from "../bell";
import { Channel } from "../channel";
import { api, Problem } from "../http";
import { Pulse } from "../pulse";
import { page, query } from "../route";
import { departementName, phase, region, regions, session } from "../state";
import { read, write, type Asked } from "./address";
import { followTouch, muted, ring } from "./bells";
import { doors, type ActWords } from "./http";
import { AlertsMirror, type Held } from "./mirror";
import { followWorker } from "./push";
import { filtered, inOrder, isMine, isOfPatient, rowsOf, tallied, type Filter, type Row } from "./rows";
import { heardOf, sounding, type Heard } from "./sound";
import { followTab } from "./tab";
import type { Act, Acted, AlertsFrame, Person, Refusal } from "./wire";

export { soundBlocked };

// --- who looks --------------------------------------------------------------------------------------------------------

export const me = computed(() => session.value?.subject ?? "");
const roles = computed(
  () => new Set((session.value?.grants ?? []).filter(({ scope }) => scope === region.value).map(({ role }) => role)),
);
/** Whether the reader has the region's desk, not only what was told to them. */
export const hasDesk = computed(() => roles.value.has("crisis_cell") || roles.value.has("ops"));
/** Whether the reader may silence, stand people in and see what alarms were worth. */
export const hasCell = computed(() => roles.value.has("crisis_cell"));

export const people = signal<ReadonlyMap<string, Person>>(new Map());
/** Returns a person's name where this reader may know it, else how they are known here. */
export const nameOf = (subject: string): string => people.value.get(subject)?.name ?? subject;

// --- the picture --------------------------------------------------------------------------------------------------------

const mirror = new AlertsMirror();
const version = signal(0);
export const arrived = signal(false);
export const denied = signal(false);
export const rebuilding = signal(false);
export const refusal = signal<string | null>(null);

const pulse = new Pulse();
export const { verdict, now } = pulse;

/** Returns one of the picture's maps, and follows it. */
export function map<K extends keyof Held>(name: K): Held[K] {
  version.value;
  return mirror.held[name];
}

export const rows = computed<Row[]>(() => {
  version.value;
  return inOrder(rowsOf(mirror.held));
});

// --- what is asked for ----------------------------------------------------------------------------------------------------

const first = read(query.peek().text);
export const filter = signal<Filter>(first.filter);
export const shape = signal<Asked["shape"]>(first.shape);
/** The row that is unfolded. */
export const unfolded = signal<string | null>(first.group);
/** Whether the screen is a phone's, one column at a time; or a desk so narrow that its rows have no room for every act. */
export const isNarrow = whether("(max-width: 999px)");
/** Whether somebody holds it in their hands: then what concerns them comes first. A narrow window of a desk is no phone. */
export const isHandheld = whether("(max-width: 699px), (max-width: 999px) and (pointer: coarse)");
export const isTight = whether("(min-width: 1000px) and (max-width: 1279px)");

function whether(query: string): Signal<boolean> {
  const media = matchMedia(query);
  const matches = signal(media.matches);
  media.addEventListener("change", () => (matches.value = media.matches));
  return matches;
}

/** Whether the phone's cards are drawn: on narrow screens, for who asks for them, and for people without the desk. */
export const asCards = computed(() => shape.value === "mine" || shape.value === "settings" || isNarrow.value || !hasDesk.value);
/** Whether only what concerns the reader is shown. */
export const onlyMine = computed(() => !hasDesk.value || shape.value === "mine" || shape.value === "settings" || (isHandheld.value && shape.value !== "desk"));

const inScope = computed<Filter>(() => ({ ...filter.value, mine: hasDesk.value && onlyMine.value }));
/** The rows to draw. An unfolded one is always among them: it is what the reader holds in their hands. */
export const shown = computed<Row[]>(() => {
  const left = new Set(filtered(rows.value, inScope.value, me.value, departementName).map(({ id }) => id));
  return rows.value.filter(({ id }) => left.has(id) || id === unfolded.value);
});
/** Whether what the address names is no more: said, rather than silently another list. */
export const isGone = computed(() => arrived.value && unfolded.value !== null && !rows.value.some(({ id }) => id === unfolded.value));
export const overCount = computed(
  () => filtered(rows.value, { ...inScope.value, over: true }, me.value, departementName).filter(({ standing }) => standing === "over").length,
);
export const isFiltered = computed(() => {
  const { concerns, severities, departement, text } = filter.value;
  return concerns.length + severities.length > 0 || departement !== null || text !== "";
});

export function narrow(by: Partial<Filter>): void {
  filter.value = { ...filter.value, ...by };
}

function followAddress(): void {
  // Gone to by a link, or by the browser's back: what the address says is what is shown.
  effect(() => {
    const asked = read(query.value.text);
    if (page.value !== "alerts") return;
    batch(() => {
      filter.value = asked.filter;
      shape.value = asked.shape;
      if (asked.group) unfolded.value = asked.group;
    });
  });
  effect(() => {
    const asked = { filter: filter.value, shape: shape.value, group: unfolded.value };
    const manyRegions = regions.value.length > 1;
    if (page.peek() !== "alerts") return;
    history.replaceState(null, "", `/alerts${write(asked, manyRegions ? region.value : null)}`);
  });
}

// --- frames ----------------------------------------------------------------------------------------------------------------

let heard: Heard | null = null;

/** Returns the rows that may be heard: on a phone, those that concern its owner. */
const audible = (): Row[] =>
  onlyMine.value ? filtered(rows.value, { ...inScope.value, over: false }, me.value, departementName) : rows.value;

/** A picture changed: what depends on it is drawn anew, and what came is heard. */
function moved(): void {
  version.value += 1;
  rebuilding.value = mirror.rebuilding;
  tally.value = tallied(rows.value);
  const mine = audible();
  // What was there when the page opened is seen, not heard.
  const sound = heard === null ? null : sounding(heard, mine, muted.value);
  heard = heardOf(mine);
  if (sound !== null) ring(sound);
}

function apply(frame: AlertsFrame): void {
  switch (frame.type) {
    case "snapshot": {
      const differs = mirror.snapshot(frame.data, frame.token);
      if (pulse.advance.value !== null && frame.data.at < pulse.advance.value.at) pulse.startAnew();
      pulse.hear(frame.data.at);
      refusal.value = null;
      denied.value = false;
      if (differs || !arrived.value) moved();
      arrived.value = true;
      break;
    }
    case "changes":
      if (mirror.changes(frame.changes, frame.token)) moved();
      if (frame.changes.at !== undefined) pulse.hear(frame.changes.at);
      refusal.value = null;
      break;
    case "reset":
      pulse.startAnew(); // what was heard stays so: what fires meanwhile is heard when the picture comes
      break;
    case "live":
      pulse.hear(frame.at);
      break;
    case "error":
      refusal.value = frame.detail ?? frame.code;
      break;
    case "pong":
      break;
  }
}

let channel: Channel<AlertsFrame> | null = null;
let following = false;
const AGAIN_MS = 3_000;
const AGAIN_AFTER_DENIAL_MS = 60_000;

/** Opens the alerts of a region: what is there now, and the channel that tells what changes. */
export function start(code: string): void {
  if (!following) {
    following = true;
    followAddress();
    followTab();
    followTouch();
    followWorker();
    effect(() => {
      // Another scope of the same picture is what its reader asked for: nothing in it came just now.
      onlyMine.value;
      if (heard !== null) heard = heardOf(untracked(audible));
    });
    effect(() => {
      // Whose session ended must not go on hearing.
      if (phase.value === "sign-in" || phase.value === "forbidden") stop();
    });
  }
  doors.alerts(code, !hasDesk.peek()).then(
    (picture) => {
      if (arrived.value) return; // the socket was quicker
      batch(() => {
        mirror.snapshot(picture, picture.token ?? null);
        pulse.set(picture.at);
        moved();
        arrived.value = true;
      });
    },
    () => undefined, // the channel says why there is none
  );
  listen(code);
  void readPeople(code);
}

function stop(): void {
  channel?.stop();
  channel = null;
  tally.value = null;
  heard = null;
}

const channelName = (code: string): string => (hasDesk.peek() ? `alerts:${code}` : `alerts:me:${code}`);

/** Forgets a picture to which there is no right any more. */
function forgetPicture(): void {
  mirror.snapshot({ at: 0 }, null);
  mirror.held.on_call.clear();
  mirror.token = null;
  arrived.value = false;
  heard = null;
  moved();
  heard = null;
  tally.value = null;
}

/** A right ended: what is left is asked for anew, at once and then now and again. */
async function lookAgain(code: string, had: string): Promise<void> {
  try {
    session.value = await api.session();
  } catch (error) {
    // The page's own channel says where to sign in.
    if (error instanceof Problem && error.status === 401) return;
  }
  if (channel !== null || phase.peek() === "sign-in") return;
  const left = channelName(code);
  if (left !== had) {
    batch(forgetPicture);
    listen(code);
    return;
  }
  batch(() => {
    denied.value = true;
    forgetPicture();
  });
  setTimeout(() => channel === null && phase.peek() !== "sign-in" && listen(code), AGAIN_AFTER_DENIAL_MS);
}

function listen(code: string): void {
  channel?.stop();
  const name = channelName(code);
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
  channel = new Channel<AlertsFrame>(url, name, {
    frame: (frame) => batch(() => apply(frame)),
    open: (isOpen) => pulse.opened(isOpen),
    refused: (why) => {
      channel = null;
      if (why === "forbidden") void lookAgain(code, name);
      else setTimeout(() => phase.peek() !== "sign-in" && session.peek() !== null && listen(code), AGAIN_MS);
    },
    token: () => mirror.token,
    forgetToken: () => {
      mirror.token = null;
    },
  });
}

async function readPeople(code: string): Promise<void> {
  try {
    people.value = new Map((await doors.people(code)).map((person) => [person.subject, person]));
  } catch {
    // Names are not for everybody: then people are told by what they are known as here.
  }
}

// --- acting ------------------------------------------------------------------------------------------------------------------

const MOST_AT_ONCE = 200;
const SAID_FOR_MS = 4_000;

/** What is under way, by row: an act shows as such until its outcome is known, never as done. */
export const busy = signal<ReadonlyMap<string, Act>>(new Map());

export interface Said {
  act: Act;
  /** How many there were, and how many of them were done. */
  all: number;
  done: number;
  /** It may yet be done: the picture will tell. */
  pending: boolean;
  /** Why the first of those refused was refused. */
  refusal: Refusal | null;
}
/** What came of the last act on a row. */
export const said = signal<ReadonlyMap<string, Said>>(new Map());

function put<V>(into: typeof busy | typeof said, id: string, value: V | null): void {
  const next = new Map(into.peek() as ReadonlyMap<string, unknown>);
  if (value === null) next.delete(id);
  else next.set(id, value);
  (into as { value: unknown }).value = next;
}

export const forget = (id: string): void => put(said, id, null);

/** Returns the alerts of a row to which an act can be done as they stand. */
function applies(act: Act, row: Row): string[] {
  if (!hasCell.value && !isMine(row, me.value)) return [];
  if (isOfPatient(row) && act !== "seen") return [];
  const open = row.open.map(({ alert }) => alert);
  const among = {
    seen: open,
    take: open.filter(({ status }) => status === "firing"),
    hand_over: open.filter(({ status }) => status === "acknowledged"),
    resolve: open.length > 0 ? open : row.alerts.map(({ alert }) => alert).filter(({ outcome }) => !outcome),
    comment: row.alerts.slice(0, 1).map(({ alert }) => alert),
  }[act];
  return among.map(({ id }) => id);
}

/** Whether there is anything that the act could do to the row. */
export const can = (act: Act, row: Row): boolean => applies(act, row).length > 0;

/** Does an act to the alerts of a row, and says what came of it; returns whether none was refused. */
export const act = (what: Act, row: Row, more: ActWords = {}): Promise<boolean> => actOnAll(what, [row], more);

/** Does one act to the alerts of many rows, and says at each row what came of it; returns whether none was refused. */
export async function actOnAll(what: Act, among: readonly Row[], more: ActWords = {}): Promise<boolean> {
  const asked = among.flatMap((row) => {
    const ids = busy.peek().has(row.id) ? [] : applies(what, row);
    return ids.length > 0 ? [{ row, ids }] : [];
  });
  if (asked.length === 0) return false;
  batch(() => {
    for (const { row } of asked) {
      put(busy, row.id, what);
      put(said, row.id, null);
    }
  });
  const ids = asked.flatMap((one) => one.ids);
  const answers = new Map<string, Acted>();
  for (let from = 0; from < ids.length; from += MOST_AT_ONCE) {
    for (const answer of await send(what, ids.slice(from, from + MOST_AT_ONCE), more)) answers.set(answer.id, answer);
  }
  let refused = false;
  batch(() => {
    for (const { row, ids } of asked) {
      const came = cameOf(what, ids.flatMap((id) => answers.get(id) ?? []));
      put(busy, row.id, null);
      put(said, row.id, came);
      if (came.refusal !== null) refused = true;
      else setTimeout(() => said.peek().get(row.id) === came && forget(row.id), SAID_FOR_MS);
    }
  });
  return !refused;
}

/** Asks for an act, and returns what became of it on each alert; where all failed alike, each says so. */
async function send(what: Act, ids: string[], more: ActWords): Promise<Acted[]> {
  try {
    return (await doors.act(region.value, what, ids, more)).alerts;
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem(0);
    const each = problem.body.alerts as Acted[] | undefined;
    if (each) return each;
    return ids.map((id) => ({ id, status: problem.status, problem: { ...(problem.body as Refusal), status: problem.status } }));
  }
}

function cameOf(what: Act, each: Acted[]): Said {
  const refused = each.filter(({ problem }) => problem);
  const pending = each.some(({ outcome }) => outcome === "pending");
  return { act: what, all: each.length, done: each.length - refused.length, pending, refusal: refused[0]?.problem ?? null };
}
