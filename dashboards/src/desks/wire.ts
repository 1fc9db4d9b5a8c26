/** What travels between the desks and their doors. */
import type { RedFlag } from "../answer/flags";
import type { Answers, Questionnaire } from "../answer/questionnaire";
import type { Instant, Words } from "../wire";

export interface Resident {
  id: string;
  name: string;
  room: string;
  pathway: string;
  status: string;
  state: "none" | "waits" | "open" | "answered" | "missed";
  slot?: string | null;
  opens_at?: Instant | null;
  due_at?: Instant | null;
  closes_at?: Instant | null;
  received_at?: Instant | null;
  /** Required items that are not among what was answered. */
  missing?: string[];
  /** What was answered asks for the 15. */
  call_15?: boolean;
  /** Where limits of their own are in force. */
  flags?: RedFlag[] | null;
  /** Told to the resident's circle alone. */
  answers?: Answers | null;
}

export interface Sitting {
  at: Instant;
  facility: string;
  name: string;
  residents: Resident[];
  questionnaires: Record<string, Questionnaire>;
  flags: Record<string, RedFlag[]>;
}

export interface RowSent {
  patient: string;
  slot: string;
  id: string;
  answers: Answers;
}

export interface RowTold {
  patient: string;
  slot: string;
  id: string;
  status: number;
  kind?: string;
  errors?: { path: string; message: string }[];
  received_at?: Instant;
  /** How many required answers its slot is still without. */
  lacks?: number;
  /** Red by a score or a limit that the row's own flags do not know, or graver than anybody is there for. */
  call_15?: boolean;
}

export interface Call {
  id: string;
  name: string;
  birth_date: string;
  departement: string;
  title: Words;
  phone: string;
  calls: number;
  call_at: Instant | null;
  script: Words;
  pathway: string;
}

export type CallOutcome = "agreed" | "refused" | "unreachable" | "call_again";

export interface Imported {
  row: number;
  /** The row's own in a spreadsheet. */
  line: number;
  id?: string;
  pending?: boolean;
  kind?: string;
  errors?: { path: string; message: string }[];
}

export interface TrailLine {
  number: number;
  at: Instant;
  who: string;
  name?: string | null;
  grant: string;
  act: string;
  file: string;
  screen: string;
}
