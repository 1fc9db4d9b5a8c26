/** The desk's rows: groups of alerts, what each asks for, in which order they are read, and which a filter leaves. */
import { folded } from "../names";
import type { Instant, Words } from "../wire";
import type { Concern, Group, HeldAlert, Severity, Silence } from "./wire";

export const SEVERITIES: Severity[] = ["critical", "warning", "info"];
export const WEIGHT: Record<Severity, number> = { critical: 2, warning: 1, info: 0 };
/** Those that the desk can be narrowed to: patients' are on no desk. */
export const CONCERNS: Concern[] = ["beds", "data", "system", "cluster"];

/** What a row is: somebody must act, nobody answered, somebody has it, it is kept quiet, it is over. */
export type Standing = "unanswered" | "open" | "taken" | "hushed" | "over";

export interface Hush {
  why: "silenced" | "inhibited" | "quiet hours" | string;
  until: Instant | null;
  by: string;
  reason: string;
}

/** What happens next by itself, and when. */
export interface Next {
  is: "first" | "escalation" | "again" | "reopen";
  at: Instant;
}

export interface Teller {
  person: string;
  at: Instant;
  /** `shown` is what waits in the app for whoever opens it: nothing says that it reached anybody. */
  channels: { channel: string; got: "delivered" | "shown" | "failed" | "sent"; at: Instant; why: string }[];
}

export interface Row {
  id: string;
  group: Group | null;
  /** Open ones first, the gravest before, then the oldest. */
  alerts: HeldAlert[];
  open: HeldAlert[];
  severity: Severity;
  concern: Concern;
  standing: Standing;
  title: Words;
  since: Instant;
  departements: string[];
  takenBy: string | null;
  takenAt: Instant | null;
  next: Next | null;
  hush: Hush | null;
  told: Teller[];
  seen: { person: string; at: Instant }[];
  unansweredAt: Instant | null;
}

export interface Pictures {
  alerts: ReadonlyMap<string, HeldAlert>;
  groups: ReadonlyMap<string, Group>;
  silences: ReadonlyMap<string, Silence>;
}

/** Whether somebody has it: not where it was handed over to somebody whom nothing reached. */
const isTaken = ({ alert: { status }, adrift }: HeldAlert): boolean => status === "acknowledged" && !adrift;
export const isOpen = ({ alert: { status } }: HeldAlert): boolean => status === "firing" || status === "acknowledged";

const byGravity = (a: HeldAlert, b: HeldAlert): number =>
  Number(isOpen(b)) - Number(isOpen(a)) ||
  Number(isTaken(a)) - Number(isTaken(b)) ||
  WEIGHT[b.alert.severity] - WEIGHT[a.alert.severity] ||
  a.alert.since - b.alert.since ||
  (a.alert.id < b.alert.id ? -1 : 1);

/** Returns a row for each group, and for each alert that is in none (silenced before it was ever told of). */
export function rowsOf(held: Pictures): Row[] {
  const rows: Row[] = [];
  const grouped = new Set<string>();
  for (const group of held.groups.values()) {
    const alerts = group.alerts.flatMap((id) => held.alerts.get(id) ?? []);
    group.alerts.forEach((id) => grouped.add(id));
    if (alerts.length > 0) rows.push(rowOf(group.id, group, alerts, held.silences));
  }
  for (const [id, alert] of held.alerts) {
    if (grouped.has(id) || alert.alert.status === "pending") continue;
    rows.push(rowOf(`alert-${id}`, null, [alert], held.silences));
  }
  return rows;
}

