/** Values that change in place: a figure that lights up for a moment, an age that ticks. */
import { useComputed, type ReadonlySignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { age, ago, told } from "../format";
import { now } from "../state";
import { t } from "../words";

const LIT_MS = 1_600;

/** Shows a text; when it changes it is lit for a moment, without moving anything. */
export function Value({ of, class: name = "" }: { of: string; class?: string }) {
  const element = useRef<HTMLSpanElement>(null);
  const before = useRef(of);
  useEffect(() => {
    if (before.current === of) return;
    before.current = of;
    const lit = element.current;
    if (!lit) return;
    lit.dataset.changed = "";
    const timer = setTimeout(() => delete lit.dataset.changed, LIT_MS);
    return () => clearTimeout(timer);
  }, [of]);
  return (
    <span ref={element} class={`value ${name}`}>
      {of}
    </span>
  );
}

type Manner = "age" | "ago" | "told";

/** Tells how old an instant is by the shard's clock, and keeps telling; only the text node changes. */
export function Age({ at, as = "age" }: { at: number | null; as?: Manner }) {
  // Keyed, because a computed keeps the props that it was made with.
  return (
    <span class="age">
      <AgeText key={`${at}/${as}`} at={at} manner={as} />
    </span>
  );
}

function AgeText({ at, manner }: { at: number | null; manner: Manner }) {
  const text: ReadonlySignal<string> = useComputed(() => {
    const words = t.value;
    if (manner === "told") return told(at, now.value, words);
    if (at === null || now.value === null) return words.never;
    return manner === "ago" ? ago(now.value - at, words) : age(now.value - at, words);
  });
  return <>{text}</>;
}
