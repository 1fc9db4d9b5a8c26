/** Makes what is heard and felt of alerts, and keeps what is muted; the sounds are made here, no file is played. */
import { effect, signal } from "@preact/signals";
import { soundBlocked } from "../bell";
import { remember, remembered } from "../remember";
import { SEVERITIES } from "./rows";
import { SHAKES, TUNES } from "./sound";
import type { Severity } from "./wire";

const SILENT_AT_FIRST = "info";
export const muted = signal<ReadonlySet<Severity>>(
  new Set((remembered("muted") ?? SILENT_AT_FIRST).split(",").filter(Boolean) as Severity[]),
);
const touched = signal(navigator.userActivation?.hasBeenActive ?? false);
// Not before a press is over: what it says goes then, and nothing may move between a press and its end.
const TOUCHES = ["click", "keydown"] as const;

function onTouch(event: Event): void {
  if (!(navigator.userActivation?.hasBeenActive ?? event.isTrusted)) return;
  touched.value = true;
  for (const touch of TOUCHES) removeEventListener(touch, onTouch, true);
}

/** Says from the start that nothing will be heard before the page is touched, where something should be. */
export function followTouch(): void {
  for (const touch of TOUCHES) addEventListener(touch, onTouch, true);
  effect(() => {
    soundBlocked.value = !touched.value && muted.value.size < SEVERITIES.length;
  });
}

let context: AudioContext | null = null;
const LOUD = 0.22;

export function mute(severity: Severity, isMuted: boolean): void {
  const next = new Set(muted.value);
  if (isMuted) next.add(severity);
  else next.delete(severity);
  muted.value = next;
  remember("muted", [...next].join(","));
}

/** Sounds and shakes for a severity. */
export function ring(severity: Severity): void {
  if (!touched.value) return; // the page says so
  navigator.vibrate?.(SHAKES[severity]);
  context ??= new AudioContext();
  void context.resume().then(() => play(context!, severity));
}

function play(on: AudioContext, severity: Severity): void {
  const start = on.currentTime + 0.03;
  for (const { pitch, at, lasts } of TUNES[severity]) {
    const tone = on.createOscillator();
    const loud = on.createGain();
    tone.type = "triangle";
    tone.frequency.value = pitch;
    // Rises and falls softly: a square edge clicks.
    loud.gain.setValueAtTime(0, start + at);
    loud.gain.linearRampToValueAtTime(LOUD, start + at + 0.015);
    loud.gain.setValueAtTime(LOUD, start + at + lasts - 0.05);
    loud.gain.linearRampToValueAtTime(0, start + at + lasts);
    tone.connect(loud).connect(on.destination);
    tone.start(start + at);
    tone.stop(start + at + lasts + 0.02);
  }
}
