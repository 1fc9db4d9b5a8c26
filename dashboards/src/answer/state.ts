/** What the patient's page knows, as signals: what is asked, what was answered, and what of it was received. */
import { batch, computed, effect, signal } from "@preact/signals";
import type { Tongue } from "../words";
import { raised, type RedFlag } from "./flags";
import { isRefused, post, type Said } from "./http";
import { NO_LINK, Outbox, type Waiting } from "./outbox";
import {
  enabled,
  isAsked,
  isBlank,
  missing,
  possible,
  readNumber,
  walk,
  whyImpossible,
  type Answers,
  type Item,
  type Value,
  type Wrong,
} from "./questionnaire";
import { ANSWERS, nameOf, openVault, type Vault } from "./vault";
import type { By, KeptSending, Opened, Receipt, Stopped } from "./wire";

export type Step = "opening" | "unreachable" | "no-link" | "nothing" | "form" | "after" | "not-taken" | "stopped";
/** What is shown over the step: reading back and stopping have places of their own. */
export type Aside = "read" | "stop" | null;
type Away = "network" | "busy" | "away";

export const step = signal<Step>("opening");
export const aside = signal<Aside>(null);
export const away = signal<Away>("network");
export const opened = signal<Opened | null>(null);
/** The patient's language, where the link names it: the telephone's may be another. */
export const enrolledIn = signal<Tongue | null>(null);
export const answers = signal<Answers>({});
/** Numbers as they were written: what is no number yet must not vanish under the fingers. */
export const texts = signal<Record<string, string>>({});
export const by = signal<By>("patient");
/** Answers that the server refused though the page did not. */
export const refusedItems = signal<ReadonlySet<string>>(new Set());
export const saidEmpty = signal(false);
export const isOnline = signal(navigator.onLine);
export const lasts = signal(true);

/** Why what was sent last waits, null once nothing does. */
export const waiting = signal<Waiting | "sending" | null>(null);
export const receivedAt = signal<number | null>(null);
export const notTakenKind = signal("");
/** Required answers that are missing from what was sent: asked for once more, and never again. */
export const lacking = signal<string[]>([]);
/** Those among them that were written, and can't be an answer: they were not sent. */
export const unfit = signal<string[]>([]);
export const isCorrecting = signal(false);
export const othersWaiting = signal(0);
export const othersLost = signal(false);
export const stopped = signal<Stopped | null>(null);
/** What was answered by this link and not received before it was revoked: kept for the next one, or to be read out. */
export const heldBack = signal<Answers[]>([]);

/** What was written for a slot that closed before it was sent: it is gone, and that is said. */
export const lostDraft = signal<Answers | null>(null);
/** The receipt says to call 15, though nothing on the page did: shown over the whole screen until one comes back from it. */
export const rung = signal(false);
/** Until when what was sent asks for the 15, by the door's clock: until its slot closes, also after a reload or a stop. */
const calls15 = signal(0);

const LINK_LONGEST = 200;
const MOST_KEPT_MS = 15 * 86_400_000; // of what was opened and written, not of what was sent
const CLOCK_MS = 20_000;
const SETTLED_MS = 1_200;
const DRAFT_MS = 250;
const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;

interface Draft {
  whose?: string;
  slot: string;
  by: By;
  answers: Answers;
  texts: Record<string, string>;
  /** The red flags in it that were sent by themselves. */
  told?: string[];
}

let vault: Vault;
let outbox: Outbox;
let secret = "";
let name = "";
let askedAgain = false;
let underWay = 0; // sendings that are being kept, and answers to them that are being taken in
let toldRed: ReadonlySet<string> = new Set(); // the red flags in what was sent last
let toldLast = ""; // what was sent last
let visit = 0; // which link's page this is: what another one asked for comes too late

// --- what time it is, and who is there -----------------------------------------------------------------------------------

const clock = signal(Date.now());
/** Returns the door's time: a phone's clock may be wrong. */
const now = (): number => Date.now() + (opened.peek()?.ahead ?? 0);

