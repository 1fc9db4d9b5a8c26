/** The page on which a patient answers; whoever has the link needs no signing in. */
import { t } from "../words";

export function AnswerPage() {
  return (
    <p class="gate" role="status">
      {t.value.arriving}
    </p>
  );
}
