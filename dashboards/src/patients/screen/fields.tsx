/** The fields of a patient's file, for enrolment and for changes alike. */
import type { Signal } from "@preact/signals";
import { wrongThresholds, type Draft } from "../file";
import { itemsOf, itemText, ruleText, thresholdsOf, valueText } from "../rules";
import type { Pathway } from "../wire";
import { ruleWords, tp } from "../words";
import { Choice, Field } from "./parts";

const INS_STATUS = ["provisoire", "récupérée", "validée", "qualifiée"];
const RESIDENCE = ["room", "level_of_care", "directives", "person_of_trust", "coordinating_physician", "geriatric_hotline"];

interface Fields {
  draft: Signal<Draft>;
  pathway: Pathway | null;
  wrong: Record<string, string>;
}

/** Returns what changes one field of a draft. */
const putter = (draft: Signal<Draft>) => (by: Partial<Draft>) => void (draft.value = { ...draft.value, ...by });

export function IdentityFields({ draft, wrong }: Fields) {
  const words = tp.value;
  const put = putter(draft);
  const one = draft.value;
  const first = Object.entries(wrong).find(([path]) => path.startsWith("file.first_names"))?.[1];
  return (
    <fieldset class="fields">
      <legend>{words.identity}</legend>
      <Field label={words.birthName} required value={one.birth_name} onInput={(birth_name) => put({ birth_name })} error={wrong["file.birth_name"]} />
      <Field label={words.firstNames} required value={one.first_names} onInput={(first_names) => put({ first_names })} error={first} />
      <Field label={words.usedName} value={one.used_name} onInput={(used_name) => put({ used_name })} error={wrong["file.used_name"]} />
      <Field label={words.birthDate} required type="date" value={one.birth_date} onInput={(birth_date) => put({ birth_date })} error={wrong["file.birth_date"]} />
      <Choice label={words.sex} value={one.sex} onChange={(sex) => put({ sex: sex as Draft["sex"] })} options={Object.entries(words.sexes)} error={wrong["file.sex"]} />
      <Choice label={words.language} value={one.language} onChange={(language) => put({ language })} options={Object.entries(words.languages)} />
      <details class="more-fields" open={Object.keys(wrong).some((path) => path.startsWith("file.ins") || path === "file.birth_place")}>
        <summary>{words.ins}</summary>
        <p class="sum">{words.insWhy}</p>
        <div class="fields">
          <Choice label={words.insStatus} value={one.ins_status} onChange={(ins_status) => put({ ins_status })} options={[["", words.insNone], ...INS_STATUS.map((status) => [status, status] as const)]} error={wrong["file.ins.status"]} />
          <Field label={words.matricule} value={one.matricule} onInput={(matricule) => put({ matricule })} max={24} error={wrong["file.ins.matricule"]} />
          <Field label={words.oid} value={one.oid} onInput={(oid) => put({ oid })} max={40} error={wrong["file.ins.oid"]} />
          <Field label={words.birthPlace} value={one.birth_place} onInput={(birth_place) => put({ birth_place })} max={5} error={wrong["file.birth_place"]} />
        </div>
      </details>
    </fieldset>
  );
}

export function ReachFields({ draft, wrong }: Fields) {
  const words = tp.value;
  const put = putter(draft);
  const one = draft.value;
  return (
    <fieldset class="fields">
      <legend>{words.reach}</legend>
      <Field label={words.phone} type="tel" inputMode="tel" value={one.phone} onInput={(phone) => put({ phone })} error={wrong["file.contact.phone"]} />
      <Field label={words.email} type="email" inputMode="email" value={one.email} onInput={(email) => put({ email })} error={wrong["file.contact.email"]} />
      <Field label={words.caregiver} value={one.caregiver} onInput={(caregiver) => put({ caregiver })} error={wrong["file.caregivers[0].name"]} />
      {one.caregiver.trim() !== "" && (
        <>
          <Field label={words.caregiverRelation} value={one.caregiver_relation} onInput={(caregiver_relation) => put({ caregiver_relation })} />
          <Field label={`${words.phone} (${words.caregiver.toLowerCase()})`} type="tel" inputMode="tel" value={one.caregiver_phone} onInput={(caregiver_phone) => put({ caregiver_phone })} error={wrong["file.caregivers[0].contact.phone"]} />
        </>
      )}
    </fieldset>
  );
}

/** The French ones first, the region's before all; the rest of the world after them. */
const FRENCH = ["Europe/Paris", "America/Guadeloupe", "America/Martinique", "America/Cayenne", "Indian/Reunion", "Indian/Mayotte", "America/Miquelon", "America/St_Barthelemy", "America/Marigot", "Pacific/Noumea", "Pacific/Tahiti", "Pacific/Marquesas", "Pacific/Gambier", "Pacific/Wallis"];

