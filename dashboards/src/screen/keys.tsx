/** The keys of a screen, and the switch for those that are a single letter (WCAG 2.1.4). */
import { signal } from "@preact/signals";
import { X } from "lucide-preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { remember } from "../remember";
import { oneKey } from "../state";
import { t } from "../words";

export const keysShown = signal(false);

export function Keys({ list }: { list: [string, string][] }) {
  const words = t.value;
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="keys" aria-labelledby="keys-title" onClose={() => (keysShown.value = false)}>
      <header>
        <h2 id="keys-title">{words.keysTitle}</h2>
        <button type="button" class="icon" aria-label={words.close} onClick={() => dialog.current?.close()}>
          <X size={18} />
        </button>
      </header>
      <dl>
        {list.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={oneKey.value}
          onChange={() => {
            oneKey.value = !oneKey.value;
            remember("one-key", oneKey.value ? "on" : "off");
          }}
        />
        {words.keysOneKey}
      </label>
    </dialog>
  );
}
