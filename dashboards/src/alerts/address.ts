/** What the address bar says of the alert pages: which page, which filter, which group; and back. */
import { CONCERNS, EVERYTHING, SEVERITIES, type Filter } from "./rows";

export interface Asked {
  filter: Filter;
  group: string | null;
  /** The phone's cards, asked for by name; the desk, also on a phone; or how one is told. */
  shape: "mine" | "desk" | "settings" | null;
}

const SHAPES = ["mine", "desk", "settings"] as const;

const among = <T extends string>(said: string | null, known: readonly T[]): T[] =>
  known.filter((one) => (said ?? "").split(",").includes(one));

/** Returns what a query asks for; what it can't mean is left out. */
export function read(query: string): Asked {
  const said = new URLSearchParams(query);
  return {
    filter: {
      ...EVERYTHING,
      concerns: among(said.get("concern"), CONCERNS),
      severities: among(said.get("severity"), SEVERITIES),
      departement: /^[0-9AB]{2,3}$/.test(said.get("departement") ?? "") ? said.get("departement") : null,
      text: (said.get("q") ?? "").slice(0, 100),
      over: said.has("over"),
    },
    group: said.get("group")?.slice(0, 100) || null,
    shape: SHAPES.find((shape) => said.has(shape)) ?? null,
  };
}

/** Returns the query of a filter and a group, "" where nothing is asked for. */
export function write(asked: Asked, region: string | null): string {
  const { filter } = asked;
  const said: string[] = [];
  const add = (name: string, value: string) => said.push(`${name}=${encodeURIComponent(value).replaceAll("%2C", ",")}`);
  if (asked.shape) said.push(asked.shape);
  if (region) add("region", region);
  if (filter.concerns.length) add("concern", filter.concerns.join(","));
  if (filter.severities.length) add("severity", filter.severities.join(","));
  if (filter.departement) add("departement", filter.departement);
  if (filter.text) add("q", filter.text);
  if (filter.over) said.push("over");
  if (asked.group) add("group", asked.group);
  return said.length ? `?${said.join("&")}` : "";
}
