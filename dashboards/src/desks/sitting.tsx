/** An establishment's sitting: residents as rows, what is asked as columns; who has not been seen stays in sight. */
import { batch, computed, effect, signal, useSignal, type Signal } from "@preact/signals";
import { Check, Phone } from "lucide-preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { isNarrow } from "../alerts/state";
import { raised, reasons, type RedFlag } from "../answer/flags";
import { number } from "../answer/format";
import { isBlank, type Item, type Questionnaire, type Value } from "../answer/questionnaire";
import { timeOfDay } from "../format";
import { Problem } from "../http";
import { namesShown } from "../patients/privacy";
import { Name, ShowNames } from "../patients/screen/parts";
import { region, session, zone } from "../state";
import { say, t } from "../words";
import { Alarm15, Call15 } from "./call15";
import { doors } from "./http";
import { idOf, KeptRows, type KeptRow } from "./kept";
import { LeftOver } from "./left";
import {
  after,
  columnsOf,
  fresh,
  isMissing,
  isOpen,
  isPart,
  isReady,
  isUnsent,
  isWrong,
  lacking,
  lacksOf,
  numberOf,
  rangeMissed,
  shownIn,
  toSend,
  turned,
  typed,
  UNKNOWN_SIGN,
  type Row,
} from "./rows";
import type { Resident, Sitting as SittingOf } from "./wire";
import { td } from "./words";

const MOST_ROWS = 60; // of one sending
const AGAIN_MS = 1_500;
const KEEP_MS = 250; // after the last key
const MOST_TIMER_MS = 3_600_000;

const sitting = signal<SittingOf | null>(null);
/** The establishment's name, once it is known. */
export const placeName = computed(() => sitting.value?.name ?? "");
const failed = signal<string | null>(null);
const rows = new Map<string, Signal<Row>>();
let satIn = "";
const version = signal(0); // moves when residents came or went

/** What was typed in rounds before this one, and was not received then. */
const left = signal<KeptRow[]>([]);
const kept = new KeptRows();
const keeping = new Map<string, ReturnType<typeof setTimeout>>();

/** Whose red flags stand over a telephone's screen now, and which did already: each once. */
const alarmed = signal<{ resident: Resident; flags: RedFlag[] } | null>(null);
const shownFlags = new Map<string, ReadonlySet<string>>();

// Whoever signs in here next finds nothing of what was typed.
let seated: string | null = null;
effect(() => {
  const who = session.value?.subject ?? null;
  if (who === seated) return;
  seated = who;
  keeping.forEach((timer) => clearTimeout(timer));
  keeping.clear();
  kept.close();
  rows.clear();
  left.value = [];
  sitting.value = null;
  alarmed.value = null;
  shownFlags.clear();
  satIn = "";
});

const rowOf = (resident: Resident): Signal<Row> => {
  let row = rows.get(resident.id);
  if (!row) rows.set(resident.id, (row = signal(fresh(resident))));
  return row;
};
const askedOf = (resident: Resident): Questionnaire | undefined => sitting.value?.questionnaires[resident.pathway];

const keptRow = (finess: string, { id, name, room, pathway }: Resident, row: Row): KeptRow => ({
  ...{ who: seated ?? "", finess, patient: id, name, room, pathway },
  row: { ...row, busy: false },
});

/** Keeps what stands in a row, or keeps it no more once it was received. */
async function keep(one: KeptRow): Promise<void> {
  if (one.who !== "" && one.who === seated) await (isUnsent(one.row) ? kept.put(one) : kept.drop(one));
}

function keepSoon(finess: string, resident: Resident): void {
  clearTimeout(keeping.get(resident.id));
  keeping.set(
    resident.id,
    setTimeout(() => {
      keeping.delete(resident.id);
      void keep(keptRow(finess, resident, rowOf(resident).peek()));
    }, KEEP_MS),
  );
}

/** Turns each row to the round that is asked now: what was typed for another one is left over of that one. */
function turnRows(finess: string, residents: Resident[]): void {
  for (const resident of residents) {
    const held = rows.get(resident.id);
    if (!held) continue;
    const next = turned(held.value, resident);
    held.value = next.row;
    if (next.left) leave(keptRow(finess, resident, next.left));
  }
}

