/** What travels of followed patients: rows in clear by channel, content by HTTP alone. Fields at their default are left out. */
import type { Instant, Words } from "../wire";

export type Colour = "green" | "yellow" | "orange" | "red";
export type MemberRole = "physician" | "nurse" | "coordinator" | "tracing_agent" | "ehpad" | "samu" | "geriatrics" | "on_call";
export type Status = "calling" | "followed" | "paused" | "stopped" | "ended" | "refused";
export type Care = "teleconsultation" | "nurse_visit" | "emergency_department" | "samu";
export type Outcome = "acted" | "no_action_needed" | "wrong";
export type Value = boolean | number | string | string[] | null;

export interface Member {
  subject: string;
  role: MemberRole;
  until?: Instant | null;
  /** No grant lets them be this any more: they are told of nothing until one does again. */
  lapsed?: boolean;
}

export interface PatientAlert {
  id: string;
  colour: Colour;
  status: "firing" | "acknowledged";
  opened_at: Instant;
  slot: string;
  /** How often something grave was found, what raised it among it; 1 where it is left out. */
  news?: number;
  worsened_at?: Instant | null;
  taken_by?: string | null;
  taken_at?: Instant | null;
  check_at?: Instant | null;
  reopened?: number;
}

/** An alert that a person closed. */
export interface Closed {
  id: string;
  colour: Colour;
  closed_at: Instant;
  closed_by: string;
  outcome: Outcome;
}

export interface SlotState {
  state: "open" | "answered" | "missed" | "skipped";
  due_at: Instant;
  colour?: Colour;
  incomplete?: boolean;
  at?: Instant | null;
  by?: string | null;
  corrections?: number;
}

export interface Due {
  slot: string;
  day: number;
  opens_at: Instant;
  due_at: Instant;
  closes_at: Instant;
}

/** A patient in clear: a pseudonym, instants and colours, and no content. */
export interface Row {
  id: string;
  pathway: string;
  status: Status;
  circle: Member[];
  enrolled_at: Instant;
  channels?: string[];
  departement?: string;
  facility?: string;
  changed?: number;
  slot?: Due | null;
  slots?: Record<string, SlotState>;
  colour?: Colour | null;
  colour_at?: Instant | null;
  incomplete?: boolean;
  answered_at?: Instant | null;
  alert?: PatientAlert | null;
  closed?: Closed[];
  muted_until?: Instant | null;
  memos?: Record<string, Instant>;
  read?: Record<string, Instant>;
  written_at?: Instant | null;
  call_at?: Instant | null;
  calls?: number;
  teleconsultations?: number;
  over_at?: Instant | null;
  stopped_by_patient?: boolean;
  summary?: "" | "due" | "sent" | "received";
  erase_at?: Instant | null;
  unreadable?: boolean; // the file can't be read, whatever is answered meanwhile
}

export interface Reason {
  rule: string;
  words: Words;
  item?: string;
  value?: Value;
  unit?: string;
  threshold?: number | null;
  whose?: "default" | "own";
  colour: Colour;
}

/** A question that is still to be answered, and as what its number is read, for short. */
export interface ToAsk {
  item: string;
  words: Words;
  reading: string;
}

export interface Suggestion {
  care: Care;
  rule: string;
}

/** What the board shows of a patient besides the row: read by HTTP, and held in memory alone. */
export interface BoardPatient extends Row {
  name: string;
  age: number | null;
  title: Words;
  range: [number, number] | null;
  trend: "up" | "down" | "flat" | null;
  reasons: Reason[];
  ask: ToAsk[];
  suggestion: Suggestion | null;
  unread: number;
  memos_due: number;
  taken_by_name: string | null;
}

export interface Board {
  at: Instant;
  channels: string[];
  patients: BoardPatient[];
  /** How many beyond the gravest were not opened. */
  left_off?: number;
}

// --- one patient ------------------------------------------------------------------------------------------------------------

export interface Item {
  link: string;
  kind: "group" | "display" | "boolean" | "integer" | "decimal" | "choice" | "choices" | "text";
  text: Words;
  required?: boolean;
  unknowable?: boolean;
  unit?: string;
  lowest?: number | null;
  highest?: number | null;
  options?: { code: string; label: Words }[];
  items?: Item[];
}

export type Test = "is" | "includes" | "at_least" | "at_most" | "below";

export interface Flag {
  id: string;
  item: string;
  test: Test;
  value: boolean | number | string;
  colour: Colour;
  words: Words;
  source: string;
  floor?: number | null;
}

export interface Pathway {
  id: string;
  version: string;
  title: Words;
  questionnaire: { url: string; version: string; title: Words; items: Item[] };
  scoring: {
    readings?: Record<string, string>;
    flags?: Flag[];
    trends?: { id: string; item: string; worse: "lower" | "higher"; by: number; days: number; colour: Colour; words: Words }[];
    news2?: { yellow: number; orange?: number; red?: number; single_3?: Colour } | null;
    home_cov?: { items: Record<string, string>; colour?: Colour; floors?: Record<string, number> } | null;
    oximetry?: { samu?: Colour; borderline?: Colour; after_effort?: string; floor?: number | null } | null;
  };
  answered_by?: "patient" | "staff";
  first_call?: { script: Words } | null;
  end: { how: "erase" | "summary"; keep_days?: number; tell_days?: number };
  outside?: Record<string, { on_call?: string; call_15?: boolean }>;
}

