/** The board's rows: which stands where, what its chip says, what is new since its reader looked. Pure. */
import { folded } from "../names";
import type { Instant } from "../wire";
import type { BoardPatient, Colour, PatientAlert, Row, Status } from "./wire";

export const COLOURS: readonly Colour[] = ["green", "yellow", "orange", "red"]; // rising
export const OVER: readonly Status[] = ["stopped", "ended", "refused"];

/** What is known of a patient's content, and of which answers; null until it was read. */
export type Content = Omit<BoardPatient, keyof Row> & { of: AnswersOf };

/** Which answers a colour stands for: as long as these are the same, so is what they mean. */
export interface AnswersOf {
  colour: Colour | null;
  incomplete: boolean;
  at: Instant | null;
}

export const answersOf = (row: Row): AnswersOf => ({ colour: row.colour ?? null, incomplete: row.incomplete ?? false, at: row.colour_at ?? null });

/** Whether a row is of later answers than the content beside it: a colour must not stand with what it does not follow from. */
export function isAhead(row: Row, of: AnswersOf): boolean {
  const now = answersOf(row);
  return now.colour !== of.colour || now.incomplete !== of.incomplete || now.at !== of.at;
}

export interface BoardRow {
  row: Row;
  content: Content | null;
}

export const isOver = (row: Row): boolean => OVER.includes(row.status);
/** Whether a colour is of a time that is over: nothing is asked any more, or not for now, and no alert is open. */
export const isPast = (row: Row): boolean => !row.alert && (isOver(row) || row.status === "paused");
export const gravity = (colour: Colour | null | undefined): number => (colour ? COLOURS.indexOf(colour) : -1);

/** Returns the colour that a row stands under: the gravest of the last answers and of the alert that is open. */
export function standing(row: Row): Colour | null {
  const of = [row.colour ?? null, row.alert?.colour ?? null];
  return of.reduce((worst, one) => (gravity(one) > gravity(worst) ? one : worst), null);
}

/** Whether a row stands under its last answers, so that their score's range is that of its colour: not an alert's, not a silence's. */
export function isOfAnswers(row: Row): boolean {
  const latest = Object.values(row.slots ?? {})
    .filter(({ state }) => state === "answered" || state === "missed")
    .reduce<{ due_at: Instant; state: string } | null>((last, one) => (last === null || one.due_at > last.due_at ? one : last), null);
  return row.colour != null && standing(row) === row.colour && latest?.state !== "missed";
}

/** Whether somebody has to come now: a red that nobody has. Such a row is at the top at once, wherever the pointer is. */
export const isPressing = (row: Row): boolean => row.alert?.colour === "red" && row.alert.status === "firing";

/** Whether an alert of it waits for somebody. */
export const isWaiting = (row: Row): boolean => row.alert?.status === "firing";

/**
 * Returns rows by colour then time. What nobody has comes before what somebody has, the longest wait first; what waits for
 * nobody comes with the latest answer first. Follow-ups that are over stand last, whatever their colour, unless an alert is open.
 */
export function inOrder(rows: readonly BoardRow[]): BoardRow[] {
  const place = ({ row }: BoardRow): number[] => {
    const asks = row.alert ? (isWaiting(row) ? 0 : 1) : 2;
    const time = row.alert ? (isWaiting(row) ? (row.alert.worsened_at ?? row.alert.opened_at) : (row.alert.check_at ?? row.alert.opened_at)) : -(row.colour_at ?? 0);
    return [isPressing(row) ? 0 : 1, isOver(row) && !row.alert ? 1 : 0, -gravity(standing(row)), asks, time];
  };
  return [...rows].sort((a, b) => {
    const [of, than] = [place(a), place(b)];
    for (let i = 0; i < of.length; i++) if (of[i] !== than[i]) return of[i]! - than[i]!;
    return a.row.id < b.row.id ? -1 : 1;
  });
}

/** Returns an order in which what presses stands at the top, and the rest where it was. */
export function pinned(order: readonly string[], pressing: ReadonlySet<string>): string[] {
  return [...order.filter((id) => pressing.has(id)), ...order.filter((id) => !pressing.has(id))];
}

// --- filters ----------------------------------------------------------------------------------------------------------------

export type Only = "waiting" | "mine" | "news";
export interface Filter {
  colours: readonly (Colour | "unanswered")[];
  only: readonly Only[];
  over: boolean;
  text: string;
}
export const NO_FILTER: Filter = { colours: [], only: [], over: false, text: "" };