/** From when somebody is there to read, where nobody is now (null: not known); undefined where somebody is. */
export const unreadUntil = computed<number | null | undefined>(() => {
  const spans = opened.value?.presence;
  const at = clock.value + (opened.value?.ahead ?? 0);
  if (!spans || spans.some(({ since, until }) => since <= at && at < until)) return undefined;
  return spans.find(({ since }) => since > at)?.since ?? null;
});

// --- what is asked and answered ----------------------------------------------------------------------------------------

export const items = computed(() => new Map(walk(opened.value?.questionnaire.items ?? []).map((item) => [item.link, item])));
export const shown = computed(() => (opened.value ? enabled(opened.value.questionnaire, answers.value) : new Set<string>()));
export const progress = computed(() => {
  const asked = [...shown.value].map((link) => items.value.get(link)!).filter(isAsked);
  return { done: asked.filter(({ link }) => !isBlank(answers.value[link])).length, all: asked.length };
});

/** What red flags are looked for in: a number is looked at once whoever writes it has paused. */
const settled = signal<Answers>({});
let settling: ReturnType<typeof setTimeout> | undefined;
const acknowledged = signal<ReadonlySet<string>>(new Set());

export const flagged = computed<RedFlag[]>(() => {
  const asked = opened.value;
  if (!asked) return [];
  const found = [settled.value, lostDraft.value ?? {}].flatMap((told) => raised(asked.questionnaire, asked.flags, told));
  return [...new Map(found.map((flag) => [keyOf(flag), flag])).values()];
});
const keyOf = (flag: RedFlag): string => `${flag.rule} ${flag.item} ${String(flag.value)}`;
/** Red flags that were not answered by coming back from them. */
export const alarm = computed(() => flagged.value.filter((flag) => !acknowledged.value.has(keyOf(flag))));

/** What keeps the bar in sight that says to call 15. */
export const isRed = computed(() => flagged.value.length > 0 || clock.value + (opened.value?.ahead ?? 0) < calls15.value);

/** Goes on with the questionnaire: what was shown is not shown again, unless it goes and comes back. */
export function acknowledge(): void {
  acknowledged.value = new Set(flagged.value.map(keyOf));
  rung.value = false;
}

/** The item whose number is still being written: it is judged once whoever writes it has paused, or gone on. */
const writing = signal("");

/** Looks for red flags now. */
export function settle(): void {
  clearTimeout(settling);
  settled.value = answers.value;
  writing.value = "";
  const still = new Set(flagged.value.map(keyOf));
  if ([...acknowledged.value].some((key) => !still.has(key))) acknowledged.value = new Set([...acknowledged.value].filter((key) => still.has(key)));
  sendRed();
}

/** Takes an answer; undefined takes it away. */
export function answer(item: Item, value: Value | undefined, text = ""): void {
  const next = { ...answers.value };
  if (value === undefined) delete next[item.link];
  else next[item.link] = value;
  batch(() => {
    answers.value = next;
    texts.value = { ...texts.value, [item.link]: text };
    saidEmpty.value = false;
    if (refusedItems.value.has(item.link)) refusedItems.value = new Set([...refusedItems.value].filter((link) => link !== item.link));
  });
  clearTimeout(settling);
  if (item.kind === "integer" || item.kind === "decimal") settling = setTimeout(settle, SETTLED_MS);
  else settle();
  keepDraft();
}

/** Takes a number as it is written. */
export function answerText(item: Item, text: string): void {
  const number = readNumber(text);
  writing.value = item.link;
  answer(item, number ?? undefined, text);
}

/** Returns what is to be said of what stands in an item's field. */
export const wrongToSay = (item: Item): Wrong | "refused" | null => (writing.value === item.link ? null : wrongOf(item));

/** Returns what is wrong with what stands in an item's field. */
export function wrongOf(item: Item): Wrong | "refused" | null {
  if (refusedItems.value.has(item.link)) return "refused";
  const value = answers.value[item.link];
  if (value === undefined) return (texts.value[item.link] ?? "").trim() === "" ? null : "number";
  return isBlank(value) ? null : whyImpossible(item, value);
}

