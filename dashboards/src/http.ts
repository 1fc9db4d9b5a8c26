/** Asks the API and returns what it says; a refusal is a `Problem` with its status. */
import type { Capacity, Directory, Hour, NearbyResult, Session, WardDetail } from "./wire";
import type { Outlines } from "./geo";

const PATIENCE_MS = 10_000;

/** What the API answered instead: an RFC 9457 problem, or status 0 where it did not answer. */
export class Problem extends Error {
  readonly status: number;
  readonly body: Record<string, unknown>;

  constructor(status: number, body: Record<string, unknown> = {}) {
    super(typeof body.detail === "string" ? body.detail : typeof body.title === "string" ? body.title : `HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** Returns what a path of the API answers; throws a Problem for anything but success. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...init,
      headers: { Accept: "application/json", ...init.headers },
    });
  } catch (error) {
    throw new Problem(0, { detail: String(error) });
  }
  if (response.status === 204) return undefined as T;
  const body: unknown = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body as Record<string, unknown>);
  return body as T;
}

/** Returns the path of a region. */
export const region = (code: string) => `/regions/${encodeURIComponent(code)}`;

export const api = {
  session: () => ask<Session>("/session"),
  signIn: (link: string) =>
    ask<Session>("/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ link }) }),
  signOut: () => ask<void>("/session", { method: "DELETE" }),
  dropPush: (id: string) => ask<void>(`/me/push-subscriptions/${encodeURIComponent(id)}`, { method: "DELETE" }),
  directory: (code: string) => ask<Directory>(region(code), { cache: "no-cache" }),
  boundaries: (code: string) => ask<Outlines>(`${region(code)}/boundaries`, { cache: "no-cache" }),
  capacity: (code: string) => ask<Capacity>(`${region(code)}/capacity`, { cache: "no-store" }),
  ward: (code: string, id: string) =>
    ask<WardDetail>(`${region(code)}/wards/${id.split("/").map(encodeURIComponent).join("/")}`, { cache: "no-store" }),
  hours: (code: string, kind: string, departement: string | null) => {
    const asked = new URLSearchParams({ kind, hours: "24", ...(departement ? { departement } : {}) });
    return ask<{ hours: Hour[] }>(`${region(code)}/hours?${asked}`, { cache: "no-store" });
  },
  nearby: (code: string, lat: number, lon: number, kind: string, limit: number) => {
    const asked = new URLSearchParams({ lat: lat.toFixed(5), lon: lon.toFixed(5), kind, limit: String(limit), region: code });
    return ask<{ results: NearbyResult[]; at: number }>(`/search/beds?${asked}`, { cache: "no-store" });
  },
};
