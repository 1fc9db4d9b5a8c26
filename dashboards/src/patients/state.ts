/** What the page knows of followed patients, as signals: rows live and in clear, content by HTTP and in memory alone. */
import { batch, computed, effect, signal } from "@preact/signals";
import { Channel } from "../channel";
import { Problem } from "../http";
import type { Verdict } from "../live";
import { mono, Pulse } from "../pulse";
import { of, page } from "../route";
import { hasPatients, phase, region, session } from "../state";
import { doors } from "./http";
import { followPrivacy } from "./privacy";
import { kindOf } from "./problems";
import { rightsOf, sittingsOf } from "./rights";
import { answersOf, inOrder, isPressing, newsOf, type BoardRow, type Content } from "./rows";
import { forgetVisits, recallVisits, visited, visits } from "./visits";
import type { Words } from "../wire";
import type { Act, BoardPatient, PatientPage, Row, RowsFrame } from "./wire";

// --- who looks --------------------------------------------------------------------------------------------------------------

export const me = computed(() => session.value?.subject ?? "");
const grants = computed(() => session.value?.grants ?? []);
export const rights = computed(() => rightsOf(grants.value));
export const sittings = computed(() => sittingsOf(grants.value));
/** Whether the reader has patients: of their circles, or whose file they opened in an emergency. */
export const hasBoard = hasPatients;

// --- the rows ---------------------------------------------------------------------------------------------------------------

/** One followup shard's channel: what it told last, and whether it lives. All of them are on one socket. */
interface Line {
  pulse: Pulse;
  token: string | null;
  ids: Set<string>;
  isWhole: boolean;
}
const lines = signal<ReadonlyMap<string, Line>>(new Map());
const held = signal<ReadonlyMap<string, Row>>(new Map());
const contents = signal<ReadonlyMap<string, { content: Content; changed: number }>>(new Map());
export const arrived = signal(false);
export const rebuilding = signal(false);
export const refusal = signal<string | null>(null);
/** Why there is no board: no right, keys or trail away, no answer. */
export const trouble = signal<"denied" | "keys" | "trail" | "failed" | null>(null);

export const rows = computed<BoardRow[]>(() =>
  inOrder([...held.value.values()].map((row) => ({ row, content: contents.value.get(row.id)?.content ?? null }))),
);
export const rowOf = (id: string): Row | undefined => held.value.get(id);

/** Live only where every shard's channel is: the one that fell silent first says since when. */
export const verdict = computed<Verdict>(() => {
  const each = [...lines.value.values()].map(({ pulse }) => pulse.verdict.value);
  const worst = (["lost", "connecting", "reconnecting"] as const).map((is) => each.filter((one) => one.is === is)).find((found) => found.length > 0);
  if (!worst) {
    const agoMs = Math.max(0, ...each.map((one) => (one.is === "live" ? one.agoMs : 0)));
    return each.length > 0 ? { is: "live", agoMs } : { is: "connecting" };
  }
  if (worst[0]!.is !== "lost") return worst[0]!;
  const since = worst.flatMap((one) => (one.is === "lost" && one.since !== null ? [one.since] : []));
  return { is: "lost", since: since.length > 0 ? Math.min(...since) : null };
});
const boardPulse = new Pulse();
export const now = computed<number | null>(() => {
  mono.value;
  const told = [...lines.value.values()].flatMap(({ pulse }) => (pulse.now.value === null ? [] : [pulse.now.value]));
  return told.length > 0 ? Math.max(...told) : boardPulse.now.value;
});

/** Returns what is new of a patient since the reader's last visit. */
export const newsFor = (row: Row) => newsOf(row, visits.value.get(row.id));

