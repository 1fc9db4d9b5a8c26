/** What is left over of earlier rounds of a sitting: never in the cells of this one; sent to its own, or read out. */
import { Phone } from "lucide-preact";
import { spokenValue } from "../answer/format";
import { walk, type Questionnaire } from "../answer/questionnaire";
import { moment, timeOfDay } from "../format";
import { Name } from "../patients/screen/parts";
import { zone } from "../state";
import { say, t } from "../words";
import { Call15 } from "./call15";
import { idOf, type KeptRow } from "./kept";
import { td } from "./words";

const TOO_LATE = ["slot-closed", "paused", "over"];

interface Acts {
  onSend(one: KeptRow): void;
  onDrop(one: KeptRow): void;
}

export function LeftOver({ rows, asked, ...acts }: Acts & { rows: KeptRow[]; asked: Record<string, Questionnaire> }) {
  const words = td.value.sitting.left;
  if (rows.length === 0) return null;
  return (
    <section class="sitting-left" aria-labelledby="sitting-left-title">
      <h2 id="sitting-left-title">{words.title(rows.filter(({ row }) => row.told?.status !== 201).length)}</h2>
      <ul>
        {rows.map((one) => (
          <Left key={idOf(one)} one={one} asked={asked[one.pathway]} {...acts} />
        ))}
      </ul>
    </section>
  );
}

function Left({ one, asked, onSend, onDrop }: Acts & { one: KeptRow; asked: Questionnaire | undefined }) {
  const words = td.value.sitting;
  const { row } = one;
  const told = row.told;
  const isReceived = told?.status === 201;
  const isLate = TOO_LATE.includes(told?.kind ?? "");
  let text: string = words.left.unsent;
  if (row.busy || told?.status === 202) text = words.taking;
  else if (isReceived) text = words.sent(timeOfDay(told.received_at ?? Date.now(), zone.value, t.value));
  else if (row.offline) text = words.offline;
  else if (isLate) text = words.left.tooLate;
  else if (told && told.status >= 400) text = words.refused[told.kind ?? ""] ?? words.refused.other!;
  return (
    <li data-late={isLate || undefined}>
      <p class="left-who">
        {one.room && <span class="room">{one.room}</span>} <Name name={one.name} />{" "}
        <strong>{words.left.round(row.dueAt === null ? (row.slot ?? "") : moment(row.dueAt, Date.now(), zone.value, t.value))}</strong>
      </p>
      {row.calls15 && <Call15>{words.call15}</Call15>}
      <p class="left-said">{saidIn(one, asked).join(" · ")}</p>
      <p class="left-standing" role={isLate ? "alert" : "status"}>
        {isLate && <Phone size={16} aria-hidden="true" />} {text}
      </p>
      <p class="left-acts">
        {!isReceived && !isLate && (
          <button type="button" disabled={row.busy} onClick={() => onSend(one)}>
            {words.left.send}
          </button>
        )}
        <button type="button" disabled={row.busy} onClick={() => onDrop(one)}>
          {isReceived ? words.left.done : words.left.drop}
        </button>
      </p>
    </li>
  );
}

/** Returns what stands in a row, in words: what can't be an answer too, as somebody measured it. */
function saidIn({ row }: KeptRow, asked: Questionnaire | undefined): string[] {
  const items = walk(asked?.items ?? []);
  const links = [...new Set([...items.map(({ link }) => link), ...Object.keys(row.answers)])];
  return links.flatMap((link) => {
    const item = items.find((one) => one.link === link);
    const value = row.answers[link];
    const text = value === undefined ? (row.texts[link] ?? "").trim() : spokenValue(item, value);
    return text === "" ? [] : [`${item ? say(item.text) : link} ${text}`];
  });
}
