/** Enrolment: by a clinician who shares the follow-up, or by support for a named professional, who reads nothing back. */
import { useSignal, type Signal } from "@preact/signals";
import { Plus, X } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { Problem } from "../../http";
import { onLink } from "../../route";
import { directory, region } from "../../state";
import { say } from "../../words";
import { asked, EMPTY, wrongThresholds, type Draft } from "../file";
import { doors, type Enrolled } from "../http";
import { mistakesOf } from "../problems";
import { busy, doing, me, rights, troubleOf } from "../state";
import type { MemberRole, Pathway } from "../wire";
import { tp } from "../words";
import { ClinicalFields, IdentityFields, ReachFields, ThresholdFields, ZoneField } from "./fields";
import { Choice, Field, NobodyRung, Outcome, Person, refusalText, SimilarFiles } from "./parts";

interface Member {
  subject: string;
  role: MemberRole;
}

export function Enrol() {
  const words = tp.value;
  const round = useSignal(0);
  if (!rights.value.has("enrol") && !rights.value.has("open")) return <p class="sum empty">{words.denied}</p>;
  return <Form key={round.value} again={() => (round.value += 1)} />;
}

function Form({ again }: { again(): void }) {
  const words = tp.value;
  const isSupport = !rights.value.has("enrol");
  const pathways = useSignal<Pathway[] | null>(null);
  const trouble = useSignal<string | null>(null);
  const chosen = useSignal("");
  const draft = useSignal<Draft>(EMPTY);
  const professional = useSignal("");
  const channels = useSignal<readonly string[]>(["sms"]);
  const departement = useSignal("");
  const facility = useSignal("");
  const startsOn = useSignal("");
  const ownZone = useSignal("Europe/Paris");
  const zone = useSignal("");
  const consent = useSignal({ text_version: "", by: "patient", representative: "", capacity: "", given: false });
  const circle = useSignal<Member[]>([]);
  const isBusy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const done = useSignal<Enrolled | null>(null);
  /** What was sent last, and under which key. */
  const sent = useRef<{ text: string; key: string } | null>(null);
  const code = region.value;
  useEffect(() => {
    let current = true;
    const ask = () =>
      doors.pathways(code).then(
        (told) => {
          if (!current) return;
          pathways.value = told.pathways.filter(({ id }) => told.begins.includes(id));
          ownZone.value = told.zone ?? ownZone.peek();
          trouble.value = null;
        },
        (error: unknown) => {
          if (!current) return;
          trouble.value = troubleOf(error) === "denied" ? words.denied : words.failed;
          if (troubleOf(error) !== "denied") setTimeout(() => current && void ask(), 3_000);
        },
      );
    void ask();
    return () => {
      current = false;
    };
  }, [code]);
  if (done.value !== null) return <Done done={done.value} isSupport={isSupport} again={again} />;
  const pathway = pathways.value?.find((one) => `${one.id}/${one.version}` === chosen.value) ?? null;
  const wrong = problem.value ? mistakesOf(problem.value.body, words) : {};
  const one = draft.value;
  const said = consent.value;
  // Where a pathway begins with a call, the consent is what they say to the caller, and not before.
  const isAsked = pathway?.first_call == null;
  const isRepresented = said.by === "representative";
  const needed: [boolean, string][] = [
    [pathway === null, words.pathway],
    [isSupport && professional.value.trim() === "", words.enrolFor],
    [one.birth_name.trim() === "", words.birthName],
    [one.first_names.trim() === "", words.firstNames],
    [one.birth_date === "", words.birthDate],
    [pathway !== null && Object.keys(wrongThresholds(one, pathway)).length > 0, words.thresholds],
    [isAsked && said.text_version.trim() === "", words.consentVersion],
    [isAsked && isRepresented && said.representative.trim() === "", words.representative],
    [isAsked && isRepresented && said.capacity.trim() === "", words.capacity],
    [isAsked && !said.given, words.consentTitle],
  ];
  const missing = needed.flatMap(([isMissing, name]) => (isMissing ? [name] : []));
  const ready = missing.length === 0;
  const send = async () => {
    const body = {
      pathway: chosen.value,
      file: {
        ...asked(one),
        ...(isAsked
          ? {
              consent: {
                text_version: said.text_version.trim(),
                by: said.by,
                ...(said.by === "representative" ? { representative: said.representative.trim(), capacity: said.capacity.trim() } : {}),
              },
            }
          : {}),
      },
      circle: circle.value.filter(({ subject }) => subject.trim() !== ""),
      channels: pathway?.answered_by === "staff" ? [] : channels.value,
      ...(departement.value ? { departement: departement.value } : {}),
      ...(facility.value.trim() ? { facility: facility.value.trim() } : {}),
      ...(zone.value ? { zone: zone.value } : {}),
      ...(startsOn.value ? { starts_on: startsOn.value } : {}),
      ...(isSupport ? { for: professional.value.trim() } : {}),
    };
    const text = JSON.stringify(body);
    if (sent.current?.text !== text) sent.current = { text, key: crypto.randomUUID() };
    isBusy.value = true;
    problem.value = null;
    try {
      done.value = await doors.enrol(code, body, sent.current!.key);
    } catch (error) {
      problem.value = error instanceof Problem ? error : new Problem(0);
    }
    isBusy.value = false;
    if (problem.peek()) setTimeout(() => document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
  };
  const common = { draft, pathway, wrong };
  const say2 = (by: Partial<typeof said>) => void (consent.value = { ...consent.value, ...by });
  const mistakes = Array.isArray(problem.value?.body.errors) ? problem.value.body.errors.length : 0;
  return (
    <form
      class="enrol narrow-page"
      autocomplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready && !isBusy.value) void send();
      }}
    >
      {trouble.value && (
        <p class="said said-refused" role="alert">
          {trouble.value}
        </p>
      )}
      <section class="panel">
        <fieldset class="fields">
          <legend>{words.pathway}</legend>
          <p class="sum">{words.neededMark}</p>
          <Choice
            label={words.pathway}
            required
            value={chosen.value}
            onChange={(value) => (chosen.value = value)}
            options={[["", words.choosePathway], ...(pathways.value ?? []).map((each) => [`${each.id}/${each.version}`, say(each.title)] as const)]}
            error={wrong.pathway}
          />
          <Field label={words.startsOn} type="date" hint={words.today} value={startsOn.value} onInput={(value) => (startsOn.value = value)} error={wrong.starts_on} />
          {isSupport && <Person label={words.enrolFor} required value={professional.value} onChange={(value) => (professional.value = value)} error={wrong.for} hint={words.enrolForWhy} />}
        </fieldset>
      </section>
      <section class="panel">
        <IdentityFields {...common} />
      </section>
      <section class="panel">
        <ReachFields {...common} />
        {pathway?.answered_by !== "staff" && (
          <fieldset class="choices">
            <legend>{words.channelsLabel}</legend>
            {(["sms", "smtp"] as const).map((channel) => (
              <label key={channel} class="choice">
                <input
                  type="checkbox"
                  checked={channels.value.includes(channel)}
                  onChange={() => (channels.value = channels.value.includes(channel) ? channels.value.filter((each) => each !== channel) : [...channels.value, channel])}
                />
                {words.channels[channel]}
              </label>
            ))}
            {Object.entries(wrong).map(([path, message]) => path.startsWith("channels") && <small key={path} class="wrong">{message}</small>)}
          </fieldset>
        )}
        <div class="fields">
          <Choice
            label={words.departement}
            value={departement.value}
            onChange={(value) => (departement.value = value)}
            options={[["", "–"], ...(directory.value?.departements ?? []).map((each) => [each.code, `${each.code} ${each.name}`] as const)]}
            error={wrong.departement}
          />
          <ZoneField value={zone.value} region={ownZone.value} onChange={(value) => (zone.value = value === ownZone.peek() ? "" : value)} error={wrong.zone} />
          {pathway?.answered_by === "staff" && <Field label={words.facility} value={facility.value} onInput={(value) => (facility.value = value)} max={9} error={wrong.facility} />}
        </div>
      </section>
      <section class="panel">
        <ClinicalFields {...common} />
        <ThresholdFields {...common} />
      </section>
      {isAsked ? (
        <section class="panel">
          <fieldset class="fields">
            <legend>{words.consentTitle}</legend>
            <Field label={words.consentVersion} required value={said.text_version} onInput={(text_version) => say2({ text_version })} error={wrong["file.consent.text_version"] ?? wrong["file.consent"]} max={100} />
            <Choice label={words.consentBy} value={said.by} onChange={(by) => say2({ by })} options={Object.entries(words.consentByOf)} />
            {said.by === "representative" && (
              <>
                <Field label={words.representative} required value={said.representative} onInput={(representative) => say2({ representative })} error={wrong["file.consent.representative"]} />
                <Field label={words.capacity} required value={said.capacity} onInput={(capacity) => say2({ capacity })} error={wrong["file.consent.capacity"]} />
              </>
            )}
            <label class="choice is-needed">
              <input type="checkbox" required checked={said.given} onChange={(event) => say2({ given: (event.currentTarget as HTMLInputElement).checked })} />
              {words.consentGiven}
            </label>
          </fieldset>
        </section>
      ) : (
        <p class="sum">{words.consentByCall}</p>
      )}
      <section class="panel">
        <fieldset class="fields">
          <legend>{words.circle}</legend>
          <p class="sum">{words.circleWhy}</p>
          {circle.value.map((member, i) => {
            const put = (by: Partial<Member>) => void (circle.value = circle.value.map((each, j) => (j === i ? { ...each, ...by } : each)));
            return (
              <div key={i} class="member-fields">
                <Person label={words.person} value={member.subject} onChange={(subject) => put({ subject })} without={[me.value]} error={wrong[`circle[${i}].subject`]} />
                <Choice label={words.role} value={member.role} onChange={(role) => put({ role: role as MemberRole })} options={Object.entries(words.roles).filter(([name]) => name !== "on_call")} error={wrong[`circle[${i}].role`]} />
                <button type="button" class="icon" aria-label={words.leave} onClick={() => (circle.value = circle.value.filter((_, j) => j !== i))}>
                  <X size={18} />
                </button>
              </div>
            );
          })}
          {wrong.circle && <small class="wrong">{wrong.circle}</small>}
          <button type="button" class="act" onClick={() => (circle.value = [...circle.value, { subject: "", role: "nurse" }])}>
            <Plus size={18} aria-hidden="true" />
            {words.addMember}
          </button>
        </fieldset>
      </section>
      {problem.value && (
        <p class="said said-refused" role="alert">
          {mistakes > 0 ? words.wrongFields(mistakes) : refusalText(problem.value)}
        </p>
      )}
      <div class="enrol-send">
        {!ready && (
          <p id="enrol-missing" class="enrol-missing">
            {words.missing(missing.join(", "))}
          </p>
        )}
        <button type="submit" class="act main" disabled={!ready || isBusy.value} aria-busy={isBusy.value} aria-describedby={ready ? undefined : "enrol-missing"}>
          {isBusy.value ? words.busy : words.submit}
        </button>
      </div>
    </form>
  );
}

