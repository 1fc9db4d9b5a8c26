/** How one is told: this device's notifications, sounds by severity, channels by severity. */
import { signal, useSignal } from "@preact/signals";
import { Download, Play } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { region, signOut } from "../../state";
import { SeverityGlyph } from "../../screen/glyphs";
import { mute, muted, ring } from "../bells";
import { doors } from "../http";
import { installPrompt, isApple, isInstalled, pushState, subscribe, tryPush, unsubscribe } from "../push";
import { SEVERITIES } from "../rows";
import type { MyChannels, Severity } from "../wire";
import { ta } from "../words";

/** By what the reader is told: what is chosen and what is known. */
const mine = signal<MyChannels | null>(null);

async function readMine(): Promise<void> {
  mine.value = await doors.myChannels();
}

/** Subscribes this device, and lets it be told of what is grave: a device that is known and not chosen hears nothing. */
async function subscribeAndChoose(): Promise<void> {
  await subscribe();
  if (pushState.peek() !== "on") return;
  await readMine();
  const { channels } = mine.peek()!;
  if (Object.keys(channels).length === 0) return; // in nobody's contacts: the page says so
  const lacking = (["critical", "warning"] as const).filter((severity) => !channels[severity]?.includes("push"));
  if (lacking.length === 0) return;
  const more = Object.fromEntries(lacking.map((severity) => [severity, [...(channels[severity] ?? []), "push"]]));
  mine.value = await doors.choose({ ...channels, ...more });
}

async function unsubscribeHere(): Promise<void> {
  await unsubscribe();
  await readMine();
}

/** Returns what this subscribed device will be told of, or why of nothing. */
function pushSays(): string {
  const words = ta.value;
  const channels = mine.value?.channels;
  if (!channels) return "";
  if (Object.keys(channels).length === 0) return words.pushUnknown;
  const of = SEVERITIES.filter((severity) => channels[severity]?.includes("push"));
  return of.length === 0 ? words.pushUnticked : words.pushOn(of.map((severity) => words.soundOf[severity].toLowerCase()).join(", "));
}

export function Settings() {
  const words = ta.value;
  return (
    <aside class="settings" aria-label={words.settings}>
      <Notifications />
      <section aria-labelledby="sounds-title">
        <h2 id="sounds-title">{words.sounds}</h2>
        <ul class="sounds">
          {SEVERITIES.map((severity) => (
            <li key={severity}>
              <label class="check">
                <input type="checkbox" checked={!muted.value.has(severity)} onChange={() => mute(severity, !muted.value.has(severity))} />
                <SeverityGlyph severity={severity} />
                {words.soundOf[severity]}
              </label>
              <button type="button" class="act" aria-label={words.tryIt + words.colon + words.soundOf[severity]} onClick={() => ring(severity)}>
                <Play size={16} aria-hidden="true" />
                {words.tryIt}
              </button>
            </li>
          ))}
        </ul>
      </section>
      <Channels />
      <Load />
      <button type="button" class="quiet narrow-only" onClick={() => void signOut()}>
        {words.signOut}
      </button>
    </aside>
  );
}

function Notifications() {
  const words = ta.value;
  const said = useSignal("");
  const isBusy = useSignal(false);
  const state = pushState.value;
  const run = (does: () => Promise<void>, done = "") => {
    isBusy.value = true;
    said.value = "";
    does()
      .then(
        () => (said.value = done),
        () => (said.value = words.pushFailed),
      )
      .finally(() => (isBusy.value = false));
  };
  return (
    <section aria-labelledby="push-title" data-push={state}>
      <h2 id="push-title">{words.notifications}</h2>
      {state === "on" && <p>{pushSays()}</p>}
      {state === "off" && <p>{words.pushOff}</p>}
      {state === "denied" && <p>{words.pushDenied}</p>}
      {state === "unsupported" && <p>{words.pushUnsupported}</p>}
      {state === "install-first" && <p>{words.pushInstallFirst}</p>}
      <div class="setting-acts">
        {state === "off" && (
          <button type="button" class="act main" disabled={isBusy.value} onClick={() => run(subscribeAndChoose)}>
            {isBusy.value ? words.busy : words.pushSubscribe}
          </button>
        )}
        {state === "on" && (
          <>
            <button type="button" class="act" disabled={isBusy.value} onClick={() => run(tryPush, words.pushTested)}>
              <Play size={16} aria-hidden="true" />
              {words.tryIt}
            </button>
            <button type="button" class="act" disabled={isBusy.value} onClick={() => run(unsubscribeHere)}>
              {words.pushUnsubscribe}
            </button>
          </>
        )}
        {installPrompt.value && (
          <button type="button" class="act" onClick={() => void installPrompt.value?.prompt()}>
            <Download size={16} aria-hidden="true" />
            {words.install}
          </button>
        )}
      </div>
      {isApple && !isInstalled && (
        <p class="sum">
          {words.install + words.colon + words.installIos}
        </p>
      )}
      {said.value && (
        <p class="sum" role="status">
          {said.value}
        </p>
      )}
    </section>
  );
}

