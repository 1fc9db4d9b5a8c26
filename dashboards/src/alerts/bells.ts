/** Makes what is heard and felt of alerts, and keeps what is muted; the sounds are made here, no file is played. */
import { signal } from "@preact/signals";
import { remember, remembered } from "../remember";
import { SHAKES, TUNES } from "./sound";
import type { Severity } from "./wire";

const SILENT_AT_FIRST = "info";
export const muted = signal<ReadonlySet<Severity>>(
  new Set((remembered("muted") ?? SILENT_AT_FIRST).split(",").filter(Boolean) as Severity[]),
);
/** An alert came that could not be heard, since browsers let a page sound only once it was touched. */
export const soundBlocked = signal(false);

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
  if (!navigator.userActivation?.hasBeenActive) {
    soundBlocked.value = true;
    addEventListener("pointerdown", () => (soundBlocked.value = false), { once: true });
    return;
  }
  soundBlocked.value = false;
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
