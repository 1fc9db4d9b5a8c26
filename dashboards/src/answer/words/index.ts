/** What the patient's page says, in the language in force. */
import { computed } from "@preact/signals";
import { tongue } from "../../words";
import { en } from "./en";
import { fr, type AnswerWords } from "./fr";

export const tw = computed<AnswerWords>(() => (tongue.value === "fr" ? fr : en));
