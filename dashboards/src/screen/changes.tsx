/** "Ce qui change": the lines of the feed, newest first, kept still under the pointer; what was missed is marked. */
import { signal, useComputed } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import type { Line } from "../feed";
import { count, timeOfDay } from "../format";
import { spoken } from "../names";
import { away, chosenKind, facilityOf, feed, kindOf, seenAway, zone } from "../state";
import { say, t } from "../words";
import { Clock, Glyph } from "./glyphs";
import { openSite } from "./goto";
import { useHold, walk } from "./hold";
import { Pending } from "./pending";

const everyKind = signal(true);
const DRAWN = 80;

export function ChangesFeed() {
  const words = t.value;
  const element = useRef<HTMLElement>(null);
  const held = useHold(element);
  const kept = useRef<Line[]>([]);
  const [, again] = useState(0);
  const lines = useComputed(() => {
    const code = chosenKind.value?.code;
    return feed.value.filter((line) => everyKind.value || line.kind === code);
  }).value;
  if (!held.value) kept.current = lines;
  const newest = kept.current[0]?.id ?? 0;
  const waiting = held.value ? lines.filter((line) => line.id > newest) : [];
  // What is critical does not wait for the pointer to leave.
  const pinned = waiting.filter((line) => line.critical);
  const still = held.value ? lines.filter((line) => line.id <= newest) : lines;
  const apply = () => {
    kept.current = lines;
    again((n) => n + 1);
    element.current?.querySelector<HTMLElement>("button.row")?.focus();
  };
  return (
    <section class="changes" aria-labelledby="changes-title" ref={element} id="changes">
      <div class="head">
        <h2 id="changes-title">{words.changes}</h2>
        <Pending waiting={waiting.length - pinned.length} apply={apply} />
        {chosenKind.value && (
          <label class="check">
            <input type="checkbox" checked={!everyKind.value} onChange={() => (everyKind.value = !everyKind.value)} />
            {words.onlyKind(say(chosenKind.value.short))}
          </label>
        )}
      </div>
      <AwayNote />
      {lines.length === 0 && <p class="sum">{words.changesNone}</p>}
      <ul onKeyDown={(event) => walk(event, "button.row")}>
        {[...pinned, ...still].slice(0, DRAWN).map((line) => (
          <FeedLine key={line.id} line={line} pinned={pinned.includes(line)} />
        ))}
      </ul>
    </section>
  );
}

function FeedLine({ line, pinned }: { line: Line; pinned: boolean }) {
  const words = t.value;
  const facility = facilityOf.value.get(line.facility);
  const known = kindOf.value.get(line.kind);
  return (
    <li class={`${line.missed ? "missed" : ""} ${pinned ? "pinned" : ""}`}>
      <button type="button" class="row" data-line={line.ward} onClick={() => openSite(line.facility)}>
        <time>{timeOfDay(line.at, zone.value, words)}</time>
        <span class="who">{facility ? spoken(facility.name) : line.facility}</span>
        <span class={`to state-${line.state}`}>
          {line.reason === "figure" && (
            <>
              {count(line.from, words)} → {count(line.to, words)} <Glyph state={line.state} size={14} />
            </>
          )}
          {line.reason === "stale" && <Clock size={16} />}
          {line.reason === "fresh" && <Glyph state={line.state} size={14} />}
          {line.reason === "state" && <Glyph state={line.state} size={14} />}
        </span>
        <span class="what">
          {known ? say(known.short) : line.kind}
          {line.told === "occupied" && line.reason === "figure" && ` · ${words.occupied.toLowerCase()}`}
          {line.reason === "stale" && ` · ${words.becameStale}`}
          {line.reason === "fresh" && ` · ${words.becameFresh}`}
          {line.reason === "state" && ` · ${words.states[line.state]}`}
          {line.missed && <span class="mark"> · {words.missedMark}</span>}
          <span class="hidden"> {line.reason === "figure" ? words.states[line.state] : ""}</span>
        </span>
      </button>
    </li>
  );
}

function AwayNote() {
  const words = t.value;
  const note = away.value;
  if (!note) return null;
  const time = (at: number) => timeOfDay(at, zone.value, words, true);
  return (
    <div class="away">
      <p>
        <strong>{note.changes ? words.missed(note.changes) : words.missedNone}</strong>
        <span>
          {note.from === null ? "" : `${time(note.from)} – `}
          {time(note.to)}
        </span>
        {note.reset && <span>{words.resetNote}</span>}
      </p>
      <button type="button" onClick={seenAway}>
        {words.seen}
      </button>
    </div>
  );
}