/** By which clocks somebody is asked; empty is the region's. */
export function ZoneField({ value, region, onChange, error }: { value: string; region: string; onChange(zone: string): void; error?: string }) {
  const words = tp.value;
  const first = [...new Set([region, ...FRENCH, value].filter(Boolean))];
  const others = Intl.supportedValuesOf("timeZone").filter((zone) => !first.includes(zone));
  const named = [...first, ...others].map((zone) => [zone, zoneText(zone)] as const);
  return <Choice label={words.zone} value={value || region} onChange={onChange} options={named} error={error} />;
}

/** Returns what a time zone is called: as people of there say, where it is French. */
export const zoneText = (zone: string): string => (tp.value.zones[zone] ? `${tp.value.zones[zone]} (${zone})` : zone);

export function ClinicalFields({ draft, pathway, wrong }: Fields) {
  const words = tp.value;
  const put = putter(draft);
  const one = draft.value;
  const cares = Object.entries(words.cares);
  return (
    <fieldset class="fields">
      <legend>{words.clinical}</legend>
      <Field label={words.symptoms} type="date" value={one.symptoms_date} onInput={(symptoms_date) => put({ symptoms_date })} error={wrong["file.symptoms_date"]} />
      <Choice label={words.careNow} value={one.care} onChange={(care) => put({ care })} options={[["", words.careNone], ...cares]} />
      <label class="choice">
        <input type="checkbox" checked={one.pregnant} onChange={(event) => put({ pregnant: (event.currentTarget as HTMLInputElement).checked })} />
        {words.pregnant}
      </label>
      <Choice label={words.scale} value={one.scale} onChange={(scale) => put({ scale: scale as "1" | "2" })} options={[["1", words.scaleOf(1)], ["2", words.scaleOf(2)]]} error={wrong["file.scale"]} />
      {pathway?.answered_by === "staff" && (
        <details class="more-fields" open={Object.values(one.residence).some(Boolean)}>
          <summary>{words.residence}</summary>
          <div class="fields">
            {RESIDENCE.map((name) => (
              <Field key={name} label={words.residenceOf[name]!} value={one.residence[name] ?? ""} onInput={(value) => put({ residence: { ...draft.value.residence, [name]: value } })} max={4000} error={wrong[`file.residence.${name}`]} />
            ))}
          </div>
        </details>
      )}
    </fieldset>
  );
}

/** Own thresholds: only those with a floor, and never looser than it. */
export function ThresholdFields({ draft, pathway, wrong }: Fields) {
  const words = tp.value;
  const rules = ruleWords.value;
  if (pathway === null) return null;
  const items = new Map(itemsOf(pathway).map((item) => [item.link, item]));
  const offered = thresholdsOf(pathway).filter(({ floor }) => floor !== null);
  if (offered.length === 0) return null;
  const bad = wrongThresholds(draft.value, pathway);
  const put = (id: string, by: Partial<{ value: string; reason: string }>) => {
    const before = draft.value.thresholds[id] ?? { value: "", reason: "" };
    draft.value = { ...draft.value, thresholds: { ...draft.value.thresholds, [id]: { ...before, ...by } } };
  };
  return (
    <details class="more-fields" open={Object.keys(draft.value.thresholds).length > 0}>
      <summary>{words.thresholds}</summary>
      <p class="sum">{words.thresholdsWhy}</p>
      {offered.map((threshold) => {
        const item = items.get(threshold.item);
        const name = `${item ? itemText(item, pathway, rules) : threshold.item} · ${ruleText(threshold.id, pathway, rules)}`;
        const own = draft.value.thresholds[threshold.id] ?? { value: "", reason: "" };
        const floor = valueText(threshold.floor, item, rules);
        const why = bad[threshold.id];
        const server = wrong[`file.thresholds.${threshold.id}`] ?? wrong[`file.thresholds.${threshold.id}.value`];
        return (
          <div key={threshold.id} class="fields threshold">
            <Field
              label={words.thresholdField(name)}
              inputMode="decimal"
              value={own.value}
              onInput={(value) => put(threshold.id, { value })}
              hint={`${words.thresholdDefault(rules.tests[threshold.test](valueText(threshold.value, item, rules)))} · ${words.thresholdFloor(floor)}`}
              error={why === "loose" ? words.tooLoose(floor) : why === "number" ? words.needed : server}
            />
            {own.value.trim() !== "" && (
              <Field
                label={words.thresholdReason(name)}
                value={own.reason}
                onInput={(reason) => put(threshold.id, { reason })}
                error={why === "reason" ? words.needed : wrong[`file.thresholds.${threshold.id}.reason`]}
              />
            )}
          </div>
        );
      })}
    </details>
  );
}
