/** The list: all that the map says and does, for the keyboard, a screen reader, or an eye that prefers lines. */
import { effect, signal, useComputed } from "@preact/signals";
import { LocateFixed } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { isStale, stateOf } from "../figures";
import { count, kilometres, openBeds, percent } from "../format";
import type { Point } from "../geo";
import { api } from "../http";
import { spoken } from "../names";
import { sorted, type SiteRow, type SortBy } from "../order";
import {
  away,
  chosenKind,
  departement,
  departementName,
  directory,
  feed,
  peekTotal,
  pictureVersion,
  region,
  site,
  sites,
  sortBy,
  total,
} from "../state";
import { t } from "../words";
import type { Facility, NearbyResult, State } from "../wire";
import { Clock, Glyph, StateWords } from "./glyphs";
import { openDepartement, openSite } from "./goto";
import { useHold, useStillOrder, walk } from "./hold";
import { Pending } from "./pending";
import { Honest, Line } from "./totals";
import { Age, Value } from "./values";

type Shown = State | "stale";
const SHOWN: Shown[] = ["full", "nearly", "free", "unknown", "stale"];
/** The states to which the list is narrowed; empty shows all. */
const only = signal<ReadonlySet<Shown>>(new Set());

const from = signal<(Point & { name: string | null }) | null>(null);
const nearby = signal<NearbyResult[] | null>(null);
const nearProblem = signal<"refused" | "failed" | null>(null);
const MOST_NEARBY = 30;
const NEARBY_AGAIN_MS = 10_000;

function fits(row: SiteRow): boolean {
  if (only.value.size === 0) return true;
  return only.value.has(stateOf(row.total)) || (only.value.has("stale") && isStale(row.total));
}

export function SiteList() {
  const words = t.value;
  const element = useRef<HTMLDivElement>(null);
  const held = useHold(element);
  const known = chosenKind.value;
  const rows = useComputed<SiteRow[]>(() => {
    pictureVersion.value;
    const code = chosenKind.value?.code;
    if (!code) return [];
    const among = sites.value
      .filter(({ facility }) => departement.value === null || facility.departement === departement.value)
      .map(({ facility }) => ({ facility, total: peekTotal("facility", facility.finess_et, code) }));
    if (sortBy.value !== "near") return sorted(among, sortBy.value).filter(fits);
    const byCode = new Map(among.map((row) => [row.facility.finess_et, row]));
    return (nearby.value ?? []).flatMap((found) => byCode.get(found.facility) ?? []).filter(fits);
  }).value;
  const byId = new Map(rows.map((row) => [row.facility.finess_et, row.facility]));
  const { order, waiting, apply } = useStillOrder(
    rows.map((row) => row.facility.finess_et),
    held.value,
    `${known?.code}/${sortBy.value}/${departement.value}/${[...only.value].join()}/${from.value?.lat},${from.value?.lon}`,
  );
  if (!known) return null;
  const missed = new Set(away.value ? feed.value.filter((line) => line.missed).map((line) => line.facility) : []);
  const near = sortBy.value === "near";
  return (
    <div class="list" ref={element}>
      <div class="list-tools">
        <Sorting />
        <States />
        <span class="sum">{words.sitesCount(order.length)}</span>
        <Pending waiting={waiting} apply={apply} />
      </div>
      {near && <Near />}
      {order.length === 0 && !near && <p class="sum empty">{words.nothingToShow}</p>}
      <ul id="sites" tabIndex={-1} aria-label={words.list} onKeyDown={(event) => walk(event, "button.row, button.dep")}>
        {order.map((code, i) => {
          const facility = byId.get(code)!;
          const before = i > 0 ? byId.get(order[i - 1]!) : undefined;
          const heads = sortBy.value === "departement" && before?.departement !== facility.departement;
          return (
            <>
              {heads && <DepartementHead key={`dep-${facility.departement}`} code={facility.departement} kind={known.code} />}
              <SiteLine key={code} facility={facility} kind={known.code} missed={missed.has(code)} />
            </>
          );
        })}
      </ul>
    </div>
  );
}

function Sorting() {
  const words = t.value;
  const orders: SortBy[] = ["departement", "state", "free", "near"];
  return (
    <div class="segments" role="group" aria-label={words.sortBy}>
      {orders.map((order) => (
        <button key={order} type="button" aria-pressed={sortBy.value === order} data-sort={order} onClick={() => (sortBy.value = order)}>
          {words.sort[order]}
        </button>
      ))}
    </div>
  );
}

function States() {
  const words = t.value;
  const toggle = (state: Shown) => {
    const next = new Set(only.value);
    if (!next.delete(state)) next.add(state);
    only.value = next;
  };
  return (
    <div class="segments states" role="group" aria-label={words.filterStates}>
      {SHOWN.map((state) => (
        <button
          key={state}
          type="button"
          class={`state-${state}`}
          aria-pressed={only.value.has(state)}
          aria-label={state === "stale" ? words.stale : words.states[state]}
          title={state === "stale" ? words.stale : words.states[state]}
          onClick={() => toggle(state)}
        >
          {state === "stale" ? <Clock size={16} /> : <Glyph state={state} />}
        </button>
      ))}
    </div>
  );
}

