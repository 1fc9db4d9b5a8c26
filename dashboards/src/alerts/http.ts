/** The doors of alerts. */
import { ask, region } from "../http";
import type { Words } from "../wire";
import type {
  Act,
  Acted,
  AlertDetail,
  AlertsPicture,
  MyChannels,
  Outcome,
  Person,
  PushSubscriptionRow,
  Severity,
  WorthPicture,
} from "./wire";

const say = (method: string, body?: unknown): RequestInit => ({
  method,
  ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
});
const now = { cache: "no-store" } as const;

export interface ActWords {
  to?: string;
  outcome?: Outcome;
  text?: string;
}

export const doors = {
  alerts: (code: string, mine: boolean) => ask<AlertsPicture>(`${region(code)}/alerts${mine ? "?mine=true" : ""}`, now),
  alert: (code: string, id: string) => ask<AlertDetail>(`${region(code)}/alerts/${encodeURIComponent(id)}`, now),
  act: (code: string, act: Act, alerts: string[], more: ActWords) =>
    // Longer than an act is valid for (10 s): what comes back then is an outcome, not a guess.
    ask<{ alerts: Acted[] }>(`${region(code)}/alerts/acts`, {
      ...say("POST", { act, alerts, ...more }),
      signal: AbortSignal.timeout(15_000),
    }),
  silence: (code: string, body: { matchers: Record<string, string[]>; until: number; reason: string }) =>
    ask<unknown>(`${region(code)}/silences`, say("POST", body)),
  endSilence: (code: string, id: string) => ask<unknown>(`${region(code)}/silences/${encodeURIComponent(id)}`, say("DELETE")),
  standIn: (code: string, body: { schedule: string; person: string; since: number; until: number; reason?: string }) =>
    ask<unknown>(`${region(code)}/on-call/overrides`, say("POST", body)),
  endStandIn: (code: string, id: string) => ask<unknown>(`${region(code)}/on-call/overrides/${encodeURIComponent(id)}`, say("DELETE")),
  worth: (code: string, days: number) => ask<WorthPicture>(`${region(code)}/worth?days=${days}`, now),
  people: (code: string) => ask<Person[]>(`${region(code)}/people`, now),
  myChannels: () => ask<MyChannels>("/me/channels", now),
  choose: (channels: Partial<Record<Severity, string[]>>) => ask<MyChannels>("/me/channels", say("PUT", { channels })),
  pushKey: () => ask<{ key: string }>("/me/push-key", now),
  subscribe: (body: unknown) => ask<PushSubscriptionRow>("/me/push-subscriptions", say("POST", body)),
  unsubscribe: (id: string) => ask<void>(`/me/push-subscriptions/${encodeURIComponent(id)}`, say("DELETE")),
  tryPush: (id: string) => ask<unknown>(`/me/push-subscriptions/${encodeURIComponent(id)}/test`, say("POST", {})),
  seen: (link: string) => ask<{ title: Words; seen: boolean; group?: string; link?: string }>("/seen", say("POST", { link })),
};