export interface Finding {
  rule: string;
  version: string;
  colour: Colour;
  item?: string;
  value?: Value;
  threshold?: number | null;
  whose?: "default" | "own";
  points?: number | null;
}

export interface News2 {
  low: number;
  high: number;
  /** `value` at the chart's step; not there where nobody knows it. */
  points: { parameter: string; value?: string; low: number; high: number }[];
  scale?: 1 | 2;
  version?: string;
}

export interface Result {
  colour: Colour;
  incomplete: boolean;
  ask: string[];
  findings: Finding[];
  unknown: string[];
  news2: News2 | null;
  news2_why_not: string;
  suggestion: Suggestion | null;
  pathway: string;
  version?: string;
}

export interface Sending {
  id: string;
  at: Instant;
  by: string;
  answers: Record<string, Value>;
}

export interface SlotShown {
  slot: string;
  state: SlotState | null;
  day?: number;
  sent?: Sending[];
  answers?: Record<string, Value>;
  first?: Record<string, Value>;
  result?: Result | null;
}

export interface Contact {
  phone?: string;
  email?: string;
}

export interface Consent {
  text_version: string;
  given_at: Instant;
  recorded_by: string;
  by?: string;
  representative?: string;
  capacity?: string;
}

export interface PatientFile {
  birth_name: string;
  first_names: string[];
  birth_date: string;
  sex: "male" | "female" | "unknown";
  used_name?: string;
  birth_place?: string;
  language?: string;
  contact?: Contact;
  caregivers?: { name: string; relation?: string; contact?: Contact }[];
  consent?: Consent | null;
  /** That stood until what they agreed to on the telephone. */
  consent_before?: Consent | null;
  symptoms_day?: number | null;
  pregnant?: boolean;
  scale?: 1 | 2;
  scale_2_prescribed_by?: string;
  care?: Care | null;
  thresholds?: Record<string, { value: number; set_by?: string; set_at?: Instant; reason: string }>;
  ins?: { status: string; matricule?: string; oid?: string; traits: Record<string, unknown> } | null;
  residence?: Record<string, string> | null;
}

export interface Mute {
  rule: string;
  reason: string;
  by?: string;
  until?: Instant;
}

export interface StoryLine {
  id: string;
  at: Instant;
  what: string;
  by?: string;
  to?: string;
  detail?: string;
  until?: Instant | null;
  text?: string | null;
}

export interface Provider {
  id: string;
  name: string;
  url: string;
}

/** Files that may be the same person's: the reader's own, and whether there are others. */
export interface Similar {
  patients: string[];
  elsewhere: boolean;
}

export interface PatientPage {
  row: Row;
  file: PatientFile;
  pathway: Pathway;
  slots: SlotShown[];
  why: Finding[];
  mutes: Mute[];
  story: StoryLine[];
  names: Record<string, string>;
  providers: Provider[];
  /** Whether a red would ring somebody now; null where that is not known. */
  rings?: boolean | null;
  /** That of their slots. */
  zone?: string;
  /** Told once, after the file was opened or changed. */
  similar?: Similar | null;
}

export type Act =
  | { act: "take"; alert: string; seen: number; check_at: Instant }
  | { act: "hand_over"; alert: string; to: string; check_at?: Instant }
  | { act: "close"; alert: string; seen: number; outcome: Outcome; text?: string }
  | { act: "comment"; alert: string; text: string }
  | { act: "mute"; rule: string; minutes: number; reason: string }
  | { act: "message"; text: string }
  | { act: "read"; upto: Instant }
  | { act: "memo"; text: string; due_at: Instant }
  | { act: "memo_done"; memo: string }
  | { act: "join"; subject: string; role: MemberRole }
  | { act: "leave"; subject: string }
  | { act: "pause"; reason: string }
  | { act: "resume" }
  | { act: "stop"; reason: string }
  | { act: "end"; reason: string }
  | { act: "teleconsultation"; provider: string }
  | { act: "summary_received" };

// --- frames -----------------------------------------------------------------------------------------------------------------

export interface RowsPicture {
  at: Instant;
  rebuilding?: boolean;
  patients?: Record<string, Row>;
  token?: string;
}
export interface RowsChanges {
  at?: Instant;
  rebuilding?: boolean;
  patients?: Record<string, Row | null>;
}
export type RowsFrame =
  | { type: "snapshot"; channel: string; token: string; data: RowsPicture }
  | { type: "changes"; channel: string; token: string; changes: RowsChanges }
  | { type: "reset"; channel: string; reason?: string }
  | { type: "live"; channel: string; at: Instant }
  | { type: "error"; channel?: string; code: string; detail?: string }
  | { type: "pong"; channel?: string };