function taken(line: Line, told: Record<string, Row | null>, whole: boolean): void {
  const next = new Map(held.peek());
  const gone: string[] = [];
  if (whole) {
    for (const id of line.ids) if (!told[id]) gone.push(id);
    line.ids = new Set();
    line.isWhole = true;
  }
  for (const [id, row] of Object.entries(told)) {
    if (row === null) {
      line.ids.delete(id);
      gone.push(id);
    } else {
      next.set(id, row);
      line.ids.add(id);
    }
  }
  // What was read by HTTP has no shard of its own here: it stands until every shard has told all that it has.
  const all = [...lines.peek().values()];
  if (all.every(({ isWhole }) => isWhole)) {
    const known = new Set(all.flatMap(({ ids }) => [...ids]));
    for (const id of next.keys()) if (!known.has(id)) gone.push(id);
  }
  for (const id of gone) next.delete(id);
  held.value = next;
  if (gone.includes(openedId)) closePatient();
  arrived.value = true;
  dropContents();
  if (whole) leaveOut(Object.values(told));
  askBoard();
  lookAgain([...Object.keys(told), ...gone]);
}

/** What is not in the reader's circles any more is not kept in memory either. */
function dropContents(): void {
  const kept = new Map([...contents.peek()].filter(([id]) => held.peek().has(id)));
  if (kept.size !== contents.peek().size) contents.value = kept;
}

function apply(line: Line, frame: RowsFrame): void {
  switch (frame.type) {
    case "snapshot":
      if (line.pulse.advance.value !== null && frame.data.at < line.pulse.advance.value.at) line.pulse.startAnew();
      line.token = frame.token;
      rebuilding.value = frame.data.rebuilding ?? false;
      refusal.value = null;
      taken(line, frame.data.patients ?? {}, true);
      line.pulse.hear(frame.data.at);
      break;
    case "changes":
      line.token = frame.token;
      if (frame.changes.rebuilding !== undefined) rebuilding.value = frame.changes.rebuilding;
      refusal.value = null;
      if (frame.changes.patients) taken(line, frame.changes.patients, false);
      if (frame.changes.at !== undefined) line.pulse.hear(frame.changes.at);
      break;
    case "reset":
      line.pulse.startAnew();
      break;
    case "live":
      line.pulse.hear(frame.at);
      break;
    case "error":
      refusal.value = frame.detail ?? frame.code;
      break;
    case "pong":
      break;
  }
}

const AGAIN_MS = 3_000;
const AGAIN_UNREADABLE_MS = 60_000;
const AGAIN_AFTER_DENIAL_MS = 60_000;

let channel: Channel<RowsFrame> | null = null;

/** Listens to all followup shards of the region. */
function listen(names: readonly string[]): void {
  channel?.stop();
  const known = lines.peek();
  lines.value = new Map(names.map((name) => [name, known.get(name) ?? { pulse: new Pulse(), token: null, ids: new Set(), isWhole: false }]));
  const each = () => [...lines.peek().values()];
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
  channel = new Channel<RowsFrame>(url, names, {
    frame: (frame) => {
      const line = lines.peek().get(frame.channel ?? "");
      batch(() => {
        if (line) apply(line, frame);
        else if (frame.type === "error") refusal.value = frame.detail ?? frame.code;
      });
    },
    open: (isOpen) => batch(() => each().forEach(({ pulse }) => pulse.opened(isOpen))),
    refused: (why) => {
      channel = null;
      // Out of sight at once: the right is gone.
      if (why === "forbidden") batch(() => each().forEach((line) => taken(line, {}, true)));
      const after = why === "forbidden" ? AGAIN_AFTER_DENIAL_MS : AGAIN_MS;
      setTimeout(() => started && phase.peek() !== "sign-in" && channel === null && listen(names), after);
    },
    token: (name) => lines.peek().get(name)?.token ?? null,
    forgetToken: () => each().forEach((line) => (line.token = null)),
  });
}

// --- the board's content ------------------------------------------------------------------------------------------------------

const AT_MOST_EVERY_MS = 1_500;
let asking = false;
let askedAt = -Infinity;
let wanted: ReturnType<typeof setTimeout> | undefined;

/** Beyond so many at once the whole board is asked for. */
const MOST_BY_NAME = 40;
/** Those that the server left out, or that are gone by now, and as of which change: not asked for again until they change. */
const unanswered = signal<ReadonlyMap<string, number>>(new Map());
/** Those that were not opened, as they are beyond what one board opens; the gravest first. */
export const leftOff = computed<string[]>(() =>
  rows.value.flatMap(({ row, content }) => (content === null && !row.unreadable && unanswered.value.has(row.id) ? [row.id] : [])),
);
/** When a whole board was read that left some out; null where it opened all. */
let leftSomeAt: number | null = null;

