/** The map: départements shaded by occupancy, sites as rings, or a pin for each département where rings would crowd. */
import type { FeatureCollection } from "geojson";
import { Map as GlMap, setWorkerUrl, type ExpressionSpecification, type StyleSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { effect, signal, useComputed, type ReadonlySignal } from "@preact/signals";
import { Maximize, Minus, Plus } from "lucide-preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { isStale, stateOf, toldAt } from "../figures";
import { count, openBeds, percent } from "../format";
import { boundsOf, middleOf, type Outlines, type Point } from "../geo";
import { api } from "../http";
import { spoken } from "../names";
import { stepOf, STEPS } from "../ramp";
import { crowds, diameterOf, placeLabels, spread, type Body } from "../spread";
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
  theme,
  total,
  wall,
} from "../state";
import { say, t } from "../words";
import type { Facility, State } from "../wire";
import { Clock, Glyph } from "./glyphs";
import { aim, openDepartement, openSite } from "./goto";
import { Legend } from "./legend";
import { Ring } from "./ring";
import { Age } from "./values";

setWorkerUrl(workerUrl);

interface Mark {
  id: string;
  at: Point;
  /** How far the spreading moved it, in pixels. */
  dx: number;
  dy: number;
  size: number;
  /** The site has no coordinates of its own. */
  guessed: boolean;
}

interface Layout {
  mode: "rings" | "pins";
  marks: Mark[];
  labels: Mark[];
}