function leave(one: KeptRow): void {
  if (left.peek().some((other) => idOf(other) === idOf(one))) return;
  left.value = [...left.peek(), one];
  void keep(one);
  if (one.row.offline) void sendLeft(one); // it was sent, and had no network to go by
}

/** Brings back what was typed here before the page was loaded anew. */
async function restore(finess: string): Promise<void> {
  const who = seated;
  if (who === null) return;
  const found = await kept.of(who, finess);
  const now = sitting.peek();
  if (who !== seated || satIn !== finess || now === null) return;
  batch(() => {
    for (const one of found) {
      const resident = now.residents.find(({ id }) => id === one.patient);
      const held = resident && rowOf(resident);
      if (!held || resident.slot !== one.row.slot) leave(one);
      else if (!held.value.dirty) held.value = one.row;
    }
  });
  sendOffline(finess);
}

function sendOffline(finess: string): void {
  void send(finess, (sitting.peek()?.residents ?? []).filter((resident) => rowOf(resident).peek().offline));
  for (const one of left.peek()) if (one.row.offline) void sendLeft(one);
}

/** Sends what is left over to the round that it is of; where that takes no more, the answer says so. */
async function sendLeft(one: KeptRow): Promise<void> {
  const asked = sitting.peek()?.questionnaires[one.pathway];
  const answers = asked ? toSend(asked, one.row) : one.row.answers;
  const current = () => left.peek().find((other) => idOf(other) === idOf(one))?.row ?? one.row;
  const put = (row: Row) => {
    left.value = left.peek().map((other) => (idOf(other) === idOf(one) ? { ...other, row } : other));
    void keep({ ...one, row });
  };
  if (current().busy || one.row.slot === null || Object.keys(answers).length === 0) return;
  const sent = { patient: one.patient, slot: one.row.slot, id: current().sendingId ?? crypto.randomUUID(), answers };
  put({ ...current(), busy: true, sendingId: sent.id });
  try {
    const { rows: told } = await doors.sit(region.value, one.finess, [sent]);
    put(after(current(), told[0] ?? { ...sent, status: 500 }));
    if (told[0]?.status === 202) setTimeout(() => void sendLeft(one), AGAIN_MS);
  } catch (error) {
    const status = error instanceof Problem ? error.status : 0;
    put({ ...current(), busy: false, offline: status === 0, told: { ...sent, status: status || 503, kind: kindOf(error) } });
  }
}

/** Takes what is left over away: somebody has read it. */
function dropLeft(one: KeptRow): void {
  left.value = left.peek().filter((other) => idOf(other) !== idOf(one));
  void kept.drop(one);
}

const kindOf = (error: unknown): string => (error instanceof Problem ? String(error.body.type ?? "").split(":").at(-1)! : "");

const flagsOf = (resident: Resident, row: Row): RedFlag[] => {
  const asked = askedOf(resident);
  return asked ? raised(asked, resident.flags ?? sitting.value?.flags[resident.pathway] ?? [], row.answers) : [];
};
const keyOf = ({ rule, item, value }: RedFlag): string => `${rule} ${item} ${String(value)}`;

/** Shows over a telephone's screen what is red in a row and was not shown. */
function look(resident: Resident): void {
  const flags = flagsOf(resident, rowOf(resident).peek());
  const before = shownFlags.get(resident.id);
  shownFlags.set(resident.id, new Set(flags.map(keyOf)));
  const anew = flags.filter((flag) => !before?.has(keyOf(flag)));
  if (isNarrow.value && anew.length > 0) alarmed.value = { resident, flags: anew };
}

const redNow = computed(() => {
  version.value;
  return (sitting.value?.residents ?? []).filter((resident) => {
    const row = rowOf(resident).value;
    return row.calls15 || flagsOf(resident, row).length > 0;
  });
});
const missingNow = computed(() => {
  version.value;
  return (sitting.value?.residents ?? []).filter((resident) => isMissing(resident, rowOf(resident).value));
});
const partNow = computed(() => {
  version.value;
  return (sitting.value?.residents ?? []).filter((resident) => isPart(resident, rowOf(resident).value));
});
const readyNow = computed(() => {
  version.value;
  return (sitting.value?.residents ?? []).filter((resident) => {
    const asked = askedOf(resident);
    return asked !== undefined && isReady(asked, resident, rowOf(resident).value);
  });
});
const seenOf = computed(() => (sitting.value?.residents ?? []).filter(isOpen).length);

