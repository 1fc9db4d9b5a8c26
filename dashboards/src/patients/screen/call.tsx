/** Calling whom an alert is about, or who looks after them: a number is as hidden as a name. */
import { Phone } from "lucide-preact";
import { spaced } from "../../format";
import { namesShown, unlock } from "../privacy";
import type { PatientFile } from "../wire";
import { tp } from "../words";

export function Calls({ file }: { file: PatientFile }) {
  const words = tp.value;
  const numbers = [
    ...(file.contact?.phone ? [{ phone: file.contact.phone, text: words.call }] : []),
    ...(file.caregivers ?? []).flatMap(({ relation, contact }) => (contact?.phone ? [{ phone: contact.phone, text: words.callCaregiver(relation ?? "") }] : [])),
  ];
  if (numbers.length === 0) return <p class="calls-them soft">{words.noNumber}</p>;
  if (!namesShown.value) {
    return (
      <div class="calls-them">
        <button type="button" class="act call-them" data-act="call" onClick={unlock}>
          <Phone size={20} aria-hidden="true" />
          {words.callHidden}
        </button>
      </div>
    );
  }
  return (
    <div class="calls-them">
      {numbers.map(({ phone, text }) => (
        <a key={phone} class="act call-them" data-act="call" href={`tel:${phone}`}>
          <Phone size={20} aria-hidden="true" />
          <span>
            <small>{text}</small> <b>{spaced(phone)}</b>
          </span>
        </a>
      ))}
    </div>
  );
}
