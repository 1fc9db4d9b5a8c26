/** Reads a question aloud, where the device can. */
import { signal } from "@preact/signals";
import type { Tongue } from "../words";

export const canSpeak = typeof speechSynthesis !== "undefined" && typeof SpeechSynthesisUtterance !== "undefined";
/** What is being read: the link of an item. */
export const speaking = signal<string | null>(null);

/** Reads a text, or stops where it is being read already. */
export function speak(id: string, text: string, tongue: Tongue): void {
  const stops = speaking.value === id;
  silence();
  if (stops) return;
  const said = new SpeechSynthesisUtterance(text);
  said.lang = tongue === "fr" ? "fr-FR" : "en-GB";
  said.rate = 0.9;
  said.onend = said.onerror = () => {
    if (speaking.value === id) speaking.value = null;
  };
  speaking.value = id;
  speechSynthesis.speak(said);
}

export function silence(): void {
  if (canSpeak) speechSynthesis.cancel();
  speaking.value = null;
}
