/** A patient's curves one above the other on one time axis, with the bands of the thresholds and the answers behind each point. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { timeOfDay } from "../../format";
import { zone } from "../../state";
import { t } from "../../words";
import { areasOf, axisOf, pathOf, scaleOf, seriesOf, timeOf, type Series } from "../curves";
import { itemText, valueText } from "../rules";
import type { Pathway, PatientPage, SlotShown } from "../wire";
import { ruleWords, tp } from "../words";

const HEIGHT = 92;
const LEFT = 40;
const RIGHT = 10;
const HIT = 22; // half of a target of 44 px

/** Returns the days that the axis is marked with, at their first instant in the region's time. */
function daysOf(axis: readonly [number, number]): { at: number; text: string }[] {
  const day = new Intl.DateTimeFormat(t.value.locale, { day: "numeric", month: "numeric", timeZone: zone.value });
  const found: { at: number; text: string }[] = [];
  for (let at = axis[0], before = ""; at <= axis[1]; at += 3_600_000) {
    const text = day.format(at);
    if (text !== before && before !== "") found.push({ at, text });
    before = text;
  }
  const most = 8;
  const every = Math.ceil(found.length / most);
  return found.filter((_, i) => i % every === 0);
}

export function Curves({ page, slots, chosen, choose }: { page: PatientPage; slots: readonly SlotShown[]; chosen: string; choose(slot: string): void }) {
  const words = tp.value;
  const box = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  useEffect(() => {
    const measured = new ResizeObserver(([entry]) => (width.value = Math.floor(entry!.contentRect.width)));
    if (box.current) measured.observe(box.current);
    return () => measured.disconnect();
  }, []);
  const axis = axisOf(slots);
  const drawn = seriesOf(page.pathway, page.file, slots);
  if (axis === null || drawn.length === 0) return <p class="sum">{words.curvesNone}</p>;
  const wide = Math.max(120, width.value - LEFT - RIGHT);
  return (
    <div class="curves" ref={box}>
      {width.value > 0 &&
        drawn.map((series, i) => (
          <OneCurve key={series.item.link} pathway={page.pathway} series={series} axis={axis} width={wide} slots={slots} chosen={chosen} choose={choose} isLast={i === drawn.length - 1} />
        ))}
    </div>
  );
}

interface Drawn {
  pathway: Pathway;
  series: Series;
  axis: readonly [number, number];
  width: number;
  slots: readonly SlotShown[];
  chosen: string;
  choose(slot: string): void;
  isLast: boolean;
}