function rowOf(id: string, group: Group | null, among: HeldAlert[], silences: ReadonlyMap<string, Silence>): Row {
  const alerts = [...among].sort(byGravity);
  const open = alerts.filter(isOpen);
  const said = open.length > 0 ? open : alerts;
  const first = alerts[0]!.alert;
  const severity = said.reduce<Severity>((worst, { alert }) => (WEIGHT[alert.severity] > WEIGHT[worst] ? alert.severity : worst), "info");
  const hush = hushOf(group, open, silences);
  const standing = standingOf(group, open, hush);
  const taken = open.find(isTaken)?.alert ?? (open.length === 0 ? first : undefined);
  return {
    id,
    group,
    alerts,
    open,
    severity,
    concern: (first.labels.concern as Concern | undefined) ?? "beds",
    standing,
    title: first.title,
    since: Math.min(...said.map(({ alert }) => alert.since)),
    departements: [...new Set(said.flatMap(({ alert }) => alert.labels.departement ?? []))].sort(),
    takenBy: taken?.taken_by ?? group?.taken_by ?? null,
    takenAt: taken?.taken_at ?? null,
    next: nextOf(group, open, standing),
    hush,
    told: tellersOf(group),
    seen: seenOf(alerts),
    unansweredAt: standing === "unanswered" ? (group?.unanswered_at ?? null) : null,
  };
}

function standingOf(group: Group | null, open: HeldAlert[], hush: Hush | null): Standing {
  if (open.length === 0) return "over";
  if (open.every(isTaken)) return "taken";
  if (hush) return "hushed";
  return group?.status === "unanswered" || (group?.unanswered_at != null && group.status !== "taken") ? "unanswered" : "open";
}

/** Why nobody is told of it: only where that holds of all that is open in it. */
function hushOf(group: Group | null, open: HeldAlert[], silences: ReadonlyMap<string, Silence>): Hush | null {
  if (open.length === 0) return null;
  if (open.every(({ silenced_by }) => silenced_by)) {
    const by = open[0]!.silenced_by!;
    const silence = silences.get(by);
    return { why: "silenced", until: silence?.until ?? null, by: silence?.author ?? "", reason: silence?.reason ?? "" };
  }
  if (open.every(({ silenced_by, inhibited_by }) => silenced_by || inhibited_by)) {
    return { why: "inhibited", until: null, by: open.find(({ inhibited_by }) => inhibited_by)!.inhibited_by!, reason: "" };
  }
  const last = group?.not_told?.at(-1);
  if (group?.status === "quiet" && last) return { why: last.why, until: last.until ?? null, by: last.by ?? "", reason: "" };
  return null;
}

function nextOf(group: Group | null, open: HeldAlert[], standing: Standing): Next | null {
  if (standing === "over") return null;
  if (standing === "taken") {
    const ends = open.flatMap(({ alert }) => alert.expires_at ?? []);
    return ends.length > 0 ? { is: "reopen", at: Math.min(...ends) } : null;
  }
  if (standing === "hushed" || group?.next_at == null) return null;
  if (group.status === "waiting") return { is: "first", at: group.next_at };
  return { is: standing === "unanswered" ? "again" : "escalation", at: group.next_at };
}

/** Returns who was told, the last one first, and whether each message came through. */
function tellersOf(group: Group | null): Teller[] {
  const tellers = new Map<string, Teller>();
  for (const told of [...(group?.told ?? [])].reverse()) {
    const teller = tellers.get(told.person) ?? { person: told.person, at: told.at, channels: [] };
    tellers.set(told.person, teller);
    // Only the last message by each channel: what it says is whether that channel reaches them now.
    if (teller.channels.some(({ channel }) => channel === told.channel)) continue;
    const arrived = told.channel === "app" ? "shown" : "delivered";
    const got = told.delivered_at != null ? arrived : told.failed_at != null ? "failed" : "sent";
    teller.channels.push({ channel: told.channel, got, at: told.delivered_at ?? told.failed_at ?? told.at, why: told.why ?? "" });
  }
  return [...tellers.values()];
}

