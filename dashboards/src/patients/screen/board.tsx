/** My patients by colour then time: who they are, what their answers say, who has them, what is new. */
import { useSignal } from "@preact/signals";
import { BellOff, Clock, FileX, Hand, ListTodo, MessageSquare, Search, SlidersHorizontal, Sparkles } from "lucide-preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { go, onLink } from "../../route";
import { useHold, useStillOrder, walk } from "../../screen/hold";
import { Pending } from "../../screen/pending";
import { keysShown } from "../../screen/keys";
import { oneKey, region } from "../../state";
import { say } from "../../words";
import { isNarrow } from "../../alerts/state";
import { Problem } from "../../http";
import { doors } from "../http";
import { namesShown } from "../privacy";
import { COLOURS, filtered, isAhead, isOver, isPressing, isWaiting, memosDue, NO_FILTER, pinned, standing, tallied, type BoardRow, type Filter, type Only } from "../rows";
import { arrived, hasBoard, leftOff, me, newsFor, NEXT, now, openNext, pressing, rights, rows, trouble } from "../state";
import type { Colour, Row, ToAsk } from "../wire";
import { tp } from "../words";
import { ColourGlyph, Field, Found, Name, PatientChip, Reasons, refusalText, ShowNames, sinceText, Ticking, timeText, Trend, who } from "./parts";

const SHOWN: (Colour | "unanswered")[] = [...[...COLOURS].reverse(), "unanswered"];
const ONLY: Only[] = ["waiting", "mine", "news"];

export function Board() {
  const words = tp.value;
  const all = rows.value;
  const searches = rights.value.has("break_glass");
  // What a regulator has opened runs out within the hour: it comes before the next search.
  const isOpenFirst = all.length > 0 && !rights.value.has("circle");
  useBoardKeys();
  if (!hasBoard.value) return <p class="sum empty">{words.denied}</p>;
  if (trouble.value !== null && all.length === 0) {
    return (
      <>
        {searches && <Emergency />}
        <p class="sum empty" role="alert">
          {{ denied: words.denied, keys: words.keysAway, trail: words.trailAway, failed: words.failed }[trouble.value]}
        </p>
      </>
    );
  }
  if (!arrived.value && all.length === 0) {
    return (
      <p class="sum empty" role="status">
        {words.arriving}
      </p>
    );
  }
  return (
    <>
      {searches && !isOpenFirst && <Emergency />}
      {trouble.value !== null && trouble.value !== "denied" && (
        <p class="banner-warn" role="alert">
          {{ keys: words.keysAway, trail: words.trailAway, failed: words.failed }[trouble.value]}
        </p>
      )}
      {all.length === 0 && !rights.value.has("circle") ? <p class="sum empty">{words.noneOpened}</p> : <Patients all={all} />}
      {searches && isOpenFirst && <Emergency />}
      <Announcer />
    </>
  );
}

