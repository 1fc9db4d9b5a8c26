/** What travels of alerts: the shapes of the API's `domain/alerts`, whose absent keys stand for their defaults. */
import type { Instant, Words } from "../wire";

export type Severity = "info" | "warning" | "critical";
export type Concern = "beds" | "data" | "system" | "cluster" | "patients";
export type Outcome = "acted" | "no_action_needed" | "wrong";

export interface Alert {
  id: string;
  rule: string;
  subject: string;
  status: "pending" | "firing" | "acknowledged" | "resolved";
  severity: Severity;
  since: Instant;
  labels: Record<string, string>;
  title: Words;
  text: Words;
  todo: Words;
  value?: number | null;
  threshold?: number | null;
  link?: string;
  raised_at?: Instant | null;
  changed_at?: Instant;
  taken_by?: string | null;
  taken_at?: Instant | null;
  expires_at?: Instant | null;
  reopened?: number;
  resolved_at?: Instant | null;
  why?: "cleared" | "closed" | "gone" | null;
  outcome?: Outcome | null;
}

export interface HeldAlert {
  alert: Alert;
  shard: string;
  groups?: string[];
  seen_by?: Record<string, Instant>;
  silenced_by?: string | null;
  inhibited_by?: string | null;
  told?: string[];
  comments?: number;
  /** Handed over to somebody whom nothing reached: it waits again. */
  adrift?: boolean;
}

export interface Told {
  person: string;
  channel: string;
  at: Instant;
  reason: string;
  delivered_at?: Instant | null;
  failed_at?: Instant | null;
  why?: string;
}

export interface NotTold {
  why: string;
  at: Instant;
  person?: string | null;
  until?: Instant | null;
  by?: string;
}

export interface Group {
  id: string;
  route: string;
  labels: Record<string, string>;
  severity: Severity;
  status: "waiting" | "telling" | "taken" | "unanswered" | "resolved" | "quiet";
  alerts: string[];
  began_at: Instant;
  chain: string;
  next_at?: Instant | null;
  step?: number;
  told?: Told[];
  not_told?: NotTold[];
  delayed?: boolean;
  told_at?: Instant | null;
  taken_by?: string | null;
  unanswered_at?: Instant | null;
  resolved_at?: Instant | null;
}

export interface Silence {
  id: string;
  matchers: Record<string, string[]>;
  since: Instant;
  until: Instant;
  reason: string;
  author: string;
}

export interface Override {
  id: string;
  schedule: string;
  person: string;
  since: Instant;
  until: Instant;
  author: string;
  reason?: string;
}

export interface ChannelState {
  up: boolean;
  at: Instant;
  why?: string;
}

export interface OnCallNow {
  person?: string | null;
  until?: Instant | null;
  read_at?: Instant | null;
  source?: string;
  trouble?: string;
}

/** Something that people are told of once, and need not answer. */
export interface Word {
  at: Instant;
  severity: Severity;
  title: Words;
  text: Words;
  link: string;
}

/** At least so many, and at most so many. */
export interface Span {
  least: number;
  most: number;
}

/** How many patients are followed, of an hour: cells `<département>/<colour>`, and margins, of no fewer than are shown. */
export interface Counts {
  at: Instant;
  cells: Record<string, number>;
  departements: Record<string, number>;
  colours: Record<string, Span>;
  all: Span;
}

/** Whole values by key; in changes null removes one. */
export interface AlertMaps {
  alerts: HeldAlert;
  groups: Group;
  silences: Silence;
  overrides: Override;
  channels: ChannelState;
  on_call: OnCallNow;
  counts: Counts;
  words: Word;
}
export const MAPS = ["alerts", "groups", "silences", "overrides", "channels", "on_call", "counts", "words"] as const;

export type AlertsPicture = { token?: string; at: Instant; rebuilding?: boolean } & {
  [K in keyof AlertMaps]?: Record<string, AlertMaps[K]>;
};
export type AlertsChanges = { at?: Instant; rebuilding?: boolean } & {
  [K in keyof AlertMaps]?: Record<string, AlertMaps[K] | null>;
};

export type AlertsFrame =
  | { type: "snapshot"; channel: string; token: string; data: AlertsPicture }
  | { type: "changes"; channel: string; token: string; changes: AlertsChanges }
  | { type: "reset"; channel: string; reason?: string }
  | { type: "live"; channel: string; at: Instant }
  | { type: "error"; channel?: string; code: string; detail?: string }
  | { type: "pong"; channel?: string };

export interface Entry {
  at: Instant;
  what: string;
  by?: string | null;
  to?: string | null;
  channel?: string | null;
  text?: string;
}

export interface AlertDetail {
  alert: HeldAlert | Record<string, unknown>;
  groups?: Group[];
  timeline: Entry[];
}

export type Act = "seen" | "take" | "hand_over" | "resolve" | "comment";

/** Why something was refused; whose it is already, and since when, where that is why. */
export interface Refusal {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  taken_by?: string;
  taken_by_name?: string;
  taken_at?: Instant;
  over_at?: Instant;
}

/** What became of an act on one alert; `status` is that of HTTP. */
export interface Acted {
  id: string;
  status: number;
  outcome?: "applied" | "pending";
  problem?: Refusal;
}

export interface Person {
  subject: string;
  name: string | null;
  team?: string;
}

export interface RuleWorth {
  rule: string;
  title: Words | null;
  raised: number;
  notified: number;
  taken: number;
  p50_s: number | null;
  p90_s: number | null;
  escalated: number;
  acted: number;
  no_action_needed: number;
  wrong: number;
  /** Over without a word of anybody. */
  unsaid: number;
  actionable: number | null;
  proposed: boolean;
}

export interface WorthPicture {
  rules: RuleWorth[];
  teams?: { team: string; people: number; notices: number }[];
  me?: { notices: number };
}

export interface MyChannels {
  channels: Partial<Record<Severity, string[]>>;
  /** One or more ways for a channel, as their owner recognises them. */
  known: { channel: string; address: string }[];
}

export interface PushSubscriptionRow {
  id: string;
  label?: string;
}