/** Takes whoever a whole board did not have as left out by it, when their rows come after it: they are not asked for by name. */
function leaveOut(told: readonly (Row | null)[]): void {
  const found = told.flatMap((row) =>
    row && leftSomeAt !== null && row.enrolled_at <= leftSomeAt && !contents.peek().has(row.id) && !unanswered.peek().has(row.id)
      ? [[row.id, row.changed ?? 0] as const]
      : [],
  );
  if (found.length > 0) unanswered.value = new Map([...unanswered.peek(), ...found]);
}

/** How many of those are opened at once: each opening is written down. */
export const NEXT = 100;

/** Opens the next of those that were left out. */
export function openNext(): void {
  if (!asking) void readBoard(leftOff.peek().slice(0, NEXT));
}

/** Returns the patients whose content is older than their row. */
function behind(): string[] {
  return [...held.peek().values()].flatMap(({ id, changed = 0 }) => {
    const known = Math.max(contents.peek().get(id)?.changed ?? -1, unanswered.peek().get(id) ?? -1);
    return known < changed ? [id] : [];
  });
}

/** Asks soon for the content that is behind: many changes in a short while are one question. */
function askBoard(): void {
  if (wanted !== undefined || !started || page.peek() !== "patients" || behind().length === 0) return;
  const after = asking ? AT_MOST_EVERY_MS : Math.max(0, askedAt + AT_MOST_EVERY_MS - performance.now());
  wanted = setTimeout(() => {
    wanted = undefined;
    if (asking) return askBoard();
    const ids = behind();
    if (ids.length > 0) void readBoard(ids.length > MOST_BY_NAME ? [] : ids);
  }, after);
}

async function readBoard(ids: readonly string[] = []): Promise<void> {
  asking = true;
  askedAt = performance.now();
  const before = new Map(held.peek());
  try {
    const board = await doors.board(region.peek(), ids);
    if (!started) return; // signed out meanwhile: nothing is kept
    batch(() => {
      boardPulse.set(board.at);
      trouble.value = null;
      const next = new Map(held.peek());
      // What is behind its row is not kept beside what was read now: it is asked for by name.
      const told = new Map([...contents.peek()].filter(([id, { changed }]) => ids.length > 0 || changed >= (next.get(id)?.changed ?? 0)));
      for (const patient of board.patients) {
        const [row, content] = split(patient);
        const known = next.get(row.id);
        // The socket may have been quicker: the later of the two stands, and what it took away stays away.
        if (known ? (row.changed ?? 0) > (known.changed ?? 0) : !arrived.peek()) next.set(row.id, row);
        told.set(row.id, { content, changed: row.changed ?? 0 });
      }
      const missing = (ids.length > 0 ? ids : [...before.keys()]).filter((id) => !told.has(id));
      unanswered.value = new Map([...unanswered.peek(), ...missing.map((id) => [id, before.get(id)?.changed ?? 0] as const)]);
      if (ids.length === 0) leftSomeAt = (board.left_off ?? 0) > 0 ? board.at : null;
      held.value = next;
      contents.value = told;
      if (lines.peek().size === 0) listen(board.channels);
    });
    asking = false;
    askBoard();
  } catch (error) {
    asking = false;
    batch(() => {
      trouble.value = troubleOf(error);
      if (trouble.value === "denied") contents.value = new Map();
    });
    if (trouble.peek() !== "denied" && lines.peek().size === 0) void listenWithoutBoard();
    if (trouble.peek() !== "denied") setTimeout(() => started && !asking && void readBoard(ids), AGAIN_MS);
  }
}

/** Listens to rows also while nothing can be opened: an alert is to be seen and taken all the same. */
async function listenWithoutBoard(): Promise<void> {
  try {
    const { channels } = await doors.channels(region.peek());
    if (started && lines.peek().size === 0) listen(channels);
  } catch {
    // asked again with the board's next try
  }
}

