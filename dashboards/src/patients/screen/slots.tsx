/** What was answered slot by slot: which one is looked at, its answers with what was said first, and what they mean. */
import { BellOff } from "lucide-preact";
import { useRef } from "preact/hooks";
import { isNarrow } from "../../alerts/state";
import { isAsked, itemsOf, itemText, ruleText, told as explained, valueText } from "../rules";
import { rangeText } from "../rows";
import type { Finding, PatientPage, Result, SlotShown } from "../wire";
import { ruleWords, tp } from "../words";
import { Chip, ColourGlyph, timeText } from "./parts";

export function slotName({ slot, day, state }: SlotShown): string {
  return tp.value.slotOf(day ?? Number.parseInt(slot, 10), state ? timeText(state.due_at) : slot.split("-")[1] ?? "");
}

/** The slots as a row of buttons: arrows go from one to the next. */
/** Returns what became of a slot; of older ones the row tells no more, and what was answered does. */
const stateOf = (slot: SlotShown) => slot.state?.state ?? ((slot.sent?.length ?? 0) > 0 ? "answered" : "open");

export function SlotStrip({ slots, chosen, choose }: { slots: readonly SlotShown[]; chosen: string; choose(slot: string): void }) {
  const words = tp.value;
  const row = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = slots.findIndex(({ slot }) => slot === chosen);
    const next = slots[Math.min(slots.length - 1, Math.max(0, at + step))];
    if (!next) return;
    choose(next.slot);
    row.current?.querySelector<HTMLElement>(`[data-slot="${CSS.escape(next.slot)}"]`)?.focus();
  };
  return (
    <div class="slot-strip" role="radiogroup" aria-label={words.slotChoice} ref={row} onKeyDown={onKeyDown}>
      {slots.map((slot) => {
        const state = stateOf(slot);
        const colour = state === "skipped" || state === "open" ? null : (slot.state?.colour ?? slot.result?.colour ?? "green");
        return (
          <button
            key={slot.slot}
            type="button"
            role="radio"
            class={`slot slot-${state}`}
            data-slot={slot.slot}
            aria-checked={slot.slot === chosen}
            aria-label={`${slotName(slot)}, ${words.slotStates[state]}${colour ? `, ${words.colours[colour]}` : ""}`}
            tabIndex={slot.slot === chosen ? 0 : -1}
            onClick={() => choose(slot.slot)}
          >
            <ColourGlyph colour={colour} size={14} />
            <span>{slotName(slot).split(" ")[0]}</span>
          </button>
        );
      })}
    </div>
  );
}

