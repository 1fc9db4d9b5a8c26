/** What the map's shapes, parts and shades mean. */
import { signal } from "@preact/signals";
import { BOUNDS } from "../ramp";
import { t } from "../words";
import { Clock, Glyph } from "./glyphs";

const isOpen = signal(typeof matchMedia === "undefined" || matchMedia("(min-width: 1000px)").matches);

export function Legend({ mode, guessed, rates }: { mode: "rings" | "pins"; guessed: number; rates: boolean }) {
  const words = t.value;
  const steps = ["< 75", "75–85", "85–95", "95–100", "> 100"];
  return (
    <details class="legend" open={isOpen.value} onToggle={(event) => (isOpen.value = (event.currentTarget as HTMLDetailsElement).open)}>
      <summary>{words.legend}</summary>
      <div class="legend-states">
        {(["free", "nearly", "full", "unknown"] as const).map((state) => (
          <span key={state} class={`state-${state}`}>
            <Glyph state={state} />
            <span>{words.states[state]}</span>
          </span>
        ))}
        <span class="stale">
          <Clock size={16} />
          <span>{words.stale}</span>
        </span>
      </div>
      {mode === "rings" && rates && (
        <div class="legend-shares">
          {(["occupied", "reserved", "free", "closed"] as const).map((share) => (
            <span key={share}>
              <i class={`share share-${share}`} />
              {words.share[share]}
            </span>
          ))}
        </div>
      )}
      {rates && (
        <div class="legend-ramp" role="img" aria-label={`${words.legendRate} : ${BOUNDS.map((bound) => `${bound * 100} %`).join(", ")}`}>
          <span>{words.legendRate}, %</span>
          <span class="ramp">
            {steps.map((step, i) => (
              <span key={step}>
                <i class={`ramp-${i}`} />
                {step}
              </span>
            ))}
            <span>
              <i class="ramp-none" />
              {words.noData}
            </span>
          </span>
        </div>
      )}
      {guessed > 0 && mode === "rings" && <p>{words.noPosition(guessed)}</p>}
    </details>
  );
}
