/** Reading one's own answers again: a birth date and a code, five tries; shown, and kept nowhere. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { longDate } from "../format";
import { say, t } from "../words";
import { Title } from "./after";
import { at, spokenValue } from "./format";
import { isRefused, post } from "./http";
import { walk, type Answers } from "./questionnaire";
import { readDate } from "./date";
import { aside, linkOf } from "./state";
import type { Own } from "./wire";
import { tw } from "./words";

export function Read() {
  const own = useSignal<Own | null>(null);
  useEffect(() => {
    // A phone that is put away, or handed on, shows nobody else what was opened with a code.
    const onHide = () => {
      if (document.visibilityState === "hidden" && own.peek()) aside.value = null;
    };
    document.addEventListener("visibilitychange", onHide);
    return () => document.removeEventListener("visibilitychange", onHide);
  }, []);
  return own.value ? <Shown own={own.value} /> : <Ask onShow={(told) => (own.value = told)} />;
}

function Ask({ onShow }: { onShow(own: Own): void }) {
  const words = tw.value;
  const date = useSignal("");
  const code = useSignal("");
  const busy = useSignal(false);
  const asked = useSignal(false);
  const said = useSignal<string | null>(null);
  const askCode = async () => {
    busy.value = true;
    said.value = null;
    const { status } = await post("/answer/code", { link: linkOf() });
    busy.value = false;
    asked.value = status === 202 || asked.value;
    if (status !== 202) said.value = status === 429 ? words.readTooMany : words.readFailed;
  };
  const read = async (event: Event) => {
    event.preventDefault();
    const iso = readDate(date.value);
    const digits = code.value.replace(/\D/g, "");
    if (iso === null || digits.length !== 6) {
      said.value = iso === null ? words.dateWrong : words.codeWrong;
      return;
    }
    busy.value = true;
    said.value = null;
    const told = await post<Own>("/answer/read", { link: linkOf(), birth_date: iso, code: digits });
    busy.value = false;
    if (told.status === 200 && told.body.slots) onShow(told.body);
    else said.value = told.status === 429 ? words.readTooMany : isRefused(told) ? words.readWrong : words.readFailed;
  };
  return (
    <form class="read" noValidate onSubmit={(event) => void read(event)}>
      <Title text={words.readTitle} />
      <p>{words.readWhy}</p>
      <button type="button" class={asked.value ? "second-button" : "main-button"} disabled={busy.value} onClick={() => void askCode()}>
        {asked.value ? words.askCodeAgain : words.askCode}
      </button>
      {asked.value && <p role="status">{words.codeAsked}</p>}
      <label for="birth-date">{words.birthDate}</label>
      <input
        id="birth-date"
        type="text"
        inputMode="numeric"
        autocomplete="bday"
        maxLength={14}
        aria-describedby="birth-date-hint"
        value={date.value}
        onInput={(event) => (date.value = event.currentTarget.value)}
      />
      <p class="range" id="birth-date-hint">
        {words.birthDateHint}
      </p>
      <label for="code">{words.code}</label>
      <input
        id="code"
        type="text"
        inputMode="numeric"
        autocomplete="one-time-code"
        maxLength={10}
        aria-describedby="code-hint"
        value={code.value}
        onInput={(event) => (code.value = event.currentTarget.value)}
      />
      <p class="range" id="code-hint">
        {words.codeHint}. {words.tries}
      </p>
      {said.value && (
        <p class="wrong" role="alert">
          {said.value}
        </p>
      )}
      <button type="submit" class="main-button" disabled={busy.value}>
        {busy.value ? words.busy : words.show}
      </button>
      <BackButton />
    </form>
  );
}

function Shown({ own }: { own: Own }) {
  const words = tw.value;
  const items = new Map(walk(own.questionnaire?.items ?? []).map((item) => [item.link, item]));
  const told = (answers: Answers, link: string) => spokenValue(items.get(link), answers[link] ?? null);
  const { file } = own;
  const lines: [string, string][] = [
    [words.file.name, [...(file.first_names ?? []), file.used_name || file.birth_name || ""].join(" ").trim()],
    [words.file.birthDate, file.birth_date ? longDate(file.birth_date, t.value) : ""],
    [words.file.phone, file.contact?.phone ?? ""],
    [words.file.email, file.contact?.email ?? ""],
    [words.file.caregivers, (file.caregivers ?? []).map(({ name, relation }) => (relation ? `${name} (${relation})` : name)).join(", ")],
    [words.file.consent, file.consent?.given_at ? at(file.consent.given_at) : ""],
  ];
  return (
    <div class="own">
      <Title text={words.ownAnswers} />
      {own.slots.length === 0 && <p>{words.noAnswers}</p>}
      {own.slots.map((slot) => (
        <section key={slot.slot}>
          <h2>{slotTitle(slot.slot, slot.due_at ?? null)}</h2>
          <p class="soft">{(slot.sent ?? []).map(({ at: sentAt, by }) => `${at(sentAt)} (${words.by[by] ?? by})`).join(" · ")}</p>
          <dl>
            {Object.keys(slot.answers).map((link) => {
              const item = items.get(link);
              return (
                <div key={link}>
                  <dt>{item ? say(item.text) : link}</dt>
                  <dd>
                    {told(slot.answers, link)}
                    {slot.first && link in slot.first && <span class="soft"> ({words.firstSaid(told(slot.first, link))})</span>}
                  </dd>
                </div>
              );
            })}
          </dl>
        </section>
      ))}
      <section>
        <h2>{words.ownFile}</h2>
        <dl>
          {lines
            .filter(([, text]) => text !== "")
            .map(([label, text]) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{text}</dd>
              </div>
            ))}
        </dl>
      </section>
      <section>
        <h2>{words.ownTrail}</h2>
        {own.trail.length === 0 && <p>{words.noTrail}</p>}
        <ul class="own-trail">
          {own.trail.map((line, place) => (
            <li key={place}>
              <time>{at(line.at)}</time> · {words.acts[line.act] ?? line.act} · {line.name || words.by[line.who] || line.who}
            </li>
          ))}
        </ul>
      </section>
      <BackButton />
    </div>
  );
}

function slotTitle(slot: string, due: number | null): string {
  const [, day, hour, minute] = /^(\d+)-(\d\d)(\d\d)$/.exec(slot) ?? [];
  if (!day) return due === null ? slot : at(due);
  return tw.value.slotOf(day, due === null ? `${hour}:${minute}` : at(due));
}

function BackButton() {
  return (
    <button type="button" class="second-button" onClick={() => (aside.value = null)}>
      {tw.value.back}
    </button>
  );
}
