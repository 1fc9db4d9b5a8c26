/** The last 24 hours of a kind's free beds, as one line; drawn only where there are hours to draw. */
import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { count, timeOfDay } from "../format";
import { api } from "../http";
import { region, zone } from "../state";
import { t } from "../words";
import type { Hour } from "../wire";

const WIDTH = 260;
const HEIGHT = 44;
const AGAIN_MS = 5 * 60_000;

/** Returns the line's path and its ends; hours that nobody knows break the line, they are not 0. */
export function pathOf(hours: { at: number; available?: number | null }[]): { path: string; top: number; low: number } | null {
  const known = hours.filter((hour) => hour.available != null);
  if (known.length < 2) return null;
  const figures = known.map((hour) => hour.available!);
  const [top, low] = [Math.max(...figures), Math.min(...figures)];
  const [first, last] = [hours[0]!.at, hours[hours.length - 1]!.at];
  const x = (at: number) => ((at - first) / Math.max(1, last - first)) * WIDTH;
  const y = (n: number) => HEIGHT - 4 - ((n - low) / Math.max(1, top - low)) * (HEIGHT - 8);
  let path = "";
  let pen = "M";
  for (const hour of hours) {
    if (hour.available == null) {
      pen = "M";
      continue;
    }
    path += `${pen}${x(hour.at).toFixed(1)} ${y(hour.available).toFixed(1)}`;
    pen = "L";
  }
  return { path, top, low };
}

export function Curve({ kind, departement }: { kind: string; departement: string | null }) {
  const hours = useMemo(() => signal<Hour[]>([]), []);
  const code = region.value;
  useEffect(() => {
    let current = true;
    const ask = () =>
      api.hours(code, kind, departement).then(
        (answer) => current && (hours.value = answer.hours),
        () => undefined, // no curve is no harm: the figures stand without it
      );
    void ask();
    const timer = setInterval(ask, AGAIN_MS);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [code, kind, departement, hours]);

  const words = t.value;
  const drawn = pathOf(hours.value);
  if (!drawn) return null;
  const [first, last] = [hours.value[0]!, hours.value[hours.value.length - 1]!];
  return (
    <figure class="curve">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words.curveWords(count(drawn.low, words), count(drawn.top, words))}>
        <path d={drawn.path} fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" stroke-linecap="round" />
      </svg>
      <figcaption>
        <span>{timeOfDay(first.at, zone.value, words)}</span>
        <span>
          {count(drawn.low, words)} – {count(drawn.top, words)} {words.freeOf(2)}
        </span>
        <span>{timeOfDay(last.at, zone.value, words)}</span>
      </figcaption>
    </figure>
  );
}
