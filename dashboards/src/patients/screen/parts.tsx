/** The small things that the board and a patient's page are made of. */
import { useComputed, useSignal } from "@preact/signals";
import { ArrowDownRight, ArrowRight, ArrowUpRight, Check, EyeOff, PhoneOff, X } from "lucide-preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { people } from "../../alerts/state";
import { age, moment } from "../../format";
import type { Problem } from "../../http";
import { onLink } from "../../route";
import { zone } from "../../state";
import { say, t } from "../../words";
import { namesShown, unlock } from "../privacy";
import { refusalText as textOf } from "../problems";
import { isOfAnswers, isPast, rangeText, standing } from "../rows";
import { busy, came, me, now, opened } from "../state";
import { valueText } from "../rules";
import type { Colour, Reason, Row, Similar } from "../wire";
import { ruleWords, tp } from "../words";

/** Shows a text that goes with the clock; only the text node changes. */
export function Ticking({ text }: { text(now: number | null): string }) {
  const said = useSignal(text);
  said.value = text;
  const shown = useComputed(() => said.value(now.value));
  return <>{shown}</>;
}

export const sinceText = (at: number) => (clock: number | null) => (clock === null ? "–" : age(Math.max(0, clock - at), t.value));

/** Returns a time as the reader's clock has it, with the day where it is another. */
export const timeText = (at: number): string => moment(at, now.value, zone.value, t.value);

/** Returns a person's name, "vous" for the reader. */
export function who(subject: string): string {
  if (subject === me.value) return tp.value.me;
  if (subject.startsWith("patient:")) return tp.value.patient.toLowerCase();
  return opened.value?.names[subject] ?? people.value.get(subject)?.name ?? subject;
}

