/** Who shares the follow-up, what is on file, and how the follow-up goes on or ends. */
import { useSignal, type Signal } from "@preact/signals";
import { LogOut as Leave, Pencil, Smartphone, UserPlus } from "lucide-preact";
import { go } from "../../route";
import { longDate } from "../../format";
import { region } from "../../state";
import { say, t } from "../../words";
import { asked, dateOf, draftOf, wrongThresholds, type Draft } from "../file";
import { doors } from "../http";
import { namesShown } from "../privacy";
import { mistakesOf } from "../problems";
import { brokeGlass, OVER } from "../rows";
import { itemsOf, ruleText, thresholdsOf, valueText } from "../rules";
import { act, busy, came, doing, me } from "../state";
import type { MemberRole, PatientPage, Row } from "../wire";
import { ruleWords, tp } from "../words";
import { ClinicalFields, IdentityFields, ReachFields, ThresholdFields, ZoneField, zoneText } from "./fields";
import { Choice, Field, Name, Outcome, Person, Shell, ShowNames, timeText, who } from "./parts";

/** Returns whether the reader may do all in a file that its circle does: whoever broke the glass reads and writes to them. */
export const isFull = (row: Row): boolean => row.circle.some((member) => member.subject === me.value && !brokeGlass(member));

/** Who shares the follow-up: by the row, and by that which the page was read with where it was. */
export function Circle({ row, read = row }: { row: Row; read?: Row }) {
  const words = tp.value;
  const isOpen = useSignal(false);
  const subject = useSignal("");
  const role = useSignal<MemberRole>("nurse");
  const stays = read.circle.some((member) => member.subject === me.value && !member.until);
  // Where nobody is left, whoever is on call for the night brings somebody in.
  const isEmpty = !read.circle.some(({ until, lapsed }) => !until && !lapsed);
  const mayAct = (stays || (isEmpty && isFull(read))) && !OVER.includes(row.status);
  const send = async () => {
    if (await act({ act: "join", subject: subject.value.trim(), role: role.value })) isOpen.value = false;
  };
  const leave = async (whom: string) => {
    if ((await act({ act: "leave", subject: whom })) && whom === me.value) go("/patients");
  };
  return (
    <section class="panel" aria-label={words.circle}>
      <h2>{words.circle}</h2>
      <ul class="circle">
        {row.circle.map((member) => (
          <li key={member.subject} data-member={member.subject}>
            <span>
              <b>{who(member.subject)}</b> <span class="soft">{words.roles[member.role]}</span>{" "}
              {member.until && <span class="bit">{brokeGlass(member) ? words.brokeGlass(timeText(member.until)) : words.until(timeText(member.until))}</span>}
              {member.lapsed && <span class="bit">{words.hasLapsed}</span>}
            </span>
            {mayAct && stays && !member.until && row.circle.length > 1 && (
              <button type="button" class="quiet" disabled={busy.value !== null} onClick={() => void leave(member.subject)}>
                <Leave size={16} aria-hidden="true" /> {member.subject === me.value ? words.leaveMe : words.leave}
              </button>
            )}
          </li>
        ))}
      </ul>
      <Outcome of={["join", "leave"]} />
      {mayAct &&
        (isOpen.value ? (
          <Shell act="join" onSend={() => void send()} onClose={() => (isOpen.value = false)} ready={subject.value.trim() !== ""}>
            <Person label={words.person} value={subject.value} onChange={(value) => (subject.value = value)} without={row.circle.map((member) => member.subject)} />
            <Choice label={words.role} value={role.value} onChange={(value) => (role.value = value as MemberRole)} options={Object.entries(words.roles).filter(([name]) => name !== "on_call")} />
          </Shell>
        ) : (
          <button type="button" class="act" onClick={() => (isOpen.value = true)}>
            <UserPlus size={18} aria-hidden="true" />
            {words.addMember}
          </button>
        ))}
    </section>
  );
}

