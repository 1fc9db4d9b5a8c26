/** The small things that rows, cards and details of alerts are made of. */
import { useComputed, useSignal } from "@preact/signals";
import { Check, CircleCheck, Clock as ClockIcon, Eye, FolderOpen, MessageSquare, BellOff, Forward, Hand, X } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { isStale } from "../../figures";
import { age, percent, timeOfDay } from "../../format";
import { onLink } from "../../route";
import { departementName, facilityOf, total, verdict as ofBeds, ward, zone } from "../../state";
import { Clock, Glyph } from "../../screen/glyphs";
import { say, t } from "../../words";
import { countDown } from "../count_down";
import { canSilence, isOfPatient, needsSomebody, type Next, type Row, type Teller } from "../rows";
import { act, busy, can, forget, hasCell, map, me, nameOf, now, said } from "../state";
import type { Act, Alert, Refusal } from "../wire";
import { ta } from "../words";
import { form, type Form } from "./forms";

/** Shows a text that goes with the clock; only the text node changes. */
export function Ticking({ text }: { text(now: number | null): string }) {
  const said = useSignal(text);
  said.value = text;
  const shown = useComputed(() => said.value(now.value));
  return <>{shown}</>;
}

/** Returns how long ago an instant was, by the notices' clock. */
export const sinceText = (at: number) => (clock: number | null) => (clock === null ? "–" : age(Math.max(0, clock - at), t.value));

/** Returns a person's name, "vous" for the reader, a receiver's name for a webhook. */
export function who(subject: string): string {
  const words = ta.value;
  if (subject === me.value) return words.me;
  return subject.startsWith("webhook:") ? words.webhook(subject.slice(8)) : nameOf(subject);
}

export function Title({ row }: { row: Row }) {
  const words = ta.value;
  const others = row.open.length > 0 ? row.open.length - 1 : row.alerts.length - 1;
  return (
    <>
      {say(row.title)}
      {others > 0 && <span class="others"> {words.andOthers(others)}</span>}
    </>
  );
}

/** What the capacity channel says now of what the alert is about: the alert's own text is of when it was raised. */
export function LiveValue({ alert }: { alert: Alert }) {
  const words = ta.value;
  const [level, ...rest] = alert.subject.split("/");
  const picture =
    level === "ward"
      ? ward(rest.join("/")).value
      : level === "facility" || level === "departement" || level === "region"
        ? total(level, rest[0] ?? "", rest[1] ?? "").value
        : undefined;
  const beds = picture?.available;
  // Figures of a channel that is not live are of no "now".
  if (!picture || beds == null || ofBeds.value.is === "lost") return null;
  const free = words.free(String(beds), beds >= 2);
  // The title's figure is of when it was said: beside another one of now, it has to say so.
  const then = /\d+(?:[.,]\d+)?\s*%/.exec(say(alert.title))?.[0];
  const rate = picture.occupancy == null ? null : percent(picture.occupancy, picture.occupancy_is_bound, t.value);
  const figure = (text: string) => text.replace(/[^\d.,]/g, "");
  const differs = then !== undefined && rate !== null && figure(then) !== figure(rate);
  return (
    <span class={`now-is state-${picture.state ?? "unknown"}`}>
      {differs && <span class="then">{words.firedWas(then)}, </span>}
      <Glyph state={picture.state ?? "unknown"} size={13} />
      {rate === null ? words.nowFree(free) : words.nowIs(rate, free)}
      {isStale(picture) && (
        <span class="stale">
          {" "}
          <Clock size={13} />
          <span class="hidden">{t.value.stale}</span>
        </span>
      )}
    </span>
  );
}

export function Places({ row }: { row: Row }) {
  const words = ta.value;
  const places = row.departements.map(departementName);
  // One place is in the title already.
  if (places.length === 0 || (places.length === 1 && say(row.title).includes(places[0]!))) return null;
  const first = places.slice(0, 3).join(", ");
  return (
    <span>
      {first}
      {row.departements.length > 3 && ` ${words.more(row.departements.length - 3)}`}
    </span>
  );
}

/** What happens by itself, and in how many minutes and seconds. */
export function NextDown({ next }: { next: Next }) {
  const words = ta.value;
  return (
    <span class={`next next-${next.is}`}>
      <span class="next-label">
        <Ticking text={(clock) => (clock !== null && clock >= next.at ? words.nextDue[next.is] : words.next[next.is])} />
      </span>
      <b class="count-down">
        <Ticking text={(clock) => (clock === null ? "–:––" : countDown(next.at - clock))} />
      </b>
    </span>
  );
}