export function troubleOf(error: unknown): "denied" | "keys" | "trail" | "failed" {
  if (!(error instanceof Problem)) return "failed";
  const kind = kindOf(error);
  if (kind === "key-store-away") return "keys";
  if (kind === "trail-away") return "trail";
  return error.status === 403 ? "denied" : "failed";
}

function split(patient: BoardPatient): [Row, Content] {
  const { name, age, title, range, trend, reasons, ask, suggestion, unread, memos_due, taken_by_name, ...row } = patient;
  return [row, { name, age, title, range, trend, reasons, ask, suggestion, unread, memos_due, taken_by_name, of: answersOf(row) }];
}

// --- one patient --------------------------------------------------------------------------------------------------------------

export const opened = signal<PatientPage | null>(null);
/** Why the file that is asked for was not read, the first time or anew; null once it was. */
export const unreadWhy = signal<"loading" | "unknown" | Unread | null>("loading");
export type Unread = "unreadable" | "keys" | "trail" | "failed";
/** Whether a file can't be read that there is, and is the reader's: what is known of it is its row. */
export const isUnread = (why: typeof unreadWhy.value): why is Unread => why !== null && why !== "loading" && why !== "unknown";
/** When the reader last looked, before this visit. */
export const lookedAt = signal<number | null>(null);

let openedId = "";
let opening = 0;

/** Opens a patient's file: each time anew, and each time the server writes down that it was read. */
export async function openPatient(id: string): Promise<void> {
  // What was drawn without its file stays while that is tried again: somebody may be typing there.
  if (openedId !== id) {
    batch(() => {
      opened.value = null;
      unreadWhy.value = "loading";
      lookedAt.value = visits.peek().get(id)?.at ?? null;
    });
    openedId = id;
  }
  const turn = ++opening;
  try {
    const told = await doors.patient(region.peek(), id);
    if (turn !== opening) return;
    batch(() => {
      // Who may be the same person is told once, and stays in sight for as long as the file does.
      opened.value = { ...told, similar: told.similar ?? opened.peek()?.similar };
      unreadWhy.value = null;
      const known = held.peek().get(id);
      // A row that no shard shows (yet) is not put among the reader's: the file that is open has its own.
      if (known && (known.changed ?? 0) < (told.row.changed ?? 0)) held.value = new Map(held.peek()).set(id, told.row);
    });
    visited(told.row, now.peek() ?? Date.now());
  } catch (error) {
    if (turn !== opening) return;
    const trouble = troubleOf(error);
    const status = error instanceof Problem ? error.status : 0;
    // A file that was open stays in sight while the server is away; one to which there is no right any more does not.
    const isClosed = trouble === "denied" || status === 404 || status === 410;
    const isUnreadable = kindOf(error) === "file-unreadable";
    batch(() => {
      if (isClosed) opened.value = null;
      // Whether it does not exist or is not the reader's to see, the server does not tell apart, and neither does the page.
      unreadWhy.value = trouble === "denied" || isClosed ? "unknown" : isUnreadable ? "unreadable" : trouble;
    });
    // Each try is written down as a reading; its row says when a file that can't be read can be again.
    if (!isClosed) setTimeout(() => openedId === id && turn === opening && void openPatient(id), isUnreadable ? AGAIN_UNREADABLE_MS : AGAIN_MS);
  }
}

export function leavePatient(): void {
  openedId = "";
  opening += 1;
  batch(() => {
    opened.value = null;
    unreadWhy.value = "loading";
  });
}

/** Puts a file out of sight at once, as the right to it is gone; whatever is still on its way of it is let go. */
function closePatient(): void {
  opening += 1;
  opened.value = null;
  unreadWhy.value = "unknown";
}

let again: ReturnType<typeof setTimeout> | undefined;

/** A row moved: the file that is open is read again if it was that one's. */
function lookAgain(ids: readonly string[]): void {
  if (openedId === "" || !ids.includes(openedId)) return;
  const row = held.peek().get(openedId);
  if (row && opened.peek() !== null && (row.changed ?? 0) <= (opened.peek()!.row.changed ?? 0)) return;
  if (again !== undefined) return;
  again = setTimeout(() => {
    again = undefined;
    if (openedId !== "") void openPatient(openedId);
  }, 250);
}