async function load(finess: string): Promise<void> {
  try {
    const told = await doors.sitting(region.value, finess);
    batch(() => {
      sitting.value = told;
      turnRows(finess, told.residents);
      for (const resident of told.residents) {
        const held = rows.get(resident.id);
        const asked = told.questionnaires[resident.pathway];
        const isOff = asked !== undefined && held !== undefined && columnsOf(asked).some((item) => isWrong(item, held.value));
        // What is being typed stays, and what can't be sent as it is.
        if (held && !held.value.dirty && !held.value.busy && !isOff) held.value = { ...fresh(resident), told: held.value.told };
      }
      failed.value = null;
      version.value += 1;
    });
  } catch (error) {
    failed.value = error instanceof Problem && error.status === 403 ? td.value.notYours : td.value.failed(said(error));
  }
}

/** Whom a cell is of, to those who do not see its row: the room, where names are out of sight. */
const calledBy = (resident: Resident): string => (namesShown.value ? resident.name : resident.room || td.value.sitting.resident);

const said = (error: unknown): string => (error instanceof Problem && error.status > 0 ? error.message : td.value.away);

async function send(finess: string, residents: Resident[]): Promise<void> {
  const chosen = residents.slice(0, MOST_ROWS).flatMap((resident) => {
    const asked = askedOf(resident);
    const row = rowOf(resident);
    const slot = row.value.slot ?? resident.slot;
    if (!asked || !slot || row.value.busy) return [];
    const answers = toSend(asked, row.value);
    if (Object.keys(answers).length === 0) return [];
    const id = row.value.sendingId ?? crypto.randomUUID();
    row.value = { ...row.value, busy: true, sendingId: id };
    return [{ resident, row, sent: { patient: resident.id, slot, id, answers } }];
  });
  if (chosen.length === 0) return;
  try {
    const { rows: told } = await doors.sit(
      region.value,
      finess,
      chosen.map(({ sent }) => sent),
    );
    const byPatient = new Map(told.map((one) => [one.patient, one]));
    batch(() => {
      for (const { resident, row, sent } of chosen) {
        row.value = after(row.value, byPatient.get(resident.id) ?? { ...sent, status: 500 });
        void keep(keptRow(finess, resident, row.value));
      }
      turnRows(finess, sitting.peek()?.residents ?? []);
    });
    if (told.some(({ kind }) => kind === "slot-closed")) void load(finess); // another round is asked, or none
    const taking = chosen.filter(({ row }) => row.value.told?.status === 202).map(({ resident }) => resident);
    if (taking.length > 0) setTimeout(() => void send(finess, taking), AGAIN_MS);
  } catch (error) {
    const status = error instanceof Problem ? error.status : 0;
    batch(() => {
      for (const { resident, row, sent } of chosen) {
        row.value = { ...row.value, busy: false, offline: status === 0, told: { ...sent, status: status || 503, kind: kindOf(error) } };
        void keep(keptRow(finess, resident, row.value));
      }
      turnRows(finess, sitting.peek()?.residents ?? []);
    });
  }
}

