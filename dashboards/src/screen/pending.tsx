/** "3 changements": what a list that is kept still would show, and the button that shows it. */
import { t } from "../words";

export function Pending({ waiting, apply }: { waiting: number; apply(): void }) {
  const words = t.value;
  // Always there, so that its coming moves nothing.
  return (
    <button type="button" class="pending" hidden={waiting === 0} title={words.heldStill} onClick={apply}>
      {words.pending(waiting)} · {words.apply}
    </button>
  );
}