// --- acting -------------------------------------------------------------------------------------------------------------------

export interface Came {
  act: string;
  /** null: done; pending: it may yet be; else why not. */
  refusal: Problem | null;
  pending: boolean;
}
export const busy = signal<string | null>(null);
export const came = signal<Came | null>(null);
const SAID_FOR_MS = 5_000;

/** Does something to the open patient, and says what came of it; returns whether it was not refused. */
export async function act(what: Act): Promise<boolean> {
  return doing(what.act, () => doors.act(region.peek(), openedId, what));
}

/** The reader has read the messages up to an instant: by the way, and in nobody's way. */
export function read(upto: number): void {
  // What fails is tried again with the next message: nothing depends on it.
  doors.act(region.peek(), openedId, { act: "read", upto }).catch(() => undefined);
}

/** Runs an act under its name: it shows as under way until its outcome is known, never as done. */
export async function doing(name: string, does: () => Promise<unknown>): Promise<boolean> {
  if (busy.peek() !== null) return false;
  const id = openedId;
  batch(() => {
    busy.value = name;
    came.value = null;
  });
  let problem: Problem | null = null;
  let pending = false;
  try {
    const answer = (await does()) as { outcome?: string } | undefined;
    pending = answer?.outcome === "pending";
  } catch (error) {
    problem = error instanceof Problem ? error : new Problem(0);
  }
  const said: Came = { act: name, refusal: problem, pending };
  batch(() => {
    busy.value = null;
    came.value = said;
  });
  if (problem === null) setTimeout(() => came.peek() === said && (came.value = null), SAID_FOR_MS);
  if (id === openedId && id !== "") await openPatient(id);
  return problem === null;
}

// --- coming and going -----------------------------------------------------------------------------------------------------------

let started = false;
let following = false;

/** Opens the followed patients of the region that is looked at. */
export function start(): void {
  if (!begin()) return;
  if (hasBoard.peek()) void readBoard();
  if (page.peek() === "patient") void openPatient(of.peek());
}

/** Pathways' titles, once rows are shown beside which nobody's file is opened. */
export const titles = signal<ReadonlyMap<string, Words>>(new Map());

/** Follows the rows alone, with nobody's file opened: for a page that says of whom an alert is. */
export function startRows(): void {
  if (!hasBoard.peek()) return;
  if (begin()) void listenWithoutBoard();
  if (titles.peek().size > 0) return;
  doors.pathways(region.peek()).then(
    ({ pathways }) => (titles.value = new Map(pathways.map(({ id, version, title }) => [`${id}/${version}`, title]))),
    () => undefined, // the rows are shown without
  );
}

/** Returns whether this began it: whoever comes second finds all under way. */
function begin(): boolean {
  if (!following) {
    following = true;
    followPrivacy();
    effect(() => {
      if (phase.value === "sign-in") stop();
    });
    effect(() => {
      const [on, id] = [page.value, of.value];
      if (on !== "patient") leavePatient();
      else if (id !== openedId && region.value !== "" && started) void openPatient(id);
      if (on !== "patients" || !started || !hasBoard.peek()) return;
      if (lines.peek().size > 0) askBoard();
      else if (!asking) void readBoard(); // the rows did not come, and nobody has asked for the board yet
    });
  }
  if (started) return false;
  started = true;
  recallVisits(me.peek());
  return true;
}

/** Forgets everything: nobody is signed in any more. */
function stop(): void {
  started = false;
  channel?.stop();
  channel = null;
  batch(() => {
    lines.value = new Map();
    held.value = new Map();
    contents.value = new Map();
    arrived.value = false;
    trouble.value = null;
    unanswered.value = new Map();
    leftSomeAt = null;
    came.value = null;
    leavePatient();
    forgetVisits();
  });
}

/** Whom a screen reader is told of: reds that nobody has. */
export const pressing = computed(() => rows.value.filter(({ row }) => isPressing(row)));
