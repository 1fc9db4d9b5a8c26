/** What the clinicians' pages say, in the language in force. */
import { computed } from "@preact/signals";
import { say, t, tongue } from "../../words";
import type { RuleWords } from "../rules";
import { en } from "./en";
import { fr, type PatientWords } from "./fr";

export const tp = computed<PatientWords>(() => (tongue.value === "fr" ? fr : en));

/** What the words of a finding are made of. */
export const ruleWords = computed<RuleWords>(() => ({ ...tp.value.rule, say, locale: t.value.locale, colon: tp.value.colon }));
