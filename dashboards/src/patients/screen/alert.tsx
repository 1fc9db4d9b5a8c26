/** The alert of a patient: *vu* and *je prends en charge* are two things; who is on it, and what happens by itself. */
import { signal, useSignal } from "@preact/signals";
import { Check, CircleCheck, Eye, FileX, Forward, Hand, MessageSquare, Sparkles } from "lucide-preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { countDown } from "../../alerts/count_down";
import { doors as alertDoors } from "../../alerts/http";
import { map } from "../../alerts/state";
import { kindOf } from "../problems";
import { keysShown } from "../../screen/keys";
import { oneKey, region } from "../../state";
import { brokeGlass, foundOf } from "../rows";
import { act, busy, came, doing, isUnread, me, now, opened, rowOf, unreadWhy } from "../state";
import type { Finding, Outcome, PatientAlert, PatientPage, Row } from "../wire";
import { tp } from "../words";
import { Calls } from "./call";
import { Chip, Choice, Field, Outcome as Came, Person, Shell, sinceText, Ticking, timeText, who } from "./parts";
import { Findings } from "./slots";

const MINUTE = 60_000;
/** How soon one looks again: a red within two hours, at most; anything else within twelve. */
const CHECKS: Record<"red" | "other", { minutes: number[]; first: number }> = {
  red: { minutes: [15, 30, 60, 120], first: 30 },
  other: { minutes: [30, 60, 120, 240, 720], first: 120 },
};
/** A finger that was on its way to what stood there before it comes down within this. */
const SETTLES_MS = 800;
const OUTCOMES: Outcome[] = ["acted", "no_action_needed", "wrong"];

type Open = "hand_over" | "close" | "comment" | null;
const open = signal<Open>(null);

const checksOf = (alert: PatientAlert) => CHECKS[alert.colour === "red" ? "red" : "other"];

/** A minute less than was asked for at the very end: the server's clock may be a moment ahead of the page's. */
const checkAt = (minutes: number, alert: PatientAlert): number => {
  const limit = (alert.colour === "red" ? 120 : 720) * MINUTE;
  return (now.peek() ?? Date.now()) + Math.min(minutes * MINUTE, limit - MINUTE / 2);
};

/**
 * Returns how much of an alert its reader has seen: what was found when the page was read. The row may be ahead of it, and what
 * nobody has read nobody decides on; where nothing can be read the row is all that there is to be seen.
 */
const seenOf = (alert: PatientAlert, page: PatientPage | null): number =>
  page === null || isUnread(unreadWhy.value) ? foundOf(alert) : page.row.alert?.id === alert.id ? foundOf(page.row.alert) : 0;

