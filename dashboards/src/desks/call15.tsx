/** Call 15 for somebody: the width of their row, over a telephone's screen once, and at its foot for as long as it holds. */
import type { ComponentChildren } from "preact";
import { Phone } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { reasons, type RedFlag } from "../answer/flags";
import { say } from "../words";
import { td } from "./words";

export function Call15({ children }: { children: ComponentChildren }) {
  return (
    <span class="row-15-said" role="alert">
      <a class="row-15" href="tel:15">
        <Phone size={16} aria-hidden="true" /> {children}
      </a>
    </span>
  );
}

/** Over the whole screen: on a telephone the row's own head is out of sight when something in it is ticked. */
export function Alarm15({ of, flags, onBack }: { of: string; flags: RedFlag[]; onBack(): void }) {
  const words = td.value;
  const screen = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    screen.current?.showModal();
    return () => (before instanceof HTMLElement ? before.focus({ preventScroll: true }) : undefined);
  }, []);
  return (
    <dialog
      ref={screen}
      class="sitting-alarm"
      role="alertdialog"
      aria-labelledby="sitting-alarm-title"
      aria-describedby="sitting-alarm-why"
      onCancel={(event) => {
        event.preventDefault();
        onBack();
      }}
    >
      <h2 id="sitting-alarm-title">{words.sitting.call15}</h2>
      <div id="sitting-alarm-why">
        <p>{of}</p>
        <ul>
          {reasons(flags).map((reason) => (
            <li key={reason.fr}>{say(reason)}</li>
          ))}
        </ul>
      </div>
      <a class="call" href="tel:15">
        <Phone size={32} aria-hidden="true" /> {words.sitting.dial15}
      </a>
      <p>{words.sitting.unsentYet}</p>
      <button type="button" onClick={onBack}>
        {words.sitting.back}
      </button>
    </dialog>
  );
}
