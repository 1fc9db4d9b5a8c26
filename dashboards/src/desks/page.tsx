/** The desks beside the clinicians' pages: an establishment's sitting, the tracing agents' calls, the access trail. */
import { t } from "../words";

export function DeskPages() {
  return (
    <p class="gate" role="status">
      {t.value.arriving}
    </p>
  );
}