/** The list with its tools; drawn once there is one, so that the pointer is followed on it from the first. */
function Patients({ all }: { all: BoardRow[] }) {
  const words = tp.value;
  const filter = useSignal<Filter>(NO_FILTER);
  const list = useRef<HTMLUListElement>(null);
  // A name that is hidden can't be searched: what one types would say who is there.
  const asked = namesShown.value ? filter.value : { ...filter.value, text: "" };
  const shown = filtered(all, asked, me.value, (row) => newsFor(row).length > 0);
  const byId = new Map(shown.map((one) => [one.row.id, one]));
  const held = useHold(list);
  const { order, waiting, apply } = useStillOrder(shown.map(({ row }) => row.id), held.value, JSON.stringify(filter.value));
  const first = new Set(shown.filter(({ row }) => isPressing(row)).map(({ row }) => row.id));
  const drawn = pinned(order, first).flatMap((id) => byId.get(id) ?? []);
  const open = all.filter(({ row }) => isWaiting(row)).length;
  const narrow = (by: Partial<Filter>) => void (filter.value = { ...filter.value, ...by });
  const isFiltered = filter.value.colours.length + filter.value.only.length > 0 || filter.value.text !== "";
  return (
    <>
      <div class="board-head">
        <p class="board-sum">
          <strong>{words.followed(all.filter(({ row }) => !isOver(row)).length)}</strong>
          {open > 0 && <span class="board-open">{words.waiting(open)}</span>}
        </p>
        {namesShown.value && (
          <label class="find">
            <Search size={18} aria-hidden="true" />
            <span class="hidden">{words.search}</span>
            <input
              id="search"
              type="search"
              placeholder={words.search}
              autocomplete="off"
              value={filter.value.text}
              onInput={(event) => narrow({ text: (event.currentTarget as HTMLInputElement).value })}
            />
          </label>
        )}
        <ShowNames />
      </div>
      <Filters filter={filter.value} narrow={narrow} counts={tallied(all)} />
      <div class="board-pending">
        <Pending waiting={waiting} apply={apply} />
      </div>
      {drawn.length === 0 && (
        <p class="sum empty">
          {all.length > 0 ? words.noneFiltered : rights.value.has("circle") ? words.none : words.noneOpened}{" "}
          {isFiltered && (
            <button type="button" class="quiet" onClick={() => (filter.value = NO_FILTER)}>
              {words.showAll}
            </button>
          )}
        </p>
      )}
      <ul ref={list} class="board" id="patients" aria-label={words.listLabel} onKeyDown={(event) => void walk(event, "a.patient")}>
        {drawn.map((one) => (
          <PatientCard key={one.row.id} one={one} />
        ))}
      </ul>
      {leftOff.value.length > 0 && (
        <p class="left-off">
          {words.leftOff(leftOff.value.length)}{" "}
          <button type="button" class="act" onClick={openNext}>
            {words.openNext(Math.min(NEXT, leftOff.value.length))}
          </button>
        </p>
      )}
    </>
  );
}

function Filters({ filter, narrow, counts }: { filter: Filter; narrow(by: Partial<Filter>): void; counts: Record<Colour | "unanswered", number> }) {
  const words = tp.value;
  const isOpen = useSignal(false);
  const toggled = <T,>(all: readonly T[], one: T): T[] => (all.includes(one) ? all.filter((other) => other !== one) : [...all, one]);
  return (
    <div class="board-filters" role="group" aria-label={words.filterColours}>
      {SHOWN.filter((colour) => counts[colour] > 0 || filter.colours.includes(colour)).map((colour) => (
        <button
          key={colour}
          type="button"
          class={`toggle toggle-${colour}`}
          aria-label={`${words.colours[colour]} ${counts[colour]}`}
          aria-pressed={filter.colours.includes(colour)}
          onClick={() => narrow({ colours: toggled(filter.colours, colour) })}
        >
          <ColourGlyph colour={colour === "unanswered" ? null : colour} size={14} />
          <span class="wide-only">{words.colours[colour]}</span> <b>{counts[colour]}</b>
        </button>
      ))}
      {isNarrow.value && (
        <button type="button" class="toggle" aria-label={words.moreFilters} aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
          <SlidersHorizontal size={18} aria-hidden="true" />
        </button>
      )}
      {(isOpen.value || !isNarrow.value) && (
        <>
          {ONLY.map((only) => (
            <button key={only} type="button" class="toggle" aria-pressed={filter.only.includes(only)} onClick={() => narrow({ only: toggled(filter.only, only) })}>
              {words.only[only]}
            </button>
          ))}
          <button type="button" class="toggle" aria-pressed={filter.over} onClick={() => narrow({ over: !filter.over })}>
            {words.showOver}
          </button>
        </>
      )}
    </div>
  );
}

/** Returns what stands where a name would: the file can't be read, is not opened here, or is on its way. */
function nameless(row: Row): string {
  const words = tp.value;
  return row.unreadable ? words.fileClosed : leftOff.value.includes(row.id) ? words.nameNotOpened : words.nameComing;
}

