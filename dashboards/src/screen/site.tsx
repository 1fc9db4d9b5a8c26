/** A facility: its wards, their figures by status, when and by whom they were told, and the last ones of a ward. */
import { signal } from "@preact/signals";
import { X } from "lucide-preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { isStale, stateOf } from "../figures";
import { count, moment, openBeds, percent } from "../format";
import { api } from "../http";
import { spoken } from "../names";
import { chosenKind, departementName, directory, facilityOf, kindOf, now, region, site, ward as wardCell, zone } from "../state";
import { say, t } from "../words";
import type { DirectoryWard, Row, Split, WardDetail, WardPicture } from "../wire";
import type { Dictionary } from "../words/fr";
import { StateWords } from "./glyphs";
import { Age, Value } from "./values";

/** A ward that reports by the second is not asked for by the second. */
const ASK_AGAIN_MS = 800;

export function SitePanel() {
  const words = t.value;
  const code = site.value;
  const facility = code ? facilityOf.value.get(code) : undefined;
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // The keyboard goes where the eye goes; the pointer's user keeps the focus where it was.
    if (code && document.activeElement?.matches(":focus-visible")) title.current?.focus();
  }, [code]);
  if (!facility) return null;
  const wards = directory.value!.wards.filter((ward) => ward.facility === facility.finess_et);
  return (
    <section class="site" aria-labelledby="site-title">
      <header>
        <h2 id="site-title" ref={title} tabIndex={-1}>
          {spoken(facility.name)}
        </h2>
        <button type="button" class="icon" aria-label={words.close} title={words.close} onClick={() => (site.value = null)}>
          <X size={18} />
        </button>
        <p>
          {spoken(facility.commune)} · {departementName(facility.departement)} ({facility.departement})
          <br />
          {words.finess(facility.finess_et, facility.finess_ej)}
        </p>
      </header>
      <ul>
        {wards.map((ward) => (
          <WardBlock key={ward.id} ward={ward} first={ward.kind === chosenKind.value?.code} />
        ))}
      </ul>
    </section>
  );
}

function WardBlock({ ward, first }: { ward: DirectoryWard; first: boolean }) {
  const words = t.value;
  const isOpen = useMemo(() => signal(first), [ward.id]);
  const picture = wardCell(ward.id).value;
  const known = kindOf.value.get(ward.kind);
  const state = stateOf(picture);
  return (
    <li class={`ward ${isStale(picture) ? "is-stale" : ""}`} data-ward={ward.id}>
      <button type="button" class="ward-head" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
        <span class="name">{ward.name || (known ? say(known.label) : ward.kind)}</span>
        <span class="figure">
          <Value of={count(picture?.available, words)} class={`big state-${state}`} />
          <small>{words.freeOf(picture?.available ?? 2)}</small>
        </span>
        <span class="what">
          <StateWords state={state} stale={isStale(picture)} />
          {picture && (picture.occupied !== undefined || picture.occupancy !== undefined) && (
            <span>
              <Value of={words.occupiedOfOpen(count(picture.occupied, words), openBeds(picture.open, picture.open_is_bound, words))} />
              {" · "}
              <Value of={percent(picture.occupancy, picture.occupancy_is_bound, words)} />
            </span>
          )}
        </span>
        <span class="told">
          <Age at={picture?.told_at ?? null} as="told" />
        </span>
        {picture?.undeclared_surge && <span class="surge">▲ {words.surge}</span>}
      </button>
      {isOpen.value && <Detail ward={ward} picture={picture} />}
    </li>
  );
}