const NOTHING: Layout = { mode: "rings", marks: [], labels: [] };
const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function MapView() {
  const words = t.value;
  const box = useRef<HTMLDivElement>(null);
  const overlay = useRef<HTMLDivElement>(null);
  const lines = useRef<SVGSVGElement>(null);
  const map = useMemo(() => signal<GlMap | null>(null), []);
  const outlines = useMemo(() => signal<Outlines | null>(null), []);
  const layout = useMemo(() => signal<Layout>(NOTHING), []);
  const problem = useMemo(() => signal(false), []);
  const code = region.value;

  useEffect(() => {
    let current = true;
    const ask = (): void => {
      api.boundaries(code).then(
        (answer) => current && (outlines.value = answer),
        () => current && setTimeout(ask, 5_000),
      );
    };
    ask();
    return () => {
      current = false;
    };
  }, [code, outlines]);

  // The map itself, once there is something to draw.
  useEffect(
    () =>
      effect(() => {
        const shapes = outlines.value;
        const element = box.current;
        if (!shapes || !element || map.peek()) return;
        try {
          const made = new GlMap({
            container: element,
            style: styleOf(shapes, directory.peek()?.tile_url ?? null),
            bounds: boundsOf(within(shapes, departement.peek())),
            fitBoundsOptions: { padding: roomAround(element) },
            attributionControl: false,
            dragRotate: false,
            pitchWithRotate: false,
            touchPitch: false,
            fadeDuration: 0,
            minZoom: 4,
            maxZoom: 15,
            locale: { "Map.Title": t.peek().map },
          });
          made.touchZoomRotate.disableRotation();
          made.keyboard.disableRotation();
          made.on("load", () => (map.value = made));
        } catch {
          problem.value = true; // no WebGL: the list says the same
        }
      }),
    [map, outlines, problem],
  );
  useEffect(() => () => map.peek()?.remove(), [map]);

  useEffect(() => {
    const made = map.value;
    const shapes = outlines.value;
    if (!made || !shapes) return;
    const middles = new Map(shapes.features.map((feature) => [feature.properties.code, middleOf(feature)]));
    const place = () => {
      if (overlay.current && made.getContainer().clientWidth > 0) position(made, layout.peek(), overlay.current, lines.current);
    };
    const arrange = () => {
      // Behind the list the map has no size: it keeps what it had.
      if (made.getContainer().clientWidth > 0) layout.value = arranged(made, middles);
    };
    // Behind the list the map can't tell what is in view: it follows once it shows again.
    let followed = aim.peek();
    const follow = () => {
      const wanted = aim.peek();
      if (!wanted || wanted === followed || made.getContainer().clientWidth === 0) return;
      followed = wanted;
      lookAt(made, wanted, shapes);
    };
    const effects = [
      effect(() => paint(made, theme.value)),
      effect(() => shade(made, shapes)),
      effect(() => {
        // What moves marks: other sites, another département. A figure that changes moves nothing.
        sites.value;
        departement.value;
        wall.value;
        arrange();
      }),
      effect(() => {
        aim.value;
        follow();
      }),
    ];
    const onClick = (event: { point: { x: number; y: number } }) => {
      const [hit] = made.queryRenderedFeatures([event.point.x, event.point.y], { layers: ["land", "unknown"] });
      const found = hit?.properties.code as string | undefined;
      if (found) openDepartement(found === departement.peek() ? null : found);
    };
    made.on("move", place);
    made.on("zoomend", arrange);
    made.on("click", onClick);
    // MapLibre is told of sizes late, and not at all of a list that came and went: what was chosen meanwhile needs a layout.
    const sized = new ResizeObserver(() => {
      if (made.getContainer().clientWidth > 0) made.resize();
    });
    made.on("resize", follow);
    made.on("resize", arrange);
    sized.observe(made.getContainer());
    const unplace = layout.subscribe(() => requestAnimationFrame(place));
    return () => {
      effects.forEach((end) => end());
      unplace();
      made.off("move", place);
      made.off("zoomend", arrange);
      sized.disconnect();
      made.off("resize", follow);
      made.off("resize", arrange);
      made.off("click", onClick);
    };
  }, [map.value, outlines.value, layout]);

  const known = chosenKind.value;
  const { mode, marks, labels } = layout.value;
  const facilities = useComputed(() => new Map(sites.value.map((row) => [row.facility.finess_et, row.facility]))).value;
  const guessed = marks.filter((mark) => mark.guessed).length;
  const rates = known !== undefined && total("region", code, known.code).value?.occupancy !== undefined;
  const stopAt = marks.some((mark) => mark.id === stop.value) ? stop.value : marks[0]?.id;
  if (problem.value) return <p class="sum empty">{words.mapAway}</p>;
  return (
    <div class="map" data-mode={mode} aria-label={known ? words.mapOf(say(known.label)) : words.map} role="group">
      <div ref={box} class="map-canvas" />
      <svg ref={lines} class="map-lines" aria-hidden="true" />
      <div ref={overlay} class="map-marks" role="group" aria-label={words.mapHint} onKeyDown={walkMarks}>
        {labels.map((mark) => (
          <Label key={`label-${mark.id}`} code={mark.id} kind={known!.code} />
        ))}
        {marks.map((mark) =>
          mode === "pins" ? (
            <Pin key={`pin-${mark.id}`} code={mark.id} kind={known!.code} stops={mark.id === stopAt} />
          ) : (
            <RingMark
              key={mark.id}
              facility={facilities.get(mark.id)}
              kind={known!.code}
              mark={mark}
              stops={mark.id === stopAt}
            />
          ),
        )}
      </div>
      <div class="map-zoom">
        <button type="button" class="icon" aria-label={words.zoomIn} title={words.zoomIn} onClick={() => map.value?.zoomIn()}>
          <Plus size={18} />
        </button>
        <button type="button" class="icon" aria-label={words.zoomOut} title={words.zoomOut} onClick={() => map.value?.zoomOut()}>
          <Minus size={18} />
        </button>
        <button
          type="button"
          class="icon"
          aria-label={words.wholeRegion}
          title={words.wholeRegion}
          onClick={() => openDepartement(null)}
        >
          <Maximize size={18} />
        </button>
      </div>
      <Legend mode={mode} guessed={guessed} rates={rates} />
    </div>
  );
}