/** Who has it, that nobody answered, or why nobody is told. */
export function Standing({ row }: { row: Row }) {
  const words = ta.value;
  if (row.standing === "taken" && row.takenBy) {
    return (
      <span class="standing has-it">
        <Hand size={15} aria-hidden="true" />
        <span>
          {row.takenBy === me.value ? words.iHaveIt : words.hasIt(who(row.takenBy))}{" "}
          {row.takenAt !== null && (
            <small>
              <Ticking text={(clock) => words.takenAgo(sinceText(row.takenAt!)(clock))} />
            </small>
          )}
        </span>
      </span>
    );
  }
  if (row.standing === "unanswered") {
    return (
      <span class="standing unanswered">
        <X size={15} aria-hidden="true" />
        <span>
          {row.unansweredAt === null ? words.unanswered : <Ticking text={(clock) => words.unansweredSince(sinceText(row.unansweredAt!)(clock))} />}
        </span>
      </span>
    );
  }
  if (row.standing === "hushed" && row.hush) {
    const covering = map("alerts").get(row.hush.by);
    return (
      <span class="standing hushed">
        <BellOff size={15} aria-hidden="true" />
        <span>
          {words.hushes[row.hush.why] ?? row.hush.why}
          {row.hush.until !== null && ` ${words.until(timeOfDay(row.hush.until, zone.value, t.value))}`}
          {row.hush.reason && <small> {words.quoted(row.hush.reason)}</small>}
          {row.hush.why === "inhibited" && covering && <small>{words.colon + say(covering.alert.title)}</small>}
        </span>
      </span>
    );
  }
  if (row.standing === "over") {
    const { why, outcome } = row.alerts[0]!.alert;
    return (
      <span class="standing is-over">
        <CircleCheck size={15} aria-hidden="true" />
        <span>{outcome ? words.outcomes[outcome] : (words.over[why ?? "cleared"] ?? "")}</span>
      </span>
    );
  }
  return null;
}

const BEST = ["delivered", "sent", "shown"] as const;

/** Returns the best that became of the messages to one person. */
function gotOf(channels: Teller["channels"]): Teller["channels"][number]["got"] {
  return BEST.find((wanted) => channels.some(({ got }) => got === wanted)) ?? "failed";
}

function Receipt({ got }: { got: Teller["channels"][number]["got"] }) {
  const words = ta.value;
  return (
    <span class={`receipt receipt-${got}`} title={words.got[got]}>
      {got === "delivered" ? <Check size={13} aria-hidden="true" /> : got === "failed" ? <X size={13} aria-hidden="true" /> : <ClockIcon size={12} aria-hidden="true" />}
      <span class="hidden">{words.got[got]}</span>
    </span>
  );
}

/** A person who chose a channel and gave no address for it: nothing of it failed, there was nothing to try. */
export const NO_ADDRESS = "no address";

/** Who was told, whether anything came through, and by which channels nothing did; the first few. */
export function Tellers({ tellers, most = 3 }: { tellers: Teller[]; most?: number }) {
  const words = ta.value;
  if (tellers.length === 0) return null;
  return (
    <span class="tellers">
      {words.toldHead}
      {words.colon}
      {tellers.slice(0, most).map(({ person, channels }, i) => (
        <span key={person} class="teller">
          {i > 0 && ", "}
          {who(person)}
          <Receipt got={gotOf(channels)} />
          <span class="by">
            {channels.filter(({ got, why }) => got === "failed" && why !== NO_ADDRESS).map(({ channel }) => ` ${words.channels[channel] ?? channel} ✗`).join("")}
          </span>
        </span>
      ))}
      {tellers.length > most && ` ${words.more(tellers.length - most)}`}
    </span>
  );
}

export function SeenBy({ row }: { row: Row }) {
  const words = ta.value;
  const last = row.seen.at(-1);
  if (!last) return null;
  return (
    <span class="seen-by">
      <Eye size={14} aria-hidden="true" />{" "}
      <Ticking
        text={(clock) => {
          const since = sinceText(last.at)(clock);
          return last.person === me.value ? words.seenByYou(since) : words.seenBy(who(last.person), since);
        }}
      />
      {row.seen.length > 1 && ` ${words.more(row.seen.length - 1)}`}
    </span>
  );
}

const ICONS = { seen: Eye, take: Hand, hand_over: Forward, resolve: CircleCheck, comment: MessageSquare };
const ASKS: Partial<Record<Act, Form>> = { hand_over: "hand_over", resolve: "resolve", comment: "comment" };

