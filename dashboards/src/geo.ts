/** Places on the globe: distances, and the middle of an outline. */

export interface Point {
  lat: number;
  lon: number;
}

/** Returns the great-circle distance in kilometres. */
export function distanceKm(a: Point, b: Point): number {
  const rad = Math.PI / 180;
  const h =
    Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 +
    Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return 2 * 6371.0088 * Math.asin(Math.min(1, Math.sqrt(h)));
}

type Ring = readonly (readonly number[])[];
export interface Outline {
  type: "Feature";
  properties: { code: string; name: string };
  geometry: { type: "Polygon"; coordinates: Ring[] } | { type: "MultiPolygon"; coordinates: Ring[][] };
}
export interface Outlines {
  type: "FeatureCollection";
  features: Outline[];
}

function rings(outline: Outline): readonly Ring[] {
  return outline.geometry.type === "Polygon"
    ? outline.geometry.coordinates.slice(0, 1)
    : outline.geometry.coordinates.map((polygon) => polygon[0]!);
}

/** Returns twice the signed area of a ring, in square degrees. */
function area2(ring: Ring): number {
  let sum = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    sum += ring[j]![0]! * ring[i]![1]! - ring[i]![0]! * ring[j]![1]!;
  }
  return sum;
}

/** Returns the middle (centroid) of an outline's largest ring: where its label goes. */
export function middleOf(outline: Outline): Point {
  const ring = [...rings(outline)].sort((a, b) => Math.abs(area2(b)) - Math.abs(area2(a)))[0]!;
  const whole = area2(ring);
  let [lon, lat] = [0, 0];
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const cross = ring[j]![0]! * ring[i]![1]! - ring[i]![0]! * ring[j]![1]!;
    lon += (ring[j]![0]! + ring[i]![0]!) * cross;
    lat += (ring[j]![1]! + ring[i]![1]!) * cross;
  }
  return { lon: lon / (3 * whole), lat: lat / (3 * whole) };
}

/** Returns [[west, south], [east, north]] of all outlines. */
export function boundsOf(outlines: readonly Outline[]): [[number, number], [number, number]] {
  const bounds: [[number, number], [number, number]] = [
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ];
  for (const outline of outlines) {
    for (const ring of rings(outline)) {
      for (const at of ring) {
        bounds[0][0] = Math.min(bounds[0][0], at[0]!);
        bounds[0][1] = Math.min(bounds[0][1], at[1]!);
        bounds[1][0] = Math.max(bounds[1][0], at[0]!);
        bounds[1][1] = Math.max(bounds[1][1], at[1]!);
      }
    }
  }
  return bounds;
}