// --- what is drawn by WebGL -----------------------------------------------------------------------------------------------

function styleOf(shapes: Outlines, tileUrl: string | null): StyleSpecification {
  return {
    version: 8,
    sources: {
      departements: { type: "geojson", data: shapes as unknown as FeatureCollection, promoteId: "code" },
      ...(tileUrl ? { tiles: { type: "raster" as const, tiles: [tileUrl], tileSize: 256 } } : {}),
    },
    layers: [
      { id: "water", type: "background", paint: { "background-color": css("--water") } },
      ...(tileUrl ? [{ id: "tiles", type: "raster" as const, source: "tiles", paint: { "raster-saturation": -0.8 } }] : []),
      { id: "land", type: "fill", source: "departements", paint: { "fill-color": css("--land"), "fill-opacity": tileUrl ? 0.75 : 1 } },
      { id: "unknown", type: "fill", source: "departements", filter: ["in", ["get", "code"], ["literal", []]] },
      { id: "border", type: "line", source: "departements", layout: { "line-join": "round" }, paint: { "line-color": css("--border"), "line-width": 1.2 } },
      {
        id: "chosen",
        type: "line",
        source: "departements",
        filter: ["==", ["get", "code"], ""],
        layout: { "line-join": "round" },
        paint: { "line-color": css("--accent"), "line-width": 3 },
      },
    ],
  };
}

function paint(map: GlMap, _theme: string): void {
  const step: ExpressionSpecification = ["coalesce", ["feature-state", "step"], -1];
  const colours = Array.from({ length: STEPS }, (_, i) => [i, css(`--ramp${i}`)]).flat();
  map.setPaintProperty("water", "background-color", css("--water"));
  map.setPaintProperty("land", "fill-color", ["match", step, ...colours, css("--land")] as unknown as ExpressionSpecification);
  map.setPaintProperty("border", "line-color", css("--border"));
  map.setPaintProperty("chosen", "line-color", css("--accent"));
  if (map.hasImage("hatch")) map.removeImage("hatch");
  map.addImage("hatch", hatch(css("--land"), css("--hatch")), { pixelRatio: 2 });
  map.setPaintProperty("unknown", "fill-pattern", "hatch");
}

/** Draws a tile of diagonal lines: where nothing is known a colour would be a claim. */
function hatch(land: string, line: string): ImageData {
  const size = 16;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d")!;
  pen.fillStyle = land;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = line;
  pen.lineWidth = 2;
  pen.beginPath();
  for (const from of [-size, 0, size]) {
    pen.moveTo(from - 2, size + 2);
    pen.lineTo(from + size + 2, -2);
  }
  pen.stroke();
  return pen.getImageData(0, 0, size, size);
}

function shade(map: GlMap, shapes: Outlines): void {
  const kind = chosenKind.value?.code;
  if (!kind) return;
  const unknown: string[] = [];
  for (const { properties } of shapes.features) {
    const sum = total("departement", properties.code, kind).value;
    const step = stepOf(sum?.occupancy);
    map.setFeatureState({ source: "departements", id: properties.code }, { step: step ?? -1 });
    // A rate that this view does not show is not an unknown one.
    if (step === null && (sum === undefined || sum.occupancy === null)) unknown.push(properties.code);
  }
  map.setFilter("unknown", ["in", ["get", "code"], ["literal", unknown]]);
  map.setFilter("chosen", ["==", ["get", "code"], departement.value ?? ""]);
}

/** Leaves the legend's room free below. */
function roomAround(element: HTMLElement): { top: number; right: number; bottom: number; left: number } {
  const side = Math.max(14, Math.min(36, element.clientWidth * 0.03));
  const legend = element.parentElement?.querySelector<HTMLElement>(".legend")?.offsetHeight ?? 0;
  return { top: side, right: side, bottom: side + Math.min(120, legend), left: side };
}

