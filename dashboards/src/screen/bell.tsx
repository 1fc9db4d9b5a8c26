/** The bell: how many alerts wait for somebody, by severity, and the way to them. */
import { Bell as Icon, VolumeX } from "lucide-preact";
import { soundBlocked, tally } from "../bell";
import { onLink } from "../route";
import { t } from "../words";
import { SeverityGlyph } from "./glyphs";

const DRAWN = ["critical", "warning"] as const;

export function Bell() {
  const words = t.value;
  const waiting = tally.value;
  if (waiting === null) return null;
  const parts = ([...DRAWN, "info"] as const).filter((one) => waiting[one] > 0).map((one) => words.severitiesOf[one](waiting[one]));
  const says = words.bellOf(parts.join(", "));
  return (
    <>
      {soundBlocked.value && (
        <span class="sound-off" role="status" title={words.soundBlocked}>
          <VolumeX size={16} aria-hidden="true" />
          <span>{words.soundBlocked}</span>
        </span>
      )}
      <a class="bell" id="bell" href="/alerts" aria-label={says} title={says} onClick={onLink}>
        <Icon size={18} aria-hidden="true" />
        {DRAWN.filter((one) => waiting[one] > 0).map((one) => (
          <span key={one} class={`bell-count severity-${one}`}>
            <SeverityGlyph severity={one} size={13} />
            {waiting[one]}
          </span>
        ))}
      </a>
    </>
  );
}