function DepartementHead({ code, kind }: { code: string; kind: string }) {
  const words = t.value;
  const sum = total("departement", code, kind).value;
  return (
    <li class="dep-head">
      <button type="button" class="dep" onClick={() => openDepartement(departement.value === code ? null : code)}>
        <span class="who">
          {departementName(code)} <small>{code}</small>
        </span>
        {sum?.available !== undefined && (
          <span class="figure">
            <Value of={count(sum.available, words)} /> {words.freeOf(sum.available ?? 2)}
          </span>
        )}
        <span class="what">
          <Line total={sum} />
        </span>
        <Honest total={sum} />
      </button>
    </li>
  );
}

function SiteLine({ facility, kind, missed }: { facility: Facility; kind: string; missed: boolean }) {
  const words = t.value;
  const picture = total("facility", facility.finess_et, kind).value;
  const state = stateOf(picture);
  const stale = isStale(picture);
  const found = sortBy.value === "near" ? nearby.value?.find((result) => result.facility === facility.finess_et) : undefined;
  return (
    <li class={`site-line ${stale ? "is-stale" : ""} ${missed ? "missed" : ""}`}>
      <button
        type="button"
        class="row"
        data-site={facility.finess_et}
        data-state={state}
        data-stale={stale}
        aria-current={site.value === facility.finess_et}
        onClick={() => openSite(facility.finess_et)}
      >
        <Glyph state={state} size={20} />
        <span class="who">{spoken(facility.name)}</span>
        <span class="where">
          {found && <strong>{kilometres(found.distance_km, words)} · </strong>}
          {spoken(facility.commune)} ({facility.departement})
        </span>
        <span class="figure">
          <Value of={count(picture?.available, words)} class={`big state-${state}`} />
          <small>{words.freeOf(picture?.available ?? 2)}</small>
        </span>
        {(picture?.occupied !== undefined || picture === undefined) && (
          <span class="what">
            <Value of={words.occupiedOfOpen(count(picture?.occupied, words), openBeds(picture?.open, picture?.occupancy_is_bound, words))} />
            {" · "}
            <Value of={percent(picture?.occupancy, picture?.occupancy_is_bound, words)} />
            {picture?.undeclared_surge ? <span class="surge">▲ {words.surge}</span> : null}
          </span>
        )}
        <span class="states">
          <StateWords state={state} stale={stale} glyph={false} />
        </span>
        <span class="told">
          <Age at={picture?.oldest_at ?? null} as="told" />
        </span>
      </button>
    </li>
  );
}

/** Near here: the browser's position or a town, and the server's nearest sites with a free bed. */
function Near() {
  const words = t.value;
  const asked = from.value;
  useEffect(() => effect(() => void ask(from.value, chosenKind.value?.code ?? "")), []);
  useEffect(() => {
    // A bed that frees itself near by has to turn up; those shown change by themselves.
    const timer = setInterval(() => void ask(from.value, chosenKind.value?.code ?? ""), NEARBY_AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  const towns = [...townsOf(directory.value?.facilities ?? []).keys()].sort((a, b) => a.localeCompare(b, "fr"));
  const locate = () => {
    nearProblem.value = null;
    navigator.geolocation?.getCurrentPosition(
      ({ coords }) => (from.value = { lat: coords.latitude, lon: coords.longitude, name: null }),
      () => (nearProblem.value = "refused"),
      { timeout: 10_000, maximumAge: 60_000 },
    );
    if (!navigator.geolocation) nearProblem.value = "refused";
  };
  return (
    <div class="near">
      <button type="button" onClick={locate}>
        <LocateFixed size={16} aria-hidden="true" /> {words.nearHere}
      </button>
      <label>
        {words.nearPlace}
        <select
          value={asked?.name ?? ""}
          onChange={(event) => {
            const town = (event.currentTarget as HTMLSelectElement).value;
            const at = townsOf(directory.value?.facilities ?? []).get(town);
            if (at) from.value = { ...at, name: town };
          }}
        >
          <option value="">–</option>
          {towns.map((town) => (
            <option key={town} value={town}>
              {town}
            </option>
          ))}
        </select>
      </label>
      <p class="sum" role="status">
        {nearProblem.value === "refused" && words.nearRefused}
        {nearProblem.value === "failed" && words.nearFailed}
        {nearProblem.value === null && asked === null && words.nearAsk}
        {nearProblem.value === null && asked !== null && nearby.value?.length === 0 && words.nearNone}
        {nearProblem.value === null && asked !== null && !!nearby.value?.length && words.nearOf(asked.name ?? words.here)}
      </p>
    </div>
  );
}

let asking = 0;
async function ask(at: Point | null, kind: string): Promise<void> {
  if (!at || !kind) return;
  const mine = ++asking;
  try {
    const answer = await api.nearby(region.value, at.lat, at.lon, kind, MOST_NEARBY);
    if (mine !== asking) return;
    nearby.value = answer.results;
    nearProblem.value = null;
  } catch {
    if (mine === asking) nearProblem.value = "failed";
  }
}

/** Returns the towns that have sites with coordinates, each at the middle of its sites. */
function townsOf(facilities: readonly Facility[]): Map<string, Point> {
  const sums = new Map<string, { lat: number; lon: number; n: number }>();
  for (const { commune, lat, lon } of facilities) {
    if (lat == null || lon == null) continue;
    const name = spoken(commune);
    const sum = sums.get(name) ?? { lat: 0, lon: 0, n: 0 };
    sums.set(name, { lat: sum.lat + lat, lon: sum.lon + lon, n: sum.n + 1 });
  }
  return new Map([...sums].map(([name, { lat, lon, n }]) => [name, { lat: lat / n, lon: lon / n }]));
}
