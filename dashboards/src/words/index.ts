/** The language of the screens, remembered, and what is said in it. */
import { computed, effect, signal } from "@preact/signals";
import { remembered, remember } from "../remember";
import type { Words } from "../wire";
import { en } from "./en";
import { fr, type Dictionary } from "./fr";

export type Tongue = "fr" | "en";
const TONGUES: Record<Tongue, Dictionary> = { fr, en };

export const tongue = signal<Tongue>(first());

/** The dictionary in force: read `t.value.…` while drawing. */
export const t = computed<Dictionary>(() => TONGUES[tongue.value]);

/** Returns a label of the directory in the language in force. */
export function say(words: Words): string {
  return words[tongue.value] || words.fr;
}

/** Keeps the page's language attribute and the memory in step. */
export function followTongue(): void {
  effect(() => {
    document.documentElement.lang = tongue.value;
    remember("tongue", tongue.value);
  });
}

function first(): Tongue {
  const kept = remembered("tongue");
  if (kept === "fr" || kept === "en") return kept;
  return typeof navigator !== "undefined" && navigator.language && !navigator.language.startsWith("fr") ? "en" : "fr";
}
