/* Shows what is pushed, marks it seen from the lock screen, and says so when there is no network. Keeps no data: of the
   page on which a patient answers it keeps the code, so that it opens without a network too. */
"use strict";

const OFFLINE = "offline-1";
const OFFLINE_FILES = ["/offline.html", "/offline.css", "/icon-192.png"];
const ANSWER = "answer-1";
const ANSWER_PAGE = "/a";
const ANSWER_PATIENCE_MS = 4000;
const FRENCH = (navigator.language || "fr").startsWith("fr");
const WORDS = FRENCH
  ? {
      seen: "Vu",
      open: "Ouvrir",
      unknown: "Une alerte vous attend",
      failed: "« Vu » n’a pas été transmis : ouvrez l’alerte",
      lost: "Cet appareil n’est plus prévenu",
      lostWhy: "Ouvrez vigilits et connectez-vous : les notifications reprennent alors.",
    }
  : {
      seen: "Seen",
      open: "Open",
      unknown: "An alert waits for you",
      failed: "“Seen” was not sent: open the alert",
      lost: "This device is no longer told",
      lostWhy: "Open vigilits and sign in: notifications go on then.",
    };
const SHAKES = { critical: [300, 120, 300, 120, 300], warning: [200, 120, 200], info: [80] };

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(OFFLINE)
      .then((cache) => cache.addAll(OFFLINE_FILES))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== OFFLINE && name !== ANSWER).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

/* Pages come from the network or not at all: an old figure must never look like a new one. The patient's page shows none. */
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    const page = pathname === ANSWER_PAGE ? answerPage(request) : fetch(request).catch(() => caches.match("/offline.html"));
    event.respondWith(page);
  } else if (request.method === "GET" && OFFLINE_FILES.includes(pathname)) {
    event.respondWith(fetch(request).catch(() => caches.match(request)));
  } else if (request.method === "GET" && pathname.startsWith("/assets/")) {
    // Named by their content: what is kept is what would be fetched.
    event.respondWith(fromAnswerPage(request).then((kept) => kept || fetch(request)));
  }
});

const fromAnswerPage = (request) => caches.match(request, { cacheName: ANSWER, ignoreVary: true });

/* A network that hangs is worse than none: after a while the kept page is shown, and asks for itself. */
async function answerPage(request) {
  const kept = await fromAnswerPage(ANSWER_PAGE);
  if (!kept) return fetch(request).catch(() => caches.match("/offline.html"));
  const late = new Promise((resolve) => setTimeout(resolve, ANSWER_PATIENCE_MS, null));
  const fresh = fetch(request).then(
    (response) => (response.ok ? response : null),
    () => null,
  );
  return (await Promise.race([fresh, late])) || kept;
}

/* Keeps the page and the files that it says it was made of; all of them or none. */
async function keepAnswerPage(files) {
  const wanted = files.filter((file) => typeof file === "string" && /^\/assets\/[\w.-]+$/.test(file)).slice(0, 200);
  const page = await fetch(ANSWER_PAGE, { cache: "no-cache", credentials: "omit" });
  if (!page.ok) return false;
  const named = (await page.clone().text()).match(/\/assets\/[\w.-]+/g) || [];
  // Another version was put out since that page was opened: its next opening brings files that fit.
  if (!named.every((file) => wanted.includes(file))) return false;
  const cache = await caches.open(ANSWER);
  const lacking = await Promise.all(wanted.map(async (file) => ((await cache.match(file, { ignoreVary: true })) ? null : file)));
  await cache.addAll(lacking.filter((file) => file !== null));
  await cache.put(ANSWER_PAGE, page);
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname !== ANSWER_PAGE && !wanted.includes(pathname)) await cache.delete(pathname, { ignoreVary: true });
  }
  return true;
}

self.addEventListener("message", (event) => {
  const { data, ports } = event;
  if (typeof data !== "object" || data === null || data.type !== "keep-answer" || !Array.isArray(data.files)) return;
  const told = keepAnswerPage(data.files).catch(() => false);
  event.waitUntil(told.then((kept) => ports[0] && ports[0].postMessage(kept ? "kept" : "not kept")));
});

/* Whatever was pushed is shown: a browser takes the right to push from a page that stays silent. */
function read(data) {
  try {
    const told = data.json();
    return typeof told === "object" && told !== null ? told : {};
  } catch {
    return {};
  }
}