let drafting: ReturnType<typeof setTimeout> | undefined;
function keepDraft(): void {
  clearTimeout(drafting);
  drafting = setTimeout(() => void saveDraft(), DRAFT_MS);
}
/** What is written down is sealed first, which takes a moment: one after the other, lest it be there after it was dropped. */
let saving: Promise<void> = Promise.resolve();
function saveDraft(): Promise<void> {
  saving = saving.then(putDraft, putDraft);
  return saving;
}
async function dropDraft(): Promise<void> {
  await saving.catch(() => undefined); // whatever kept it from being written: it is dropped
  await vault.drop("draft", name);
}
async function putDraft(): Promise<void> {
  const slot = opened.value?.slot;
  if (!slot || (step.value !== "form" && lacking.value.length === 0)) return;
  const draft: Draft = { whose: opened.value?.whose, slot, by: by.value, answers: answers.value, texts: texts.value, told: [...toldRed] };
  await vault.put("draft", name, draft);
  lasts.value = vault.lasts;
}

export function chooseBy(chosen: By): void {
  by.value = chosen;
  keepDraft();
}

// --- sending -----------------------------------------------------------------------------------------------------------

/** Sends what can be an answer, whatever is missing; it is received, or waits and goes by itself. */
export async function send(): Promise<void> {
  settle();
  const asked = opened.value;
  if (!asked?.slot) return;
  const told = toSend(asked);
  if (Object.keys(told).length === 0) {
    saidEmpty.value = true;
    return;
  }
  clearTimeout(drafting);
  // It went by itself already, as it asks for the 15: sent again it would be a correction.
  const isSaid = JSON.stringify([by.value, told]) === toldLast;
  batch(() => {
    unfit.value = unfitNow();
    lacking.value = askedAgain || isCorrecting.value ? [] : stillLacking(told);
    if (!isSaid) waiting.value = "sending";
    isCorrecting.value = false;
    step.value = "after";
  });
  askedAgain = true;
  toldRed = redIn(asked, told);
  await during(async () => {
    if (flagged.value.length > 0) await keepRed();
    if (!isSaid) await outbox.add(sendingOf(asked.slot!, told));
  });
  lasts.value = vault.lasts;
  await dropDraft();
  if (isSaid && waiting.value === null && lacking.value.length === 0) await forget();
}

/** Sends what was answered so far as soon as it asks for the 15: whoever does nothing more has told their team. */
function sendRed(): void {
  const asked = opened.peek();
  const isAsking = step.peek() === "form" || (step.peek() === "after" && lacking.peek().length > 0);
  if (!asked?.slot || !isAsking) return;
  const told = toSend(asked);
  const red = redIn(asked, told);
  if ([...red].every((key) => toldRed.has(key))) return;
  toldRed = red;
  waiting.value = "sending";
  const sending: KeptSending = { ...sendingOf(asked.slot, told), meanwhile: true };
  void during(async () => {
    await keepRed();
    await saveDraft();
    await outbox.add(sending);
  });
}

function sendingOf(slot: string, told: Answers): KeptSending {
  toldLast = JSON.stringify([by.peek(), told]);
  return { link: secret, id: newId(), by: by.peek(), slot, answers: told, whose: opened.peek()?.whose };
}

/** Returns what can be sent of what was answered. */
function toSend({ questionnaire }: Opened): Answers {
  const told = possible(questionnaire, answers.peek());
  for (const link of refusedItems.peek()) delete told[link];
  return told;
}

const redIn = ({ questionnaire, flags }: Opened, told: Answers): Set<string> => new Set(raised(questionnaire, flags, told).map(keyOf));

async function during(does: () => Promise<void>): Promise<void> {
  underWay += 1;
  try {
    await does();
  } finally {
    underWay -= 1;
  }
}

/** Keeps that what was sent asks for the 15: until when, sealed. */
async function keepRed(): Promise<void> {
  calls15.value = opened.value?.closes_at ?? now() + MOST_KEPT_MS;
  await vault.put("red", name, calls15.value);
}

/** Returns what was written and can't be an answer. */
const unfitNow = (): string[] => [...items.value.values()].filter((item) => shown.value.has(item.link) && wrongOf(item) !== null).map(({ link }) => link);

