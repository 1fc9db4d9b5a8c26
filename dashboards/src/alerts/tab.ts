/** The tab's icon and the installed app's badge: how many alerts wait, drawn. */
import { effect } from "@preact/signals";
import { tally, type Tally } from "../bell";

const SIZE = 64;
let plain: string | null = null;
let drawn = "";

/** Keeps icon and badge in step with the bell. */
export function followTab(): void {
  effect(() => show(tally.value));
}

function show(now: Tally | null): void {
  const waiting = now === null ? 0 : now.critical + now.warning;
  const says = now === null ? "" : `${now.critical}/${waiting}`;
  if (says === drawn) return;
  drawn = says;
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  plain ??= link.href;
  link.href = waiting === 0 ? plain : (draw(waiting, now!.critical > 0) ?? plain);
  void navigator.setAppBadge?.(waiting).catch(() => undefined);
}

function draw(waiting: number, critical: boolean): string | null {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const on = canvas.getContext("2d");
  if (!on) return null;
  on.fillStyle = critical ? "#b3122f" : "#b27300";
  on.beginPath();
  // The outlines of the severities: a stop sign, a triangle would leave a number no room.
  if (critical) [20, 0, 44, 0, 64, 20, 64, 44, 44, 64, 20, 64, 0, 44, 0, 20].forEach((n, i, all) => i % 2 === 0 && on.lineTo(n, all[i + 1]!));
  else on.arc(SIZE / 2, SIZE / 2, SIZE / 2, 0, 2 * Math.PI);
  on.fill();
  on.fillStyle = "#ffffff";
  on.font = `700 ${waiting > 9 ? 36 : 46}px Inter Variable, system-ui, sans-serif`;
  on.textAlign = "center";
  on.textBaseline = "middle";
  on.fillText(waiting > 99 ? "99+" : String(waiting), SIZE / 2, SIZE / 2 + 3);
  return canvas.toDataURL("image/png");
}