export function Sitting({ finess }: { finess: string }) {
  const words = td.value.sitting;
  useEffect(() => {
    if (satIn !== finess)
      batch(() => {
        rows.clear(); // and else what was typed is there when one comes back from another page
        left.value = [];
        sitting.value = null;
      });
    satIn = finess;
    void load(finess).then(() => restore(finess));
    const again = () => sendOffline(finess);
    const stay = (event: BeforeUnloadEvent) => {
      if (!kept.lasts && [...rows.values()].some((row) => row.peek().dirty)) event.preventDefault();
    };
    addEventListener("online", again);
    addEventListener("beforeunload", stay);
    return () => {
      removeEventListener("online", again);
      removeEventListener("beforeunload", stay);
    };
  }, [finess]);
  const now = sitting.value;
  useEffect(() => {
    if (!now) return;
    // A slot that opens or closes changes who is to be seen.
    const next = Math.min(...now.residents.flatMap(({ opens_at, closes_at }) => [opens_at, closes_at]).filter((at): at is number => at != null && at > now.at));
    if (!Number.isFinite(next)) return;
    const timer = setTimeout(() => void load(finess), Math.min(MOST_TIMER_MS, next - now.at + 1_000));
    return () => clearTimeout(timer);
  }, [now]);
  if (!now) {
    return (
      <p class="sum empty" role={failed.value ? "alert" : "status"}>
        {failed.value ?? td.value.busy}
      </p>
    );
  }
  if (now.residents.length === 0 && left.value.length === 0) return <p class="sum empty">{words.none}</p>;
  const pathways = [...new Set(now.residents.map(({ pathway }) => pathway))].filter((pathway) => now.questionnaires[pathway]);
  return (
    <div class="sitting">
      <Summary finess={finess} />
      {failed.value && (
        <p class="desk-wrong" role="alert">
          {failed.value}
        </p>
      )}
      <LeftOver rows={left.value} asked={now.questionnaires} onSend={(one) => void sendLeft(one)} onDrop={dropLeft} />
      {pathways.map((pathway) => (
        <Table key={pathway} finess={finess} pathway={pathway} asked={now.questionnaires[pathway]!} />
      ))}
      <p class="soft sitting-keys wide-only">{words.keys}</p>
      <Urgent />
      {alarmed.value && (
        <Alarm15
          of={calledIn(alarmed.value.resident)}
          flags={alarmed.value.flags}
          onBack={() => (alarmed.value = null)}
        />
      )}
    </div>
  );
}

/** Who needs the 15 now, at the foot of a telephone's screen: their rows are long there, and mostly out of sight. */
function Urgent() {
  const red = redNow.value;
  if (red.length === 0) return null;
  return (
    <div class="sitting-urgent">
      <a class="row-15" href="tel:15">
        <Phone size={18} aria-hidden="true" /> {td.value.call15} :
      </a>
      {red.map((resident) => (
        <button key={resident.id} type="button" onClick={() => goTo(resident.id)}>
          {calledIn(resident)}
        </button>
      ))}
    </div>
  );
}

/** Whom it is of, room and name; the room alone where names are out of sight. */
const calledIn = (resident: Resident): string => [resident.room && td.value.sitting.room(resident.room), (namesShown.value || !resident.room) && calledBy(resident)].filter(Boolean).join(" ");

function Summary({ finess }: { finess: string }) {
  const words = td.value.sitting;
  const missing = missingNow.value;
  const part = partNow.value;
  const all = (sitting.value?.residents ?? []).filter((resident) => missing.includes(resident) || part.includes(resident));
  const ready = readyNow.value;
  return (
    <div class="sitting-summary">
      <p class="sitting-count" role="status">
        <strong>{all.length > 0 ? words.toSee(missing.length, part.length, seenOf.value) : words.allSeen(seenOf.value)}</strong>
      </p>
      {all.length > 0 && (
        <nav class="sitting-missing" aria-label={words.missing}>
          {all.map((resident) => (
            <button key={resident.id} type="button" class="room-link" data-part={part.includes(resident) || undefined} title={calledBy(resident)} aria-label={namesShown.value ? `${resident.room} ${resident.name}` : calledBy(resident)} onClick={() => goTo(resident.id)}>
              {resident.room || calledBy(resident)}
            </button>
          ))}
        </nav>
      )}
      <span class="grow" />
      <ShowNames />
      <button type="button" class="wide-only" onClick={() => void load(finess)}>
        {td.value.refresh}
      </button>
      <button type="button" class="primary" disabled={ready.length === 0} onClick={() => void send(finess, readyNow.peek())}>
        {words.sendAll(ready.length)}
      </button>
    </div>
  );
}

