/** How one is told: this device's notifications, sounds by severity, channels by severity. */
import { useSignal } from "@preact/signals";
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
      {state === "on" && <p>{words.pushOn}</p>}
      {state === "off" && <p>{words.pushOff}</p>}
      {state === "denied" && <p>{words.pushDenied}</p>}
      {state === "unsupported" && <p>{words.pushUnsupported}</p>}
      {state === "install-first" && <p>{words.pushInstallFirst}</p>}
      <div class="setting-acts">
        {state === "off" && (
          <button type="button" class="act main" disabled={isBusy.value} onClick={() => run(subscribe)}>
            {isBusy.value ? words.busy : words.pushSubscribe}
          </button>
        )}
        {state === "on" && (
          <>
            <button type="button" class="act" disabled={isBusy.value} onClick={() => run(tryPush, words.pushTested)}>
              <Play size={16} aria-hidden="true" />
              {words.tryIt}
            </button>
            <button type="button" class="act" disabled={isBusy.value} onClick={() => run(unsubscribe)}>
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

/** Nobody can choose to miss what is critical: its last channel stays. */
function isLast({ channels }: MyChannels, severity: Severity, channel: string): boolean {
  const held = channels[severity] ?? [];
  return severity === "critical" && held.length === 1 && held[0] === channel;
}

/** Ticking a box is saving it: it shows as ticked once the server has it. */
function Channels() {
  const words = ta.value;
  const mine = useSignal<MyChannels | null>(null);
  const said = useSignal("");
  const isBusy = useSignal(false);
  useEffect(() => {
    doors.myChannels().then(
      (answer) => (mine.value = answer),
      () => undefined, // nothing is drawn of what can't be read
    );
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
