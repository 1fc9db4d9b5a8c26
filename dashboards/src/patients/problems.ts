/** Why something was refused, in the reader's words: by the kind of problem, and by what is said of each field. Pure. */
import { Problem } from "../http";
import type { PatientWords } from "./words/fr";

/** Returns the kind of a refusal, empty for whatever is none. */
export const kindOf = (error: unknown): string =>
  error instanceof Problem ? String(error.body.type ?? "").replace(/^urn:vigilits:problem:/, "") : "";

type Words = Pick<PatientWords, "problem" | "mistake" | "needed" | "refused" | "forbidden" | "notDone" | "takenFirst" | "colon" | "fieldOf">;

/** Returns what is said of a field in the reader's words, its figures kept; as the server says it where nobody has words for it. */
export function mistakeText(message: string, words: Words): string {
  const figures: string[] = [];
  const plain = message.replace(/-?\d+(\.\d+)?/g, (figure) => {
    figures.push(figure);
    return "#";
  });
  const known: Record<string, ((...figures: string[]) => string) | undefined> = words.mistake;
  return known[plain]?.(...figures) ?? message;
}

interface Wrong {
  path: string;
  message: string;
}

function errorsOf(body: Record<string, unknown>): Wrong[] {
  const errors = Array.isArray(body.errors) ? (body.errors as { path?: unknown; message?: unknown }[]) : [];
  return errors.map(({ path, message }) => ({ path: String(path ?? ""), message: String(message ?? "") }));
}

/** Returns what the server found wrong, by the path of the field ("file.contact.phone"); a field that another needs is wrong as well. */
export function mistakesOf(body: Record<string, unknown>, words: Words): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { path, message } of errorsOf(body)) {
    found[path] = mistakeText(message, words);
    const other = /^needs (file\.[\w.]+)$/.exec(message)?.[1];
    if (other) found[other] ??= words.needed;
  }
  return found;
}

/** Returns why something was not done. The server's own words, which are English, stand where the page has none for them. */
export function refusalText(refusal: Problem, words: Words, who: (subject: string) => string): string {
  const { status, body } = refusal;
  if (typeof body.taken_by === "string") return words.takenFirst(String(body.taken_by_name ?? who(body.taken_by)));
  const wrong = errorsOf(body);
  if (wrong.length > 0) {
    return words.refused(wrong.map(({ path, message }) => `${words.fieldOf[path] ? `${words.fieldOf[path]}${words.colon}` : ""}${mistakeText(message, words)}`).join(" ; "));
  }
  // What it said in particular is the nearer word, where there is one.
  const detail = typeof body.detail === "string" ? body.detail : "";
  if (detail !== "" && mistakeText(detail, words) !== detail) return words.refused(mistakeText(detail, words));
  const known: Record<string, string | undefined> = words.problem;
  const told = known[kindOf(refusal)];
  if (told !== undefined) return told;
  if (!status || status >= 500) return words.notDone;
  if (status === 403) return words.forbidden;
  return words.refused(refusal.message);
}
