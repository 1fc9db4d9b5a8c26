/** The tracing agents' calls: who is to be called and when, what to say, what came of it, and the next one. */
import { useSignal } from "@preact/signals";
import { Phone } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { moment, spaced } from "../format";
import { Problem } from "../http";
import { asked, draftOf } from "../patients/file";
import { doors as patients } from "../patients/http";
import { namesShown } from "../patients/privacy";
import { Name, ShowNames } from "../patients/screen/parts";
import { region, zone } from "../state";
import { say, t } from "../words";
import type { Words } from "../wire";
import { doors } from "./http";
import type { Call, CallOutcome, Imported } from "./wire";
import { td } from "./words";

const OUTCOMES: CallOutcome[] = ["agreed", "unreachable", "call_again", "refused"];
const AGAIN: ReadonlySet<CallOutcome> = new Set(["unreachable", "call_again"]);
const HOUR = 3_600_000;
const MORNING = 10;

export function Calls() {
  const words = td.value.calls;
  const list = useSignal<Call[] | null>(null);
  const at = useSignal(Date.now());
  const chosen = useSignal<string | null>(null);
  const failed = useSignal<string | null>(null);
  const saved = useSignal<{ name: string; told(name: string): string } | null>(null);
  const load = async () => {
    try {
      const told = await doors.calls(region.value);
      list.value = told.calls;
      at.value = told.at;
      failed.value = null;
      if (!told.calls.some(({ id }) => id === chosen.value)) chosen.value = told.calls[0]?.id ?? null;
    } catch (error) {
      failed.value = error instanceof Problem && error.status === 403 ? td.value.notYours : td.value.failed(said(error));
    }
  };
  useEffect(() => void load(), []);
  const calls = list.value;
  const call = calls?.find(({ id }) => id === chosen.value);
  const done = async (name: string, told: (name: string) => string) => {
    saved.value = { name, told };
    // The next one by the list, not the first again: who did not answer goes down it.
    const place = calls?.findIndex(({ id }) => id === chosen.value) ?? -1;
    chosen.value = calls?.[place + 1]?.id ?? calls?.[0]?.id ?? null;
    await load();
  };
  return (
    <div class="calls">
      <section class="calls-list" aria-labelledby="calls-title">
        <div class="desk-head">
          <h2 id="calls-title">{calls ? words.count(calls.length) : words.name}</h2>
          <ShowNames />
          <button type="button" onClick={() => void load()}>
            {td.value.refresh}
          </button>
        </div>
        {failed.value && (
          <p class="desk-wrong" role="alert">
            {failed.value}
          </p>
        )}
        {!calls && !failed.value && <p role="status">{td.value.busy}</p>}
        <ul aria-label={words.list}>
          {calls?.map((one) => (
            <li key={one.id}>
              <button type="button" class="call-row" aria-current={one.id === chosen.value ? "true" : undefined} onClick={() => (chosen.value = one.id)}>
                <time>{one.call_at == null ? words.soon : moment(one.call_at, at.value, zone.value, t.value)}</time>
                <span class="call-name">
                  <Name name={one.name} />
                </span>
                <span class="soft">
                  {words.tries(one.calls)}
                  {one.call_at != null && one.call_at < at.value && <strong class="late"> · {words.late}</strong>}
                </span>
              </button>
            </li>
          ))}
        </ul>
        <Bring onBrought={() => void load()} />
      </section>
      <section class="calls-one">
        <p role="status" class="call-saved">
          {saved.value?.told(namesShown.value ? saved.value.name : words.lastCalled)}
        </p>
        {call && <One key={call.id} call={call} onDone={(told) => void done(call.name, told)} />}
      </section>
    </div>
  );
}

const said = (error: unknown): string => (error instanceof Problem && error.status > 0 ? error.message : td.value.away);

/** Nobody can be asked who can't be written to. */
const NO_CHANNEL = "no channel";

/** Puts on file how somebody who agrees is written to, as they say on the telephone. */
async function reachBy(id: string, phone: string, email: string, reason: string): Promise<void> {
  const { file } = await patients.patient(region.peek(), id);
  const draft = draftOf(file);
  await patients.changeFile(region.peek(), id, {
    file: asked({ ...draft, phone: phone || draft.phone, email: email || draft.email }, file),
    reason,
    channels: [...(phone ? ["sms"] : []), ...(email ? ["smtp"] : [])],
  });
}

/** Where nobody is to be called any more, somebody else has done it: that is another thing than a call that can't be filed. */
const DONE_ALREADY: ReadonlySet<string> = new Set(["not-now", "over", "unknown-patient"]);

