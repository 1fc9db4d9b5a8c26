/** The clinicians' pages in their common frame. */
import { t } from "../../words";

export function PatientPages() {
  return (
    <p class="gate" role="status">
      {t.value.arriving}
    </p>
  );
}