export function filtered(rows: readonly BoardRow[], filter: Filter, me: string, news: (row: Row) => boolean): BoardRow[] {
  const wanted = folded(filter.text).split(" ").filter(Boolean);
  return rows.filter(({ row, content }) => {
    if (isOver(row) && !row.alert && !filter.over) return false;
    if (filter.colours.length > 0 && !filter.colours.includes(standing(row) ?? "unanswered")) return false;
    if (filter.only.includes("waiting") && !isWaiting(row)) return false;
    if (filter.only.includes("mine") && row.alert?.taken_by !== me) return false;
    if (filter.only.includes("news") && !news(row)) return false;
    const name = content ? ` ${folded(content.name)} ${folded(content.name).split(" ").reverse().join(" ")}` : "";
    return wanted.every((word) => name.includes(` ${word}`));
  });
}

// --- since one looked -------------------------------------------------------------------------------------------------------

/** What a reader saw of a patient when they last looked, of what is in clear: kept in the browser, and no content. */
export interface Visit {
  at: Instant;
  colour: Colour | null;
  answered_at: Instant | null;
  written_at: Instant | null;
  alert: string;
  /** How much had been found of that alert. */
  found: number;
  status: Status;
}

export type News = "worse" | "better" | "answered" | "alert" | "taken" | "alert_over" | "more" | "message" | "status";

/** Returns how often something grave was found for an alert; 0 where there is none. */
export const foundOf = (alert: PatientAlert | null | undefined): number => (alert ? (alert.news ?? 1) : 0);

const alertOf = (row: Row): string => (row.alert ? `${row.alert.id} ${row.alert.status} ${row.alert.taken_by ?? ""}` : "");

/** Returns what a visit at an instant has seen. */
export function visitOf(row: Row, at: Instant): Visit {
  return {
    at,
    colour: standing(row),
    answered_at: row.answered_at ?? null,
    written_at: row.written_at ?? null,
    alert: alertOf(row),
    found: foundOf(row.alert),
    status: row.status,
  };
}

/** Returns what is new of a patient since a visit, what matters most first; nothing where there was none to compare with. */
export function newsOf(row: Row, visit: Visit | undefined): News[] {
  if (!visit) return [];
  const found: News[] = [];
  const moved = gravity(standing(row)) - gravity(visit.colour);
  if (moved > 0 && visit.colour !== null) found.push("worse");
  const alert = alertOf(row);
  if (alert !== visit.alert) {
    const other = row.alert?.id !== visit.alert.split(" ")[0];
    found.push(!row.alert ? "alert_over" : other || row.alert.status === "firing" ? "alert" : "taken");
  } else if (foundOf(row.alert) > visit.found) found.push("more");
  if ((row.answered_at ?? 0) > (visit.answered_at ?? 0)) found.push("answered");
  if (moved < 0) found.push("better");
  if ((row.written_at ?? 0) > (visit.written_at ?? 0)) found.push("message");
  if (row.status !== visit.status) found.push("status");
  return found;
}

// --- small readings ---------------------------------------------------------------------------------------------------------

/** Returns the memos of a row that are due at an instant. */
export const memosDue = (row: Row, at: Instant): string[] =>
  Object.entries(row.memos ?? {})
    .filter(([, due]) => due <= at)
    .map(([id]) => id);

/** Returns a range as a chip says it: "7", or "7–9" where something is missing. */
export const rangeText = ([low, high]: readonly [number, number]): string => (low === high ? String(low) : `${low}–${high}`);

/** Returns how many rows stand under each colour; one who has not answered is counted apart. */
export function tallied(rows: readonly BoardRow[]): Record<Colour | "unanswered", number> {
  const found = { red: 0, orange: 0, yellow: 0, green: 0, unanswered: 0 };
  for (const { row } of rows) if (!isOver(row) || row.alert) found[standing(row) ?? "unanswered"] += 1;
  return found;
}

/** Returns whether somebody may confirm that the summary was received: its physician or coordinator, once it was sent. */
export const confirms = (row: Pick<Row, "summary" | "circle">, subject: string | null): boolean =>
  row.summary === "sent" && row.circle.some((member) => member.subject === subject && !member.until && ["physician", "coordinator"].includes(member.role));

/** Returns whether a member only looks: who broke the glass may comment and write, and no more. */
export const brokeGlass = (member: { role: string; until?: number | null }): boolean => Boolean(member.until) && member.role !== "on_call";
