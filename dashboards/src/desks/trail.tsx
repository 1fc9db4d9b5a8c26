/** The access trail, by person or file: who opened what, when and by which right; never what it held. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { moment } from "../format";
import { Problem } from "../http";
import { go, query } from "../route";
import { facilityOf, region, session, zone } from "../state";
import { t } from "../words";
import { doors } from "./http";
import type { TrailLine } from "./wire";
import { td } from "./words";

/** Returns a right as people call it: the role, and where it holds. */
function byRight(grant: string, roles: Record<string, string>): string {
  const [role, scope] = grant.split("@");
  const finess = /^et[:/](.+)$/.exec(scope ?? "")?.[1];
  return [roles[role!] ?? role, finess === undefined ? scope : (facilityOf.value.get(finess)?.name ?? finess)].filter(Boolean).join(" · ");
}

export function Trail() {
  const words = td.value.trail;
  const entries = useSignal<TrailLine[] | null>(null);
  const next = useSignal<number | null>(null);
  const failed = useSignal<string | null>(null);
  const asked = new URLSearchParams(query.value.text);
  const file = asked.get("file") ?? "";
  const person = asked.get("person") ?? "";
  const load = async (before?: number) => {
    try {
      const told = await doors.trail(region.value, { file, person, ...(before === undefined ? {} : { before }) });
      entries.value = before === undefined ? told.entries : [...(entries.value ?? []), ...told.entries];
      next.value = told.next;
      failed.value = null;
    } catch (error) {
      failed.value =
        error instanceof Problem && error.status === 403
          ? td.value.notYours
          : td.value.failed(error instanceof Problem && error.status > 0 ? error.message : td.value.away);
    }
  };
  useEffect(() => void load(), [file, person]);
  const find = (of: { file?: string; person?: string }) => {
    const wanted = new URLSearchParams(Object.entries(of).filter(([, text]) => text !== ""));
    go(`/trail${wanted.size > 0 ? `?${wanted}` : ""}`);
  };
  const nameOf = ({ name, who }: TrailLine) => name ?? (who.startsWith("patient:") ? words.thePatient : who.startsWith("link:") ? words.byLink : who);
  const isOfficer = (session.value?.grants ?? []).some(({ role }) => role === "dpo");
  return (
    <div class="trail">
      <p class="soft">
        {words.why} {!isOfficer && words.ownOnly}
      </p>
      <form
        class="trail-find"
        key={`${file} ${person}`}
        onSubmit={(event) => {
          event.preventDefault();
          const told = new FormData(event.currentTarget);
          find({ file: String(told.get("file") ?? "").trim(), person: String(told.get("person") ?? "").trim() });
        }}
      >
        <label>
          {words.file}
          <input name="file" type="search" defaultValue={file} autocomplete="off" spellcheck={false} />
        </label>
        {isOfficer && (
          <label>
            {words.person}
            <input name="person" type="search" defaultValue={person} autocomplete="off" spellcheck={false} />
          </label>
        )}
        <button type="submit" class="primary">
          {words.find}
        </button>
        {(file || person) && (
          <button type="button" onClick={() => find({})}>
            {words.all}
          </button>
        )}
      </form>
      {failed.value && (
        <p class="desk-wrong" role="alert">
          {failed.value}
        </p>
      )}
      {!entries.value && !failed.value && <p role="status">{td.value.busy}</p>}
      {entries.value?.length === 0 && <p class="sum empty">{words.none}</p>}
      {entries.value && entries.value.length > 0 && (
        <div class="trail-scroll" tabIndex={0} role="region" aria-label={td.value.trail.name}>
          <table class="trail-table">
            <thead>
              <tr>
                {[words.at, words.who, words.act, words.ofFile, words.screen, words.grant].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {entries.value.map((line) => (
                <tr key={line.number} data-act={line.act}>
                  <td data-label={words.at}>
                    <time>{moment(line.at, Date.now(), zone.value, t.value)}</time>
                  </td>
                  <td data-label={words.who}>
                    <button type="button" class="trail-link" aria-label={words.ofThisPerson(nameOf(line))} onClick={() => find({ file, person: line.who })}>
                      {nameOf(line)}
                    </button>
                  </td>
                  <td data-label={words.act}>{words.acts[line.act] ?? line.act}</td>
                  <td data-label={words.ofFile}>
                    {line.file ? (
                      <button type="button" class="trail-link code" aria-label={words.ofThisFile(line.file)} title={line.file} onClick={() => find({ file: line.file, person })}>
                        {line.file.slice(0, 8)}…
                      </button>
                    ) : (
                      <span class="soft">{words.noFile}</span>
                    )}
                  </td>
                  <td data-label={words.screen}>{words.screens[line.screen] ?? line.screen}</td>
                  <td data-label={words.grant}>{byRight(line.grant, words.roles)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next.value !== null && (
        <button type="button" class="trail-older" onClick={() => void load(next.value!)}>
          {words.older}
        </button>
      )}
    </div>
  );
}
