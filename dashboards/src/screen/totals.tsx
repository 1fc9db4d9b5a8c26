/** Free beds by kind where the reader looks, each number with its honesty beside it. */
import { useRef } from "preact/hooks";
import { honestyOf, type Honesty } from "../figures";
import { count, openBeds, percent } from "../format";
import { stepOf } from "../ramp";
import { chosenKind, departement, departementName, directory, kind, kinds, scopeTotal } from "../state";
import { say, t } from "../words";
import type { BedKind, TotalPicture } from "../wire";
import { Curve } from "./curve";
import { Clock, Glyph } from "./glyphs";
import { Age, Value } from "./values";

interface Group {
  title: string;
  kinds: BedKind[];
}

function groups(): Group[] {
  const words = t.value;
  const of = (fits: (known: BedKind) => boolean, title: string) => ({ title, kinds: kinds.value.filter(fits) });
  return [
    of((known) => known.critical === true, words.critical),
    of((known) => known.critical !== true && known.nature !== "02", words.hospital),
    of((known) => known.critical !== true && known.nature === "02", words.placesGroup),
  ].filter((group) => group.kinds.length > 0);
}

export function Totals() {
  const words = t.value;
  const list = useRef<HTMLDivElement>(null);
  const chosen = chosenKind.value?.code;
  const place = departement.value ? departementName(departement.value) : (directory.value?.name ?? "");

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const order = groups().flatMap((group) => group.kinds.map(({ code }) => code));
    const next = order[(order.indexOf(chosen ?? "") + step + order.length) % order.length]!;
    kind.value = next;
    list.current?.querySelector<HTMLElement>(`[data-kind="${next}"]`)?.focus();
  };

  return (
    <section class="totals" aria-labelledby="totals-title">
      <h2 id="totals-title">{words.totalsOf(place)}</h2>
      <div role="radiogroup" aria-labelledby="totals-title" ref={list} onKeyDown={onKeyDown}>
        {groups().map((group) => (
          <div class="group" key={group.title}>
            <h3>{group.title}</h3>
            {group.kinds.map((known) => (
              <Card key={known.code} kind={known} chosen={known.code === chosen} />
            ))}
          </div>
        ))}
      </div>
      {(directory.value?.no_data ?? []).map(({ label, reason }) => (
        <p key={label.fr} class="sum without">
          {words.without} : {say(label)}. {say(reason)}
        </p>
      ))}
    </section>
  );
}

function Card({ kind: known, chosen }: { kind: BedKind; chosen: boolean }) {
  const total = scopeTotal(known.code).value;
  return (
    <div class={`card ${chosen ? "chosen" : ""}`}>
      <div
        class="card-head"
        role="radio"
        aria-checked={chosen}
        tabIndex={chosen ? 0 : -1}
        data-kind={known.code}
        onClick={() => (kind.value = known.code)}
        onKeyDown={(event) => {
          if (event.key !== " " && event.key !== "Enter") return;
          event.preventDefault();
          kind.value = known.code;
        }}
      >
        <span class="name">{say(known.label)}</span>
        <FreeFigure total={total} />
        <Bar total={total} />
        <span class="text">
          <Line total={total} />
          <Honest total={total} />
        </span>
      </div>
      {chosen && <More kind={known} total={total} />}
    </div>
  );
}

function FreeFigure({ total }: { total: TotalPicture | undefined }) {
  const words = t.value;
  if (total !== undefined && total.available === undefined) return null;
  const free = total?.available;
  return (
    <span class="free">
      <Value of={count(free, words)} class="big" />
      <small>{words.freeOf(free ?? 2)}</small>
    </span>
  );
}

/** "446 / 503 ouverts · ≥ 89 %" and over how many wards that rate is known. */
export function Line({ total }: { total: TotalPicture | undefined }) {
  const words = t.value;
  if (total === undefined) return null;
  if (total.wards === 0) return <span class="line">{words.noWard}</span>;
  if (total.occupied === undefined && total.occupancy === undefined) return null;
  const { occupied, open, occupancy, occupancy_is_bound: bound, counted, wards, lacking } = total;
  return (
    <span class="line">
      <Value of={words.occupiedOfOpen(count(occupied, words), openBeds(open, bound, words))} />
      {" · "}
      <Value of={percent(occupancy, bound, words)} />
      {/* Where as many wards told their free beds, the line of honesty says it already. */}
      {lacking && counted !== (wards ?? 0) - (total.available_lacking ?? 0)
        ? ` · ${words.rateOver(count(counted, words), count(wards, words))}`
        : ""}
    </span>
  );
}

function Bar({ total }: { total: TotalPicture | undefined }) {
  const { occupied, open, available, reserved } = total ?? {};
  if (total !== undefined && occupied === undefined) return null;
  if (occupied == null || open == null || open === 0) return <span class="bar bar-unknown" />;
  const whole = Math.max(open, occupied);
  const width = (n: number | null | undefined) => ({ width: `${(100 * Math.min(n ?? 0, whole)) / whole}%` });
  return (
    <span class="bar">
      <span class={`bar-occupied step-${stepOf(total?.occupancy) ?? 0}`} style={width(occupied)} />
      <span class="bar-reserved" style={width(reserved)} />
      <span class="bar-free" style={width(available)} />
      {occupied > open && <span class="bar-open" style={{ left: `${(100 * open) / whole}%` }} />}
    </span>
  );
}

/** The total's honesty: how many wards told, the oldest of them, how many are stale, unknown, beyond what they declared. */
export function Honest({ total }: { total: TotalPicture | undefined }) {
  const parts = honestyOf(total);
  if (parts.length === 0) return null;
  return (
    <span class="honest">
      {parts.map((part) => (
        <>
          <Part key={part.says} part={part} />{" "}
        </>
      ))}
    </span>
  );
}

function Part({ part }: { part: Honesty }) {
  const words = t.value;
  switch (part.says) {
    case "told":
      return <span class="plain">{words.wardsTold(count(part.told, words), count(part.wards, words))}</span>;
    case "oldest":
      return (
        <span class="plain">
          {words.oldest("")}
          <Age at={part.at} />
        </span>
      );
    case "stale":
      return (
        <span class="stale">
          <Clock />
          {words.staleWards(part.wards)}
        </span>
      );
    case "unknown":
      return (
        <span class="unknown">
          <Glyph state="unknown" size={14} />
          {words.unknownWards(part.wards)}
        </span>
      );
    case "surge":
      return <span class="surge">▲ {words.surgeWards(part.wards)}</span>;
  }
}

function More({ kind: known, total }: { kind: BedKind; total: TotalPicture | undefined }) {
  const words = t.value;
  const rows: [string, string, string?][] = [];
  if (total) {
    if (total.installed !== undefined) rows.push([words.installed, count(total.installed, words)]);
    if (total.reserved != null) rows.push([words.reserved, count(total.reserved, words)]);
    if (total.closed != null) rows.push([words.closed, count(total.closed, words)]);
    if (total.supplementary != null || total.supplementary_unknown) {
      rows.push([
        words.supplementary,
        count(total.supplementary, words),
        total.supplementary_unknown ? words.supplementaryUnsaid(total.supplementary_unknown) : undefined,
      ]);
    }
    if (total.covid != null) rows.push([words.covid, count(total.covid, words)]);
  }
  return (
    <div class="card-more">
      <dl>
        {rows.map(([name, figure, note]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Value of={figure} />
              {note && <small> {note}</small>}
            </dd>
          </div>
        ))}
      </dl>
      {known.contains_critical && <p class="sum">{words.containsCritical}</p>}
      <Curve kind={known.code} departement={departement.value} />
    </div>
  );
}
