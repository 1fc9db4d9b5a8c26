/** Colour arithmetic for the checks of the palette: contrast, and how far two colours are apart for each kind of eye. */

export type Rgb = readonly [number, number, number];

/** Returns linear RGB of "#rrggbb". */
export function linear(hex: string): Rgb {
  const part = (from: number) => {
    const c = parseInt(hex.slice(from, from + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

/** Returns the WCAG contrast ratio of two colours. */
export function contrast(a: string, b: string): number {
  const luminance = (hex: string) => {
    const [r, g, bl] = linear(hex);
    return 0.2126 * r + 0.7152 * g + 0.0722 * bl;
  };
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** Full dichromacy, Machado, Oliveira and Fernandes 2009, on linear RGB. */
const EYES = {
  ordinary: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
} as const;
export type Eye = keyof typeof EYES;

function lab(rgb: Rgb): Rgb {
  const [r, g, b] = rgb.map((c) => Math.min(1, Math.max(0, c))) as unknown as Rgb;
  const f = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : (t * (24389 / 27) + 16) / 116);
  const x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const z = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Returns CIE76 ΔE between two colours as that eye sees them; below about 10 neighbours blur on a map. */
export function distance(a: string, b: string, eye: Eye): number {
  const m = EYES[eye];
  const see = ([r, g, bl]: Rgb): Rgb => [
    m[0] * r + m[1] * g + m[2] * bl,
    m[3] * r + m[4] * g + m[5] * bl,
    m[6] * r + m[7] * g + m[8] * bl,
  ];
  const [p, q] = [lab(see(linear(a))), lab(see(linear(b)))];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

/** Returns how light a colour looks (CIE L*, 0 to 100). */
export function lightness(hex: string): number {
  return lab(linear(hex))[0];
}