function One({ call, onDone }: { call: Call; onDone(told: (name: string) => string): void }) {
  const words = td.value.calls;
  const outcome = useSignal<CallOutcome | null>(null);
  const again = useSignal("");
  const note = useSignal("");
  const busy = useSignal(false);
  const wrong = useSignal<string | null>(null);
  const isSure = useSignal(false);
  const isAsked = useSignal(false);
  const isReached = useSignal(true);
  const phone = useSignal("");
  const email = useSignal("");
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: false }), []);
  const needsTime = outcome.value !== null && AGAIN.has(outcome.value);
  const save = async (event: Event) => {
    event.preventDefault();
    const came = outcome.value;
    if (came === null || busy.value) return;
    const next = needsTime ? Date.parse(again.value) : NaN;
    if (needsTime && !(next > Date.now())) {
      wrong.value = words.when;
      return;
    }
    if (came === "refused" && !isSure.value) {
      isAsked.value = true;
      return;
    }
    const asksReach = came === "agreed" && !isReached.value;
    if (asksReach && phone.value.trim() === "" && email.value.trim() === "") {
      wrong.value = words.reachNeeded;
      return;
    }
    busy.value = true;
    wrong.value = null;
    try {
      if (asksReach) await reachBy(call.id, phone.value.trim(), email.value.trim(), words.reachReason);
      const told = await doors.called(region.value, call.id, {
        outcome: came,
        ...(needsTime ? { next_at: next } : {}),
        ...(note.value.trim() ? { note: note.value.trim() } : {}),
      });
      const says = told?.outcome === "pending" ? words.pending : words.saved;
      onDone((name) => says(name, words.outcomes[came]));
    } catch (error) {
      const kind = error instanceof Problem ? String(error.body.type ?? "").split(":").at(-1)! : "";
      const lost = note.value.trim();
      if (error instanceof Problem && error.body.detail === NO_CHANNEL) isReached.value = false;
      else if (DONE_ALREADY.has(kind)) onDone((name) => (lost === "" ? words.conflict(name) : words.conflictNote(name, lost)));
      else wrong.value = td.value.failed(said(error));
    } finally {
      busy.value = false;
    }
  };
  return (
    <form class="panel call-one" onSubmit={(event) => void save(event)}>
      <h2 ref={heading} tabIndex={-1}>
        <Name name={call.name} />
      </h2>
      <p class="call-whom">
        {say(call.title)}
        {call.departement && ` · ${words.departement(call.departement)}`}
        {namesShown.value && ` · ${words.born(dayOf(call.birth_date))}`}
      </p>
      {namesShown.value ? (
        <a class="call-number" href={`tel:${call.phone}`}>
          <Phone size={22} aria-hidden="true" />
          {words.call(spaced(call.phone))}
        </a>
      ) : (
        <p>
          <ShowNames />
        </p>
      )}
      <h3>{words.script}</h3>
      <blockquote class="script">{say(call.script)}</blockquote>
      <fieldset>
        <legend>{words.outcome}</legend>
        <div class="outcomes">
          {OUTCOMES.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={outcome.value === one}
              onClick={() => {
                outcome.value = one;
                isSure.value = isAsked.value = false;
                if (AGAIN.has(one) && again.value === "") again.value = local(Date.now() + 3 * HOUR);
              }}
            >
              {words.outcomes[one]}
            </button>
          ))}
        </div>
      </fieldset>
      {outcome.value && <p class="soft">{words.outcomeNotes[outcome.value]}</p>}
      {needsTime && (
        <div class="again-at">
          <label>
            {words.again}
            <input type="datetime-local" value={again.value} onInput={(event) => (again.value = event.currentTarget.value)} />
          </label>
          {[1, 3].map((hours) => (
            <button key={hours} type="button" onClick={() => (again.value = local(Date.now() + hours * HOUR))}>
              {words.inHours(hours)}
            </button>
          ))}
          <button type="button" onClick={() => (again.value = tomorrow())}>
            {words.tomorrow}
          </button>
        </div>
      )}
      {outcome.value === "agreed" && !isReached.value && (
        <fieldset>
          <legend>{words.reach}</legend>
          <p role="alert">{words.reachWhy}</p>
          <label class="call-note">
            {words.reachPhone}
            <input type="tel" inputMode="tel" autocomplete="off" maxLength={25} value={phone.value} onInput={(event) => (phone.value = event.currentTarget.value)} />
          </label>
          <label class="call-note">
            {words.reachEmail}
            <input type="email" inputMode="email" autocomplete="off" maxLength={200} value={email.value} onInput={(event) => (email.value = event.currentTarget.value)} />
          </label>
        </fieldset>
      )}
      <label class="call-note">
        {words.note}
        <textarea rows={2} maxLength={4000} value={note.value} onInput={(event) => (note.value = event.currentTarget.value)} />
      </label>
      {wrong.value && (
        <p class="desk-wrong" role="alert">
          {wrong.value}
        </p>
      )}
      {isAsked.value && (
        <p class="desk-wrong" role="alert">
          {words.erases}
        </p>
      )}
      <button type="submit" class="primary" disabled={outcome.value === null || busy.value} onClick={() => (isSure.value = isAsked.value)}>
        {busy.value ? td.value.busy : isAsked.value ? words.erase : words.save}
      </button>
    </form>
  );
}

