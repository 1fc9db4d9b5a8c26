/** What an act asks for before it is done: to whom, with which outcome, a word; and what a silence covers. */
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Problem } from "../../http";
import { departementName, kindOf, region } from "../../state";
import { say } from "../../words";
import { doors, type ActWords } from "../http";
import type { Row } from "../rows";
import { act, busy, me, now, people } from "../state";
import type { Act, Outcome } from "../wire";
import { ta } from "../words";

export type Form = "hand_over" | "resolve" | "comment" | "silence";
interface OpenForm {
  row: string;
  is: Form;
}
/** The one form that is open, and the row that it belongs to. */
export const form = signal<OpenForm | null>(null);

/** Returns what takes the focus of a row or card. */
export const headOf = (id: string): HTMLElement | null =>
  document.querySelector<HTMLElement>(`[data-group="${CSS.escape(id)}"]`)?.querySelector<HTMLElement>(".row-head, .unfold") ?? null;

/** Closes the form, or only that one if it is still open; the focus goes back to its row, unless it went elsewhere by itself: keys act on what has it. */
export function closeForm(only: OpenForm | null = form.peek()): void {
  const was = form.peek();
  if (was !== only) return; // another one was opened before the answer came
  const at = document.activeElement;
  form.value = null;
  if (was && (at === null || at === document.body || at.closest(".row-form"))) headOf(was.row)?.focus({ preventScroll: true });
}

export function RowForm({ row }: { row: Row }) {
  const is = form.value?.row === row.id ? form.value.is : null;
  if (is === null) return null;
  if (is === "silence") return <SilenceForm key={`${row.id}/silence`} row={row} />;
  return <ActForm key={`${row.id}/${is}`} row={row} is={is} />;
}

function Shell({ onSend, busy: isBusy, ready, children }: { onSend(): void; busy: boolean; ready: boolean; children: ComponentChildren }) {
  const words = ta.value;
  const element = useRef<HTMLFormElement>(null);
  // Whoever opened it means to fill it in: by key or by finger, the first field is next.
  useLayoutEffect(() => element.current?.querySelector<HTMLElement>("input, select, textarea")?.focus(), []);
  return (
    <form
      ref={element}
      class="row-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready && !isBusy) onSend();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        closeForm();
      }}
    >
      {children}
      <div class="form-acts">
        <button type="submit" class="act main" disabled={!ready || isBusy}>
          {isBusy ? words.busy : words.send}
        </button>
        <button type="button" class="act" onClick={() => closeForm()}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}

const OUTCOMES: Outcome[] = ["acted", "no_action_needed", "wrong"];

function ActForm({ row, is }: { row: Row; is: Exclude<Form, "silence"> }) {
  const words = ta.value;
  const to = useSignal("");
  const outcome = useSignal<Outcome | null>(null);
  const text = useSignal("");
  const ready = is === "hand_over" ? to.value !== "" : is === "resolve" ? outcome.value !== null : text.value.trim() !== "";
  const send = async () => {
    const more: ActWords = { ...(text.value.trim() ? { text: text.value.trim() } : {}) };
    if (is === "hand_over") more.to = to.value;
    if (is === "resolve") more.outcome = outcome.value!;
    const sent = form.peek();
    if (await act(is as Act, row, more)) closeForm(sent);
  };
  return (
    <Shell onSend={() => void send()} busy={busy.value.has(row.id)} ready={ready}>
      {is === "hand_over" && (
        <PersonChoice label={words.handTo} value={to.value} onChange={(subject) => (to.value = subject)} without={row.takenBy === me.value ? me.value : undefined} />
      )}
      {is === "resolve" && (
        <fieldset class="choices">
          <legend>{words.outcome}</legend>
          {OUTCOMES.map((one) => (
            <label key={one} class="choice">
              <input type="radio" name={`outcome-${row.id}`} checked={outcome.value === one} onChange={() => (outcome.value = one)} />
              {words.outcomes[one]}
            </label>
          ))}
        </fieldset>
      )}
      <label class="field grow-field">
        <span>{is === "comment" ? words.comment : words.word}</span>
        <input
          type="text"
          maxLength={500}
          value={text.value}
          onInput={(event) => (text.value = (event.currentTarget as HTMLInputElement).value)}
        />
      </label>
    </Shell>
  );
}