/** A button that does an act, or opens the form of one that asks for more; busy ones say so until the outcome is known. */
export function ActButton({ what, row, main = false, short = false }: { what: Act; row: Row; main?: boolean; short?: boolean }) {
  const words = ta.value;
  const doing = busy.value.get(row.id);
  const Icon = ICONS[what];
  const asks = ASKS[what];
  const isOpen = asks !== undefined && form.value?.row === row.id && form.value.is === asks;
  const label = short && what === "take" ? words.takeShort : short && what === "hand_over" ? words.handOverShort : words.acts[what];
  return (
    <button
      type="button"
      class={`act act-${what} ${main ? "main" : ""}`}
      data-act={what}
      disabled={doing !== undefined || !can(what, row)}
      aria-busy={doing === what}
      aria-expanded={asks ? isOpen : undefined}
      onClick={() => {
        if (asks) form.value = isOpen ? null : { row: row.id, is: asks };
        else void act(what, row);
      }}
    >
      <Icon size={main ? 18 : 16} aria-hidden="true" />
      {doing === what ? words.busy : label}
    </button>
  );
}

/** The acts that fit how the alert stands: what is wanted first, the rest behind it. */
export function mainActs(row: Row): Act[] {
  if (row.standing === "over") return [];
  if (isOfPatient(row) && !needsSomebody(row)) return [];
  const acts: Act[] = row.standing === "taken" ? (row.takenBy === me.value ? ["hand_over", "resolve"] : []) : ["seen", "take"];
  return acts.filter((what) => can(what, row));
}

/** The way to the patient's page, where it is taken, handed over and closed; nothing for what is not of a patient. */
export function OpenFile({ row }: { row: Row }) {
  const link = row.alerts[0]!.alert.link ?? "";
  if (!isOfPatient(row) || !/^\/[^/\\]/.test(link)) return null;
  return (
    <a class={`act open-file ${needsSomebody(row) ? "main" : ""}`} href={link} onClick={onLink}>
      <FolderOpen size={18} aria-hidden="true" />
      {ta.value.openFile}
    </a>
  );
}

/** The establishment that an alert flags, by its name where the directory has one. */
export function Flagged({ row }: { row: Row }) {
  const finess = row.concern === "cluster" ? row.alerts[0]!.alert.labels.facility : undefined;
  if (finess === undefined) return null;
  return <span class="flagged">{facilityOf.value.get(finess)?.name ?? ta.value.facility(finess)}</span>;
}

export function SilenceButton({ row }: { row: Row }) {
  const words = ta.value;
  const isOpen = form.value?.row === row.id && form.value.is === "silence";
  if (!hasCell.value || row.standing === "over" || !canSilence(row)) return null;
  return (
    <button type="button" class="act" aria-expanded={isOpen} onClick={() => (form.value = isOpen ? null : { row: row.id, is: "silence" })}>
      <BellOff size={16} aria-hidden="true" />
      {words.silence}
    </button>
  );
}

/** What came of the last act on a row: done, or why not, in the reader's words. */
export function Outcome({ row }: { row: Row }) {
  const words = ta.value;
  const came = said.value.get(row.id);
  if (!came) return null;
  if (came.refusal === null) {
    return (
      <p class="said said-done" role="status">
        {!came.pending && <Check size={16} aria-hidden="true" />} {came.pending ? words.timedOut : words.did[came.act]}
      </p>
    );
  }
  const { taken_by, taken_by_name, taken_at } = came.refusal;
  return (
    <p class="said said-refused" role="alert">
      <span>
        {came.done > 0 && `${words.refusedSome(came.done, came.all)} · `}
        {taken_by && taken_at !== undefined ? (
          <Ticking
            text={(clock) => {
              const ago = clock === null ? 0 : clock - taken_at;
              const by = taken_by === me.value ? words.me : (taken_by_name ?? nameOf(taken_by));
              return words.takenFirst(by, ago < 1000 ? words.justNow : words.agoIn(age(ago, t.value)));
            }}
          />
        ) : (
          refusalText(came.refusal)
        )}
      </span>
      <button type="button" class="icon" aria-label={words.dismiss} onClick={() => forget(row.id)}>
        <X size={16} />
      </button>
    </p>
  );
}

function refusalText({ status, detail, title, over_at }: Refusal): string {
  const words = ta.value;
  if (over_at !== undefined) return words.overAlready(timeOfDay(over_at, zone.value, t.value));
  if (!status) return words.failed;
  if (status === 403) return words.forbidden;
  if (status === 404) return words.gone;
  if (status === 409) return words.nobody;
  if (status >= 500) return words.failed;
  return words.refusedWhy(detail ?? title ?? "");
}

/** A page's title in the tab, with what waits in front. */
export function useTitle(text: string): void {
  useEffect(() => {
    document.title = text;
  }, [text]);
}
