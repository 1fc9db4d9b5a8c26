/** The doors of the desks. */
import { ask, region } from "../http";
import type { Words } from "../wire";
import type { Call, CallOutcome, Imported, RowSent, RowTold, Sitting, TrailLine } from "./wire";

const now = { cache: "no-store" } as const;
const PATIENCE_MS = 20_000; // many rows are folded before the answer comes
const say = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
  signal: AbortSignal.timeout(PATIENCE_MS),
});

export const doors = {
  sitting: (code: string, finess: string) => ask<Sitting>(`${region(code)}/sittings/${encodeURIComponent(finess)}`, now),
  sit: (code: string, finess: string, rows: RowSent[]) =>
    ask<{ rows: RowTold[] }>(`${region(code)}/sittings/${encodeURIComponent(finess)}`, say({ rows })),
  calls: (code: string) => ask<{ at: number; calls: Call[] }>(`${region(code)}/calls`, now),
  called: (code: string, id: string, told: { outcome: CallOutcome; next_at?: number; note?: string }) =>
    ask<{ outcome?: string }>(`${region(code)}/patients/${encodeURIComponent(id)}/acts`, say({ act: "call", ...told })),
  bring: (code: string, pathway: string, list: string, key: string) =>
    ask<{ rows: Imported[] }>(`${region(code)}/calls/import?pathway=${encodeURIComponent(pathway)}`, {
      method: "POST",
      headers: { "Content-Type": "text/csv", "Idempotency-Key": key },
      body: list,
      signal: AbortSignal.timeout(PATIENCE_MS),
    }),
  /** The pathways that begin by telephone. */
  firstCalls: async (code: string) =>
    (await ask<{ pathways: { id: string; title: Words; first_call?: unknown }[] }>(`${region(code)}/pathways`, now)).pathways.filter(
      ({ first_call }) => first_call != null,
    ),
  trail: (code: string, asked: { file: string; person: string; before?: number }) => {
    const query = new URLSearchParams();
    if (asked.file) query.set("file", asked.file);
    if (asked.person) query.set("person", asked.person);
    if (asked.before !== undefined) query.set("before", String(asked.before));
    return ask<{ entries: TrailLine[]; next: number | null }>(`${region(code)}/trail?${query}`, now);
  },
};
