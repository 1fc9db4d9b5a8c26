/** The doors of followed patients. */
import { ask, region } from "../http";
import type { Act, Board, Pathway, PatientPage, Similar } from "./wire";

const now = { cache: "no-store" } as const;
const say = (method: string, body: unknown): RequestInit => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
  // Longer than an act is valid for: what comes back then is an outcome, not a guess.
  signal: AbortSignal.timeout(15_000),
});
const patient = (code: string, id: string) => `${region(code)}/patients/${encodeURIComponent(id)}`;

export interface Enrolled {
  id: string;
  links?: { page?: string | null; answer?: string | null };
  /** Left out where nobody looked. */
  similar?: Similar | null;
  rings?: boolean | null;
}

/** Those of the reader's own circles, and those whose glass they may break. */
export interface Found {
  patients: string[];
  elsewhere?: string[];
}

export interface Asked {
  name?: string;
  matricule?: string;
  first_name?: string;
  birth_date?: string;
}

export const doors = {
  /** The board; of those named alone, where some are: each that is opened is written down. */
  board: (code: string, ids: readonly string[] = []) =>
    ask<Board>(`${region(code)}/patients${ids.length > 0 ? `?ids=${ids.map(encodeURIComponent).join(",")}` : ""}`, now),
  /** Where the rows live, with nobody's file opened. */
  channels: (code: string) => ask<Board>(`${region(code)}/patients?ids=`, now),
  patient: (code: string, id: string) => ask<PatientPage>(patient(code, id), now),
  act: (code: string, id: string, act: Act) => ask<{ outcome?: string }>(`${patient(code, id)}/acts`, say("POST", act)),
  /** Channels and zone that are left out stay as they are. */
  changeFile: (code: string, id: string, told: { file: unknown; reason: string; channels?: readonly string[]; zone?: string }) =>
    ask<unknown>(`${patient(code, id)}/file`, say("PUT", told)),
  revokeLinks: (code: string, id: string) => ask<unknown>(`${patient(code, id)}/revoke-links`, say("POST", {})),
  breakGlass: (code: string, id: string, reason: string) => ask<unknown>(`${patient(code, id)}/break-glass`, say("POST", { reason })),
  joinOnCall: (code: string, id: string) => ask<unknown>(`${patient(code, id)}/on-call`, { method: "POST" }),
  /** Under the same key the same patient, however often it is sent: an answer may be lost on its way. */
  enrol: (code: string, body: unknown, key: string) => {
    const init = say("POST", body);
    return ask<Enrolled>(`${region(code)}/patients`, { ...init, headers: { ...init.headers, "Idempotency-Key": key } });
  },
  search: (code: string, asked: Asked) => ask<Found>(`${region(code)}/patients/search`, say("POST", asked)),
  pathways: (code: string) => ask<{ pathways: Pathway[]; zone?: string; begins: string[] }>(`${region(code)}/pathways`, now),
};