/** The alert by its row, with what was found where that can be read: without it, it is taken, handed over and closed all the same. */
export function AlertBox({ page, row }: { page: PatientPage | null; row: Row }) {
  const words = tp.value;
  const alert = row.alert ?? null;
  const clock = now.value ?? 0;
  const marked = useRef<{ alert: string; known: ReadonlySet<string> } | null>(null);
  useEffect(() => () => void (open.value = null), []);
  const isDrawn = useRef(false);
  useLayoutEffect(() => void (isDrawn.current = true), []);
  if (alert === null) {
    return (
      <>
        <Came of={["close"]} />
        <LastClosed row={row} />
      </>
    );
  }
  const isMine = alert.taken_by === me.value;
  const member = (page?.row ?? row).circle.find(({ subject }) => subject === me.value);
  const isFull = member !== undefined && !brokeGlass(member);
  // Who has it may hand it over; nobody takes it from them.
  const isToBeTaken = isFull && alert.status === "firing";
  const why = page?.why ?? [];
  const seen = seenOf(alert, page);
  const found = foundOf(alert);
  // What was there when the reader came is known; of the same alert, what joins it while they look is new.
  if (marked.current?.alert !== alert.id) marked.current = { alert: alert.id, known: new Set(why.map(nameOf)) };
  const fresh = new Set(why.map(nameOf).filter((name) => !marked.current!.known.has(name)));
  return (
    <section class={`alert-box alert-${alert.colour}`} data-alert={alert.id} data-status={alert.status} aria-label={words.alertOpen}>
      <p class="alert-head">
        <Chip colour={alert.colour} />
        <strong>{words.alertOpen}</strong>{" "}
        <span>
          <Ticking text={(clock) => words.openSince(sinceText(alert.opened_at)(clock))} />
          {alert.worsened_at && (
            <>
              {" · "}
              <Ticking text={(clock) => words.worsenedSince(sinceText(alert.worsened_at!)(clock))} />
            </>
          )}
          {(alert.reopened ?? 0) > 0 && ` · ${words.reopened(alert.reopened!)}`}
        </span>
        {found > 1 && (
          <span class="bit is-new" data-news={found}>
            <Sparkles size={15} aria-hidden="true" />
            {words.newsSince(found - 1)}
          </span>
        )}
      </p>
      <OnIt alert={alert} />
      {(page === null || isUnread(unreadWhy.value)) && (
        <p class="bit nobody alert-unread">
          <FileX size={16} aria-hidden="true" />
          {words.alertUnread}
        </p>
      )}
      {page !== null && why.length > 0 && (
        <div class="alert-why">
          <h3>{words.why}</h3>
          <Findings
            findings={why}
            page={page}
            isNew={(finding) => fresh.has(nameOf(finding))}
            isMuted={({ rule }) => page.mutes.some((mute) => mute.rule === rule && (mute.until ?? 0) > clock)}
          />
          {found > seen && (
            <p class="bit is-new" role="status">
              <Sparkles size={15} aria-hidden="true" />
              {words.newsComing}
            </p>
          )}
        </div>
      )}
      <Came of={["seen", "take", "hand_over", "close", "comment"]} />
      {member && (
        <>
          <div class="alert-acts">
            {(isToBeTaken || page !== null) && (
              <div class="thumbs">
                {page !== null && <Calls file={page.file} />}
                {isToBeTaken && <Thumbs alert={alert} seen={seen} came={isDrawn.current} />}
              </div>
            )}
            <div class="alert-more">
              {page !== null && <More what="comment" icon={MessageSquare} text={words.comment} />}
              {isFull && isMine && <More what="hand_over" icon={Forward} text={words.handOver} />}
              {isFull && <More what="close" icon={CircleCheck} text={words.close} />}
            </div>
          </div>
          {open.value === "comment" && page !== null && <CommentForm alert={alert} />}
          {open.value === "hand_over" && <HandOverForm alert={alert} row={row} />}
          {open.value === "close" && <CloseForm alert={alert} page={page} row={row} />}
        </>
      )}
    </section>
  );
}

/** Who closed the last alert, and what came of it: one line, where there was one. */
function LastClosed({ row }: { row: Row }) {
  const words = tp.value;
  const last = row.closed?.at(-1);
  if (!last) return null;
  return (
    <p class="last-closed" data-closed={last.id}>
      <CircleCheck size={16} aria-hidden="true" />
      {words.lastClosed(words.colours[last.colour].toLowerCase(), who(last.closed_by), timeText(last.closed_at), words.outcomes[last.outcome])}
    </p>
  );
}

/** Returns what tells a finding from another, and from the same rule's of another answer. */
const nameOf = ({ rule, item, value, colour, points }: Finding): string => JSON.stringify([rule, item, value, colour, points]);

function More({ what, icon: Icon, text }: { what: Exclude<Open, null>; icon: typeof Eye; text: string }) {
  const isOpen = open.value === what;
  return (
    <button type="button" class="act" data-act={what} aria-expanded={isOpen} onClick={() => (open.value = isOpen ? null : what)}>
      <Icon size={18} aria-hidden="true" />
      {text}
    </button>
  );
}