function OneCurve({ pathway, series, axis, width, slots, chosen, choose, isLast }: Drawn) {
  const words = tp.value;
  const rules = ruleWords.value;
  const scale = scaleOf(axis, series, width, HEIGHT);
  const name = itemText(series.item, pathway, rules);
  const figure = (value: number) => valueText(value, series.item, rules);
  const short = (value: number) => value.toLocaleString(t.value.locale, { maximumFractionDigits: 1 });
  const values = series.points.map(({ value }) => value);
  const last = series.points.at(-1);
  const bandText = series.bands
    .map(({ test, value, colour, own }) => words.band[test](figure(value), words.colours[colour].toLowerCase(), rules.whose[own ? "own" : "default"]))
    .join(" ; ");
  const says = last ? words.curveSays(name, figure(Math.min(...values)), figure(Math.max(...values)), figure(last.value)) : `${name}${words.colon}${words.noDevice}`;
  const days = daysOf(axis);
  const at = chosen ? slots.find(({ slot }) => slot === chosen) : undefined;
  const chosenAt = at ? timeOf(at) : null;
  const chosenPoint = series.points.find(({ slot }) => slot === chosen);
  const foot = isLast ? 20 : 4;
  // Limits that are close to one another would write over each other: the graver is written, the other is in the words below.
  const written: number[] = [];
  const limits = [...series.bands].reverse().filter(({ value }) => {
    const y = scale.y(value);
    if (written.some((other) => Math.abs(other - y) < 13)) return false;
    written.push(y);
    return true;
  });
  const ends = (values.length > 0 ? [...new Set([Math.max(...values), Math.min(...values)])] : []).filter((value) => {
    const y = scale.y(value);
    if (written.some((other) => Math.abs(other - y) < 13)) return false;
    written.push(y);
    return true;
  });
  return (
    <figure class="curve-of" data-item={series.item.link}>
      <figcaption>
        <strong>{name}</strong>
        <span class="curve-now">
          {chosenPoint ? figure(chosenPoint.value) : last ? figure(last.value) : words.noDevice}
          {chosenPoint && chosenPoint.first !== null && <small> {words.firstWas(figure(chosenPoint.first))}</small>}
        </span>
      </figcaption>
      <svg width={width + LEFT + RIGHT} height={HEIGHT + foot} role="img" aria-label={bandText ? `${says}. ${bandText}` : says}>
        <g transform={`translate(${LEFT} 2)`}>
          <rect class="curve-paper" width={width} height={HEIGHT} />
          {areasOf(series.bands, scale, HEIGHT).map(({ band, y, height }) => (
            <rect key={band.id} class={`band band-${band.colour}`} y={y} width={width} height={height} />
          ))}
          {series.bands.map((band) => (
            <line key={band.id} class={`limit limit-${band.colour} ${band.own ? "limit-own" : ""}`} x1={0} x2={width} y1={scale.y(band.value)} y2={scale.y(band.value)} />
          ))}
          {limits.map((band) => (
            <text key={band.id} class="limit-text" x={-5} y={scale.y(band.value) + 4} text-anchor="end">
              {short(band.value)}
            </text>
          ))}
          {ends.map((value) => (
            <text key={value} class="limit-text of-values" x={-5} y={scale.y(value) + 4} text-anchor="end">
              {short(value)}
            </text>
          ))}
          {days.map(({ at: day, text }) => (
            <g key={day}>
              <line class="day-line" x1={scale.x(day)} x2={scale.x(day)} y1={0} y2={HEIGHT} />
              {isLast && (
                <text class="day-text" x={scale.x(day)} y={HEIGHT + 14} text-anchor="middle">
                  {text}
                </text>
              )}
            </g>
          ))}
          {chosenAt !== null && <line class="chosen-line" x1={scale.x(chosenAt)} x2={scale.x(chosenAt)} y1={0} y2={HEIGHT} />}
          <path class="curve-line" d={pathOf(series, scale)} />
          {series.points.map((point) => (
            <g key={point.slot}>
              {point.first !== null && (
                <>
                  <line class="corrected-line" x1={scale.x(point.at)} x2={scale.x(point.at)} y1={scale.y(point.first)} y2={scale.y(point.value)} />
                  <circle class="point-first" cx={scale.x(point.at)} cy={scale.y(point.first)} r={3.5} />
                </>
              )}
              <circle class={`point ${point.slot === chosen ? "is-chosen" : ""}`} cx={scale.x(point.at)} cy={scale.y(point.value)} r={point.slot === chosen ? 5.5 : 4} />
            </g>
          ))}
          {series.unknown.map(({ slot, at: when }) => (
            <path key={slot} class="point-unknown" d={`M${scale.x(when) - 4} ${HEIGHT - 10}l8 8m0 -8l-8 8`} />
          ))}
          {/* The slots below are the way by keyboard; these are the same for a finger or a mouse. */}
          {[...series.points, ...series.unknown].map(({ slot, at: when }) => (
            <rect key={slot} class="hit" x={scale.x(when) - Math.min(HIT, width / (2 * slots.length))} width={2 * Math.min(HIT, width / (2 * slots.length))} height={HEIGHT} onClick={() => choose(slot)}>
              <title>{`${timeOfDay(when, zone.value, t.value)}`}</title>
            </rect>
          ))}
        </g>
      </svg>
      {bandText && <p class="band-words">{bandText}</p>}
    </figure>
  );
}
