/** The wards whose figures are older than their limit or were never told, by the beds at stake. */
import { signal, useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { spoken } from "../names";
import { late } from "../order";
import { chosenKind, departement, directory, facilityOf, kindOf, peekWard, pictureVersion } from "../state";
import { say, t } from "../words";
import { Clock, Glyph } from "./glyphs";
import { openSite } from "./goto";
import { useHold, useStillOrder, walk } from "./hold";
import { Pending } from "./pending";
import { Age } from "./values";

const everyKind = signal(false);
const shown = signal(8);

export function Late() {
  const words = t.value;
  const element = useRef<HTMLElement>(null);
  const held = useHold(element);
  const rows = useComputed(() => {
    pictureVersion.value;
    const known = directory.value;
    if (!known) return [];
    const code = chosenKind.value?.code;
    const among = known.wards.filter(
      (ward) =>
        (everyKind.value || ward.kind === code) &&
        (departement.value === null || facilityOf.value.get(ward.facility)?.departement === departement.value),
    );
    return late(among, peekWard);
  }).value;
  const byId = new Map(rows.map((row) => [row.ward.id, row]));
  const { order, waiting, apply } = useStillOrder(
    rows.map((row) => row.ward.id),
    held.value,
    `${everyKind.value}/${chosenKind.value?.code}/${departement.value}`,
  );
  const drawn = order.slice(0, shown.value);
  return (
    <section class="late" aria-labelledby="late-title" ref={element}>
      <div class="head">
        <h2 id="late-title">{words.late}</h2>
        <Pending waiting={waiting} apply={apply} />
        <p class="sum">{rows.length ? words.lateCount(rows.length) : words.lateNone}</p>
        <label class="check">
          <input type="checkbox" checked={everyKind.value} onChange={() => (everyKind.value = !everyKind.value)} />
          {words.lateAllKinds}
        </label>
      </div>
      <ul onKeyDown={(event) => walk(event, "button")}>
        {drawn.map((id) => {
          const row = byId.get(id)!;
          const facility = facilityOf.value.get(row.ward.facility);
          const known = kindOf.value.get(row.ward.kind);
          const beds = row.beds == null ? words.bedsUnknown : known?.nature === "02" ? words.places(row.beds) : words.beds(row.beds);
          return (
            <li key={id}>
              <button type="button" class="row" data-ward={id} onClick={() => openSite(row.ward.facility)}>
                <span class="who">{facility ? spoken(facility.name) : row.ward.facility}</span>
                <span class="beds">{beds}</span>
                <span class="what">
                  {known ? say(known.short) : row.ward.kind}
                  {facility ? ` · ${facility.departement}` : ""}
                </span>
                <span class={row.toldAt === null ? "unknown" : "stale"}>
                  {row.toldAt === null ? <Glyph state="unknown" size={14} /> : <Clock />}
                  {row.toldAt === null ? words.never : <Age at={row.toldAt} />}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
      {order.length > shown.value && (
        <button type="button" class="quiet" onClick={() => (shown.value += 20)}>
          {words.more(Math.min(20, order.length - shown.value))}
        </button>
      )}
    </section>
  );
}