/* A text may come in both languages: then this device's is shown. */
function say(text) {
  if (typeof text === "object" && text !== null) return (FRENCH ? text.fr : text.en) || text.fr || "";
  return typeof text === "string" ? text : "";
}

/* Only a page of ours is opened, whatever was pushed. */
function ownUrl(url) {
  try {
    const wanted = new URL(url || "/alerts?mine", self.location.origin);
    return wanted.origin === self.location.origin ? wanted.href : `${self.location.origin}/alerts?mine`;
  } catch {
    return `${self.location.origin}/alerts?mine`;
  }
}

self.addEventListener("push", (event) => {
  const told = event.data ? read(event.data) : {};
  const severity = Object.hasOwn(SHAKES, told.severity) ? told.severity : "warning";
  const actions = [{ action: "open", title: WORDS.open }];
  if (told.seen) actions.unshift({ action: "seen", title: WORDS.seen });
  event.waitUntil(
    self.registration.showNotification(say(told.title) || WORDS.unknown, {
      body: say(told.body),
      tag: told.tag || "vigilits",
      renotify: true,
      requireInteraction: severity === "critical",
      silent: false,
      vibrate: SHAKES[severity],
      timestamp: told.at || Date.now(),
      icon: "/icon-192.png",
      badge: "/badge-96.png",
      lang: FRENCH ? "fr" : "en",
      data: { url: ownUrl(told.url), seen: told.seen || null, severity },
      actions,
    }),
  );
});

const ANSWERS_WITHIN_MS = 500;

/* Whether a page goes there by itself: its socket and its picture stay then. One that loads or signs in does not answer. */
function goes(page, url) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(true);
    setTimeout(() => resolve(false), ANSWERS_WITHIN_MS);
    page.postMessage({ type: "open", url }, [port2]);
  });
}

async function openAlert(url) {
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const pages = all.filter((page) => new URL(page.url).pathname !== "/seen");
  for (const page of pages) {
    // Brought to the front once it is known to go: a worker may do so once a tap.
    if (await goes(page, url)) return void (await page.focus().catch(() => undefined));
  }
  for (const page of pages) {
    try {
      const there = await page.navigate(url);
      if (there) return void (await there.focus().catch(() => undefined));
    } catch {
      // a page that this worker does not control
    }
  }
  await self.clients.openWindow(url);
}

async function markSeen(notification) {
  const { url, seen, severity } = notification.data;
  let sent = false;
  try {
    const response = await fetch("/api/v1/seen", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ link: seen }),
      credentials: "same-origin",
    });
    sent = response.ok;
  } catch {
    sent = false;
  }
  if (sent) return;
  // What was pressed and did not arrive must not look as if it had.
  await self.registration.showNotification(notification.title, {
    body: WORDS.failed,
    tag: notification.tag,
    requireInteraction: severity === "critical",
    icon: "/icon-192.png",
    badge: "/badge-96.png",
    data: { url, seen, severity },
    actions: [
      { action: "seen", title: WORDS.seen },
      { action: "open", title: WORDS.open },
    ],
  });
}

self.addEventListener("notificationclick", (event) => {
  const { notification, action } = event;
  notification.close();
  if (action === "seen" && notification.data && notification.data.seen) event.waitUntil(markSeen(notification));
  else event.waitUntil(openAlert(notification.data ? notification.data.url : ownUrl()));
});

/* Browsers renew subscriptions when they like; without this the device would fall silent without a word. */
self.addEventListener("pushsubscriptionchange", (event) => {
  const renew = async () => {
    const held =
      event.newSubscription ||
      (await self.registration.pushManager.subscribe(
        event.oldSubscription ? event.oldSubscription.options : { userVisibleOnly: true, applicationServerKey: await ownKey() },
      ));
    const { endpoint, keys } = held.toJSON();
    const response = await fetch("/api/v1/me/push-subscriptions", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ endpoint, keys }),
      credentials: "same-origin",
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
  };
  // The session may be over: then only its owner can mend it, and must know.
  const say = () =>
    self.registration.showNotification(WORDS.lost, {
      body: WORDS.lostWhy,
      tag: "push-lost",
      requireInteraction: true,
      icon: "/icon-192.png",
      badge: "/badge-96.png",
      lang: FRENCH ? "fr" : "en",
      data: { url: ownUrl("/alerts?settings"), seen: null, severity: "warning" },
    });
  event.waitUntil(renew().catch(say));
});

async function ownKey() {
  const response = await fetch("/api/v1/me/push-key", { credentials: "same-origin" });
  const { key } = await response.json();
  return key;
}
