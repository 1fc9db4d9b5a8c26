/** All that happened to one patient, the latest first, but who read which message (the thread has it); what came since the reader's last visit is marked. */
import { lookedAt } from "../state";
import type { PatientPage, StoryLine } from "../wire";
import { tp } from "../words";
import { timeText, who } from "./parts";

const DRAWN = 80;

export function Story({ page }: { page: PatientPage }) {
  const words = tp.value;
  const lines = page.story.filter(({ what }) => what !== "read").sort((a, b) => b.at - a.at).slice(0, DRAWN);
  const since = lookedAt.value;
  return (
    <section class="panel" aria-label={words.story}>
      <h2>{words.story}</h2>
      <ol class="story">
        {lines.map((line, i) => (
          <li key={`${line.id}/${line.what}/${i}`} class={since !== null && line.at > since ? "is-new" : ""}>
            <time>{timeText(line.at)}</time>
            <span>
              <b>{words.what[line.what] ?? line.what}</b>
              {detailOf(line)}
              {line.by && <span class="soft"> · {who(line.by)}</span>}
              {line.to && <span class="soft"> → {who(line.to)}</span>}
              {since !== null && line.at > since && <span class="bit is-new"> {words.sinceYourVisit}</span>}
              {line.text && line.what !== "message" && <span class="story-text">{words.quoted(line.text)}</span>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function detailOf({ what, detail }: StoryLine): string {
  const words = tp.value;
  if (!detail || what === "memo_done") return ""; // a memo's own id says nothing to anybody
  const slot = /^(\d+)-(\d{2})(\d{2})$/.exec(detail);
  if (slot) return `${words.colon}${words.slotOf(Number(slot[1]), `${slot[2]}:${slot[3]}`)}`;
  const named: Record<string, string> = { ...words.outcomes, ...words.roles, ...words.details };
  return `${words.colon}${named[detail] ?? detail}`;
}