export function PersonChoice(props: { label: string; value: string; onChange(subject: string): void; without?: string }) {
  const words = ta.value;
  const known = [...people.value.values()].filter(({ subject }) => subject !== props.without);
  known.sort((a, b) => (a.name ?? a.subject).localeCompare(b.name ?? b.subject, "fr"));
  return (
    <label class="field">
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange((event.currentTarget as HTMLSelectElement).value)}>
        <option value="">{words.choosePerson}</option>
        {known.map(({ subject, name, team }) => (
          <option key={subject} value={subject}>
            {name ?? subject}
            {subject === me.value ? ` (${words.me})` : ""}
            {team ? ` · ${spelled(team)}` : ""}
          </option>
        ))}
      </select>
    </label>
  );
}

const OFFERED = ["rule", "ward", "facility", "departement", "bed_kind", "source", "channel", "shard", "severity", "concern"];
const NARROWEST = ["ward", "source", "channel", "facility", "departement", "shard", "region"];

/** Returns what the open alerts of a row have in common to be silenced by: label and all its values among them. */
function labelsOf(row: Row): [string, string[]][] {
  const among = row.open.length > 0 ? row.open : row.alerts;
  return OFFERED.flatMap((label) => {
    const values = [...new Set(among.map(({ alert }) => alert.labels[label]))];
    return values.every((value) => value !== undefined) && values.length <= 20 ? [[label, (values as string[]).sort()] as [string, string[]]] : [];
  });
}

/** Returns a name that is written for programs as people read it: rules, teams and schedules have no other. */
export const spelled = (slug: string): string => slug.replace(/[-_]+/g, " ");

/** Returns what a schedule of people on call is called: the trade's word, else its own name. */
export const scheduleText = (name: string): string => ta.value.scheduleNames[name] ?? spelled(name).replace(/^./, (first) => first.toUpperCase());

/** Returns a label's value in the words of the place. */
export function valueText(label: string, value: string): string {
  const words = ta.value;
  if (label === "departement") return departementName(value);
  if (label === "bed_kind") {
    const kind = kindOf.value.get(value);
    return kind ? say(kind.short) : value;
  }
  if (label === "concern") return words.concerns[value as keyof typeof words.concerns] ?? value;
  if (label === "severity") return words.soundOf[value as keyof typeof words.soundOf]?.toLowerCase() ?? value;
  if (label === "rule") return spelled(value);
  return value;
}

function SilenceForm({ row }: { row: Row }) {
  const words = ta.value;
  const labels = labelsOf(row);
  const narrowest = NARROWEST.find((label) => labels.some(([known]) => known === label));
  const kept = useSignal<ReadonlySet<string>>(new Set(["rule", ...(narrowest ? [narrowest] : [])]));
  const minutes = useSignal(60);
  const reason = useSignal("");
  const isBusy = useSignal(false);
  const problem = useSignal("");
  const matchers = Object.fromEntries(labels.filter(([label]) => kept.value.has(label)));
  const ready = reason.value.trim() !== "" && Object.keys(matchers).length > 0;
  const send = async () => {
    const sent = form.peek();
    isBusy.value = true;
    problem.value = "";
    try {
      await doors.silence(region.value, {
        matchers,
        until: (now.peek() ?? Date.now()) + minutes.value * 60_000,
        reason: reason.value.trim(),
      });
      closeForm(sent);
    } catch (error) {
      problem.value = error instanceof Problem && error.status ? words.refusedWhy(error.message) : words.failed;
    }
    isBusy.value = false;
  };
  const toggle = (label: string) => {
    const next = new Set(kept.value);
    if (!next.delete(label)) next.add(label);
    kept.value = next;
  };
  return (
    <Shell onSend={() => void send()} busy={isBusy.value} ready={ready}>
      <fieldset class="choices">
        <legend>{words.silenceFor}</legend>
        {labels.map(([label, values]) => (
          <label key={label} class="choice">
            <input type="checkbox" checked={kept.value.has(label)} onChange={() => toggle(label)} />
            <span>
              <small>{words.labels[label] ?? label}</small> {values.slice(0, 3).map((value) => valueText(label, value)).join(", ")}
              {values.length > 3 && ` ${words.more(values.length - 3)}`}
            </span>
          </label>
        ))}
      </fieldset>
      <fieldset class="choices">
        <legend>{words.forHowLong}</legend>
        {words.lengths.map(([text, length]) => (
          <label key={length} class="choice">
            <input type="radio" name={`length-${row.id}`} checked={minutes.value === length} onChange={() => (minutes.value = length)} />
            {text}
          </label>
        ))}
      </fieldset>
      <label class="field grow-field">
        <span>{words.reason}</span>
        <input
          type="text"
          required
          maxLength={200}
          value={reason.value}
          onInput={(event) => (reason.value = (event.currentTarget as HTMLInputElement).value)}
        />
      </label>
      {problem.value && (
        <p class="said said-refused" role="alert">
          {problem.value}
        </p>
      )}
    </Shell>
  );
}
