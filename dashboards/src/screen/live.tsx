/** Whether what is shown is live: a dot and words in the same corner of each screen, and a banner when it is not. */
import { useComputed, type ReadonlySignal } from "@preact/signals";
import { ago, timeOfDay } from "../format";
import type { Verdict } from "../live";
import { zone } from "../state";
import { t } from "../words";

export function NotLive({ judged, refusal }: { judged: Verdict; refusal: string | null }) {
  const words = t.value;
  return (
    <div class="not-live" role="alert" hidden={judged.is !== "lost"}>
      {judged.is === "lost" && (
        <>
          <strong>
            {judged.since === null ? words.notLiveEver : words.notLiveSince(timeOfDay(judged.since, zone.value, words, true))}
          </strong>
          <span>{refusal ? words.refused(refusal) : words.notLiveAdvice}</span>
        </>
      )}
    </div>
  );
}

export function Live({ judged }: { judged: Verdict }) {
  const words = t.value;
  const text = {
    live: () => `${words.live} · ${ago(judged.is === "live" ? judged.agoMs : 0, words)}`,
    connecting: () => words.connecting,
    reconnecting: () => words.reconnecting,
    lost: () => words.notLive,
  }[judged.is]();
  return (
    <span class={`live live-${judged.is}`} id="live">
      <i aria-hidden="true" />
      {text}
    </span>
  );
}

export function TimeNow({ now }: { now: ReadonlySignal<number | null> }) {
  const text = useComputed(() => (now.value === null ? "" : timeOfDay(now.value, zone.value, t.value)));
  return <time class="clock wide-only">{text}</time>;
}