/** Returns the outlines of a département, of all where it has none. */
function within(shapes: Outlines, code: string | null): Outlines["features"] {
  const found = shapes.features.filter((feature) => feature.properties.code === code);
  return found.length ? found : shapes.features;
}

function lookAt(map: GlMap, wanted: { site?: string; departement?: string | null }, shapes: Outlines): void {
  const calm = still() ? { duration: 0 } : { duration: 450 };
  if (wanted.site) {
    const facility = directory.peek()?.facilities.find((known) => known.finess_et === wanted.site);
    if (facility?.lat == null || facility.lon == null) return;
    const at = map.project([facility.lon, facility.lat]);
    const { clientWidth, clientHeight } = map.getContainer();
    const isSeen = at.x > 40 && at.y > 40 && at.x < clientWidth - 40 && at.y < clientHeight - 40;
    // A site that can be seen already must not move the map under the reader's eye.
    if (!isSeen || map.getContainer().parentElement?.dataset.mode === "pins") {
      map.easeTo({ center: [facility.lon, facility.lat], zoom: Math.max(map.getZoom(), 9), ...calm });
    }
    return;
  }
  map.fitBounds(boundsOf(within(shapes, wanted.departement ?? null)), { padding: roomAround(map.getContainer()), ...calm });
}

// --- where the marks go ---------------------------------------------------------------------------------------------------

function arranged(map: GlMap, middles: Map<string, Point>): Layout {
  const kind = chosenKind.peek()?.code;
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  if (!kind || width === 0) return NOTHING;
  const scale = wall.peek() ? 1.25 : 1;
  const margin = 80;
  const isIn = (at: Point) => {
    const { x, y } = map.project([at.lon, at.lat]);
    return x > -margin && y > -margin && x < width + margin && y < height + margin;
  };
  const among = sites.peek().flatMap(({ facility, installed }) => {
    const own = facility.lat != null && facility.lon != null;
    const at = own ? { lat: facility.lat!, lon: facility.lon! } : middles.get(facility.departement);
    return at && isIn(at) ? [{ facility, installed, at, guessed: !own }] : [];
  });
  const most = Math.max(1, ...sites.peek().map((row) => row.installed ?? 0));
  const sizes = among.map((row) => diameterOf(row.installed, most, scale));
  const all = [...middles].map(([code, at]) => ({ code, at }));
  const corners = all.map(({ at }) => map.project([at.lon, at.lat]));
  // About what the region takes up on the screen, no more than the screen itself.
  const spanX = Math.min(width, span(corners.map((at) => at.x)) * 1.25);
  const spanY = Math.min(height, span(corners.map((at) => at.y)) * 1.25);
  if (crowds(sizes, spanX * spanY * 0.72)) {
    const bodies = all.map(({ code, at }) => bodyAt(map, code, at, 33 * scale, 1));
    const spots = spread(bodies);
    return {
      mode: "pins",
      labels: [],
      marks: all.map(({ code, at }, i) => moved(code, at, bodies[i]!, spots[i]!, 60, false)),
    };
  }
  const bodies = among.map(({ facility, at }, i) => bodyAt(map, facility.finess_et, at, sizes[i]! / 2, 1));
  const spots = spread(bodies);
  const rings = spots.map(({ x, y }, i) => ({ x, y, r: bodies[i]!.r }));
  const names = all.filter(({ at }) => isIn(at)).map(({ code, at }) => ({ code, at, body: bodyAt(map, code, at, 0, 0) }));
  const labels = placeLabels(
    names.map(({ code, body }) => ({ ...body, width: (departementName(code).length * 6.6 + 6) * scale, height: 32 * scale })),
    rings,
  );
  return {
    mode: "rings",
    marks: among.map(({ facility, at, guessed }, i) => moved(facility.finess_et, at, bodies[i]!, spots[i]!, sizes[i]!, guessed)),
    labels: names.map(({ code, at, body }, i) => moved(code, at, body, labels[i]!, 40, false)),
  };
}

