/** Web Push on this device: the service worker, permission, the subscription, and the way to install the app. */
import { signal } from "@preact/signals";
import { remember, remembered } from "../remember";
import { go } from "../route";
import { doors } from "./http";

export type PushState = "unknown" | "unsupported" | "install-first" | "denied" | "off" | "on";
export const pushState = signal<PushState>("unknown");

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}
/** The browser's offer to install the app, kept until somebody wants it. */
export const installPrompt = signal<InstallPrompt | null>(null);
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  installPrompt.value = event as InstallPrompt;
});
addEventListener("appinstalled", () => (installPrompt.value = null));

/** Apple's phones take in pushes only of an app on the home screen, and never offer to install it by themselves. */
export const isApple = /iPhone|iPad/.test(navigator.userAgent);
export const isInstalled = matchMedia("(display-mode: standalone)").matches;

const KEPT_ID = "push-id";
let worker: Promise<ServiceWorkerRegistration> | null = null;

/** Starts the service worker, which also shows a page when there is no network. */
export function startWorker(): void {
  if (!("serviceWorker" in navigator)) {
    pushState.value = "unsupported";
    return;
  }
  worker ??= navigator.serviceWorker.register("/sw.js");
  worker.then(look, () => (pushState.value = "unsupported"));
}

async function look(registration: ServiceWorkerRegistration): Promise<void> {
  if (!("PushManager" in window)) {
    pushState.value = isApple && !isInstalled ? "install-first" : "unsupported";
    return;
  }
  if (Notification.permission === "denied") {
    pushState.value = "denied";
    return;
  }
  const held = await registration.pushManager.getSubscription().catch(() => null);
  if (!held || !remembered(KEPT_ID)) {
    pushState.value = "off";
    return;
  }
  pushState.value = "on";
  // The worker may have renewed it meanwhile: the server knows it by another id then.
  await keep(held).catch(() => undefined);
}

async function keep(held: PushSubscription): Promise<void> {
  const { endpoint, keys } = held.toJSON();
  const kept = await doors.subscribe({ endpoint, keys, label: deviceName() });
  remember(KEPT_ID, kept.id);
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** Goes where a tapped notification points, when this page is the one that it brought to the front. */
export function followWorker(): void {
  navigator.serviceWorker?.addEventListener("message", ({ data, ports }: MessageEvent<{ type?: string; url?: string }>) => {
    if (data?.type !== "open" || !data.url) return;
    const { origin, pathname, search } = new URL(data.url, location.href);
    if (origin !== location.origin) return;
    ports[0]?.postMessage("going"); // else the worker takes the page there itself
    go(pathname + search);
  });
  navigator.serviceWorker?.startMessages();
}

/** Asks for permission and subscribes this device; throws what went wrong. */
export async function subscribe(): Promise<void> {
  const registration = await worker;
  if (!registration) return;
  if ((await Notification.requestPermission()) !== "granted") {
    pushState.value = Notification.permission === "denied" ? "denied" : "off";
    return;
  }
  const { key } = await doors.pushKey();
  const held =
    (await registration.pushManager.getSubscription()) ??
    (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(key) }));
  await keep(held);
  pushState.value = "on";
}

/** Ends the subscription, here and on the server. */
export async function unsubscribe(): Promise<void> {
  const registration = await worker;
  const held = await registration?.pushManager.getSubscription();
  const id = remembered(KEPT_ID);
  if (id) await doors.unsubscribe(id).catch(() => undefined); // the push service says 410, and the server drops it then
  await held?.unsubscribe();
  remember(KEPT_ID, "");
  pushState.value = "off";
}

/** Asks the server to push a message to this device. */
export async function tryPush(): Promise<void> {
  const id = remembered(KEPT_ID);
  if (id) await doors.tryPush(id);
}

/** By what its owner knows the device among others: no more than the browser says to anybody. */
function deviceName(): string {
  const on = /Android|iPhone|iPad|Windows|Mac OS|Linux/.exec(navigator.userAgent)?.[0] ?? "";
  const by = /Firefox|Edg|Chrome|Safari/.exec(navigator.userAgent)?.[0] ?? "";
  return [by === "Edg" ? "Edge" : by, on].filter(Boolean).join(", ");
}
