/** A site's ring: its parts are the beds' shares, its inside tells the state by shape, its clock that it is old. */
import { sharesOf, stateOf, isStale } from "../figures";
import { count } from "../format";
import { t } from "../words";
import type { TotalPicture } from "../wire";

const GAP = 1.2;

export function Ring({ total, size, surge }: { total: TotalPicture | undefined; size: number; surge: boolean }) {
  const middle = size / 2;
  const width = Math.max(4, Math.round(size * 0.12));
  const r = middle - width / 2 - 1;
  const around = 2 * Math.PI * r;
  const inner = r - width / 2 - 1;
  const state = stateOf(total);
  const shares = sharesOf(total);
  let turned = 0;
  return (
    <svg class="ring" width={size} height={size} viewBox={`0 0 ${size} ${size}`} aria-hidden="true">
      <circle class="ring-paper" cx={middle} cy={middle} r={middle - 0.5} />
      {shares.length === 0 ? (
        <circle class={state === "unknown" ? "ring-unknown" : `ring-plain ring-plain-${state}`} cx={middle} cy={middle} r={r} fill="none" />
      ) : (
        shares.map(({ share, part }) => {
          const length = part * around;
          const from = turned;
          turned += length;
          return (
            <circle
              key={share}
              class={`ring-${share}`}
              cx={middle}
              cy={middle}
              r={r}
              fill="none"
              stroke-width={share === "unsaid" ? 2 : width}
              stroke-dasharray={`${shares.length > 1 ? Math.max(0.5, length - GAP) : length} ${around}`}
              stroke-dashoffset={-from}
              transform={`rotate(-90 ${middle} ${middle})`}
            />
          );
        })
      )}
      {state === "full" && (
        <rect class="ring-full" x={middle - inner * 0.74} y={middle - inner * 0.74} width={inner * 1.48} height={inner * 1.48} rx="2" />
      )}
      {state === "nearly" && <path class="ring-nearly" d={`M${middle - inner} ${middle}a${inner} ${inner} 0 0 0 ${2 * inner} 0z`} />}
      <text class={`ring-text ring-text-${state}`} x={middle} y={middle} font-size={Math.max(11, Math.min(17, size * 0.34))}>
        {count(total?.available, t.value)}
      </text>
      {isStale(total) && (
        <g class="ring-clock" transform={`translate(${size - 7} 7)`}>
          <circle r="6.2" />
          <path d="M0 -3.2V0L2.2 1.6" />
        </g>
      )}
      {surge && <path class="ring-surge" d={`M${size - 12} ${size - 1}h11l-5.5 -9.5z`} />}
    </svg>
  );
}