export function SlotDetail({ page, slot }: { page: PatientPage; slot: SlotShown }) {
  const words = tp.value;
  const rules = ruleWords.value;
  const answers = slot.answers ?? {};
  const answered = itemsOf(page.pathway).filter((item) => isAsked(item) && item.link in answers);
  const state = stateOf(slot);
  const last = slot.sent?.at(-1);
  const corrections = slot.state?.corrections ?? 0;
  const hasFirst = Object.keys(slot.first ?? {}).length > 0;
  return (
    <div class="slot-detail" data-shown={slot.slot}>
      <p class="slot-head">
        <strong>{slotName(slot)}</strong> · {words.slotStates[state]}
        {last && ` ${timeText(last.at)} ${words.byWhom[last.by] ?? ""}`}
        {corrections > 0 && ` · ${words.corrected(corrections)}`}
      </p>
      {answered.length === 0 ? (
        <p class="sum">{words.noAnswers}</p>
      ) : (
        <table class="answers">
          <caption class="hidden">{words.answersOf(slotName(slot))}</caption>
          <thead>
            <tr>
              <th scope="col">{words.question}</th>
              <th scope="col">{words.answer}</th>
              {hasFirst && <th scope="col">{words.first}</th>}
            </tr>
          </thead>
          <tbody>
            {answered.map((item) => (
              <tr key={item.link}>
                <th scope="row">{itemText(item, page.pathway, rules)}</th>
                <td>{valueText(answers[item.link], item, rules)}</td>
                {hasFirst && <td class="was-first">{item.link in (slot.first ?? {}) ? valueText(slot.first![item.link], item, rules) : ""}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {slot.result && <Explained page={page} result={slot.result} />}
    </div>
  );
}

/** The result with its reasons: which answer, which threshold and whose, how many points, which version of the rule. */
export function Explained({ page, result }: { page: PatientPage; result: Result }) {
  const words = tp.value;
  const text = (link: string) => {
    const item = itemsOf(page.pathway).find((one) => one.link === link);
    return item ? itemText(item, page.pathway, ruleWords.value) : link;
  };
  const missing = result.news2?.points.filter(({ value }) => !value).map(({ parameter }) => words.rule.parameters[parameter] ?? parameter) ?? [];
  return (
    <section class="explained">
      <h3>{words.result}</h3>
      <p>
        <Chip colour={result.colour} range={result.news2 ? [result.news2.low, result.news2.high] : null} incomplete={result.incomplete} />
      </p>
      {result.findings.length === 0 && !result.incomplete ? <p class="sum">{words.nothingFound}</p> : <Findings findings={result.findings} page={page} />}
      {result.news2 && (
        <p class="sum">
          {words.news2Of(rangeText([result.news2.low, result.news2.high]))}
          {result.news2.scale === 2 && ` (${words.scale2})`}. {missing.length > 0 && words.news2Missing(missing.join(", "))}
        </p>
      )}
      {words.news2WhyNot[result.news2_why_not] && <p class="sum">{words.news2WhyNot[result.news2_why_not]}</p>}
      {result.ask.length > 0 && <p class="ask-still">{words.askStill(result.ask.map(text).join(" ; "))}</p>}
      {result.unknown.length > 0 && (
        <p class="sum">{words.unknownRules(result.unknown.map((rule) => ruleText(rule, page.pathway, ruleWords.value)).join(" ; "))}</p>
      )}
      <p class="sum versions">{words.versions(result.pathway, result.version ?? "1")}</p>
    </section>
  );
}

interface Found {
  findings: readonly Finding[];
  page: PatientPage;
  isNew?(finding: Finding): boolean;
  isMuted?(finding: Finding): boolean;
}

/** Rules that speak, each with its answer and threshold; which version of a rule it was stands behind a word on a phone. */
export function Findings({ findings, page, isNew = () => false, isMuted = () => false }: Found) {
  const words = tp.value;
  const told = findings.map((finding) => ({ finding, ...explained(finding, page.pathway, ruleWords.value) }));
  return (
    <>
      <ul class="findings">
        {told.map(({ finding, what, answer, limit, points }) => (
          <li key={`${finding.rule}/${finding.item ?? ""}`} data-colour={finding.colour}>
            <ColourGlyph colour={finding.colour} size={14} />
            <span>
              <span class="hidden">{words.colours[finding.colour]}{words.colon}</span>
              <b>{what}</b>
              {answer && `${words.colon}${answer}`}
              {limit && <span class="soft"> · {limit}</span>}
              {points && <span class="soft"> · {points}</span>}
              {!isNarrow.value && <small class="soft"> · {words.ruleVersion(finding.version)}</small>}
              {isNew(finding) && (
                <>
                  {" "}
                  <span class="bit is-new">{words.isNew}</span>
                </>
              )}
              {isMuted(finding) && (
                <>
                  {" "}
                  <span class="bit is-muted">
                    <BellOff size={14} aria-hidden="true" />
                    {words.isMuted}
                  </span>
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
      {isNarrow.value && told.length > 0 && (
        <details class="finding-versions">
          <summary>{words.ruleVersions}</summary>
          {told.map(({ finding, what }) => (
            <p key={`${finding.rule}/${finding.item ?? ""}`} class="sum">
              {what}
              {words.colon}
              {words.ruleVersion(finding.version)}
            </p>
          ))}
        </details>
      )}
    </>
  );
}

/** All slots side by side: what the curves say, to those who can't see them, and what no curve says. */
export function AllSlots({ page, slots }: { page: PatientPage; slots: readonly SlotShown[] }) {
  const words = tp.value;
  const rules = ruleWords.value;
  const told = slots.filter(({ answers }) => answers && Object.keys(answers).length > 0);
  const items = itemsOf(page.pathway).filter((item) => isAsked(item) && told.some(({ answers }) => item.link in answers!));
  if (items.length === 0) return null;
  return (
    <details class="all-slots">
      <summary>{words.allSlots}</summary>
      <div class="wide-table" tabIndex={0} role="group" aria-label={words.allSlots}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.question}</th>
              {told.map((slot) => (
                <th key={slot.slot} scope="col">
                  {slotName(slot)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={item.link}>
                <th scope="row">{itemText(item, page.pathway, rules)}</th>
                {told.map(({ slot, answers, first }) => (
                  <td key={slot}>
                    {item.link in answers! ? valueText(answers![item.link], item, rules) : ""}
                    {first && item.link in first && <small class="was-first"> {words.firstWas(valueText(first[item.link], item, rules))}</small>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