export function FilePanel({ page }: { page: PatientPage }) {
  const words = tp.value;
  // What is being changed is kept while names are out of sight; only its fields go.
  const draft = useSignal<Draft | null>(null);
  const reason = useSignal("");
  const zone = useSignal("");
  const { file, pathway } = page;
  const rules = ruleWords.value;
  const names = [file.birth_name, ...file.first_names].join(" ");
  const line = (label: string, value: string | undefined | null) => (value ? ([label, value] as const) : null);
  const hidden = !namesShown.value;
  const known = [
    line(words.usedName, hidden ? "" : file.used_name),
    line(words.birthDate, hidden ? "" : longDate(file.birth_date, t.value)),
    line(words.sex, words.sexes[file.sex]),
    line(words.phone, hidden ? "" : file.contact?.phone),
    line(words.email, hidden ? "" : file.contact?.email),
    ...(hidden ? [] : (file.caregivers ?? []).map(({ name, relation, contact }) => line(words.caregiver, [name, relation, contact?.phone].filter(Boolean).join(" · ")))),
    line(words.symptoms, file.symptoms_day == null ? "" : longDate(dateOf(file.symptoms_day), t.value)),
    line(words.pregnant, file.pregnant ? words.rule.yes : ""),
    line(words.scale, file.scale === 2 ? `${words.scaleOf(2)} · ${words.scalePrescribed} ${file.scale_2_prescribed_by ? who(file.scale_2_prescribed_by) : words.rule.unknown}` : ""),
    line(words.careNow, file.care ? words.cares[file.care] : ""),
    line(words.ins, file.ins && !hidden ? [file.ins.status, file.ins.matricule].filter(Boolean).join(" · ") : ""),
    ...([[words.consent, file.consent], [words.consentBefore, file.consent_before]] as const).flatMap(([label, consent]) => [
      line(label, consent ? words.consentSays(consent.text_version, timeText(consent.given_at), who(consent.recorded_by)) : ""),
      line(words.representative, consent?.representative && !hidden ? words.consentRepresentative(consent.representative, consent.capacity ?? "") : ""),
    ]),
    line(words.zone, page.zone ? zoneText(page.zone) : ""),
    ...Object.entries(file.residence ?? {}).map(([name, value]) => line(words.residenceOf[name] ?? name, value)),
  ].filter((one) => one !== null);
  const items = new Map(itemsOf(pathway).map((item) => [item.link, item]));
  const own = thresholdsOf(pathway).filter(({ id }) => file.thresholds?.[id]);
  return (
    <section class="panel" aria-label={words.file}>
      <h2>{words.file}</h2>
      <dl class="facts-list">
        <div>
          <dt>{words.birthName}</dt>
          <dd>
            <Name name={names} />
          </dd>
        </div>
        {known.map(([label, value], i) => (
          <div key={`${label}${i}`}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div>
          <dt>{words.pathway}</dt>
          <dd>{words.pathwayOf(say(pathway.title), pathway.version)}</dd>
        </div>
        {own.map((threshold) => {
          const held = file.thresholds![threshold.id]!;
          const item = items.get(threshold.item);
          return (
            <div key={threshold.id}>
              <dt>{ruleText(threshold.id, pathway, rules)}</dt>
              <dd>
                {words.thresholdOwn(rules.tests[threshold.test](valueText(held.value, item, rules)), who(held.set_by ?? ""), held.reason)}{" "}
                <span class="soft">({words.thresholdDefault(valueText(threshold.value, item, rules))})</span>
              </dd>
            </div>
          );
        })}
      </dl>
      <Outcome of={["file", "lost"]} />
      {isFull(page.row) && !OVER.includes(page.row.status) && <LostPhone page={page} />}
      {isFull(page.row) && hidden && draft.value && (
        <div class="row-form">
          <p>{words.fileWaits}</p>
          <ShowNames />
        </div>
      )}
      {isFull(page.row) &&
        !hidden &&
        (draft.value ? (
          <FileForm page={page} draft={draft as Signal<Draft>} reason={reason} zone={zone} close={() => (draft.value = null)} />
        ) : (
          <button
            type="button"
            class="act"
            onClick={() => {
              draft.value = draftOf(page.file);
              reason.value = zone.value = "";
            }}
          >
            <Pencil size={18} aria-hidden="true" />
            {words.editFile}
          </button>
        ))}
    </section>
  );
}

/** Where a telephone is lost, what it was sent must open nothing any more. */
function LostPhone({ page }: { page: PatientPage }) {
  const words = tp.value;
  const isOpen = useSignal(false);
  const send = async () => {
    if (await doing("lost", () => doors.revokeLinks(region.peek(), page.row.id))) isOpen.value = false;
  };
  return isOpen.value ? (
    <Shell act="lost" onSend={() => void send()} onClose={() => (isOpen.value = false)} ready label={words.revokeLinks} danger>
      <p class="sum">{words.lostPhoneWhy}</p>
    </Shell>
  ) : (
    <button type="button" class="act" onClick={() => (isOpen.value = true)}>
      <Smartphone size={18} aria-hidden="true" />
      {words.lostPhone}
    </button>
  );
}

function FileForm({ page, draft, reason, zone, close }: { page: PatientPage; draft: Signal<Draft>; reason: Signal<string>; zone: Signal<string>; close(): void }) {
  const words = tp.value;
  const refused = came.value?.act === "file" ? came.value.refusal : null;
  const wrong = refused ? mistakesOf(refused.body, words) : {};
  const ready = reason.value.trim() !== "" && Object.keys(wrongThresholds(draft.value, page.pathway)).length === 0;
  const told = () => ({ file: asked(draft.value, page.file), reason: reason.value.trim(), ...(zone.value ? { zone: zone.value } : {}) });
  const send = async () => {
    const done = await doing("file", () => doors.changeFile(region.peek(), page.row.id, told()));
    if (done) close();
  };
  const common = { draft, pathway: page.pathway, wrong };
  return (
    <Shell act="file" onSend={() => void send()} onClose={close} ready={ready} label={words.save}>
      <IdentityFields {...common} />
      <ReachFields {...common} />
      {page.zone && <ZoneField value={zone.value} region={page.zone} onChange={(value) => (zone.value = value === page.zone ? "" : value)} error={wrong.zone} />}
      <ClinicalFields {...common} />
      <ThresholdFields {...common} />
      <Field label={words.reason} long required value={reason.value} onInput={(value) => (reason.value = value)} max={4000} error={wrong.reason} />
    </Shell>
  );
}

type Move = "pause" | "stop" | "end";

export function Moves({ page, row }: { page: PatientPage; row: Row }) {
  const words = tp.value;
  const open = useSignal<Move | null>(null);
  const reason = useSignal("");
  if (!isFull(page.row) || OVER.includes(row.status)) return null;
  const send = async () => {
    if (await act({ act: open.peek()!, reason: reason.value.trim() })) {
      open.value = null;
      reason.value = "";
    }
  };
  const offered: Move[] = row.status === "paused" ? ["stop", "end"] : ["pause", "stop", "end"];
  return (
    <section class="panel" aria-label={words.moves}>
      <h2>{words.moves}</h2>
      <div class="moves">
        {row.status === "paused" && (
          <button type="button" class="act" data-act="resume" disabled={busy.value !== null} onClick={() => void act({ act: "resume" })}>
            {words.resume}
          </button>
        )}
        {offered.map((move) => (
          <button key={move} type="button" class="act" data-act={move} aria-expanded={open.value === move} onClick={() => (open.value = open.value === move ? null : move)}>
            {words[move]}
          </button>
        ))}
      </div>
      <Outcome of={["pause", "resume", "stop", "end"]} />
      {open.value && (
        <Shell key={open.value} act={open.value} onSend={() => void send()} onClose={() => (open.value = null)} ready={reason.value.trim() !== ""} label={words[open.value]} danger={open.value !== "pause"}>
          <p class="sum">{words.moveWhy[open.value]}</p>
          <Field label={words.reason} long required value={reason.value} onInput={(value) => (reason.value = value)} max={4000} />
        </Shell>
      )}
    </section>
  );
}
