/** A patient's file as a form has it: what is sent is what is held, without who set it and when. Pure. */
import type { PatientFile, Pathway } from "./wire";
import { thresholdsOf, tooLoose } from "./rules";

const DAY_MS = 86_400_000;

/** Returns an age in whole years on the day of an instant, null for a date that is none. */
export function ageOf(birthDate: string, at: number): number | null {
  const born = /^(\d{4})-(\d{2})-(\d{2})$/.exec(birthDate);
  if (!born) return null;
  const day = new Date(at);
  const years = day.getFullYear() - Number(born[1]);
  const before = day.getMonth() + 1 < Number(born[2]) || (day.getMonth() + 1 === Number(born[2]) && day.getDate() < Number(born[3]));
  return before ? years - 1 : years;
}

/** Returns a count of local days since 1970 as an ISO date, and back. */
export const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** What a form holds: all texts, as fields have them. */
export interface Draft {
  birth_name: string;
  used_name: string;
  first_names: string;
  birth_date: string;
  sex: "male" | "female" | "unknown";
  birth_place: string;
  language: string;
  phone: string;
  email: string;
  caregiver: string;
  caregiver_relation: string;
  caregiver_phone: string;
  symptoms_date: string;
  pregnant: boolean;
  scale: "1" | "2";
  care: string;
  ins_status: string;
  matricule: string;
  oid: string;
  residence: Record<string, string>;
  thresholds: Record<string, { value: string; reason: string }>;
}

export const EMPTY: Draft = {
  birth_name: "",
  used_name: "",
  first_names: "",
  birth_date: "",
  sex: "unknown",
  birth_place: "",
  language: "fr",
  phone: "",
  email: "",
  caregiver: "",
  caregiver_relation: "",
  caregiver_phone: "",
  symptoms_date: "",
  pregnant: false,
  scale: "1",
  care: "",
  ins_status: "",
  matricule: "",
  oid: "",
  residence: {},
  thresholds: {},
};

/** Returns a file as a form's draft. */
export function draftOf(file: PatientFile): Draft {
  const caregiver = file.caregivers?.[0];
  return {
    ...EMPTY,
    birth_name: file.birth_name,
    used_name: file.used_name ?? "",
    first_names: file.first_names.join(", "),
    birth_date: file.birth_date,
    sex: file.sex,
    birth_place: file.birth_place ?? "",
    language: file.language ?? "fr",
    phone: file.contact?.phone ?? "",
    email: file.contact?.email ?? "",
    caregiver: caregiver?.name ?? "",
    caregiver_relation: caregiver?.relation ?? "",
    caregiver_phone: caregiver?.contact?.phone ?? "",
    symptoms_date: file.symptoms_day == null ? "" : dateOf(file.symptoms_day),
    pregnant: file.pregnant ?? false,
    scale: file.scale === 2 ? "2" : "1",
    care: file.care ?? "",
    ins_status: file.ins?.status ?? "",
    matricule: file.ins?.matricule ?? "",
    oid: file.ins?.oid ?? "",
    residence: { ...file.residence },
    thresholds: Object.fromEntries(Object.entries(file.thresholds ?? {}).map(([id, { value, reason }]) => [id, { value: String(value), reason }])),
  };
}

/** Returns a number as people write it, with a comma too; null for what is none. */
export function numberOf(text: string): number | null {
  const plain = text.trim().replace(",", ".");
  return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : null;
}

const split = (text: string): string[] =>
  text
    .split(/[,;]/)
    .map((one) => one.trim())
    .filter(Boolean);

/** Returns a draft as the doors want it; what is empty is left out. `held` gives what no field shows. */
export function asked(draft: Draft, held: PatientFile | null = null): Record<string, unknown> {
  const others = (held?.caregivers ?? []).slice(1);
  const caregiver = draft.caregiver.trim()
    ? [
        {
          name: draft.caregiver.trim(),
          ...given({ relation: draft.caregiver_relation.trim() }),
          contact: given({ phone: draft.caregiver_phone.trim(), email: held?.caregivers?.[0]?.contact?.email ?? "" }),
        },
      ]
    : [];
  const thresholds = Object.fromEntries(
    Object.entries(draft.thresholds).flatMap(([id, { value, reason }]) => {
      const number = numberOf(value);
      return number === null ? [] : [[id, { value: number, reason: reason.trim() }]];
    }),
  );
  const residence = given(draft.residence);
  const caregivers = [...caregiver, ...others];
  const traits = held?.ins?.traits;
  return {
    birth_name: draft.birth_name.trim(),
    first_names: split(draft.first_names),
    birth_date: draft.birth_date,
    sex: draft.sex,
    language: draft.language,
    contact: given({ phone: draft.phone.trim(), email: draft.email.trim() }),
    ...given({ used_name: draft.used_name.trim(), birth_place: draft.birth_place.trim().toUpperCase(), care: draft.care }),
    ...(draft.symptoms_date ? { symptoms_date: draft.symptoms_date } : {}),
    ...(draft.pregnant ? { pregnant: true } : {}),
    ...(draft.scale === "2" ? { scale: 2 } : {}),
    ...(caregivers.length > 0 ? { caregivers } : {}),
    ...(Object.keys(thresholds).length > 0 ? { thresholds } : {}),
    ...(draft.ins_status ? { ins: { status: draft.ins_status, ...given({ matricule: draft.matricule.trim(), oid: draft.oid.trim() }), ...(traits ? { traits } : {}) } } : {}),
    ...(Object.keys(residence).length > 0 ? { residence } : {}),
  };
}

function given(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value.trim() !== ""));
}

/** Returns the thresholds of a draft that can't be: looser than the floor, no number, or without a reason; by id. */
export function wrongThresholds(draft: Draft, pathway: Pathway): Record<string, "loose" | "number" | "reason"> {
  const found: Record<string, "loose" | "number" | "reason"> = {};
  const known = new Map(thresholdsOf(pathway).map((threshold) => [threshold.id, threshold]));
  for (const [id, { value, reason }] of Object.entries(draft.thresholds)) {
    const threshold = known.get(id);
    if (value.trim() === "" || !threshold) continue;
    const number = numberOf(value);
    if (number === null) found[id] = "number";
    else if (tooLoose(threshold, number)) found[id] = "loose";
    else if (reason.trim() === "") found[id] = "reason";
  }
  return found;
}