function stillLacking(told: Answers): string[] {
  const asked = opened.value!.questionnaire;
  return [...items.value.keys()].filter((link) => missing(asked, told).includes(link) || unfit.value.includes(link));
}

/** Leaves the missing answers missing. */
export function leaveLacking(): void {
  clearTimeout(drafting);
  lacking.value = [];
  void dropDraft();
  if (waiting.value === null) void forget();
}

/** Returns to the questionnaire, to change what was sent or is about to be. */
export function correct(): void {
  batch(() => {
    isCorrecting.value = receivedAt.value !== null || waiting.value !== null || opened.value?.answered === true;
    lacking.value = [];
    step.value = "form";
  });
}

/** Leaves what was sent as it is. */
export function dontCorrect(): void {
  clearTimeout(drafting);
  void dropDraft();
  batch(() => {
    isCorrecting.value = false;
    step.value = "after";
  });
}

export const tryNow = (): void => void outbox.run();

function newId(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Whether a sending is what this page shows as sent: by its link, and for its slot. */
const isOwn = ({ link, late }: KeptSending): boolean => link === secret && !late;

async function count(): Promise<{ own: number; others: number }> {
  const all = await outbox.waiting();
  const own = all.filter(({ value }) => isOwn(value)).length;
  othersWaiting.value = all.length - own;
  return { own, others: all.length - own };
}

async function received(sending: KeptSending, receipt: Receipt): Promise<void> {
  if (!sending.late) tellOthers({ link: await nameOf(sending.link), receipt });
  await taken(isOwn(sending), receipt);
}

async function taken(isOwn: boolean, receipt: Receipt): Promise<void> {
  const says15 = receipt.call_15 === true;
  // Of another day's answers too: whoever holds this phone gave them.
  if (says15 && flagged.value.length === 0) rung.value = true;
  const { own } = await count();
  if (!isOwn) return;
  // Once said it stays until the slot closes: a receipt goes by what it received alone, and says nothing of the rest.
  if (says15 || flagged.value.length > 0) await keepRed();
  if (own > 0) return;
  batch(() => {
    waiting.value = null;
    receivedAt.value = receipt.received_at ?? now();
  });
  if (lacking.value.length === 0 && step.value === "after") await forget();
}

// --- other tabs ----------------------------------------------------------------------------------------------------------

/** What one tab tells the others of a sending: nothing that was answered. */
interface Heard {
  link: string; // its name in the vault
  receipt?: Receipt;
  kind?: string;
}
const TABS = ANSWERS;
let tabs: BroadcastChannel | null = null;

const tellOthers = (heard: Heard): void => tabs?.postMessage(heard);

async function hear({ link, receipt, kind }: Heard): Promise<void> {
  const { own } = await count();
  if (link !== name || own > 0 || waiting.value === null) return;
  if (receipt) await taken(true, receipt);
  else if (kind === NO_LINK) await noLink();
  else if (kind && kind !== "wrong-fields") await notTaken(kind);
  else await askAnew();
}

/** Asks the door where nothing waits any more of what this page says waits: another tab heard what became of it. */
async function compareWithKept(): Promise<void> {
  if (waiting.value === null || underWay > 0) return;
  const { own } = await count();
  if (own === 0 && waiting.value !== null && underWay === 0) await askAnew();
}

async function askAnew(): Promise<void> {
  batch(() => {
    waiting.value = null;
    opened.value = null;
    step.value = "opening";
  });
  await ask();
}

/** Nothing of what was answered stays on this device. */
async function forget(): Promise<void> {
  await dropDraft();
  await vault.drop("asked", name);
}

async function refused(sending: KeptSending, said: Said<unknown>): Promise<void> {
  const { own } = await count();
  if (!isOwn(sending)) {
    othersLost.value = true;
    return;
  }
  toldLast = "";
  tellOthers({ link: await nameOf(sending.link), kind: said.kind });
  const wrong = said.status === 422 ? said.wrong.filter((link) => link in sending.answers) : [];
  if (wrong.length > 0) {
    // What was refused must not hold back what was not.
    const rest = Object.fromEntries(Object.entries(sending.answers).filter(([link]) => !wrong.includes(link)));
    batch(() => {
      refusedItems.value = new Set([...refusedItems.value, ...wrong]);
      unfit.value = [...new Set([...unfit.value, ...wrong])];
      if (!sending.meanwhile) lacking.value = [...items.value.keys()].filter((link) => wrong.includes(link) || lacking.value.includes(link));
      if (Object.keys(rest).length === 0 && own === 0) {
        waiting.value = null;
        step.value = "form";
      }
    });
    if (Object.keys(rest).length > 0) await outbox.add({ ...sending, id: newId(), answers: rest });
    return;
  }
  if (own === 0) await notTaken(said.kind);
}

/** Keeps what waits where its link opens nothing any more: the same patient's next link brings it. */
async function held(sending: KeptSending): Promise<void> {
  await count();
  if (sending.link !== secret) return;
  tellOthers({ link: await nameOf(sending.link), kind: NO_LINK });
  await noLink();
}

/** Says that the link opens nothing; what was answered by it stays on this device, to be sent by another or read out. */
async function noLink(): Promise<void> {
  const sent = (await outbox.held()).filter(({ value }) => value.link === secret).map(({ value }) => value.answers);
  clearTimeout(drafting);
  if (step.value === "form") await saveDraft();
  const draft = (await vault.all<Draft>("draft")).find(({ id }) => id === name)?.value.answers ?? {};
  const all = [...sent, draft].filter((told) => Object.keys(told).length > 0);
  if (all.length === 0) await forget();
  batch(() => {
    waiting.value = null;
    lacking.value = [];
    heldBack.value = all;
    aside.value = null;
    step.value = "no-link";
  });
}

/** Lets this link bring what another one of the same patient could not bring any more. */
async function bringHeld(told: Opened): Promise<void> {
  if (!told.whose) return;
  for (const found of await outbox.held()) {
    if (found.value.whose !== told.whose) continue;
    const before = await nameOf(found.value.link);
    await outbox.bring(found, secret, found.value.slot !== told.slot);
    if (before !== name) await vault.drop("asked", before); // what is read out of it is read here now
  }
  for (const { id, value } of await vault.all<Draft>("draft")) {
    if (id === name || value.whose !== told.whose || value.slot !== told.slot) continue;
    await vault.put("draft", name, value);
    for (const kind of ["draft", "asked"] as const) await vault.drop(kind, id);
  }
}

async function notTaken(kind: string): Promise<void> {
  batch(() => {
    waiting.value = null;
    notTakenKind.value = kind;
    lacking.value = [];
    step.value = "not-taken";
  });
  await forget();
}

// --- opening -----------------------------------------------------------------------------------------------------------

let opening: ReturnType<typeof setTimeout> | undefined;
let failures = 0;
/** Tries whatever has to be tried, now: the network may be back. */
function retry(): void {
  isOnline.value = navigator.onLine;
  clock.value = Date.now();
  if (!navigator.onLine) return;
  void outbox?.run();
  const closes = opened.value?.closes_at;
  const isOver = closes != null && now() >= closes && waiting.value === null && step.value !== "not-taken";
  if (step.value === "unreachable" || isOver) void ask();
}

/** Opens the page of the link in the address. */
export async function start(): Promise<void> {
  visit += 1;
  const mine = visit;
  clearTimeout(opening);
  clearTimeout(drafting);
  clearTimeout(settling);
  const [told = "", language] = location.hash.slice(1, 1 + LINK_LONGEST).split(".");
  secret = told;
  askedAgain = false;
  toldRed = new Set();
  toldLast = "";
  batch(() => {
    enrolledIn.value = language === "fr" || language === "en" ? language : null;
    step.value = secret === "" ? "no-link" : "opening";
    aside.value = null;
    opened.value = stopped.value = receivedAt.value = waiting.value = null;
    answers.value = settled.value = texts.value = {};
    by.value = "patient";
    acknowledged.value = refusedItems.value = new Set();
    lacking.value = [];
    isCorrecting.value = rung.value = false;
    calls15.value = 0;
    unfit.value = [];
    lostDraft.value = null;
    heldBack.value = [];
    writing.value = "";
  });
  vault ??= await openVault(ANSWERS);
  lasts.value = vault.lasts;
  outbox ??= new Outbox(vault, {
    received: (sending, receipt) => void during(() => received(sending, receipt)),
    refused: (sending, said) => void during(() => refused(sending, said)),
    held: (sending) => void during(() => held(sending)),
    waits: (sending, why) => {
      if (isOwn(sending)) waiting.value = why;
    },
    ran: () => void compareWithKept(),
  });
  if (tabs === null && "BroadcastChannel" in globalThis) {
    tabs = new BroadcastChannel(TABS);
    tabs.onmessage = ({ data }) => void hear(data as Heard);
  }
  name = secret === "" ? "" : await nameOf(secret);
  await sweep();
  if (secret === "") return void outbox.run();
  calls15.value = (await vault.all<number>("red")).find(({ id }) => id === name)?.value ?? 0;
  // What is kept is shown at once: a bad network may leave one waiting.
  const kept = (await vault.all<Opened>("asked")).find(({ id }) => id === name);
  const isHeld = (await outbox.held()).some(({ value }) => value.link === secret);
  if (mine !== visit) return;
  if (isHeld) {
    opened.value = kept?.value ?? null;
    await noLink();
    answers.value = Object.assign({}, ...heldBack.value);
    settle();
  } else if (kept) await show(kept.value);
  else await showPending();
  void outbox.run();
  failures = 0;
  await ask();
}

/** Drops what was left of other links, once nothing can come of it any more; what was sent is the door's to judge. */
async function sweep(): Promise<void> {
  for (const kind of ["asked", "draft"] as const) {
    for (const { id, at } of await vault.all(kind)) if (id !== name && Date.now() - at > MOST_KEPT_MS) await vault.drop(kind, id);
  }
  for (const { id, at } of await outbox.held()) if (Date.now() - at > MOST_KEPT_MS) await vault.drop("sending", id);
  for (const { id, value } of await vault.all<number>("red")) if (value <= Date.now()) await vault.drop("red", id);
}

async function ask(): Promise<void> {
  const mine = visit;
  clearTimeout(opening);
  const said = await post<Opened>("/answer/open", { link: secret });
  if (mine !== visit) return;
  if (said.status === 200 && said.body.questionnaire) {
    failures = 0;
    const told: Opened = { ...said.body, ahead: said.body.at - Date.now() };
    clock.value = Date.now();
    heldBack.value = [];
    await bringHeld(told);
    // What was kept may be of before it was answered: nobody is shown an empty form then.
    const isAnswered = told.answered === true && step.value === "form" && Object.keys(answers.value).length === 0 && !isCorrecting.value;
    if (opened.value === null || opened.value.slot !== told.slot || isAnswered || step.value === "unreachable" || step.value === "no-link") await show(told);
    else opened.value = told;
    void outbox.run();
    // Once what was answered has been received nothing is left here, and only a new answer changes that.
    if (step.value === "form") await vault.put("asked", name, told);
    lasts.value = vault.lasts;
    return;
  }
  if (isRefused(said)) {
    if (waiting.value === null) await noLink(); // a sending that waits hears it for itself
    return;
  }
  away.value = said.status === 0 ? "network" : said.status === 429 ? "busy" : "away";
  if (opened.value === null && waiting.value === null) step.value = "unreachable";
  const wait = Math.max(said.waitMs ?? 0, Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 6)));
  failures += 1;
  opening = setTimeout(() => void ask(), wait * (1 + 0.2 * Math.random()));
}