/** Draws a colour's own shape: a stop sign, a triangle, a diamond, a ring; no two have one outline. */
export function ColourGlyph({ colour, size = 16 }: { colour: Colour | null; size?: number }) {
  return (
    <svg class="glyph" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {colour === "red" && <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor" />}
      {colour === "orange" && <path d="M8 1.4 15.2 14.2H.8z" fill="currentColor" stroke="currentColor" stroke-linejoin="round" />}
      {colour === "yellow" && <path d="M8 1.2 14.8 8 8 14.8 1.2 8z" fill="currentColor" />}
      {colour === "green" && <circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="2.6" />}
      {colour === null && <circle cx="8" cy="8" r="5.4" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="1.8 2.2" />}
    </svg>
  );
}

/** A patient's chip: shape, label, colour and the score's range; never the colour alone. */
export function Chip({ colour, range = null, incomplete = false, past = false }: { colour: Colour | null; range?: readonly [number, number] | null; incomplete?: boolean; past?: boolean }) {
  const words = tp.value;
  return (
    <span class={`chip chip-${colour ?? "none"} ${past ? "is-past" : ""}`}>
      <ColourGlyph colour={colour} size={14} />
      <span>
        {words.colours[colour ?? "unanswered"]}
        {range && ` ${rangeText(range)}`}
      </span>
      {incomplete && <small>{words.incomplete}</small>}
    </span>
  );
}

/** The chip of a patient: what they stand under, and where that is not their last answers', those beside it. */
export function PatientChip({ row, range }: { row: Row; range: readonly [number, number] | null }) {
  const words = tp.value;
  if (isOfAnswers(row) || row.colour == null) return <Chip colour={standing(row)} range={range} incomplete={row.incomplete} past={isPast(row)} />;
  return (
    <>
      <Chip colour={standing(row)} past={isPast(row)} />
      {standing(row) !== row.colour && (
        <span class="last-answer">
          {words.lastAnswer(`${words.colours[row.colour]}${range ? ` ${rangeText(range)}` : ""}${row.incomplete ? `, ${words.incomplete}` : ""}`)}
        </span>
      )}
    </>
  );
}

/** A red that tells nobody who is made to look by it. */
export function NobodyRung() {
  const words = tp.value;
  return (
    <p class="nobody-rung" role="status">
      <PhoneOff size={18} aria-hidden="true" />
      <span>
        <b>{words.nobodyRung}</b> {words.nobodyRungWhy}
      </span>
    </p>
  );
}

/** Ways to files that were found, which have no names before they are opened. */
export function Found({ patients }: { patients: readonly string[] }) {
  const words = tp.value;
  return (
    <ul class="found">
      {patients.map((id, i) => (
        <li key={id}>
          <a class="act" href={`/patients/${encodeURIComponent(id)}`} onClick={onLink}>
            {words.foundOne(i + 1)}
          </a>
        </li>
      ))}
    </ul>
  );
}

/** The files that may be the same person's: to be looked at, and never merged. */
export function SimilarFiles({ similar }: { similar: Similar }) {
  const words = tp.value;
  const { patients, elsewhere } = similar;
  if (patients.length === 0 && !elsewhere) return null;
  return (
    <div class="similar" role="status">
      {patients.length > 0 && (
        <>
          <p>{words.similar(patients.length)}</p>
          <Found patients={patients} />
        </>
      )}
      {elsewhere && <p>{words.similarElsewhere}</p>}
    </div>
  );
}

/** Why somebody has their colour, in the strongest two rules. */
export function Reasons({ reasons }: { reasons: readonly Reason[] }) {
  return (
    <>
      {distinct(reasons).map((reason) => (
        <span key={reason.rule} class="reason">
          <ColourGlyph colour={reason.colour} size={11} /> {say(reason.words)}
          {typeof reason.value === "number" && !/\d/.test(say(reason.words)) && (
            <span class="soft"> {valueText(reason.value, { unit: reason.unit }, ruleWords.value)}</span>
          )}
        </span>
      ))}
    </>
  );
}

/** Two rules may say the same of one answer: once is enough here, the file has both. */
function distinct(reasons: readonly Reason[]): Reason[] {
  return reasons.filter((one, i) => reasons.findIndex((other) => say(other.words) === say(one.words) && other.value === one.value) === i).slice(0, 2);
}

const ARROWS = { up: ArrowUpRight, down: ArrowDownRight, flat: ArrowRight };

export function Trend({ trend }: { trend: "up" | "down" | "flat" | null }) {
  const words = tp.value;
  if (trend === null) return null;
  const Icon = ARROWS[trend];
  return (
    <span class={`trend trend-${trend}`} title={words.trendOf(words.trends[trend])}>
      <Icon size={18} aria-hidden="true" />
      <span>{words.trends[trend]}</span>
    </span>
  );
}

/** A name, or that it is hidden; it is not in the page at all until it is asked for. */
export function Name({ name }: { name: string }) {
  const words = tp.value;
  if (namesShown.value) return <>{name}</>;
  return (
    <span class="name-hidden">
      <EyeOff size={15} aria-hidden="true" /> {words.nameHidden}
    </span>
  );
}

export function ShowNames() {
  const words = tp.value;
  if (namesShown.value) return null;
  return (
    <button type="button" class="show-names" onClick={unlock}>
      <EyeOff size={18} aria-hidden="true" />
      {words.showNames}
    </button>
  );
}

/** What came of the last act: done, or why not, in the reader's words. */
export function Outcome({ of }: { of?: readonly string[] }) {
  const words = tp.value;
  const said = came.value;
  if (!said || (of && !of.includes(said.act))) return null;
  if (said.refusal === null) {
    return (
      <p class="said said-done" role="status">
        {!said.pending && <Check size={16} aria-hidden="true" />} {said.pending ? words.pending : words.did[said.act]}
      </p>
    );
  }
  return (
    <p class="said said-refused" role="alert">
      <span>{refusalText(said.refusal)}</span>
      <button type="button" class="icon" aria-label={words.dismiss} onClick={() => (came.value = null)}>
        <X size={16} />
      </button>
    </p>
  );
}

/** Returns why something was not done, in the words of the page in force. */
export const refusalText = (refusal: Problem): string => textOf(refusal, tp.value, who);

/** A form that opens in place: its first field has the focus, Escape closes it. */
export function Shell(props: { onSend(): void; onClose(): void; ready: boolean; act: string; label?: string; children: ComponentChildren; danger?: boolean }) {
  const words = tp.value;
  const element = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => element.current?.querySelector<HTMLElement>("input, select, textarea")?.focus(), []);
  const isBusy = busy.value === props.act;
  return (
    <form
      ref={element}
      class="row-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (props.ready && busy.value === null) props.onSend();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        event.preventDefault();
        props.onClose();
      }}
    >
      {props.children}
      <div class="form-acts">
        <button type="submit" class={`act ${props.danger ? "danger" : "main"}`} disabled={!props.ready || busy.value !== null} aria-busy={isBusy}>
          {isBusy ? words.busy : (props.label ?? words.send)}
        </button>
        <button type="button" class="act" onClick={props.onClose}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}

