/** Has the service worker keep this page, so that it opens without a network too: its code, and nothing that was said. */
import { signal } from "@preact/signals";

export const isKept = signal(false);

/** Asks the worker to keep what this page was made of. */
export async function keepPage(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("/sw.js");
    const { active } = await navigator.serviceWorker.ready;
    await document.fonts.ready;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => (isKept.value = data === "kept");
    active?.postMessage({ type: "keep-answer", files: files() }, [port2]);
  } catch {
    // Without a worker the page works as long as there is a network.
  }
}

function files(): string[] {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const linked = [...document.querySelectorAll<HTMLScriptElement | HTMLLinkElement>("script[src], link[href]")].map((part) =>
    part instanceof HTMLScriptElement ? part.src : part.href,
  );
  const paths = [...loaded, ...linked].map((name) => new URL(name, location.href));
  const own = paths.filter(({ origin, pathname }) => origin === location.origin && pathname.startsWith("/assets/"));
  return [...new Set(own.map(({ pathname }) => pathname))];
}
