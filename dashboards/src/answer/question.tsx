/** One question, large: its text, what is read aloud, and the field or the choices that its kind asks for. */
import { Square, Volume2 } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { say, tongue } from "../words";
import { number, unit, unknown } from "./format";
import type { Item, Value } from "./questionnaire";
import { canSpeak, speak, speaking } from "./speech";
import { answer, answers, answerText, settle, shown, texts, wrongToSay, type wrongOf } from "./state";
import { tw } from "./words";

const NONE = "none"; // what excludes the other choices

/** Enter goes on to the next question, and never sends: the key of a telephone that says *done* means this number alone. */
export function goOn(event: KeyboardEvent): void {
  const from = event.target;
  if (event.key !== "Enter" || !(from instanceof HTMLInputElement)) return;
  event.preventDefault();
  settle();
  const here = from.closest(".question");
  const fields = [...(from.form?.querySelectorAll<HTMLElement>(".question input, .question textarea, button[type=submit]") ?? [])];
  const after = fields.find((field) => field.closest(".question") !== here && (from.compareDocumentPosition(field) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0);
  after?.focus();
}

/** Items one after the other, groups as sections; `only` leaves out what is not asked again. */
export function Questions({ items, only, depth = 2 }: { items: Item[]; only?: ReadonlySet<string>; depth?: number }) {
  return (
    <>
      {items.map((item) => {
        if (item.kind === "group") {
          if (!shown.value.has(item.link) || (only && !hasAny(item, only))) return null;
          return <Group key={item.link} item={item} only={only} depth={depth} />;
        }
        if (only ? !only.has(item.link) : !shown.value.has(item.link)) return null;
        if (item.kind === "display") return <Told key={item.link} item={item} />;
        return <Question key={item.link} item={item} />;
      })}
    </>
  );
}

function hasAny(item: Item, only: ReadonlySet<string>): boolean {
  return (item.items ?? []).some((below) => only.has(below.link) || hasAny(below, only));
}

function Group({ item, only, depth }: { item: Item; only?: ReadonlySet<string> | undefined; depth: number }) {
  const Heading = `h${Math.min(depth, 4)}` as "h2";
  return (
    <section class="group">
      <Heading>{say(item.text)}</Heading>
      <Questions items={item.items ?? []} {...(only ? { only } : {})} depth={depth + 1} />
    </section>
  );
}

function Told({ item }: { item: Item }) {
  return (
    <div class="told-text">
      <p>{say(item.text)}</p>
      <Listen item={item} text={say(item.text)} />
    </div>
  );
}

function Listen({ item, text }: { item: Item; text: string }) {
  if (!canSpeak) return null;
  const words = tw.value;
  const reads = speaking.value === item.link;
  return (
    <button
      type="button"
      class="listen"
      aria-pressed={reads}
      aria-label={words.listenTo(say(item.text))}
      title={reads ? words.stopListening : words.listen}
      onClick={() => speak(item.link, text, tongue.value)}
    >
      {reads ? <Square size={22} aria-hidden="true" /> : <Volume2 size={26} aria-hidden="true" />}
    </button>
  );
}

/** What is read aloud of a question: its text, its unit, what can be chosen. */
function aloud(item: Item): string {
  const words = tw.value;
  const parts = [say(item.text)];
  if (item.unit) parts.push(unit(item).replace(/ \(.*\)$/, ""));
  if (item.kind === "boolean") parts.push(`${words.yes} / ${words.no}`);
  for (const { label } of item.options ?? []) parts.push(say(label));
  if (item.unknowable) parts.push(unknown(item));
  return parts.join(". ");
}

function Question({ item }: { item: Item }) {
  const wrong = wrongToSay(item);
  const mine = `q-${item.link}`;
  const described = [isNumber(item) ? `${mine}-range` : "", wrong ? `${mine}-wrong` : ""].filter(Boolean).join(" ");
  const optional = !item.required;
  const heading = (
    <>
      {say(item.text)}
      {optional && <span class="optional"> ({tw.value.optional})</span>}
    </>
  );
  const error = wrong && (
    <p class="wrong" id={`${mine}-wrong`} role="alert">
      {wrongText(item, wrong)}
    </p>
  );
  if (isNumber(item) || item.kind === "text") {
    return (
      <div class="question" id={mine} data-link={item.link} data-wrong={wrong ?? undefined}>
        <label class="asks" for={`${mine}-field`}>
          {heading}
        </label>
        <Listen item={item} text={aloud(item)} />
        {isNumber(item) ? <NumberField item={item} described={described} wrong={wrong !== null} /> : <TextField item={item} described={described} />}
        {error}
      </div>
    );
  }
  return (
    <fieldset class="question" id={mine} data-link={item.link} data-wrong={wrong ?? undefined} aria-describedby={described || undefined}>
      <legend class="asks">{heading}</legend>
      <Listen item={item} text={aloud(item)} />
      <Choices item={item} />
      {error}
    </fieldset>
  );
}

const isNumber = (item: Item): boolean => item.kind === "integer" || item.kind === "decimal";

function wrongText(item: Item, wrong: NonNullable<ReturnType<typeof wrongOf>>): string {
  const words = tw.value.wrong;
  if (wrong === "range") return words.range(number(item.lowest ?? 0), number(item.highest ?? 0), unit(item));
  if (wrong === "whole") return words.whole;
  if (wrong === "number") return item.kind === "integer" ? words.whole : words.number;
  return wrong === "long" ? words.long(item.longest ?? 0) : words.other;
}

function NumberField({ item, described, wrong }: { item: Item; described: string; wrong: boolean }) {
  const mine = `q-${item.link}`;
  const isUnknown = answers.value[item.link] === null;
  const range = tw.value.fromTo(number(item.lowest ?? 0), number(item.highest ?? 0));
  return (
    <>
      <div class="number">
        <input
          id={`${mine}-field`}
          type="text"
          inputMode={item.kind === "integer" ? "numeric" : "decimal"}
          autocomplete="off"
          enterkeyhint="next"
          maxLength={12}
          value={texts.value[item.link] ?? ""}
          aria-describedby={described}
          aria-invalid={wrong}
          onInput={(event) => answerText(item, event.currentTarget.value)}
          onBlur={settle}
        />
        <span class="unit">{unit(item)}</span>
      </div>
      <p class="range" id={`${mine}-range`}>
        {range}
      </p>
      {item.unknowable && (
        <Pick kind="checkbox" name={mine} label={unknown(item)} checked={isUnknown} onPick={(picked) => answer(item, picked ? null : undefined)} />
      )}
    </>
  );
}

function TextField({ item, described }: { item: Item; described: string }) {
  return (
    <textarea
      id={`q-${item.link}-field`}
      rows={3}
      maxLength={item.longest ?? 4000}
      value={typeof answers.value[item.link] === "string" ? (answers.value[item.link] as string) : ""}
      aria-describedby={described || undefined}
      onInput={(event) => answer(item, event.currentTarget.value === "" ? undefined : event.currentTarget.value)}
    />
  );
}

function Choices({ item }: { item: Item }) {
  const words = tw.value;
  const value = answers.value[item.link];
  const name = `q-${item.link}`;
  const one = (wanted: Value, label: string) => (
    <Pick key={String(wanted)} kind="radio" name={name} label={label} checked={value === wanted} onPick={() => answer(item, wanted)} />
  );
  const several = Array.isArray(value) ? value : [];
  const toggled = (code: string, picked: boolean): string[] => {
    const rest = several.filter((each) => each !== code && (code === NONE || each !== NONE));
    if (!picked) return rest;
    return code === NONE ? [NONE] : [...rest, code];
  };
  return (
    <div class="choices">
      {item.kind === "choices" && <p class="range">{words.several}</p>}
      {item.kind === "boolean" && [one(true, words.yes), one(false, words.no)]}
      {item.kind === "choice" && (item.options ?? []).map(({ code, label }) => one(code, say(label)))}
      {item.kind === "choices" &&
        (item.options ?? []).map(({ code, label }) => (
          <Pick
            key={code}
            kind="checkbox"
            name={name}
            label={say(label)}
            checked={several.includes(code)}
            onPick={(picked) => {
              const next = toggled(code, picked);
              answer(item, next.length > 0 ? next : undefined);
            }}
          />
        ))}
      {item.unknowable && one(null, unknown(item))}
    </div>
  );
}

interface PickOf {
  kind: "radio" | "checkbox";
  name: string;
  label: ComponentChildren;
  checked: boolean;
  onPick(picked: boolean): void;
}

/** A large target: the whole row picks. */
function Pick({ kind, name, label, checked, onPick }: PickOf) {
  return (
    <label class="pick" data-picked={checked || undefined}>
      <input type={kind} name={name} checked={checked} onChange={(event) => onPick(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}
