/** The cell's desk: groups of alerts in the order in which they need somebody, still under the hand, all by keyboard. */
import { signal } from "@preact/signals";
import { ChevronRight, Hand, Search as Lens, X } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { departementName, directory, oneKey } from "../../state";
import { SeverityGlyph } from "../../screen/glyphs";
import { useHold, useStillOrder } from "../../screen/hold";
import { keysShown } from "../../screen/keys";
import { Pending } from "../../screen/pending";
import { say, t } from "../../words";
import { canSilence, CONCERNS, EVERYTHING, goesOn, isPressing, needsSomebody, SEVERITIES, tallied, type Row } from "../rows";
import {
  act,
  actOnAll,
  arrived,
  busy,
  can,
  filter,
  isFiltered,
  isGone,
  narrow,
  overCount,
  rows,
  shown,
  unfolded,
} from "../state";
import type { Concern } from "../wire";
import { ta } from "../words";
import { Detail } from "./detail";
import { closeForm, form, headOf, RowForm } from "./forms";
import {
  ActButton,
  Flagged,
  LiveValue,
  mainActs,
  NextDown,
  OpenFile,
  Outcome,
  Places,
  SeenBy,
  sinceText,
  Standing,
  Tellers,
  Ticking,
  Title,
} from "./parts";
import { Side } from "./side";

/** The rows that are ticked, to be acted upon together. */
const chosen = signal<ReadonlySet<string>>(new Set());

export function Desk() {
  const words = ta.value;
  // The strip is held with the list: whoever leaves the list for what is pinned must find it there.
  const main = useRef<HTMLElement>(null);
  const held = useHold(main, ".strip, .desk-list");
  const fresh = shown.value;
  const byId = new Map(fresh.map((row) => [row.id, row]));
  const asked = filter.value;
  const { order, waiting, apply } = useStillOrder(
    fresh.map(({ id }) => id),
    held.value,
    JSON.stringify(asked),
  );
  // What pressed when the hand came is in its place; what presses since then is pinned above, where nothing moves for it.
  const settled = useRef<ReadonlySet<string>>(new Set());
  if (!held.value || waiting === 0) settled.current = new Set(fresh.filter(isPressing).map(({ id }) => id));
  // In the order in which they came: the next one does not take the place of the one that a hand is about to press.
  const pinned = held.value ? order.map((id) => byId.get(id)!).filter((row) => isPressing(row) && !settled.current.has(row.id)) : [];
  const unseen = rows.value.filter((row) => isPressing(row) && !byId.has(row.id)).length;
  const ticked = [...chosen.value].filter((id) => byId.has(id));
  useDeskKeys(order, byId);
  return (
    <main class="desk">
      <section class="desk-main" aria-label={words.desk} ref={main}>
        <Strip pinned={pinned} unseen={unseen} waiting={waiting} apply={apply} />
        <Tools ticked={ticked} />
        <div class="desk-list" id="alerts">
          {!arrived.value && <p class="sum empty">{words.arriving}</p>}
          {isGone.value && (
            <p class="sum empty" role="status">
              {words.gone}
            </p>
          )}
          {arrived.value && order.length === 0 && (
            <div class="calm">
              <p>{isFiltered.value ? words.noneFiltered : words.none}</p>
              {isFiltered.value && (
                <button type="button" onClick={() => (filter.value = { ...EVERYTHING, over: asked.over })}>
                  {words.showAll}
                </button>
              )}
            </div>
          )}
          <ul aria-label={words.listLabel}>
            {order.map((id) => (
              <DeskRow key={id} row={byId.get(id)!} />
            ))}
          </ul>
        </div>
      </section>
      <Side />
    </main>
  );
}

