/** All of one group: what is meant and what to do, each alert, who was told and what came of it, what happened when. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { moment, timeOfDay } from "../../format";
import { onLink } from "../../route";
import { region, zone } from "../../state";
import { SeverityGlyph } from "../../screen/glyphs";
import { say, t } from "../../words";
import { doors } from "../http";
import { isOfPatient, type Row } from "../rows";
import { asCards, can, isTight, map, now, people } from "../state";
import type { Entry, HeldAlert } from "../wire";
import { ta } from "../words";
import { ActButton, LiveValue, mainActs, NO_ADDRESS, sinceText, SilenceButton, Ticking, who } from "./parts";

const DRAWN = 60;

export function Detail({ row }: { row: Row }) {
  const words = ta.value;
  const first = row.alerts[0]!.alert;
  const chosen = useSignal(first.id);
  // A card has a heading of its own above these.
  const Head = asCards.value ? "h3" : "h2";
  const held = row.alerts.find(({ alert }) => alert.id === chosen.value) ?? row.alerts[0]!;
  // The main acts stay where they are; here are the others, and those that a narrow desk has no room for.
  const beside = (["seen", "take", "hand_over", "resolve", "comment"] as const).filter(
    (what) =>
      can(what, row) &&
      !(what === "seen" && row.standing === "taken") &&
      (!mainActs(row).includes(what) || (isTight.value && (what === "seen" || what === "hand_over"))),
  );
  return (
    <div class="detail">
      <div class="detail-what">
        <p>{say(held.alert.text)}</p>
        {say(held.alert.todo) && (
          <p class="todo">
            <strong>{words.todo + words.colon}</strong>
            {say(held.alert.todo)}
          </p>
        )}
        {!isOfPatient(row) && /^https:\/\/|^\/[^/]/.test(held.alert.link ?? "") && (
          <p>
            {held.alert.link!.startsWith("/") ? (
              <a href={held.alert.link} onClick={onLink}>
                {words.openHere}
              </a>
            ) : (
              <a href={held.alert.link} target="_blank" rel="noreferrer">
                {words.open}
              </a>
            )}
          </p>
        )}
        {row.alerts.length > 1 && (
          <ul class="each" aria-label={words.alertsOf(row.alerts.length)}>
            {row.alerts.slice(0, DRAWN).map((one) => (
              <Each key={one.alert.id} held={one} chosen={one === held} choose={() => (chosen.value = one.alert.id)} />
            ))}
          </ul>
        )}
        <div class="detail-acts">
          {beside.map((what) => (
            <ActButton key={what} what={what} row={row} />
          ))}
          <SilenceButton row={row} />
        </div>
      </div>
      <div class="detail-told">
        <Head>{words.toldHead}</Head>
        {row.told.length === 0 && <p class="sum">{words.toldNone}</p>}
        <ul class="told-list">
          {row.told.map(({ person, channels }) => (
            <li key={person}>
              <strong>{who(person)}</strong>
              <ul>
                {channels.map(({ channel, got, at, why }) => (
                  <li key={channel} class={why === NO_ADDRESS ? "sum" : `receipt-${got}`}>
                    {got === "shown" ? words.shownInApp : `${words.channels[channel] ?? channel} · ${words.got[got]}`} <time>{timeOfDay(at, zone.value, t.value, true)}</time>
                    {why && <small> {words.whys[why] ?? why}</small>}
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ul>
        {(row.group?.not_told?.length ?? 0) > 0 && (
          <>
            <Head>{words.notToldHead}</Head>
            <ul class="told-list">
              {row.group!.not_told!.slice(-5).reverse().map((one, i) => (
                <li key={i}>
                  {one.person ? <strong>{who(one.person)} </strong> : ""}
                  {words.hushes[one.why] ?? one.why} <time>{timeOfDay(one.at, zone.value, t.value)}</time>
                  {one.until != null && ` ${words.until(timeOfDay(one.until, zone.value, t.value))}`}
                </li>
              ))}
            </ul>
          </>
        )}
        <Timeline
          id={held.alert.id}
          Head={Head}
          moved={`${held.alert.changed_at}/${lastTold(row)}/${row.group?.not_told?.at(-1)?.at}/${held.comments}/${row.seen.length}`}
        />
      </div>
    </div>
  );
}

/** Returns when a message last went or came through: their number says nothing, as only so many are kept. */
function lastTold({ group }: Row): number {
  return Math.max(0, ...(group?.told ?? []).map(({ at, delivered_at, failed_at }) => Math.max(at, delivered_at ?? 0, failed_at ?? 0)));
}

