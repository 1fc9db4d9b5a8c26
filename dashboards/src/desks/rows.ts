/** The rows of a sitting: what was typed for each resident, what is to be sent of it, and what came of that. Pure. */
import { enabled, isAsked, isBlank, missing, possible, readNumber, walk, whyImpossible, type Answers, type Item, type Questionnaire, type Value } from "../answer/questionnaire";
import type { Instant } from "../wire";
import type { Resident, RowTold } from "./wire";

/** What somebody who cannot measure types. */
export const UNKNOWN_SIGN = "?";

export interface Row {
  /** The slot that was open when the row was begun: what is typed is of that one, however long it takes. */
  slot: string | null;
  dueAt: Instant | null;
  answers: Answers;
  texts: Record<string, string>;
  /** Whether something was typed since it was last sent. */
  dirty: boolean;
  /** The name of this sending: it stays while what is sent stays the same. */
  sendingId: string | null;
  busy: boolean;
  offline: boolean;
  told: RowTold | null;
  /** Whether something that was received of it asks for the 15: stays for the round, as a receipt goes by what it received alone. */
  calls15: boolean;
  /** Items that the door refused. */
  refused: readonly string[];
}

/** Returns a resident's row as it is before anything is typed. */
export function fresh(resident: Resident): Row {
  const answers = resident.answers ?? {};
  const texts = Object.fromEntries(Object.entries(answers).map(([link, value]) => [link, value === null ? UNKNOWN_SIGN : typeof value === "number" ? String(value).replace(".", ",") : ""]));
  return { slot: resident.slot ?? null, dueAt: resident.due_at ?? null, answers, texts, dirty: false, sendingId: null, busy: false, offline: false, told: null, calls15: resident.call_15 === true, refused: [] };
}

/** Returns the row with another answer; undefined takes it away. Other content is another sending. */
export function typed(row: Row, link: string, value: Value | undefined, text = ""): Row {
  const answers = { ...row.answers };
  if (value === undefined) delete answers[link];
  else answers[link] = value;
  return { ...row, answers, texts: { ...row.texts, [link]: text }, dirty: true, sendingId: null, refused: row.refused.filter((one) => one !== link) };
}

/** Returns the value of what stands in a cell of numbers. */
export function numberOf(item: Item, text: string): Value | undefined {
  if (text.trim() === UNKNOWN_SIGN && item.unknowable) return null;
  return readNumber(text) ?? undefined;
}

/** Returns the columns of a questionnaire. */
export const columnsOf = (asked: Questionnaire): Item[] => walk(asked.items).filter(isAsked);

/** Returns whether what stands in a cell can't be an answer. */
export function isWrong(item: Item, row: Row): boolean {
  if (row.refused.includes(item.link)) return true;
  const value = row.answers[item.link];
  if (value === undefined) return (row.texts[item.link] ?? "").trim() !== "";
  return !isBlank(value) && whyImpossible(item, value) !== null;
}

/** Returns what is to be sent of a row: whatever can be an answer. */
export function toSend(asked: Questionnaire, row: Row): Answers {
  const told = possible(asked, row.answers);
  for (const link of row.refused) delete told[link];
  return told;
}

/** Returns whether something stands in a row that was not received. */
export const isUnsent = (row: Row): boolean =>
  row.dirty && row.slot !== null && (Object.keys(row.answers).length > 0 || Object.values(row.texts).some((text) => text.trim() !== ""));

/** Returns a row's turn to the round that is asked now: fresh where it is of another one, which it then is left over of. */
export function turned(row: Row, resident: Resident): { row: Row; left: Row | null } {
  if (row.busy || row.slot === (resident.slot ?? null)) return { row, left: null };
  return { row: fresh(resident), left: isUnsent(row) ? row : null };
}

/** Returns whether a row takes answers now. */
export const isOpen = (resident: Resident): boolean => resident.slot != null && resident.state !== "none" && resident.state !== "waits";

/** Returns whether a row has something to be sent. */
export const isReady = (asked: Questionnaire, resident: Resident, row: Row): boolean =>
  isOpen(resident) && row.dirty && !row.busy && Object.keys(toSend(asked, row)).length > 0;

/** Returns whether something of a row's round was received. */
const isReceived = (resident: Resident, row: Row): boolean => resident.state === "answered" || row.told?.status === 201;

/** Returns whether somebody still has to be seen: nothing was received, and it can be. */
export const isMissing = (resident: Resident, row: Row): boolean => isOpen(resident) && !isReceived(resident, row);

/** Returns how many required answers are still missing from what was received, whoever gave the others. */
export const lacksOf = (resident: Resident, row: Row): number =>
  row.told?.status === 201 ? (row.told.lacks ?? 0) : resident.state === "answered" ? (resident.missing?.length ?? 0) : 0;

/** Returns whether something was received of somebody, and not all. */
export const isPart = (resident: Resident, row: Row): boolean => isOpen(resident) && isReceived(resident, row) && lacksOf(resident, row) > 0;

/** Returns which items these are, none where the page can't tell: others may have answered some. */
export function lacking(asked: Questionnaire, resident: Resident, row: Row): string[] {
  const told = toSend(asked, row);
  const known = resident.missing ? resident.missing.filter((link) => told[link] === undefined) : missing(asked, told);
  return known.length === lacksOf(resident, row) ? known : [];
}

/** Returns a cell's lowest and highest number where what stands in it is beyond them. */
export function rangeMissed(item: Item, row: Row): { low: number; high: number } | null {
  const value = row.answers[item.link];
  if (value === undefined || value === null || whyImpossible(item, value) !== "range") return null;
  return item.lowest === undefined || item.highest === undefined ? null : { low: item.lowest, high: item.highest };
}

export const shownIn = (asked: Questionnaire, row: Row): Set<string> => enabled(asked, row.answers);

/** Returns the row after a door said what became of it. */
export function after(row: Row, told: RowTold): Row {
  // What was typed while it was on its way is another sending.
  const same = row.sendingId === told.id;
  const refused = told.status === 422 ? (told.errors ?? []).map(({ path }) => path.split(/[./]/).at(-1) ?? "") : [];
  const received = told.status === 201;
  return {
    ...row,
    busy: false,
    offline: false,
    told,
    calls15: row.calls15 || told.call_15 === true,
    refused,
    dirty: !(received && same),
    sendingId: received || told.status === 422 ? null : row.sendingId,
  };
}