interface TextField {
  label: string;
  value: string;
  onInput(value: string): void;
  type?: string;
  long?: boolean;
  required?: boolean;
  error?: string;
  hint?: string;
  inputMode?: "numeric" | "decimal" | "tel" | "email";
  max?: number;
  autocomplete?: string;
}

export function Field({ label, value, onInput, type = "text", long = false, required = false, error, hint, inputMode, max = 500, autocomplete = "off" }: TextField) {
  const id = useId();
  const described = [error ? `${id}-e` : "", hint ? `${id}-h` : ""].filter(Boolean).join(" ") || undefined;
  const common = {
    id,
    value,
    required,
    maxLength: max,
    autocomplete,
    "aria-invalid": error ? true : undefined,
    "aria-describedby": described,
    onInput: (event: Event) => onInput((event.currentTarget as HTMLInputElement).value),
  };
  return (
    <div class={`field ${long ? "grow-field" : ""}`}>
      <label for={id} class={required ? "is-needed" : undefined}>
        {label}
      </label>
      {long ? <textarea {...common} rows={3} /> : <input {...common} type={type} inputMode={inputMode} />}
      {hint && (
        <small id={`${id}-h`} class="hint">
          {hint}
        </small>
      )}
      {error && (
        <small id={`${id}-e`} class="wrong">
          {error}
        </small>
      )}
    </div>
  );
}

interface Choosing {
  label: string;
  value: string;
  onChange(value: string): void;
  options: readonly (readonly [string, string])[];
  error?: string;
  required?: boolean;
}

export function Choice({ label, value, onChange, options, error, required = false }: Choosing) {
  const id = useId();
  return (
    <div class="field">
      <label for={id} class={required ? "is-needed" : undefined}>
        {label}
      </label>
      <select
        id={id}
        required={required}
        value={value}
        aria-invalid={error ? true : undefined}
        aria-describedby={error ? `${id}-e` : undefined}
        onChange={(event) => onChange((event.currentTarget as HTMLSelectElement).value)}
      >
        {options.map(([code, text]) => (
          <option key={code} value={code}>
            {text}
          </option>
        ))}
      </select>
      {error && (
        <small id={`${id}-e`} class="wrong">
          {error}
        </small>
      )}
    </div>
  );
}

/** Chooses a person by name where the reader may know names, else by identifier. */
interface Choosable extends Omit<Choosing, "options"> {
  among?: readonly string[];
  without?: readonly string[];
  hint?: string;
}

export function Person({ label, value, onChange, among, without = [], error, hint, required = false }: Choosable) {
  const words = tp.value;
  const known = among ?? [...people.value.keys()];
  if (known.length === 0) return <Field label={label} required={required} value={value} onInput={onChange} error={error} hint={hint ?? words.noAccount} />;
  const named = known.filter((subject) => !without.includes(subject)).map((subject) => [subject, people.value.get(subject)?.name ?? opened.value?.names[subject] ?? subject] as const);
  named.sort((a, b) => a[1].localeCompare(b[1], "fr"));
  return <Choice label={label} required={required} value={value} onChange={onChange} error={error} options={[["", words.choosePerson], ...named]} />;
}