const span = (values: number[]) => Math.max(...values) - Math.min(...values);

function bodyAt(map: GlMap, id: string, at: Point, r: number, yields: number): Body {
  const { x, y } = map.project([at.lon, at.lat]);
  return { id, x, y, r, yields };
}

function moved(id: string, at: Point, body: Body, spot: { x: number; y: number }, size: number, guessed: boolean): Mark {
  return { id, at, dx: spot.x - body.x, dy: spot.y - body.y, size, guessed };
}

/** Puts marks and their leader lines where the map now is: style only, no drawing anew. */
function position(map: GlMap, layout: Layout, overlay: HTMLElement, lines: SVGSVGElement | null): void {
  const all = [...layout.labels, ...layout.marks];
  const elements = overlay.children;
  let paths = "";
  for (let i = 0; i < all.length && i < elements.length; i++) {
    const mark = all[i]!;
    const home = map.project([mark.at.lon, mark.at.lat]);
    const [x, y] = [home.x + mark.dx, home.y + mark.dy];
    (elements[i] as HTMLElement).style.transform = `translate(-50%, -50%) translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    if (i >= layout.labels.length && layout.mode === "rings" && Math.hypot(mark.dx, mark.dy) > mark.size / 2 + 3) {
      paths += `M${home.x.toFixed(1)} ${home.y.toFixed(1)}L${x.toFixed(1)} ${y.toFixed(1)}`;
      paths += `M${(home.x - 1.5).toFixed(1)} ${home.y.toFixed(1)}h3`;
    }
  }
  if (!lines) return;
  let path = lines.firstElementChild;
  if (!path) path = lines.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  path.setAttribute("d", paths);
}

/** The mark at which Tab stops; the first one where none was walked to. */
const stop = signal<string | null>(null);

/** Arrows go to the nearest mark in their direction; one stop for Tab, as in any composite. */
function walkMarks(event: KeyboardEvent): void {
  const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const here = document.activeElement as HTMLElement | null;
  const overlay = event.currentTarget as HTMLElement;
  if (!direction || !here || !overlay.contains(here)) return;
  event.preventDefault();
  event.stopPropagation();
  const middle = (element: HTMLElement) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return [left + width / 2, top + height / 2] as const;
  };
  const [hx, hy] = middle(here);
  let best: HTMLElement | null = null;
  let least = Infinity;
  for (const other of overlay.querySelectorAll<HTMLElement>("button")) {
    if (other === here) continue;
    const [x, y] = middle(other);
    const along = (x - hx) * direction[0]! + (y - hy) * direction[1]!;
    const aside = Math.abs((x - hx) * direction[1]!) + Math.abs((y - hy) * direction[0]!);
    if (along <= 2) continue;
    const cost = along + 2 * aside;
    if (cost < least) [best, least] = [other, cost];
  }
  if (!best) return;
  stop.value = best.dataset.mark ?? null;
  best.focus();
}

// --- the marks --------------------------------------------------------------------------------------------------------------

interface RingProps {
  facility: Facility | undefined;
  kind: string;
  mark: Mark;
  stops: boolean;
}

function RingMark({ facility, kind, mark, stops }: RingProps) {
  const words = t.value;
  const picture = total("facility", mark.id, kind).value;
  const state = stateOf(picture);
  const stale = isStale(picture);
  const missed = useComputed(() => away.value !== null && feed.value.some((line) => line.missed && line.facility === mark.id)).value;
  // Between two kinds there may be a mark whose site is no longer asked for; its place must stay counted.
  if (!facility) return <span class="mark" />;
  const chosen = site.value === facility.finess_et;
  const name = spoken(facility.name);
  const said = [
    `${count(picture?.available, words)} ${words.freeOf(picture?.available ?? 2)}`,
    words.states[state],
    ...(stale ? [words.stale] : []),
    ...(picture?.occupied !== undefined
      ? [`${words.occupiedOfOpen(count(picture.occupied, words), openBeds(picture.open, picture.occupancy_is_bound, words))}, ${percent(picture.occupancy, picture.occupancy_is_bound, words)}`]
      : []),
    ...(picture?.undeclared_surge ? [words.surge] : []),
  ];
  return (
    <button
      type="button"
      class={`mark mark-ring ${stale ? "is-stale" : ""} ${missed ? "missed" : ""} ${chosen ? "chosen" : ""} ${mark.guessed ? "guessed" : ""}`}
      data-mark={mark.id}
      data-facility={facility.finess_et}
      data-state={state}
      data-stale={stale}
      data-available={picture?.available ?? ""}
      tabIndex={stops ? 0 : -1}
      aria-label={`${name}, ${spoken(facility.commune)} (${facility.departement}) : ${said.join(", ")}`}
      aria-current={chosen}
      onClick={() => openSite(facility.finess_et)}
    >
      <Ring total={picture} size={mark.size} surge={!!picture?.undeclared_surge} />
      <span class="tip" aria-hidden="true">
        <strong>{name}</strong>
        <span>{said.join(" · ")}</span>
        <span>
          <Age at={toldAt(picture)} as="told" />
        </span>
      </span>
    </button>
  );
}

interface Worst {
  full: number;
  nearly: number;
  unknown: number;
}

function Pin({ code, kind, stops }: { code: string; kind: string; stops: boolean }) {
  const words = t.value;
  const sum = total("departement", code, kind).value;
  const counts: ReadonlySignal<Worst> = useComputed(() => {
    pictureVersion.value;
    const seen: Worst = { full: 0, nearly: 0, unknown: 0 };
    for (const { facility } of sites.value) {
      if (facility.departement !== code) continue;
      const state = stateOf(peekTotal("facility", facility.finess_et, kind));
      if (state !== "free") seen[state] += 1;
    }
    return seen;
  });
  const { full, nearly, unknown } = counts.value;
  const worst: State = full ? "full" : nearly ? "nearly" : unknown ? "unknown" : "free";
  const inWorst = worst === "free" ? 0 : counts.value[worst];
  if (sum?.wards === 0) return <span class="mark mark-none" />;
  const free = count(sum?.available, words);
  return (
    <button
      type="button"
      class={`mark mark-pin ${isStale(sum) ? "is-stale" : ""}`}
      data-mark={code}
      data-departement={code}
      data-stale={isStale(sum)}
      tabIndex={stops ? 0 : -1}
      aria-label={`${departementName(code)} : ${free} ${words.freeOf(sum?.available ?? 2)}, ${inWorst} ${words.states[worst]}${sum?.stale ? `, ${words.staleWards(sum.stale)}` : ""}${unknown ? `, ${words.unknownWards(unknown)}` : ""}`}
      onClick={() => openDepartement(code)}
    >
      <span class="pin-name">{code}</span>
      <strong>{free}</strong>
      <span class={`pin-worst state-${worst}`}>
        <Glyph state={worst} size={12} />
        {inWorst || ""}
        {worst !== "unknown" && unknown > 0 && (
          <span class="unknown">
            <Glyph state="unknown" size={12} />
            {unknown}
          </span>
        )}
      </span>
      {isStale(sum) && (
        <span class="pin-stale stale">
          <Clock size={12} />
          {sum?.stale} · <Age at={toldAt(sum)} />
        </span>
      )}
    </button>
  );
}

function Label({ code, kind }: { code: string; kind: string }) {
  const words = t.value;
  const sum = total("departement", code, kind).value;
  return (
    <span class="mark mark-label" aria-hidden="true">
      <span>{departementName(code)}</span>
      {sum?.wards !== 0 && sum?.available !== undefined && <b>{count(sum.available, words)}</b>}
    </span>
  );
}