/** The line above the list: how much waits, or what is critical and came while the list was held still; `unseen` is filtered out. */
function Strip({ pinned, unseen, waiting, apply }: { pinned: Row[]; unseen: number; waiting: number; apply(): void }) {
  const words = ta.value;
  const first = pinned[0];
  const tally = tallied(rows.value);
  const unanswered = rows.value.filter(({ standing }) => standing === "unanswered").length;
  const quiet = SEVERITIES.every((severity) => tally[severity] === 0);
  // What goes on and asks nobody, since somebody has it or nobody is told: not the same as nothing.
  const besides = words.besides(goesOn(rows.value));
  const show = () => {
    apply();
    unfolded.value = first!.id;
    setTimeout(() => headOf(first!.id)?.focus());
  };
  return (
    <div class={`strip ${first ? "strip-critical" : ""}`}>
      {first ? (
        <>
          <SeverityGlyph severity="critical" size={22} />
          <p class="strip-title" role="alert">
            <span>{words.newCritical}</span>
            <strong>
              <Title row={first} />
            </strong>
          </p>
          {pinned.length > 1 && <span class="strip-more">{words.more(pinned.length - 1)}</span>}
          <button type="button" onClick={show}>
            {words.show}
          </button>
          <ActButton what="take" row={first} main short />
        </>
      ) : (
        <>
          {SEVERITIES.filter((severity) => tally[severity] > 0).map((severity) => (
            <span key={severity} class={`strip-count severity-${severity}`}>
              <SeverityGlyph severity={severity} size={20} />
              <b>{tally[severity]}</b>
              <span>{t.value.severitiesOf[severity](tally[severity]).replace(/^\d+\s*/, "")}</span>
            </span>
          ))}
          {quiet && besides.length === 0 && <span class="strip-calm">{words.allQuiet}</span>}
          {quiet && besides.length > 0 && <span>{words.noneWaits}</span>}
          {unanswered > 0 && (
            <span class="strip-count unanswered">
              <X size={18} aria-hidden="true" />
              <b>{unanswered}</b>
              <span>{words.unanswered}</span>
            </span>
          )}
          {besides.length > 0 && <span class="strip-besides">{(quiet ? "· " : "+ ") + besides.join(" · ")}</span>}
        </>
      )}
      {unseen > 0 && (
        <button type="button" class="strip-unseen" onClick={() => (filter.value = { ...EVERYTHING, over: filter.value.over })}>
          <SeverityGlyph severity="critical" size={15} />
          {words.outsideFilter(unseen)}
        </button>
      )}
      <span class="grow" />
      <Pending waiting={waiting} apply={apply} />
    </div>
  );
}

function Tools({ ticked }: { ticked: string[] }) {
  const words = ta.value;
  const asked = filter.value;
  const departements = directory.value?.departements ?? [];
  const toggle = <T extends string>(among: readonly T[], one: T): T[] => (among.includes(one) ? among.filter((other) => other !== one) : [...among, one]);
  if (ticked.length > 0) {
    const takes = rows.value.filter((row) => ticked.includes(row.id) && can("take", row)).length;
    return (
      <div class="tools tools-bulk" role="group" aria-label={words.chosen(ticked.length)}>
        <strong>{words.chosen(ticked.length)}</strong>
        <button type="button" class="act main" data-bulk="take" disabled={busy.value.size > 0 || takes === 0} onClick={() => void bulk("take", ticked)}>
          <Hand size={18} aria-hidden="true" />
          {busy.value.size > 0 ? words.busy : words.takeAll(takes)}
        </button>
        <button type="button" class="act" data-bulk="seen" disabled={busy.value.size > 0} onClick={() => void bulk("seen", ticked)}>
          {words.acts.seen}
        </button>
        <button type="button" class="act" onClick={() => (chosen.value = new Set())}>
          {words.unchoose}
        </button>
      </div>
    );
  }
  return (
    <div class="tools" role="group" aria-label={words.filters}>
      <div class="segments" role="group" aria-label={words.concern}>
        {CONCERNS.map((concern: Concern) => (
          <button
            key={concern}
            type="button"
            data-concern={concern}
            aria-pressed={asked.concerns.includes(concern)}
            onClick={() => narrow({ concerns: toggle(asked.concerns, concern) })}
          >
            {words.concerns[concern]}
          </button>
        ))}
      </div>
      <div class="segments" role="group" aria-label={words.severity}>
        {SEVERITIES.map((severity) => (
          <button
            key={severity}
            type="button"
            data-severity={severity}
            aria-pressed={asked.severities.includes(severity)}
            onClick={() => narrow({ severities: toggle(asked.severities, severity) })}
          >
            <SeverityGlyph severity={severity} size={15} />
            {words.soundOf[severity]}
          </button>
        ))}
      </div>
      <select
        aria-label={words.place}
        value={asked.departement ?? ""}
        onChange={(event) => narrow({ departement: (event.currentTarget as HTMLSelectElement).value || null })}
      >
        <option value="">{words.everyPlace}</option>
        {departements.map(({ code }) => (
          <option key={code} value={code}>
            {departementName(code)}
          </option>
        ))}
      </select>
      <label class="find">
        <Lens size={15} aria-hidden="true" />
        <span class="hidden">{words.find}</span>
        <input
          id="find"
          type="search"
          placeholder={words.findHint}
          value={asked.text}
          onInput={(event) => narrow({ text: (event.currentTarget as HTMLInputElement).value })}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            narrow({ text: "" });
            event.currentTarget.blur();
          }}
        />
      </label>
      <label class="check">
        <input type="checkbox" checked={asked.over} onChange={() => narrow({ over: !asked.over })} />
        {words.overToo(overCount.value)}
      </label>
    </div>
  );
}

async function bulk(what: "take" | "seen", ids: readonly string[]): Promise<void> {
  await actOnAll(what, rows.peek().filter(({ id }) => ids.includes(id)));
  chosen.value = new Set();
}