function Each({ held, chosen, choose }: { held: HeldAlert; chosen: boolean; choose(): void }) {
  const words = ta.value;
  const { alert } = held;
  const state =
    alert.status === "resolved"
      ? alert.outcome
        ? words.outcomes[alert.outcome]
        : (words.over[alert.why ?? "cleared"] ?? "")
      : alert.status === "acknowledged" && alert.taken_by
        ? words.hasIt(who(alert.taken_by))
        : held.silenced_by
          ? words.hushes.silenced
          : held.inhibited_by
            ? words.hushes.inhibited
            : "";
  return (
    <li>
      <button type="button" class="each-one" aria-pressed={chosen} onClick={choose} data-alert={alert.id}>
        <SeverityGlyph severity={alert.severity} size={14} />
        <span class="each-title">{say(alert.title)}</span>
        <span class="each-facts">
          <Ticking text={(clock) => sinceText(alert.since)(clock)} /> <LiveValue alert={alert} />
          {state && <span> · {state}</span>}
        </span>
      </button>
    </li>
  );
}

/** What a line adds in words: people's own in quotes, the rest in the reader's language. */
function Said({ line }: { line: Entry }) {
  const words = ta.value;
  const { what, text } = line;
  if (!text) return null;
  if (what === "told" || what === "escalated") return <>{words.reasons[text] && ` · ${words.reasons[text]}`}</>;
  if (what === "failed") return <em> · {words.whys[text] ?? text}</em>;
  if (what === "not_told") return <em> · {words.hushes[text] ?? text}</em>;
  if (what === "silenced") {
    const reason = map("silences").get(text)?.reason;
    return reason ? <em> {words.quoted(reason)}</em> : null;
  }
  if (what === "inhibited") {
    const by = map("alerts").get(text);
    return by ? <em> · {say(by.alert.title)}</em> : null;
  }
  return <em> {words.quoted(text)}</em>;
}

/** A picture says how things are; the timeline how they came to be: it is asked for when someone looks. */
function Timeline({ id, Head, moved }: { id: string; Head: "h2" | "h3"; moved: string }) {
  const words = ta.value;
  const entries = useSignal<Entry[] | "failed" | null>(null);
  const code = region.value;
  useEffect(() => {
    let current = true;
    doors.alert(code, id).then(
      (detail) => current && (entries.value = detail.timeline),
      () => current && entries.value === null && (entries.value = "failed"),
    );
    return () => {
      current = false;
    };
  }, [code, id, moved]);
  people.value; // names may come after
  const lines = entries.value;
  if (lines === null) return null;
  return (
    <>
      <Head>{words.timeline}</Head>
      {lines === "failed" ? (
        <p class="sum failed">{words.timelineFailed}</p>
      ) : (
        <ol class="timeline">
          {[...lines].reverse().slice(0, DRAWN).map((line, i) => (
            <li key={`${line.at}/${line.what}/${i}`} data-what={line.what}>
              <time>{moment(line.at, now.value, zone.value, t.value)}</time>
              <span>
                {words.what[line.what] ?? line.what}
                {line.by && ` ${words.by(who(line.by))}`}
                {line.to && ` ${words.to(who(line.to))}`}
                {line.channel && ` · ${line.channel.split(", ").map((channel) => words.channels[channel] ?? channel).join(", ")}`}
                <Said line={line} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
