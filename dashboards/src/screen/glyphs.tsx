/** The shapes that tell a state without colour: free ●, nearly full ◐, full ■, unknown ◌, stale ◷. */
import { t } from "../words";
import type { State } from "../wire";

/** Draws the state's shape; the words beside it, or the label around it, say it to those who can't see it. */
export function Glyph({ state, size = 16 }: { state: State; size?: number }) {
  return (
    <svg class={`glyph glyph-${state}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {state === "full" && <rect x="2.5" y="2.5" width="11" height="11" rx="1.5" fill="currentColor" />}
      {state === "free" && <circle cx="8" cy="8" r="5.5" fill="currentColor" />}
      {state === "nearly" && (
        <>
          <circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="1.6" />
          <path d="M8 2.8a5.2 5.2 0 0 0 0 10.4z" fill="currentColor" />
        </>
      )}
      {state === "unknown" && (
        <circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="1.6 2.1" />
      )}
    </svg>
  );
}

/** Draws the clock of a figure that is older than its limit. */
export function Clock({ size = 14 }: { size?: number }) {
  return (
    <svg class="glyph glyph-stale" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.6" />
      <path d="M8 4.6V8l2.4 1.6" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" />
    </svg>
  );
}

/** Says a state in words, with its shape. */
export function StateWords({ state, stale, glyph = true }: { state: State; stale: boolean; glyph?: boolean }) {
  return (
    <span class={`state state-${state}`}>
      {glyph && <Glyph state={state} />}
      {t.value.states[state]}
      {stale && (
        <span class="stale">
          <Clock />
          {t.value.stale}
        </span>
      )}
    </span>
  );
}

/** Draws how grave an alert is: a stop sign, a triangle, a ring; no two have one outline. */
export function SeverityGlyph({ severity, size = 18 }: { severity: "critical" | "warning" | "info"; size?: number }) {
  return (
    <svg class={`glyph severity-${severity}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {severity === "critical" && (
        <>
          <path d="M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5z" fill="currentColor" />
          <path d="M8 4v4.8M8 11.4v.2" stroke="var(--panel)" stroke-width="2" stroke-linecap="round" />
        </>
      )}
      {severity === "warning" && (
        <>
          <path d="M8 1.2 15.4 14.4H.6z" fill="currentColor" stroke="currentColor" stroke-width="1" stroke-linejoin="round" />
          <path d="M8 6v3.6M8 12v.1" stroke="var(--panel)" stroke-width="1.8" stroke-linecap="round" />
        </>
      )}
      {severity === "info" && (
        <>
          <circle cx="8" cy="8" r="6.4" fill="none" stroke="currentColor" stroke-width="1.6" />
          <path d="M8 7.4v3.8M8 4.8v.1" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
        </>
      )}
    </svg>
  );
}
