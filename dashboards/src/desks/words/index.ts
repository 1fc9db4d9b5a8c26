/** What the desks say, in the language in force. */
import { computed } from "@preact/signals";
import { tongue } from "../../words";
import { en } from "./en";
import { fr, type DeskWords } from "./fr";

export const td = computed<DeskWords>(() => (tongue.value === "fr" ? fr : en));