const markSeen = (alert: PatientAlert) =>
  doing("seen", () => alertDoors.act(region.peek(), "seen", [alert.id], {}));

/** Two things, both under the thumb: seen is not taken. Where they `came` to a page that was open, they take no tap at once. */
function Thumbs({ alert, seen: found, came }: { alert: PatientAlert; seen: number; came: boolean }) {
  const words = tp.value;
  const { minutes, first } = checksOf(alert);
  const chosen = useSignal(first);
  const wanted = minutes.includes(chosen.value) ? chosen.value : first;
  const seen = map("alerts").get(alert.id)?.seen_by?.[me.value] !== undefined;
  const settles = useSignal(came);
  useEffect(() => {
    const timer = setTimeout(() => (settles.value = false), SETTLES_MS);
    return () => clearTimeout(timer);
  }, []);
  const waits = busy.value !== null || settles.value;
  const take = () => void act({ act: "take", alert: alert.id, seen: found, check_at: checkAt(wanted, alert) });
  // With the button, not a frame after it: whoever sees the one may use the other.
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || settles.value || !oneKey.value || keysShown.value) return;
      if (event.target instanceof Element && event.target.matches("input, textarea, select")) return;
      if (event.key === "v" && !seen) void markSeen(alert);
      else if (event.key === "t") take();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  });
  return (
    <>
      <button type="button" class="act thumb" data-act="seen" disabled={seen || waits} aria-busy={busy.value === "seen"} title={words.seenWhy} onClick={() => void markSeen(alert)}>
        {seen ? <Check size={20} aria-hidden="true" /> : <Eye size={20} aria-hidden="true" />}
        {busy.value === "seen" ? words.busy : seen ? words.seenAlready : words.seen}
      </button>
      <button type="button" class="act main thumb" data-act="take" disabled={waits} aria-busy={busy.value === "take"} onClick={take}>
        <Hand size={20} aria-hidden="true" />
        {busy.value === "take" ? (
          words.busy
        ) : (
          <span>
            {words.take} <small>{<Ticking text={(clock) => (clock === null ? "" : words.checkAt(timeText(clock + wanted * MINUTE)))} />}</small>
          </span>
        )}
      </button>
      <label class="check-in">
        <span>{words.checkIn}</span>
        <select value={String(wanted)} onChange={(event) => (chosen.value = Number((event.currentTarget as HTMLSelectElement).value))}>
          {minutes.map((n) => (
            <option key={n} value={String(n)}>
              {words.inMinutes(n)}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

/** Who else is on it: who has it, who was told, who has seen it; and when it goes on by itself. */
function OnIt({ alert }: { alert: PatientAlert }) {
  const words = tp.value;
  const held = map("alerts").get(alert.id);
  const next = held ? (held.groups ?? []).map((id) => map("groups").get(id)?.next_at).find((at) => typeof at === "number") : undefined;
  const seen = Object.keys(held?.seen_by ?? {});
  const told = (held?.told ?? []).filter((subject) => !seen.includes(subject));
  return (
    <p class="on-it" aria-label={words.onIt}>
      {alert.taken_by ? (
        <span class="bit has-it">
          <Hand size={16} aria-hidden="true" />
          {alert.taken_by === me.value ? words.iHaveIt : words.takenBy(who(alert.taken_by), timeText(alert.taken_at ?? alert.opened_at))}
        </span>
      ) : (
        <span class="bit nobody">
          <Ticking text={(clock) => words.nobodyHasIt(sinceText(alert.worsened_at ?? alert.opened_at)(clock))} />
        </span>
      )}
      {alert.taken_by && alert.check_at && (
        <span class="bit">
          <Ticking text={(clock) => (clock !== null && clock >= alert.check_at! ? words.checkPassed : `${words.nextCheck} ${clock === null ? "–" : countDown(alert.check_at! - clock)}`)} />
        </span>
      )}
      {!alert.taken_by && typeof next === "number" && (
        <span class="bit">
          {words.escalatesIn}{" "}
          <b class="count-down">
            <Ticking text={(clock) => (clock === null ? "–:––" : countDown(next - clock))} />
          </b>
        </span>
      )}
      {seen.length > 0 && <span class="bit">{words.seenBy(seen.map(who).join(", "))}</span>}
      {told.length > 0 && <span class="bit">{told.length === 1 && told[0] === me.value ? words.toldYou : words.told(told.map(who).join(", "))}</span>}
    </p>
  );
}

/** Shuts a form, but not another one that was opened before the outcome of this one came. */
const shut = (what: Open): void => {
  if (open.peek() === what) open.value = null;
};

function CommentForm({ alert }: { alert: PatientAlert }) {
  const words = tp.value;
  const text = useSignal("");
  const send = async () => {
    if (await act({ act: "comment", alert: alert.id, text: text.value.trim() })) shut("comment");
  };
  return (
    <Shell act="comment" onSend={() => void send()} onClose={() => shut("comment")} ready={text.value.trim() !== ""}>
      <Field label={words.commentText} long max={4000} value={text.value} onInput={(value) => (text.value = value)} />
    </Shell>
  );
}

function HandOverForm({ alert, row }: { alert: PatientAlert; row: Row }) {
  const words = tp.value;
  const to = useSignal("");
  const { minutes, first } = checksOf(alert);
  const chosen = useSignal(String(first));
  const send = async () => {
    if (await act({ act: "hand_over", alert: alert.id, to: to.value, check_at: checkAt(Number(chosen.value), alert) })) shut("hand_over");
  };
  const circle = row.circle.filter(({ until, lapsed }) => !until && !lapsed).map(({ subject }) => subject);
  return (
    <Shell act="hand_over" onSend={() => void send()} onClose={() => shut("hand_over")} ready={to.value !== ""}>
      <Person label={words.handTo} value={to.value} onChange={(subject) => (to.value = subject)} among={circle} without={[me.value]} />
      <Choice label={words.checkIn} value={chosen.value} onChange={(value) => (chosen.value = value)} options={minutes.map((n) => [String(n), words.inMinutes(n)])} />
    </Shell>
  );
}

function CloseForm({ alert, page, row }: { alert: PatientAlert; page: PatientPage | null; row: Row }) {
  const words = tp.value;
  const outcome = useSignal<Outcome | null>(null);
  const text = useSignal("");
  // As much as was seen when this was opened: what came while somebody typed was not decided on.
  const seen = useRef(seenOf(alert, page));
  const behind = useRef(false);
  const catchUp = (of: PatientAlert, read: PatientPage | null) => {
    if (!behind.current || seenOf(of, read) <= seen.current) return;
    seen.current = seenOf(of, read);
    behind.current = false;
  };
  useLayoutEffect(() => catchUp(alert, page));
  const send = async () => {
    const word = text.value.trim();
    if (await act({ act: "close", alert: alert.id, seen: seen.current, outcome: outcome.value!, ...(word ? { text: word } : {}) })) shut("close");
    else if (kindOf(came.peek()?.refusal) === "news") {
      // They are told, and what was typed stays; it counts from when the page has been read again, which it may have been already.
      behind.current = true;
      catchUp(rowOf(row.id)?.alert ?? alert, opened.peek());
    }
  };
  return (
    <Shell act="close" onSend={() => void send()} onClose={() => shut("close")} ready={outcome.value !== null} label={words.close}>
      <fieldset class="choices">
        <legend>{words.outcome}</legend>
        {OUTCOMES.map((one) => (
          <label key={one} class="choice">
            <input type="radio" name="outcome" checked={outcome.value === one} onChange={() => (outcome.value = one)} />
            {words.outcomes[one]}
          </label>
        ))}
      </fieldset>
      {page !== null && <Field label={words.word} long max={4000} value={text.value} onInput={(value) => (text.value = value)} />}
      <p class="sum">{words.closeWhy}</p>
    </Shell>
  );
}
