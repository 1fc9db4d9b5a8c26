/** Alerts as cards, for one thumb: what is the matter, what it leads to and when, *vu* and *je prends en charge*. */
import { ChevronDown, VolumeX } from "lucide-preact";
import { useRef } from "preact/hooks";
import { SeverityGlyph } from "../../screen/glyphs";
import { useHold, useStillOrder } from "../../screen/hold";
import { Pending } from "../../screen/pending";
import { onLink } from "../../route";
import { say, t } from "../../words";
import { isOfPatient, needsSomebody, type Row } from "../rows";
import { arrived, busy, filter, hasDesk, isGone, isNarrow, map, me, narrow, onlyMine, overCount, rows, shown, soundBlocked, unfolded } from "../state";
import { ta } from "../words";
import { Detail } from "./detail";
import { RowForm } from "./forms";
import { ActButton, Flagged, LiveValue, mainActs, NextDown, OpenFile, Outcome, SeenBy, sinceText, Standing, Ticking, Title, who } from "./parts";
import { Settings } from "./settings";
import { Whose } from "./whose";

export function Feed() {
  const words = ta.value;
  const list = useRef<HTMLDivElement>(null);
  const held = useHold(list);
  const fresh = shown.value;
  const byId = new Map(fresh.map((row) => [row.id, row]));
  const { order, waiting, apply } = useStillOrder(
    fresh.map(({ id }) => id),
    held.value,
    JSON.stringify(filter.value) + String(onlyMine.value),
  );
  return (
    <main class="cards-page" id="alerts">
      <div class="cards" ref={list}>
        {soundBlocked.value && (
          <p class="sound-blocked" role="status">
            <VolumeX size={18} aria-hidden="true" /> {t.value.soundBlocked}
          </p>
        )}
        <div class="cards-head">
          <Pending waiting={waiting} apply={apply} />
        </div>
        {!arrived.value && <p class="sum empty">{words.arriving}</p>}
        {isGone.value && (
          <p class="sum empty" role="status">
            {words.gone}
          </p>
        )}
        <Told />
        {arrived.value && order.length === 0 && (
          <div class="calm">
            <p>{onlyMine.value ? words.noneMine : words.none}</p>
            <RegionWaits />
          </div>
        )}
        <ul aria-label={words.listLabel}>
          {order.map((id) => (
            <Card key={id} row={byId.get(id)!} />
          ))}
        </ul>
        {overCount.value > 0 && (
          <button type="button" class="quiet over-too" aria-pressed={filter.value.over} onClick={() => narrow({ over: !filter.value.over })}>
            {words.overToo(overCount.value)}
          </button>
        )}
      </div>
      {!isNarrow.value && <Settings />}
    </main>
  );
}

/** What one is told of once, the latest first: nobody need answer it, and it is gone after a day. */
function Told() {
  const words = ta.value;
  const told = [...map("words").values()].sort((a, b) => b.at - a.at);
  if (told.length === 0) return null;
  return (
    <section class="told-once" aria-label={words.toldOnce}>
      <h2>{words.toldOnce}</h2>
      <ul>
        {told.map((word) => (
          <li key={`${word.link}/${word.at}`}>
            <a href={word.link} onClick={onLink}>
              <span class={`severity-${word.severity}`}>
                <SeverityGlyph severity={word.severity} size={14} />
              </span>{" "}
              {say(word.title)}
            </a>{" "}
            <span class="soft">
              <Ticking text={(clock) => words.agoIn(sinceText(word.at)(clock))} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Nothing for oneself is not nothing: how many wait for somebody of the region, and the way to them. */
function RegionWaits() {
  const waiting = rows.value.filter(needsSomebody).length;
  if (!onlyMine.value || !hasDesk.value || waiting === 0) return null;
  return (
    <a class="region-waits" href="/alerts?desk" onClick={onLink}>
      {ta.value.regionWaits(waiting)}
    </a>
  );
}

function Card({ row }: { row: Row }) {
  const words = ta.value;
  const isUnfolded = unfolded.value === row.id;
  const others = row.told.map(({ person }) => person).filter((person) => person !== me.value);
  const acts = mainActs(row);
  const hasFile = isOfPatient(row);
  return (
    <li
      class={`alert-card ${isUnfolded ? "unfolded" : ""}`}
      data-group={row.id}
      data-severity={row.severity}
      data-standing={row.standing}
      aria-busy={busy.value.has(row.id)}
    >
      <div class="card-top">
        <span class={`card-severity severity-${row.severity}`}>
          <SeverityGlyph severity={row.severity} size={18} />
          {t.value.severities[row.severity]}
        </span>
        <span class="since">
          <Ticking text={(clock) => words.since(sinceText(row.since)(clock))} />
        </span>
        {row.next && needsSomebody(row) && <NextDown next={row.next} />}
      </div>
      <h2>
        <Title row={row} />
      </h2>
      {hasFile && <Whose row={row} />}
      <p class="card-now">
        <LiveValue alert={row.alerts[0]!.alert} />
        <Flagged row={row} />
      </p>
      {say(row.alerts[0]!.alert.todo) && needsSomebody(row) && !hasFile && <p class="card-todo">{say(row.alerts[0]!.alert.todo)}</p>}
      <p class="card-who">
        <Standing row={row} />
        {row.standing === "taken" && row.next && <NextDown next={row.next} />}
        {row.standing !== "taken" && row.standing !== "over" && others.length > 0 && (
          <span>{(others.length < row.told.length ? words.alsoOn : words.toldOn)(others.slice(0, 3).map(who).join(", ") + (others.length > 3 ? ` ${words.more(others.length - 3)}` : ""))}</span>
        )}
        <SeenBy row={row} />
      </p>
      <Outcome row={row} />
      <RowForm row={row} />
      <div class={`card-acts ${hasFile ? "with-file" : ""}`} data-acts={acts.length + Number(hasFile)}>
        {acts.map((what) => (
          <ActButton key={what} what={what} row={row} main={what === "take" && needsSomebody(row)} />
        ))}
        <OpenFile row={row} />
      </div>
      <button type="button" class="quiet unfold" aria-expanded={isUnfolded} onClick={() => (unfolded.value = isUnfolded ? null : row.id)}>
        {words.details} <ChevronDown size={16} aria-hidden="true" />
      </button>
      {isUnfolded && <Detail row={row} />}
    </li>
  );
}