/** Returns an instant as a field of date and time has it, by this browser's clock, at whole five minutes. */
function local(at: number): string {
  const whole = new Date(Math.ceil(at / 300_000) * 300_000);
  return new Date(whole.getTime() - whole.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function tomorrow(): string {
  const at = new Date();
  at.setDate(at.getDate() + 1);
  at.setHours(MORNING, 0, 0, 0);
  return local(at.getTime());
}

const MOST_READ = 3; // rows shown of what was read

/** Returns what a file says: UTF-8, or as spreadsheets in France still save it. */
export function decoded(bytes: ArrayBuffer): { text: string; isOld: boolean } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), isOld: false };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { text: new TextDecoder("windows-1252").decode(bytes), isOld: true };
  }
}

/** Returns a birth date as it is said. */
const dayOf = (iso: string): string => iso.split("-").reverse().join("/");

function Bring({ onBrought }: { onBrought(): void }) {
  const words = td.value.calls;
  const pathways = useSignal<{ id: string; title: Words }[]>([]);
  const pathway = useSignal("");
  const list = useSignal("");
  const isOld = useSignal(false);
  const lines = useSignal(0);
  const key = useSignal("");
  const busy = useSignal(false);
  const told = useSignal<Imported[] | null>(null);
  const wrong = useSignal<string | null>(null);
  const unfold = async () => {
    if (pathways.value.length > 0) return;
    try {
      pathways.value = await doors.firstCalls(region.value);
    } catch (error) {
      wrong.value = td.value.failed(said(error));
    }
  };
  const read = async (file: File | undefined) => {
    told.value = null;
    wrong.value = null;
    const text = file ? decoded(await file.arrayBuffer()) : { text: "", isOld: false };
    list.value = text.text;
    isOld.value = text.isOld;
    lines.value = Math.max(0, list.value.split(/\r?\n/).filter((line) => line.trim() !== "").length - 1);
    key.value = crypto.randomUUID(); // the same list sent twice is one list
  };
  const send = async (event: Event) => {
    event.preventDefault();
    if (lines.value === 0 || busy.value) return;
    busy.value = true;
    wrong.value = null;
    try {
      told.value = (await doors.bring(region.value, pathway.value, list.value, key.value)).rows;
      onBrought();
    } catch (error) {
      const errors = error instanceof Problem && Array.isArray(error.body.errors) ? (error.body.errors as { path: string; message: string }[]) : [];
      wrong.value = errors.length > 0 ? errors.map(({ path, message }) => `${words.columnOf(path)} : ${words.mistake(message)}`).join(" · ") : td.value.failed(said(error));
    } finally {
      busy.value = false;
    }
  };
  const rows = told.value ?? [];
  const opened = rows.filter(({ id }) => id !== undefined);
  const refused = rows.filter(({ id }) => id === undefined);
  return (
    <details class="panel bring" onToggle={(event) => event.currentTarget.open && void unfold()}>
      <summary>{words.bring}</summary>
      <form onSubmit={(event) => void send(event)}>
        <p>{words.bringWhy}</p>
        <p class="soft">{words.bringColumns}</p>
        <label>
          {words.pathway}
          <select
            value={pathway.value}
            onChange={(event) => {
              pathway.value = event.currentTarget.value;
              told.value = wrong.value = null; // what was said is of the other one
            }}
          >
            <option value="">{words.choosePathway}</option>
            {pathways.value.map(({ id, title }) => (
              <option key={id} value={id}>
                {say(title)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {words.file}
          <input type="file" accept=".csv,text/csv" onChange={(event) => void read(event.currentTarget.files?.[0])} />
        </label>
        {list.value !== "" && <p role="status">{words.lines(lines.value)}</p>}
        {isOld.value && <p class="desk-wrong">{words.oldSigns}</p>}
        {lines.value > 0 && namesShown.value && (
          <ul class="bring-read" aria-label={words.firstLines}>
            {list.value
              .split(/\r?\n/)
              .filter((line) => line.trim() !== "")
              .slice(1, 1 + MOST_READ)
              .map((line, place) => (
                <li key={place}>{line.split(/[;,]/).filter((cell) => cell.trim() !== "").join(" · ")}</li>
              ))}
          </ul>
        )}
        <button type="submit" class="primary" disabled={lines.value === 0 || busy.value || pathway.value === ""}>
          {busy.value ? td.value.busy : words.bringNow}
        </button>
      </form>
      {wrong.value && (
        <p class="desk-wrong" role="alert">
          {wrong.value}
        </p>
      )}
      {told.value && (
        <div role="status">
          <p>
            <strong>{words.brought(opened.length)}</strong>
            {refused.length > 0 && ` · ${words.rowsWrong(refused.length)}`}
          </p>
          <ul class="bring-rows">
            {refused.map(({ row, line, kind, errors }) => (
              <li key={row}>
                <strong>{words.row(line)}</strong> :{" "}
                {kind === "similar"
                  ? words.isThere
                  : (errors ?? []).map(({ path, message }) => `${words.columnOf(path)} : ${words.mistake(message)}`).join(" · ") || words.rowFailed}
              </li>
            ))}
          </ul>
        </div>
      )}
    </details>
  );
}
