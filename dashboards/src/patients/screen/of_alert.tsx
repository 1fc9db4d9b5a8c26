/** Of whom an alert is, beside it: in clear what the row says, and what the board has opened of them where it has. */
import { useEffect } from "preact/hooks";
import { region } from "../../state";
import { say } from "../../words";
import "../patients.css";
import { isAhead, standing } from "../rows";
import { rows, startRows, titles } from "../state";
import { tp } from "../words";
import { Chip, Name, Reasons, timeText } from "./parts";

export function OfAlert({ id }: { id: string }) {
  const words = tp.value;
  useEffect(startRows, [region.value]);
  const one = rows.value.find(({ row }) => row.id === id);
  if (!one) return null;
  const { row, content } = one;
  const title = content?.title ?? titles.value.get(row.pathway);
  const slot = row.slots?.[row.alert?.slot ?? ""];
  const said = [
    content && (content.age === null ? words.ageUnknown : words.years(content.age)),
    title && say(title),
    row.alert && words.slotOf(Number.parseInt(row.alert.slot, 10), slot ? timeText(slot.due_at) : ""),
  ];
  return (
    <div class="of-alert" data-of={id}>
      <p>
        <Chip colour={standing(row)} />{" "}
        {content && (
          <strong>
            <Name name={content.name} />
          </strong>
        )}{" "}
        <span class="soft">{said.filter(Boolean).join(" · ")}</span>
      </p>
      {content && content.reasons.length > 0 && !isAhead(row, content.of) && (
        <p class="of-alert-why">
          <Reasons reasons={content.reasons} />
        </p>
      )}
    </div>
  );
}
