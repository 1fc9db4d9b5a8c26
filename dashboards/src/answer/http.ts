/** The patient's doors. The link's secret goes in bodies alone, and no cookie of a professional's session goes along. */

const PATIENCE_MS = 20_000;

const OURS = "urn:vigilits:problem:";
const LATER = new Set(["slot-not-open", "other-origin", "unknown", "wrong-method"]); // said of the moment or the door, not of what was sent

/** What a door said; status 0 where it said nothing. `kind` is our problem's, "" where no door of ours speaks. */
export interface Said<T> {
  status: number;
  body: T;
  kind: string;
  wrong: string[];
  waitMs: number | null;
}

/** Returns whether our own door says no for good: a network's sign-in page, or a proxy, knows nothing of what was sent. */
export const isRefused = ({ status, kind }: Said<unknown>): boolean =>
  status >= 400 && status < 500 && status !== 408 && status !== 429 && kind !== "" && !LATER.has(kind);

/** Returns what a door says to a body; it never throws, as there is no answer that a patient must not be told of in words. */
export async function post<T>(path: string, sent: unknown): Promise<Said<T>> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method: "POST",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      body: JSON.stringify(sent),
    });
  } catch {
    return { status: 0, body: {} as T, kind: "", wrong: [], waitMs: null };
  }
  const body = (await response.json().catch(() => ({}))) as T & { type?: string; errors?: { path?: string }[] };
  const seconds = Number(response.headers.get("retry-after"));
  return {
    status: response.status,
    body,
    kind: typeof body?.type === "string" && body.type.startsWith(OURS) ? body.type.slice(OURS.length) : "",
    // A path is that of groups and item; the item's own link comes last.
    wrong: (Array.isArray(body?.errors) ? body.errors : []).map(({ path }) => String(path ?? "").split(/[./]/).at(-1) ?? ""),
    waitMs: seconds > 0 ? seconds * 1000 : null,
  };
}