/** How often one was called of late: told to that person only. */
function Load() {
  const words = ta.value;
  const notices = useSignal<number | null>(null);
  const code = region.value;
  useEffect(() => {
    doors.worth(code, 1).then(
      ({ me }) => (notices.value = me?.notices ?? null),
      () => undefined,
    );
  }, [code]);
  return notices.value === null ? null : <p class="sum load">{words.load(notices.value)}</p>;
}

/** Nobody can choose to miss what is critical: the last channel by which they can be reached stays. */
function isLast({ channels, known }: MyChannels, severity: Severity, channel: string): boolean {
  const reaches = (one: string) => one === "app" || known.some((way) => way.channel === one);
  const held = channels[severity] ?? [];
  return severity === "critical" && held.includes(channel) && !held.some((one) => one !== channel && reaches(one));
}

/** Ticking a box is saving it: it shows as ticked once the server has it. */
function Channels() {
  const words = ta.value;
  const said = useSignal("");
  const isBusy = useSignal(false);
  useEffect(() => {
    readMine().catch(() => undefined); // nothing is drawn of what can't be read
  }, []);
  const held = mine.value;
  if (!held) return null;
  // The app itself is no address, and reaches whoever has it open.
  const ways = new Map<string, string[]>([["app", []]]);
  for (const { channel, address } of held.known) ways.set(channel, [...(ways.get(channel) ?? []), address]);
  const toggle = async (severity: Severity, channel: string) => {
    const before = held.channels[severity] ?? [];
    const after = before.includes(channel) ? before.filter((one) => one !== channel) : [...before, channel];
    const channels = { ...held.channels, [severity]: after };
    isBusy.value = true;
    try {
      mine.value = await doors.choose(channels);
      said.value = words.myChannelsSaved;
    } catch {
      said.value = words.myChannelsFailed;
    }
    isBusy.value = false;
  };
  return (
    <section aria-labelledby="channels-title">
      <h2 id="channels-title">{words.myChannels}</h2>
      {held.known.length === 0 && <p class="sum">{words.channelsNone}</p>}
      {Object.keys(held.channels).length > 0 && (
        <table class="channels" aria-busy={isBusy.value}>
          <thead>
            <tr>
              <td />
              {SEVERITIES.map((severity) => (
                <th key={severity} scope="col">
                  <SeverityGlyph severity={severity} />
                  <span class="hidden">{words.soundOf[severity]}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...ways].map(([channel, addresses]) => (
              <tr key={channel}>
                <th scope="row">
                  {words.channels[channel] ?? channel}
                  {addresses.length > 0 && <small>{addresses.join(", ")}</small>}
                </th>
                {SEVERITIES.map((severity) => (
                  <td key={severity}>
                    <label class="tick">
                      <input
                        type="checkbox"
                        disabled={isBusy.value || isLast(held, severity, channel)}
                        checked={held.channels[severity]?.includes(channel) ?? false}
                        onChange={() => void toggle(severity, channel)}
                      />
                      <span class="hidden">
                        {words.channels[channel] ?? channel}, {words.soundOf[severity]}
                      </span>
                    </label>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {said.value && (
        <p class="sum" role="status">
          {said.value}
        </p>
      )}
    </section>
  );
}