function PatientCard({ one }: { one: BoardRow }) {
  const words = tp.value;
  const { row, content } = one;
  const isUnread = content !== null && isAhead(row, content.of);
  const colour = standing(row);
  const news = newsFor(row);
  const due = memosDue(row, now.value ?? 0).length;
  return (
    <li class={`patient-card ${isPressing(row) ? "is-pressing" : ""}`} data-patient={row.id} data-colour={colour ?? "none"} data-waiting={isWaiting(row)}>
      <a class="patient" href={`/patients/${encodeURIComponent(row.id)}`} onClick={onLink}>
        <span class="card-chip">
          <PatientChip row={row} range={isUnread ? null : (content?.range ?? null)} />
          <Trend trend={isUnread ? null : (content?.trend ?? null)} />
        </span>
        <span class="card-name">
          <strong>
            {content ? <Name name={content.name} /> : <span class="name-coming">{nameless(row)}</span>}
          </strong>{" "}
          <span class="soft">{content && (content.age === null ? words.ageUnknown : words.years(content.age))}</span>
          {content && <span class="soft card-pathway">{say(content.title)}</span>}
        </span>
        <span class="card-time">
          {row.status !== "followed" && <b class="status">{words.status[row.status]}</b>}
          <Answered one={row} />
        </span>
        {isUnread && <span class="card-reasons bit nobody">{words.notReadYet}</span>}
        {content && !isUnread && (content.reasons.length > 0 || content.ask.length > 0) && (
          <span class="card-reasons">
            <Reasons reasons={content.reasons} />
            {content.ask.length > 0 && <span class="ask-still">{words.askStill(askText(content.ask))}</span>}
          </span>
        )}
        <span class="card-marks">
          {row.unreadable && (
            <span class="bit nobody">
              <FileX size={15} aria-hidden="true" />
              {words.unreadable}
            </span>
          )}
          {row.alert?.taken_by ? (
            <span class="bit has-it">
              <Hand size={15} aria-hidden="true" />
              {row.alert.taken_by === me.value ? words.iHaveIt : words.hasIt(content?.taken_by_name ?? who(row.alert.taken_by))}
              {row.alert.check_at && <span class="soft"> · {words.checkAt(timeText(row.alert.check_at))}</span>}
            </span>
          ) : row.alert ? (
            <span class="bit nobody">
              <Ticking text={(clock) => words.nobodyHasIt(sinceText(row.alert!.worsened_at ?? row.alert!.opened_at)(clock))} />
            </span>
          ) : null}
          {(content?.unread ?? 0) > 0 && (
            <span class="bit">
              <MessageSquare size={15} aria-hidden="true" />
              {words.unread(content!.unread)}
            </span>
          )}
          {due > 0 && (
            <span class="bit">
              <ListTodo size={15} aria-hidden="true" />
              {words.memosDue(due)}
            </span>
          )}
          {row.muted_until && row.muted_until > (now.value ?? 0) && (
            <span class="bit">
              <BellOff size={15} aria-hidden="true" />
              {words.muted(timeText(row.muted_until))}
            </span>
          )}
          {content?.suggestion && !isUnread && <span class="bit">{words.suggestion(words.cares[content.suggestion.care])}</span>}
          {news.length > 0 && (
            <span class="bit is-new">
              <Sparkles size={15} aria-hidden="true" />
              {words.sinceVisit(news.map((what) => words.news[what]).join(", "))}
            </span>
          )}
        </span>
      </a>
    </li>
  );
}

const ASKED_AT_MOST = 4;

/** Returns what is still to be asked, in few words; how many more beyond the first. */
function askText(ask: readonly ToAsk[]): string {
  const words = tp.value;
  const named = ask.slice(0, ASKED_AT_MOST).map((one) => words.rule.parameters[one.reading] ?? say(one.words));
  return [...named, ...(ask.length > ASKED_AT_MOST ? [words.andMore(ask.length - ASKED_AT_MOST)] : [])].join(", ");
}

function Answered({ one }: { one: BoardRow["row"] }) {
  const words = tp.value;
  if (one.status !== "followed") {
    // Nothing is asked of them: not yet, not now, or not any more.
    const text = one.status === "calling" ? (one.call_at ? words.callAt(timeText(one.call_at)) : "") : one.answered_at ? words.answeredAt(timeText(one.answered_at)) : "";
    return text ? <span> · {text}</span> : null;
  }
  const slots = Object.values(one.slots ?? {}).sort((a, b) => b.due_at - a.due_at);
  const latest = slots.find(({ state }) => state !== "open");
  if (latest?.state === "missed") {
    return (
      <span class="no-answer">
        <Clock size={14} aria-hidden="true" /> {words.missed}
        {one.answered_at ? <span class="soft">{words.answeredAt(timeText(one.answered_at))}</span> : null}
      </span>
    );
  }
  if (one.answered_at) return <>{words.answeredAt(timeText(one.answered_at))}</>;
  const due = slots.find(({ state }) => state === "open");
  // Nobody was asked before their file was there.
  const since = Math.max((due ?? one.slot)?.due_at ?? 0, one.enrolled_at);
  if (due || (one.slot && one.slot.due_at <= (now.value ?? 0))) return <>{words.dueSince(timeText(since))}</>;
  return <>{one.slot ? words.askedAt(timeText(one.slot.due_at)) : words.neverAnswered}</>;
}

