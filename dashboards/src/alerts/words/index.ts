/** What the pages of alerts say, in the language in force. */
import { computed } from "@preact/signals";
import { tongue } from "../../words";
import { en } from "./en";
import { fr, type AlertWords } from "./fr";

export const ta = computed<AlertWords>(() => (tongue.value === "fr" ? fr : en));