function pick(id: string): void {
  const next = new Set(chosen.value);
  if (!next.delete(id)) next.add(id);
  chosen.value = next;
}

function DeskRow({ row }: { row: Row }) {
  const words = ta.value;
  const isUnfolded = unfolded.value === row.id;
  const severity = t.value.severities[row.severity];
  return (
    <li
      class={`alert-row ${isUnfolded ? "unfolded" : ""}`}
      data-group={row.id}
      data-severity={row.severity}
      data-standing={row.standing}
      aria-busy={busy.value.has(row.id)}
    >
      <div class="alert-line">
        <label class="pick">
          <input type="checkbox" checked={chosen.value.has(row.id)} onChange={() => pick(row.id)} tabIndex={-1} />
          <span class="hidden">{words.choose(say(row.title))}</span>
        </label>
        <button type="button" class="row-head" aria-expanded={isUnfolded} onClick={() => (unfolded.value = isUnfolded ? null : row.id)}>
          <SeverityGlyph severity={row.severity} size={22} />
          <span class="title">
            <Title row={row} />
          </span>
          <span class="facts">
            <b class={`severity-${row.severity}`}>{severity}</b>
            <span>
              <Ticking text={(clock) => words.since(sinceText(row.since)(clock))} />
            </span>
            <LiveValue alert={row.alerts[0]!.alert} />
            <Flagged row={row} />
            <Places row={row} />
          </span>
          {row.told.length + row.seen.length > 0 && (
            <span class="facts told">
              <Tellers tellers={row.told} />
              <SeenBy row={row} />
            </span>
          )}
        </button>
        <div class="row-next">
          <Standing row={row} />
          {row.next && <NextDown next={row.next} />}
        </div>
        <div class="row-acts">
          {mainActs(row).map((what) => (
            <ActButton key={what} what={what} row={row} main={what === "take" && needsSomebody(row)} short />
          ))}
          <OpenFile row={row} />
          <ChevronRight class="chevron" size={18} aria-hidden="true" />
        </div>
      </div>
      <Outcome row={row} />
      <RowForm row={row} />
      {isUnfolded && <Detail row={row} />}
    </li>
  );
}

/** The desk's keys; those of a single letter can be turned off. */
function useDeskKeys(order: string[], byId: Map<string, Row>): void {
  const latest = useRef({ order, byId });
  latest.current = { order, byId };
  useEffect(() => {
    // What is acted upon is what has the focus, and nothing else that merely stands open.
    const current = (): Row | undefined => {
      const at = document.activeElement?.closest<HTMLElement>("[data-group]")?.dataset.group;
      return at === undefined ? undefined : latest.current.byId.get(at);
    };
    const step = (by: number) => {
      const { order } = latest.current;
      const at = order.indexOf(current()?.id ?? unfolded.peek() ?? "");
      const from = at >= 0 ? at : by > 0 ? -1 : order.length;
      const to = order[Math.max(0, Math.min(order.length - 1, from + by))];
      if (to !== undefined) headOf(to)?.focus();
    };
    const onRow = (does: (row: Row) => void) => () => {
      const row = current();
      if (row) does(row);
    };
    const doOrAll = (what: "take" | "seen") => () => {
      const ticked = [...chosen.peek()].filter((id) => latest.current.byId.has(id));
      const row = current();
      // Whoever stands on a row that is not ticked means that row.
      if (row && !ticked.includes(row.id)) void act(what, row);
      else if (ticked.length > 0) void bulk(what, ticked);
    };
    const ask = (is: "hand_over" | "resolve" | "comment" | "silence") =>
      onRow((row) => {
        if (is === "silence" ? canSilence(row) : can(is, row)) form.value = { row: row.id, is };
      });
    const does: Record<string, () => void> = {
      j: () => step(1),
      k: () => step(-1),
      v: doOrAll("seen"),
      t: doOrAll("take"),
      p: ask("hand_over"),
      c: ask("resolve"),
      m: ask("comment"),
      s: ask("silence"),
      x: onRow((row) => pick(row.id)),
      a: () => (chosen.value = chosen.peek().size > 0 ? new Set() : new Set(latest.current.order.filter((id) => needsSomebody(latest.current.byId.get(id)!)))),
      "/": () => document.getElementById("find")?.focus(),
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || keysShown.value) return;
      const at = event.target instanceof Element ? event.target : null;
      if (at?.matches("input:not([type=checkbox]), textarea, select, input[type=radio]")) return;
      if (event.key === "Escape") {
        if (form.value) closeForm();
        else if (chosen.value.size > 0) chosen.value = new Set();
        else unfolded.value = null;
        return;
      }
      if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (at === document.body || at?.closest(".desk-list"))) {
        event.preventDefault();
        step(event.key === "ArrowDown" ? 1 : -1);
        return;
      }
      const act = oneKey.value ? does[event.key] : undefined;
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}
