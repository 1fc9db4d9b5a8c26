/** The palette, read from the file that the screens use: text can be read, and no state or step blurs into another. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { contrast, distance, lightness, type Eye } from "../src/colour";

const css = readFileSync(new URL("../src/tokens.css", import.meta.url), "utf8");
const EYES: Eye[] = ["ordinary", "deuteranopia", "protanopia"];

function colours(theme: "day" | "night"): Record<string, string> {
  const block = css.slice(css.indexOf(`/* ${theme} */`)).split("}")[0]!;
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, hex]) => [name!, hex!]));
}

/** Returns what CSS's color-mix in sRGB makes of so much of one colour in another. */
function mixed(ink: string, paper: string, part: number): string {
  const at = (hex: string, i: number) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  return `#${[0, 1, 2].map((i) => Math.round(at(ink, i) * part + at(paper, i) * (1 - part)).toString(16).padStart(2, "0")).join("")}`;
}

describe.each(["day", "night"] as const)("by %s", (theme) => {
  const c = colours(theme);

  it.each(["text", "soft", "accent", "free", "near", "full", "stale"])("%s can be read on every surface", (ink) => {
    for (const paper of ["bg", "panel", "raised"]) {
      expect(contrast(c[ink]!, c[paper]!), paper).toBeGreaterThanOrEqual(4.5);
      // What is chosen is tinted with the accent, what is pointed at with the text.
      expect(contrast(c[ink]!, mixed(c.accent!, c[paper]!, 0.1)), `chosen ${paper}`).toBeGreaterThanOrEqual(4.5);
      expect(contrast(c[ink]!, mixed(c.text!, c[paper]!, 0.05)), `hovered ${paper}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("keeps a figure legible while it lights up", () => {
    for (const paper of ["bg", "panel", "raised"]) {
      expect(contrast(c.text!, mixed(c.accent!, c[paper]!, 0.3)), paper).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("writes on its filled surfaces legibly", () => {
    for (const [ink, paper] of [["on-accent", "accent"], ["on-full", "full"], ["on-danger", "danger"], ["on-notice", "notice"], ["on-red", "red"], ["on-orange", "orange"], ["on-yellow", "yellow"]]) {
      expect(contrast(c[ink!]!, c[paper!]!), paper).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("draws edges of controls and rings that can be seen", () => {
    for (const ink of ["edge", "occupied", "free", "full", "near", "reserved"]) {
      for (const paper of ["panel", "raised"]) expect(contrast(c[ink]!, c[paper]!), `${ink} on ${paper}`).toBeGreaterThanOrEqual(3);
    }
  });

  it.each(EYES)("keeps neighbouring steps of the ramp apart for an eye with %s vision", (eye) => {
    const ramp = [0, 1, 2, 3, 4].map((step) => c[`ramp${step}`]!);
    for (let i = 0; i < ramp.length; i++) {
      for (let j = i + 1; j < ramp.length; j++) {
        expect(distance(ramp[i]!, ramp[j]!, eye), `${i} and ${j}`).toBeGreaterThanOrEqual(12);
      }
    }
  });

  it("goes one way in lightness along the ramp, so that it reads in grey too", () => {
    const light = [0, 1, 2, 3, 4].map((step) => lightness(c[`ramp${step}`]!));
    for (let i = 1; i < light.length; i++) {
      const onward = theme === "day" ? light[i - 1]! - light[i]! : light[i]! - light[i - 1]!;
      expect(onward, `step ${i}`).toBeGreaterThan(i === 2 ? 0 : 4);
    }
  });

  it.each(EYES)("keeps free, nearly full and full apart for an eye with %s vision", (eye) => {
    const states = ["free", "near", "full"].map((state) => c[state]!);
    for (const [i, j] of [[0, 1], [0, 2], [1, 2]] as const) expect(distance(states[i]!, states[j]!, eye)).toBeGreaterThanOrEqual(18);
  });

  it.each(EYES)("keeps the colours of followed patients apart for an eye with %s vision", (eye) => {
    const chips = ["red", "orange", "yellow"].map((name) => c[name]!);
    for (const [i, j] of [[0, 1], [0, 2], [1, 2]] as const) expect(distance(chips[i]!, chips[j]!, eye)).toBeGreaterThanOrEqual(14);
  });
});