function seenOf(alerts: HeldAlert[]): { person: string; at: Instant }[] {
  const seen = new Map<string, number>();
  for (const { seen_by } of alerts) {
    for (const [person, at] of Object.entries(seen_by ?? {})) seen.set(person, Math.min(at, seen.get(person) ?? at));
  }
  return [...seen].map(([person, at]) => ({ person, at })).sort((a, b) => a.at - b.at);
}

const BAND: Record<Standing, number> = { unanswered: 0, open: 0, taken: 1, hushed: 2, over: 3 };

/** Returns the rows as they are read: what needs somebody, gravest first; then what somebody has; then what is quiet. */
export function inOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort(
    (a, b) =>
      BAND[a.standing] - BAND[b.standing] ||
      WEIGHT[b.severity] - WEIGHT[a.severity] ||
      Number(b.standing === "unanswered") - Number(a.standing === "unanswered") ||
      b.since - a.since ||
      (a.id < b.id ? -1 : 1),
  );
}

/** Whether it is of a patient: what is done with it is done on the patient's page. */
export const isOfPatient = (row: Row): boolean => row.concern === "patients";
/** Whether a silence could keep it quiet: not what goes to people by a plan of its own. */
export const canSilence = (row: Row): boolean => row.concern !== "patients" && row.concern !== "cluster";

/** Whether nobody has it yet, and somebody should. */
export const needsSomebody = (row: Row): boolean => BAND[row.standing] === 0;

/** What goes on and asks nobody: somebody has it, nobody is told of it, or another one covers it. */
export interface Besides {
  taken: number;
  hushed: number;
  covered: number;
}

/** Returns how many rows go on without asking anybody, by why. */
export function goesOn(rows: readonly Row[]): Besides {
  const count = (is: (row: Row) => boolean) => rows.filter(is).length;
  return {
    taken: count(({ standing }) => standing === "taken"),
    hushed: count(({ standing, hush }) => standing === "hushed" && hush?.why !== "inhibited"),
    covered: count(({ standing, hush }) => standing === "hushed" && hush?.why === "inhibited"),
  };
}

/** Whether a row must be seen at once, wherever the hand is. */
export const isPressing = (row: Row): boolean => row.severity === "critical" && needsSomebody(row);

export interface Filter {
  concerns: Concern[];
  severities: Severity[];
  departement: string | null;
  text: string;
  /** What is over is shown too. */
  over: boolean;
  mine: boolean;
}

export const EVERYTHING: Filter = { concerns: [], severities: [], departement: null, text: "", over: false, mine: false };

/** Whether a row is the person's own: told to them, or in their hands. */
export const isMine = (row: Row, me: string): boolean =>
  row.takenBy === me || row.told.some(({ person }) => person === me) || row.alerts.some(({ told }) => told?.includes(me));

/** Returns the rows that a filter leaves; `placeOf` names a département for the text search. */
export function filtered(rows: readonly Row[], filter: Filter, me: string, placeOf: (code: string) => string): Row[] {
  const words = folded(filter.text).split(" ").filter(Boolean);
  return rows.filter(
    (row) =>
      (filter.over || row.standing !== "over") &&
      (filter.concerns.length === 0 || filter.concerns.includes(row.concern)) &&
      (filter.severities.length === 0 || filter.severities.includes(row.severity)) &&
      (filter.departement === null || row.departements.includes(filter.departement)) &&
      (!filter.mine || isMine(row, me)) &&
      (words.length === 0 || words.every((word) => textOf(row, placeOf).includes(word))),
  );
}

function textOf(row: Row, placeOf: (code: string) => string): string {
  return folded([...row.alerts.flatMap(({ alert }) => [alert.title.fr, alert.title.en]), ...row.departements.map(placeOf)].join(" "));
}

/** Returns how many rows of each severity wait for somebody: the bell's numbers. */
export function tallied(rows: readonly Row[]): Record<Severity, number> {
  const tally = { critical: 0, warning: 0, info: 0 };
  for (const row of rows) if (needsSomebody(row)) tally[row.severity] += 1;
  return tally;
}