/** Brings a cell out from under what stays in place: a browser thinks it in sight there, and does not. */
function uncover(event: FocusEvent): void {
  const cell = event.target as HTMLElement;
  if (cell.dataset.col) cell.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function goTo(id: string): void {
  const row = document.querySelector(`tr[data-resident="${CSS.escape(id)}"]`);
  row?.scrollIntoView({ block: "center" });
  row?.querySelector<HTMLElement>("[data-col]")?.focus({ preventScroll: true });
}

function Table({ finess, pathway, asked }: { finess: string; pathway: string; asked: Questionnaire }) {
  const words = td.value.sitting;
  version.value;
  const residents = sitting.value!.residents.filter((resident) => resident.pathway === pathway);
  const columns = useMemo(() => columnsOf(asked), [asked]);
  const onKeyDown = (event: KeyboardEvent) => {
    const cell = event.target as HTMLElement;
    const column = cell.dataset.col;
    if (!column || event.altKey || event.metaKey) return;
    const down = event.key === "Enter" || event.key === "ArrowDown";
    if (!down && event.key !== "ArrowUp") return;
    event.preventDefault();
    const row = cell.closest("tr")!;
    if (event.key === "Enter" && event.ctrlKey) {
      const resident = residents.find(({ id }) => id === row.dataset.resident);
      if (resident) void send(finess, [resident]);
      move(row, columns[0]!.link, true);
    } else move(row, column, down, event.key === "Enter");
  };
  return (
    <div class="sitting-scroll" tabIndex={0} role="region" aria-label={say(asked.title)}>
      <table class="sitting-table" onKeyDown={onKeyDown} onFocusIn={uncover}>
        <caption>{say(asked.title)}</caption>
        <thead>
          <tr>
            <th scope="col" class="who">
              {words.resident}
            </th>
            {columns.map((item) => (
              <th key={item.link} scope="col" data-kind={item.kind}>
                {say(item.text)}
                {item.unit && <span class="soft"> {item.unit}</span>}
              </th>
            ))}
            <th scope="col" class="acts">
              <span class="hidden">{words.send}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {residents.map((resident) => (
            <Line key={resident.id} finess={finess} resident={resident} asked={asked} columns={columns} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Moves to the same column of the next row that has it, past those that ask nothing, and, where that is wished, are done. */
function move(row: Element, column: string, down: boolean, pastDone = false): void {
  for (let next = down ? row.nextElementSibling : row.previousElementSibling; next; next = down ? next.nextElementSibling : next.previousElementSibling) {
    if (pastDone && next.getAttribute("data-standing") === "done") continue;
    const cell = next.querySelector<HTMLElement>(`[data-col="${CSS.escape(column)}"]`);
    if (!cell) continue;
    cell.focus();
    if (cell instanceof HTMLInputElement) cell.select();
    return;
  }
}

interface LineOf {
  finess: string;
  resident: Resident;
  asked: Questionnaire;
  columns: Item[];
}

function Line({ finess, resident, asked, columns }: LineOf) {
  const words = td.value.sitting;
  const row = rowOf(resident);
  const now = row.value;
  const open = isOpen(resident);
  const shown = shownIn(asked, now);
  const flags = flagsOf(resident, now);
  const flagged = new Set(flags.map(({ item }) => item));
  const standing = standingOf(resident, now);
  const lacks = new Set(standing === "part" ? lacking(asked, resident, now) : []);
  const change = (link: string, value: Value | undefined, text?: string) => {
    row.value = typed(row.peek(), link, value, text);
    keepSoon(finess, resident);
    const kind = columns.find((item) => item.link === link)?.kind;
    if (kind !== "integer" && kind !== "decimal") look(resident);
  };
  return (
    <tr data-resident={resident.id} data-standing={standing} data-flagged={flags.length > 0 || now.calls15 || undefined}>
      <th scope="row" class="who">
        <span class="who-name">
          {resident.room && <span class="room">{resident.room}</span>} <Name name={resident.name} />
        </span>
        <Standing resident={resident} row={now} standing={standing} asked={asked} />
        {(flags.length > 0 || now.calls15) && <Call15>{flags.length > 0 ? `${td.value.call15} : ${reasons(flags).map(say).join(", ")}` : words.call15}</Call15>}
      </th>
      {columns.map((item) => (
        <td key={item.link} data-kind={item.kind} data-lacks={lacks.has(item.link) || undefined} data-red={flagged.has(item.link) || undefined} data-label={`${say(item.text)}${item.unit ? ` (${item.unit})` : ""}`}>
          {open && shown.has(item.link) ? (
            <Cell item={item} row={now} label={words.answerOf(say(item.text), calledBy(resident))} onChange={change} onDone={() => look(resident)} />
          ) : (
            <span class="soft" aria-hidden="true">
              ·
            </span>
          )}
        </td>
      ))}
      <td class="acts">
        {open && (
          <button
            type="button"
            aria-label={`${words.send}, ${calledBy(resident)}`}
            disabled={!isReady(asked, resident, now)}
            onClick={() => void send(finess, [resident])}
          >
            {now.busy ? words.sending : words.send}
          </button>
        )}
      </td>
    </tr>
  );
}

type Standing = "done" | "part" | "started" | "open" | "waits" | "missed" | "none" | "wrong" | "taking";

function standingOf(resident: Resident, row: Row): Standing {
  if (row.told && row.told.status >= 400) return "wrong";
  if (row.told?.status === 202 || row.busy) return "taking";
  if (row.dirty) return "started";
  if (row.told?.status === 201 || resident.state === "answered") return isPart(resident, row) ? "part" : "done";
  return resident.state === "waits" ? "waits" : resident.state === "none" ? "none" : resident.state === "missed" ? "missed" : "open";
}

const MOST_NAMED = 2; // of what is missing: the cells themselves are marked

const MARKS: Record<Standing, string> = { done: "✓", part: "◔", started: "◐", open: "○", waits: "◷", missed: "!", none: "·", wrong: "✕", taking: "…" };

function Standing({ resident, row, standing, asked }: { resident: Resident; row: Row; standing: Standing; asked: Questionnaire }) {
  const words = td.value.sitting;
  const time = (at: number) => timeOfDay(at, zone.value, t.value);
  const items = new Map(columnsOf(asked).map((item) => [item.link, say(item.text).split(" (")[0]!]));
  const names = (links: readonly string[]) => links.map((link) => items.get(link) ?? link).join(", ");
  const told = row.told;
  let text: string = standing === "open" ? words.open : standing === "missed" ? words.missed : standing === "none" ? words.notAsked : words.started;
  if (standing === "taking") text = words.taking;
  else if (standing === "waits") text = resident.opens_at != null ? words.waits(time(resident.opens_at)) : words.open;
  else if (standing === "done" || standing === "part") {
    const done = told?.received_at != null ? words.sent(time(told.received_at)) : resident.received_at != null ? words.doneBy(time(resident.received_at)) : words.done;
    text = standing === "part" ? words.part(done) : done;
  } else if (standing === "wrong" && told) {
    text = row.offline ? words.offline : told.status === 422 && row.refused.length > 0 ? words.check(names(row.refused)) : (words.refused[told.kind ?? ""] ?? words.refused.other!);
  }
  const lacks = standing === "part" ? lacking(asked, resident, row) : [];
  const open = lacksOf(resident, row);
  return (
    <span class="standing" role={standing === "wrong" ? "alert" : undefined}>
      <span aria-hidden="true">{standing === "done" ? <Check size={16} /> : MARKS[standing]}</span> {text}
      {standing === "part" && (
        <span class="lacks">
          {" "}
          · {lacks.length > 0 ? words.lacking(`${names(lacks.slice(0, MOST_NAMED))}${lacks.length > MOST_NAMED ? ` +${lacks.length - MOST_NAMED}` : ""}`) : words.lackingSome(open)}
        </span>
      )}
    </span>
  );
}

interface CellOf {
  item: Item;
  row: Row;
  label: string;
  onChange(link: string, value: Value | undefined, text?: string): void;
  /** What was being written is whole: a number is looked at then, and not while it is half there. */
  onDone?(link: string): void;
}

function Cell({ item, row, label, onChange, onDone }: CellOf) {
  const words = td.value.sitting;
  const value = row.answers[item.link];
  const wrong = isWrong(item, row);
  if (item.kind === "integer" || item.kind === "decimal") {
    const isUnknown = value === null;
    const range = rangeMissed(item, row);
    return (
      <>
        <input
        type="text"
        class="cell-number"
        inputMode="decimal"
        autocomplete="off"
        maxLength={8}
        data-col={item.link}
        aria-label={isUnknown ? `${label} : ${words.unknown}` : label}
        aria-invalid={wrong}
        title={isUnknown ? words.unknown : undefined}
        value={row.texts[item.link] ?? ""}
        onInput={(event) => onChange(item.link, numberOf(item, event.currentTarget.value), event.currentTarget.value)}
        onChange={() => onDone?.(item.link)}
      />
        {range && <span class="cell-why">{words.range(number(range.low), number(range.high))}</span>}
      </>
    );
  }
  if (item.kind === "text") {
    return (
      <input
        type="text"
        class="cell-text"
        autocomplete="off"
        maxLength={item.longest ?? 4000}
        data-col={item.link}
        aria-label={label}
        aria-invalid={wrong}
        value={typeof value === "string" ? value : ""}
        onInput={(event) => onChange(item.link, event.currentTarget.value || undefined)}
      />
    );
  }
  if (item.kind === "choices") return <Several item={item} value={value} label={label} onChange={onChange} />;
  const options: [string, string][] =
    item.kind === "boolean"
      ? [["true", words.yes], ["false", words.no]]
      : (item.options ?? []).map(({ code, label: text }): [string, string] => [code, say(text)]);
  const chosen = value === undefined ? "" : value === null ? UNKNOWN_SIGN : String(value);
  const take = (code: string) => {
    if (code === "") onChange(item.link, undefined);
    else if (code === UNKNOWN_SIGN) onChange(item.link, null);
    else onChange(item.link, item.kind === "boolean" ? code === "true" : code);
  };
  return (
    <select data-col={item.link} aria-label={label} aria-invalid={wrong} value={chosen} onChange={(event) => take(event.currentTarget.value)}>
      <option value="">{words.blank}</option>
      {options.map(([code, text]) => (
        <option key={code} value={code}>
          {text}
        </option>
      ))}
      {item.unknowable && <option value={UNKNOWN_SIGN}>{words.unknown}</option>}
    </select>
  );
}

const NONE = "none";
const EDGE = 8; // px, between a list and the window's edge

/** Puts a list below its cell, above it where it has no room there, and within the window anyway. */
function placed(list: HTMLElement, cell: DOMRect): void {
  const { offsetWidth: width, offsetHeight: height } = list;
  const below = cell.bottom + 2;
  const top = below + height <= innerHeight - EDGE ? below : cell.top - 2 - height;
  list.style.left = `${Math.max(EDGE, Math.min(cell.left, innerWidth - width - EDGE))}px`;
  list.style.top = `${Math.max(EDGE, Math.min(top, innerHeight - height - EDGE))}px`;
}

/** Several of what can be chosen: a list that unfolds. */
function Several({ item, value, label, onChange }: Omit<CellOf, "row"> & { value: Value | undefined }) {
  const words = td.value.sitting;
  const open = useSignal(false);
  const whole = useRef<HTMLDetailsElement>(null);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open.value) return;
    const [frame, shown] = [whole.current!, list.current!];
    // In the top layer: what scrolls would cut it off, and the last rows' with it.
    shown.showPopover();
    const place = () => placed(shown, frame.getBoundingClientRect());
    const leave = (event: PointerEvent) => {
      if (event.target instanceof Node && !frame.contains(event.target)) open.value = false;
    };
    place();
    addEventListener("scroll", place, { capture: true, passive: true });
    addEventListener("resize", place);
    addEventListener("pointerdown", leave);
    return () => {
      shown.hidePopover();
      removeEventListener("scroll", place, { capture: true });
      removeEventListener("resize", place);
      removeEventListener("pointerdown", leave);
    };
  }, [open.value]);
  const several = Array.isArray(value) ? value : [];
  const names = (item.options ?? []).filter(({ code }) => several.includes(code)).map(({ label: text }) => say(text));
  const toggle = (code: string, picked: boolean) => {
    const rest = several.filter((each) => each !== code && (code === NONE || each !== NONE));
    const next = !picked ? rest : code === NONE ? [NONE] : [...rest, code];
    onChange(item.link, next.length > 0 ? next : undefined);
    if (picked && code === NONE) open.value = false;
  };
  return (
    <details
      ref={whole}
      class="several"
      open={open.value}
      onToggle={(event) => (open.value = event.currentTarget.open)}
      onFocusOut={({ relatedTarget, currentTarget }) => {
        if (relatedTarget instanceof Node && !currentTarget.contains(relatedTarget)) open.value = false;
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        open.value = false;
        event.currentTarget.querySelector("summary")?.focus();
      }}
    >
      <summary data-col={item.link} aria-label={`${label} : ${isBlank(value) ? words.blank : names.join(", ")}`}>
        {names.join(", ") || words.blank}
      </summary>
      <div ref={list} popover="manual" class="several-list" role="group" aria-label={label}>
        {(item.options ?? []).map(({ code, label: text }) => (
          <label key={code} class="check">
            <input type="checkbox" checked={several.includes(code)} onChange={(event) => toggle(code, event.currentTarget.checked)} /> {say(text)}
          </label>
        ))}
      </div>
    </details>
  );
}