/** Where it is the same person after all, what was just opened is stopped at once, before anybody is asked anything. */
function SamePerson({ id, stopped }: { id: string; stopped: Signal<boolean> }) {
  const words = tp.value;
  const stop = async () => {
    stopped.value = await doing("stop", () => doors.act(region.peek(), id, { act: "stop", reason: words.samePersonReason }));
  };
  if (stopped.value) return <p class="said said-done">{words.samePersonDone}</p>;
  return (
    <>
      <p>
        <button type="button" class="act danger same-person" disabled={busy.value !== null} aria-busy={busy.value === "stop"} onClick={() => void stop()}>
          {busy.value === "stop" ? words.busy : words.samePerson}
        </button>
      </p>
      <Outcome of={["stop"]} />
    </>
  );
}

/** Support reads nothing back: neither the file, nor whether another looks like it. */
function Done({ done, isSupport, again }: { done: Enrolled; isSupport: boolean; again(): void }) {
  const words = tp.value;
  const stopped = useSignal(false);
  return (
    <div class="narrow-page">
      <section class="panel" role="status">
        <h2>{isSupport ? words.doneSupport : words.done}</h2>
        {!isSupport && (
          <>
            {done.similar ? <SimilarFiles similar={done.similar} /> : <p>{words.similarLater}</p>}
            {done.similar && (done.similar.patients.length > 0 || done.similar.elsewhere) && <SamePerson id={done.id} stopped={stopped} />}
            {done.links?.answer && !stopped.value && (
              <p>
                {words.answerLink}
                {words.colon}
                <code class="answer-link">{done.links.answer}</code>
              </p>
            )}
            {done.rings === false && <NobodyRung />}
            <p>
              <a class="act main" href={`/patients/${encodeURIComponent(done.id)}`} onClick={onLink}>
                {words.openPatient}
              </a>
            </p>
          </>
        )}
        <p>
          <button type="button" class="act" onClick={again}>
            {words.another}
          </button>
        </p>
      </section>
    </div>
  );
}
