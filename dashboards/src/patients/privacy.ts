/** Whether names are in sight: on a phone only once they were asked for, and hidden again after the page was away. */
import { computed, signal } from "@preact/signals";

const handheld = matchMedia("(max-width: 699px), (max-width: 999px) and (pointer: coarse)");
const isHandheld = signal(handheld.matches);
const unlocked = signal(false);

/** Whether this screen is one that others look at over a shoulder. */
export const hides = isHandheld;
export const namesShown = computed(() => !isHandheld.value || unlocked.value);

export const unlock = (): void => void (unlocked.value = true);
export const lock = (): void => void (unlocked.value = false);

let following = false;

/** Starts to watch whether the page goes away; once is enough for all pages. */
export function followPrivacy(): void {
  if (following) return;
  following = true;
  handheld.addEventListener("change", () => (isHandheld.value = handheld.matches));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) lock();
  });
  addEventListener("pagehide", lock);
}
