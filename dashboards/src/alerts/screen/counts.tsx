/** How many patients are followed at home, as they are published: of an hour, and of no fewer than eleven. */
import { Users } from "lucide-preact";
import { count, timeOfDay } from "../../format";
import { departementName, directory, zone } from "../../state";
import { t } from "../../words";
import { COLOURS, newest, rowsOf, whole } from "../counts";
import { hasCell, map } from "../state";
import type { Span } from "../wire";
import { ta } from "../words";

export function Patients() {
  const words = ta.value;
  const counts = newest(map("counts").values());
  if (!hasCell.value || counts === null) return null;
  const known = (directory.value?.departements ?? []).map(({ code }) => code);
  return (
    <section class="followed" aria-labelledby="followed-title">
      <h2 id="followed-title">
        <Users size={16} aria-hidden="true" /> {words.followed}
      </h2>
      <p class="sum">{words.followedAt(timeOfDay(counts.at, zone.value, t.value))}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">{words.departement}</span>
            </th>
            {COLOURS.map((colour) => (
              <th key={colour} scope="col" data-colour={colour}>
                <abbr title={words.colours[colour]}>{words.coloursShort[colour]}</abbr>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rowsOf(counts, known).map(({ code, cells }) => (
            <tr key={code}>
              <th scope="row">
                <abbr title={departementName(code)} aria-hidden="true">
                  {code}
                </abbr>
                <span class="hidden">{departementName(code)}</span>
              </th>
              {cells.map((cell, i) => (
                <td key={COLOURS[i]} class={cell === null ? "few" : ""}>
                  {cell === null ? <Few /> : count(cell, t.value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{words.wholeRegion}</th>
            {COLOURS.map((colour) => (
              <td key={colour}>
                <Between span={whole(counts, colour)} />
              </td>
            ))}
          </tr>
        </tfoot>
      </table>
      <p class="sum">{words.followedWhy}</p>
    </section>
  );
}

function Few() {
  return (
    <>
      <span aria-hidden="true">{ta.value.few}</span>
      <span class="hidden">{ta.value.fewSpoken}</span>
    </>
  );
}

function Between({ span }: { span: Span | null }) {
  if (span === null) return <Few />;
  const words = ta.value;
  return (
    <>
      <span class="between" aria-hidden="true">
        <span>{count(span.least, t.value)}</span> <span>{words.between(count(span.most, t.value))}</span>
      </span>
      <span class="hidden">{words.betweenSpoken(count(span.least, t.value), count(span.most, t.value))}</span>
    </>
  );
}
