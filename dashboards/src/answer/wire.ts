/** What travels between the patient's page and its doors. */
import type { Instant, Words } from "../wire";
import type { RedFlag } from "./flags";
import type { Answers, Questionnaire } from "./questionnaire";

export type FollowUp = "calling" | "followed" | "paused" | "stopped" | "ended" | "refused";

/** What a link opens: nothing of it says whose it is. Without a slot there is nothing to answer now. */
export interface Opened {
  /** The door's own clock, and by how much it is ahead of this phone's (which the page adds). */
  at: Instant;
  ahead?: number;
  region: string;
  /** The same for all links of one patient. */
  whose?: string;
  language: string;
  slot: string | null;
  due_at?: Instant | null;
  opens_at?: Instant | null;
  closes_at?: Instant | null;
  answered?: boolean;
  /** How many of the required answers are missing from what was sent. */
  lacks?: number;
  questionnaire: Questionnaire;
  flags: RedFlag[];
  stop: Words;
  status: FollowUp;
  /** When somebody is there to read a red, on from `at`. */
  presence: { since: Instant; until: Instant }[];
}

export type By = "patient" | "caregiver";

/** Answers as they are sent; the id stays the same however often this is tried. */
export interface Sending {
  link: string;
  id: string;
  by: By;
  slot: string;
  answers: Answers;
}

/** A sending as it is kept on this device. */
export interface KeptSending extends Sending {
  /** Whose link it was written by, where that is known: the same patient's next link may bring it. */
  whose?: string;
  /** Its link opens nothing any more: it waits for another one. */
  held?: boolean;
  /** It is of another slot than the one that its link, which is not the first, asks for. */
  late?: boolean;
  /** It asks for the 15, and was sent by itself while the questionnaire was still being filled in. */
  meanwhile?: boolean;
}

/** What is told of answers that were taken; `call_15` whatever the page's own flags say. */
export interface Receipt {
  received_at?: Instant;
  call_15?: boolean;
}

/** The instants are null where what became of it is not known yet. */
export interface Stopped {
  over_at: Instant | null;
  erased_by: Instant | null;
  waits: boolean;
}

export interface OwnFile {
  birth_name?: string;
  used_name?: string;
  first_names?: string[];
  birth_date?: string;
  language?: string;
  contact?: { phone?: string; email?: string };
  caregivers?: { name: string; relation?: string; contact?: { phone?: string; email?: string } }[];
  consent?: { text_version?: string; given_at?: Instant; representative?: string } | null;
}

/** What is told to whoever proves to be the patient. */
export interface Own {
  questionnaire: Questionnaire;
  slots: { slot: string; due_at?: Instant | null; sent?: { at: Instant; by: string }[]; answers: Answers; first?: Answers }[];
  file: OwnFile;
  trail: { at: Instant; who: string; name?: string | null; act: string; screen: string }[];
}
