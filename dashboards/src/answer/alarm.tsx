/** Call 15, over the whole screen: what a red flag shows at once, without a network too, and a receipt that says so. */
import { Phone } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { say } from "../words";
import { reasons, type RedFlag } from "./flags";
import { at } from "./format";
import { acknowledge, receivedAt, waiting } from "./state";
import { silence } from "./speech";
import { tw } from "./words";

export function Alarm({ flags }: { flags: RedFlag[] }) {
  const words = tw.value;
  const screen = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    silence();
    const before = document.activeElement;
    screen.current?.showModal();
    // It comes by itself after a reload: a browser refuses to shake for whoever has not touched the page, and complains.
    if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.([300, 120, 300]);
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  return (
    <dialog
      ref={screen}
      class="alarm"
      role="alertdialog"
      aria-labelledby="alarm-title"
      aria-describedby="alarm-why"
      onCancel={(event) => {
        event.preventDefault();
        acknowledge();
      }}
    >
      <div class="alarm-inner">
        <h1 id="alarm-title">{words.call15}</h1>
        <div id="alarm-why">
          {flags.length > 0 ? (
            <>
              <p>{words.call15Because}</p>
              <ul>
                {reasons(flags).map((reason) => (
                  <li key={reason.fr}>{say(reason)}</li>
                ))}
              </ul>
            </>
          ) : (
            <p>{words.call15Receipt}</p>
          )}
        </div>
        <a class="call" href="tel:15">
          <Phone size={36} aria-hidden="true" />
          {words.call15Button}
        </a>
        <p>{words.call15Wait}</p>
        <a class="text-114" href="sms:114">
          {words.call114}
        </a>
        <button type="button" class="alarm-back" onClick={acknowledge}>
          {flags.length > 0 ? words.call15Back : words.back}
        </button>
        {flags.length > 0 && <ToldTeam />}
      </div>
    </dialog>
  );
}

/** Whether what was answered has reached the team: what asks for the 15 is sent by itself. */
function ToldTeam() {
  const words = tw.value;
  const why = waiting.value;
  const received = receivedAt.value;
  if (why === null && received === null) return null;
  const text = why === null ? words.toldTeam(at(received!)) : why === "sending" ? words.tellingTeam : words.notToldTeam;
  return (
    <p class="alarm-told" role="status" data-waits={why !== null || undefined}>
      {text}
    </p>
  );
}

/** What stays in sight for as long as an answer asks for the 15. */
export function CallBar() {
  const words = tw.value;
  return (
    <p class="call-bar" role="alert">
      <strong>{words.call15}</strong>
      <a href="tel:15">
        <Phone size={20} aria-hidden="true" />
        {words.call15Button}
      </a>
    </p>
  );
}
