/** Numbers, ages and times as the reader's language writes them. */
import type { Dictionary } from "./words/fr";
import type { Figure, Instant } from "./wire";

export const UNKNOWN = "–";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Returns a count, or a dash where nobody said it; unknown is never 0. */
export function count(n: Figure, words: Dictionary): string {
  return n == null ? UNKNOWN : format(words.locale, { maximumFractionDigits: 0 }).format(n);
}

/** Returns an occupancy as a percentage, never clipped; `≥` where closed beds are unknown. Cut, not rounded, below 100 %. */
export function percent(rate: Figure, bound: boolean | undefined, words: Dictionary): string {
  if (rate == null) return UNKNOWN;
  // 99.6 % must not read 100 %, nor 100.4 % just 100 %: what is beyond open is seen.
  const whole = rate > 1 ? Math.max(101, Math.round(rate * 100)) : Math.floor(rate * 100 + 1e-9);
  const text = format(words.locale, { maximumFractionDigits: 0 }).format(whole);
  return `${bound ? "≥\u202f" : ""}${text}${words.locale.startsWith("fr") ? "\u202f" : ""}%`;
}

/** Returns an open count, with `≤` where closed beds are unknown. */
export function openBeds(n: Figure, bound: boolean | undefined, words: Dictionary): string {
  return n == null ? UNKNOWN : `${bound ? "≤\u202f" : ""}${count(n, words)}`;
}

/** Returns an age in its largest whole unit. */
export function age(ms: number, words: Dictionary): string {
  if (ms < MINUTE) return words.seconds(Math.max(0, Math.floor(ms / 1000)));
  if (ms < HOUR) return words.minutes(Math.floor(ms / MINUTE));
  if (ms < 2 * DAY) return words.hours(Math.floor(ms / HOUR));
  return words.days(Math.floor(ms / DAY));
}

/** Returns "il y a 12 s", or "à l’instant" in the first second. */
export function ago(ms: number, words: Dictionary): string {
  return ms < 1000 ? words.now : words.ago(age(ms, words));
}

/** Returns "dit il y a 12 s", or that it was never told. */
export function told(at: Instant | null, now: Instant | null, words: Dictionary): string {
  if (at === null) return words.never;
  if (now === null) return UNKNOWN;
  return now - at < 1000 ? words.toldNow : words.told(age(now - at, words));
}

/** Returns a telephone number in the groups in which it is dialled. */
export function spaced(phone: string): string {
  const french = /^(?:\+33|0)(\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(phone.replace(/[ .]/g, ""));
  return french ? `0${french[1]} ${french.slice(2).join(" ")}` : phone;
}

/** Returns a time of day, "03:12" or "03:12:09". */
export function timeOfDay(at: Instant, zone: string, words: Dictionary, withSeconds = false): string {
  return dateFormat(words.locale, {
    hour: "2-digit",
    minute: "2-digit",
    ...(withSeconds ? { second: "2-digit" } : {}),
    hourCycle: "h23",
    timeZone: zone,
  }).format(at);
}

/** Returns a time of day, with the day in front when it is not today. */
export function moment(at: Instant, now: Instant | null, zone: string, words: Dictionary): string {
  const time = timeOfDay(at, zone, words);
  const day = dateFormat(words.locale, { day: "numeric", month: "short", timeZone: zone });
  return now !== null && day.format(at) === day.format(now) ? time : `${day.format(at)} ${time}`;
}

/** Returns an ISO date ("2020-04-08") in words. */
export function longDate(iso: string, words: Dictionary): string {
  const at = Date.parse(`${iso}T12:00:00Z`);
  if (Number.isNaN(at)) return iso;
  return dateFormat(words.locale, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).format(at);
}

/** Returns a distance: metres matter only near by. */
export function kilometres(km: number, words: Dictionary): string {
  return words.km(format(words.locale, { maximumFractionDigits: km < 10 ? 1 : 0 }).format(km));
}

// Making a formatter costs 50 µs and more; a list asks for thousands.
const numbers = new Map<string, Intl.NumberFormat>();
function format(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${locale}${options.maximumFractionDigits}`;
  let made = numbers.get(key);
  if (!made) numbers.set(key, (made = new Intl.NumberFormat(locale, options)));
  return made;
}
const dates = new Map<string, Intl.DateTimeFormat>();
function dateFormat(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options);
  let made = dates.get(key);
  if (!made) dates.set(key, (made = new Intl.DateTimeFormat(locale, options)));
  return made;
}
