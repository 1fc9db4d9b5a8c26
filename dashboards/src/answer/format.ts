/** Values, units and instants as the patient's page writes them. */
import { moment } from "../format";
import { say, t } from "../words";
import type { Item, Value } from "./questionnaire";
import { tw } from "./words";

/** The patient's own clock: nothing else is known of where they are. */
export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Returns an instant as a time of day, with the day where it is another. */
export const at = (instant: number): string => moment(instant, Date.now(), zone(), t.value);

/** Returns a number with the language's own sign. */
export const number = (value: number): string => new Intl.NumberFormat(t.value.locale, { maximumFractionDigits: 3 }).format(value);

/** Returns a unit written out. */
export const unit = (item: Item): string => (item.unit ? (tw.value.units[item.unit] ?? item.unit) : "");

/** Returns what an item's *unknown* is called: a measure lacks its device, anything else is not known. */
export const unknown = (item: Item): string => (item.kind === "integer" || item.kind === "decimal" ? tw.value.noDevice : tw.value.noIdea);

/** Returns an answer in words. */
export function spokenValue(item: Item | undefined, value: Value): string {
  const words = tw.value;
  if (value === null) return words.unknown;
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (typeof value === "number") return `${number(value)}${item?.unit ? ` ${item.unit}` : ""}`;
  const label = (code: string) => {
    const option = item?.options?.find((one) => one.code === code);
    return option ? say(option.label) : code;
  };
  if (Array.isArray(value)) return value.map(label).join(", ");
  return item?.kind === "choice" ? label(value) : value;
}
