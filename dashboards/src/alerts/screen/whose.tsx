/** Whom a patient's alert is of: the patients' own part says it, fetched when there is such an alert. */
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import type { Row } from "../rows";

const part = signal<ComponentType<{ id: string }> | null>(null);

export function Whose({ row }: { row: Row }) {
  useEffect(() => {
    // Without it the alert is told as before.
    if (part.peek() === null) void import("../../patients/screen/of_alert").then((module) => (part.value = module.OfAlert), () => undefined);
  }, []);
  const OfAlert = part.value;
  const id = /^patient\/(.+)$/.exec(row.alerts[0]!.alert.subject)?.[1];
  return OfAlert && id ? <OfAlert id={id} /> : null;
}