async function showPending(): Promise<{ told: Answers; meanwhile: boolean } | null> {
  const own = (await outbox.waiting()).filter(({ value }) => isOwn(value));
  await count();
  const last = own.at(-1)?.value;
  if (!last) return null;
  const all: Answers = Object.assign({}, ...own.map(({ value }) => value.answers));
  batch(() => {
    by.value = last.by;
    waiting.value ??= "sending";
    step.value = "after";
  });
  return { told: all, meanwhile: last.meanwhile === true };
}

async function show(told: Opened): Promise<void> {
  const pending = await showPending();
  const draft = (await vault.all<Draft>("draft")).find(({ id }) => id === name)?.value;
  // What was written and not sent of a slot that is over: kept in this page, or by it.
  const before = opened.value;
  const isOver = before?.slot != null && before.slot !== told.slot && step.value === "form";
  const unsent = draft && draft.slot !== told.slot ? draft.answers : isOver && !pending ? answers.value : {};
  if (draft && draft.slot !== told.slot) await vault.drop("draft", name);
  const resumed = draft && draft.slot === told.slot ? draft : null;
  batch(() => {
    opened.value = told;
    if (Object.keys(unsent).length > 0) lostDraft.value = unsent;
    // One slot's answers are never another's.
    if (before !== null && before.slot !== told.slot) {
      answers.value = texts.value = {};
      lacking.value = [];
      receivedAt.value = null;
      askedAgain = false;
      toldRed = new Set();
      toldLast = "";
    }
    if (pending) {
      answers.value = pending.told;
      texts.value = written(pending.told);
      toldRed = redIn(told, pending.told);
      askedAgain = true;
    }
    if (resumed) {
      answers.value = resumed.answers;
      texts.value = resumed.texts;
      by.value = resumed.by;
      toldRed = new Set([...toldRed, ...(resumed.told ?? [])]);
    }
    const goesOn = resumed !== null && (pending ? pending.meanwhile : (told.lacks ?? 0) > 0);
    if (pending && goesOn) {
      step.value = "form";
      askedAgain = false;
    } else if (!pending && step.value !== "not-taken") {
      // That answers were not taken stays in sight, however late the page comes that was asked for before.
      step.value = told.slot === null ? "nothing" : told.answered && !resumed ? "after" : "form";
      isCorrecting.value = told.slot !== null && told.answered === true && !goesOn;
      askedAgain = told.answered === true && !goesOn;
    }
  });
  settle();
}