/** Says in words what is red and new, once; without a name, where names are hidden. */
function Announcer() {
  const text = useSignal("");
  const known = useRef<Set<string> | null>(null);
  useEffect(() => {
    if (!arrived.value) return;
    const fresh = known.current ? pressing.value.filter(({ row }) => !known.current!.has(row.id)) : [];
    known.current = new Set(pressing.value.map(({ row }) => row.id));
    if (fresh[0]) text.value = tp.value.cameRed(namesShown.value ? (fresh[0].content?.name ?? tp.value.patient) : tp.value.patient);
  }, [pressing.value, arrived.value]);
  return (
    <div class="hidden" role="status" aria-live="assertive" id="announcer">
      {text.value}
    </div>
  );
}

/** For a regulator with a patient on the line: whose file it is, to be opened in an emergency. */
function Emergency() {
  return (
    <div class="narrow-page">
      <Find />
      <ByReference />
    </div>
  );
}

function Find() {
  const words = tp.value;
  const asked = useSignal({ name: "", first_name: "", birth_date: "" });
  const found = useSignal<string[] | null>(null);
  const isBusy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const ready = asked.value.name.trim() !== "" && asked.value.first_name.trim() !== "" && asked.value.birth_date !== "";
  const find = async () => {
    isBusy.value = true;
    problem.value = found.value = null;
    try {
      const { patients, elsewhere = [] } = await doors.search(region.value, asked.value);
      found.value = [...patients, ...elsewhere];
    } catch (error) {
      problem.value = error instanceof Problem ? error : new Problem(0);
    }
    isBusy.value = false;
  };
  const put = (by: Partial<typeof asked.value>) => (asked.value = { ...asked.value, ...by });
  return (
    <section class="panel">
      <h2>{words.findTitle}</h2>
      <p class="soft">{words.findWhy}</p>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !isBusy.value) void find();
        }}
      >
        <Field label={words.birthName} value={asked.value.name} onInput={(name) => put({ name })} />
        <Field label={words.firstName} value={asked.value.first_name} onInput={(first_name) => put({ first_name })} />
        <Field label={words.birthDate} type="date" value={asked.value.birth_date} onInput={(birth_date) => put({ birth_date })} />
        <button type="submit" class="act main" disabled={!ready || isBusy.value}>
          {words.find}
        </button>
      </form>
      {problem.value && (
        <p class="said said-refused" role="alert">
          {refusalText(problem.value)}
        </p>
      )}
      {found.value && (
        <div role="status">
          {found.value.length === 0 ? (
            <p>{words.foundNone}</p>
          ) : (
            <Found patients={found.value} />
          )}
        </div>
      )}
    </section>
  );
}

function ByReference() {
  const words = tp.value;
  const reference = useSignal("");
  return (
    <section class="panel">
      <h2>{words.openByReference}</h2>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          const id = reference.value.trim();
          if (id) go(`/patients/${encodeURIComponent(id)}`);
        }}
      >
        <Field label={words.reference} value={reference.value} onInput={(value) => (reference.value = value)} />
        <button type="submit" class="act" disabled={reference.value.trim() === ""}>
          {words.open}
        </button>
      </form>
    </section>
  );
}

function useBoardKeys(): void {
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || keysShown.value) return;
      const typing = event.target instanceof Element && event.target.matches("input:not([type=checkbox]), textarea, select");
      if (typing) {
        if (event.key === "Escape") (event.target as HTMLElement).blur();
        return;
      }
      if (!oneKey.value) return;
      const links = [...document.querySelectorAll<HTMLElement>("a.patient")];
      const at = links.indexOf(document.activeElement as HTMLElement);
      if (event.key === "/") document.querySelector<HTMLElement>("#search")?.focus();
      else if (event.key === "j") links[Math.min(links.length - 1, at + 1)]?.focus();
      else if (event.key === "k") links[Math.max(0, at - 1)]?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}