/** Sources and dates are not in the live picture: they are asked for when someone looks, and again when a figure moves. */
function Detail({ ward, picture }: { ward: DirectoryWard; picture: WardPicture | undefined }) {
  const words = t.value;
  const answer = useMemo(() => signal<WardDetail | "failed" | null>(null), [ward.id]);
  const code = region.value;
  useEffect(() => {
    let current = true;
    const timer = setTimeout(
      () =>
        api.ward(code, ward.id).then(
          (detail) => current && (answer.value = detail),
          () => current && answer.value === null && (answer.value = "failed"),
        ),
      answer.peek() === null ? 0 : ASK_AGAIN_MS,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [code, ward.id, picture, answer]);
  const detail = answer.value;
  if (detail === "failed") return <p class="sum failed">{words.historyFailed}</p>;
  return (
    <>
      <Figures picture={picture} rows={detail?.ward?.rows ?? []} ward={ward} />
      {detail && <History rows={detail.history} />}
    </>
  );
}

const STATUSES = ["01", "02", "03", "04", "05", "06"] as const;
const FIGURE_OF = {
  "01": "installed",
  "02": "available",
  "03": "occupied",
  "04": "reserved",
  "05": "closed",
  "06": "supplementary",
} as const;

function Figures({ picture, rows, ward }: { picture: WardPicture | undefined; rows: Row[]; ward: DirectoryWard }) {
  const words = t.value;
  return (
    <table class="figures">
      <caption class="hidden">{words.details}</caption>
      <thead>
        <tr>
          <th scope="col">{words.statusColumn}</th>
          <th scope="col" class="n">
            {words.countColumn}
          </th>
          <th scope="col">{words.saidColumn}</th>
          <th scope="col">{words.sourceColumn}</th>
        </tr>
      </thead>
      <tbody>
        {STATUSES.map((status) => {
          const row = rows.find((told) => told.status === status && (told.temporality ?? "01") === "01");
          let figure = picture?.[FIGURE_OF[status]];
          const fromDirectory = status === "01" && !row && (figure === undefined ? ward.installed : figure) != null;
          if (status === "01" && figure === undefined) figure = ward.installed;
          // A view that does not show a figure shows no line for it; one that nobody told shows a dash.
          if (figure === undefined && !row && (picture !== undefined || status !== "02")) return null;
          return (
            <tr key={status}>
              <th scope="row">
                {words.status[status]}
                {row && <Splits splits={row.splits} words={words} />}
              </th>
              <td class="n">
                <Value of={count(figure, words)} />
              </td>
              <td class="when">{row ? <Age at={row.happened_at} /> : ""}</td>
              <td>{row ? <Source row={row} /> : fromDirectory ? words.directorySource : ""}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** By what kind of source a figure was told, and by which one where this view shows it. */
function Source({ row }: { row: Row }) {
  const words = t.value;
  const { id, door, type } = row.source ?? {};
  const kindOfSource = type ? words.sourceType[type] : undefined;
  return (
    <>
      {kindOfSource ?? (id ? "" : door)}
      {id && (
        <span class="source" title={id}>
          {id}
        </span>
      )}
    </>
  );
}

function Splits({ splits, words }: { splits: Split[]; words: Dictionary }) {
  const parts = splits.flatMap((split) => {
    const said = [
      split.extra && words.extra[split.extra],
      split.closing && words.closing[split.closing],
      split.gender && words.gender[split.gender],
      split.crisis && words.crisis[split.crisis],
      split.assignment && words.assignment[split.assignment],
    ].filter(Boolean);
    return said.length ? [`${count(split.count, words)} ${said.join(", ")}`] : [];
  });
  return parts.length ? <small>{parts.join(" · ")}</small> : null;
}

function History({ rows }: { rows: Row[] }) {
  const words = t.value;
  const isOpen = useMemo(() => signal(false), []);
  return (
    <div class="history">
      <button type="button" class="quiet" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
        {words.history}
      </button>
      {isOpen.value && rows.length === 0 && <p class="sum">{words.historyNone}</p>}
      {isOpen.value && rows.length > 0 && (
        <ol>
          {rows.map((row, i) => (
            <li key={row.offset ?? i} class={row.stands ? "stands" : ""}>
              <time>{moment(row.happened_at, now.value, zone.value, words)}</time>
              <span>
                {words.status[row.status] ?? row.status}
                {row.temporality && row.temporality !== "01" ? ` ${words.temporality[row.temporality] ?? ""}` : ""}{" "}
                <strong>{count(sumOf(row.splits), words)}</strong>
                <Splits splits={row.splits} words={words} />
              </span>
              <span class="by">
                <Source row={row} />
                {row.stands && <em>{words.stands}</em>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

function sumOf(splits: Split[]): number | null {
  let sum: number | null = null;
  for (const split of splits) if (split.count != null) sum = (sum ?? 0) + split.count;
  return sum;
}