function written(told: Answers): Record<string, string> {
  return Object.fromEntries(Object.entries(told).map(([link, value]) => [link, typeof value === "number" ? String(value).replace(".", ",") : ""]));
}

// --- stopping ------------------------------------------------------------------------------------------------------------

/** Ends the follow-up; returns what was said where that failed. */
export async function stopFollowUp(): Promise<Said<Stopped> | null> {
  await outbox.run(); // what waits, a red among it, comes first: it is dropped here after
  const said = await post<Stopped>("/answer/stop", { link: secret });
  // A network's sign-in page may say 200, and has stopped nothing.
  if (said.status < 200 || said.status > 299 || !("waits" in said.body)) return said;
  clearTimeout(drafting);
  clearTimeout(opening);
  const whose = opened.value?.whose;
  for (const { id, value } of [...(await outbox.waiting()), ...(await outbox.held())]) {
    if (value.link === secret || (whose !== undefined && value.whose === whose)) await vault.drop("sending", id);
  }
  await forget();
  batch(() => {
    stopped.value = said.body;
    answers.value = settled.value = {};
    waiting.value = null;
    aside.value = null;
    step.value = "stopped";
  });
  return null;
}

export const linkOf = (): string => secret;

/** Keeps the page in step with the network and the address. */
export function followPage(): () => void {
  const onShow = () => document.visibilityState === "visible" && retry();
  const onHash = () => void start();
  const onOffline = () => (isOnline.value = false);
  addEventListener("online", retry);
  addEventListener("offline", onOffline);
  addEventListener("hashchange", onHash);
  document.addEventListener("visibilitychange", onShow);
  const ticking = setInterval(() => (clock.value = Date.now()), CLOCK_MS);
  const stop = effect(() => {
    document.documentElement.dataset.answer = step.value;
  });
  return () => {
    removeEventListener("online", retry);
    removeEventListener("offline", onOffline);
    removeEventListener("hashchange", onHash);
    document.removeEventListener("visibilitychange", onShow);
    clearInterval(ticking);
    delete document.documentElement.dataset.answer;
    stop();
  };
}
