/** Stopping: what it does, what is deleted, and a word to be typed. */
import { useSignal } from "@preact/signals";
import { say } from "../words";
import { Title } from "./after";
import { aside, opened, stopFollowUp } from "./state";
import { tw } from "./words";

/** Returns a word as it is compared: nobody should have to find the accent of a capital. */
export const plainWord = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").trim().toUpperCase();

export function Stop() {
  const words = tw.value;
  const typed = useSignal("");
  const busy = useSignal(false);
  const failed = useSignal<"network" | "busy" | "other" | null>(null);
  const matches = plainWord(typed.value) === plainWord(words.stopWord);
  const stop = async (event: Event) => {
    event.preventDefault();
    if (!matches || busy.value) return;
    busy.value = true;
    failed.value = null;
    const said = await stopFollowUp();
    busy.value = false;
    if (said) failed.value = said.status === 0 ? "network" : said.status === 429 ? "busy" : "other";
  };
  return (
    <form class="stop" noValidate onSubmit={(event) => void stop(event)}>
      <Title text={words.stopTitle} />
      <p>{words.stopAtOnce}</p>
      <h2>{words.stopDeletes}</h2>
      <p>{opened.value ? say(opened.value.stop) : ""}</p>
      <p class="unwell">{words.unwell}</p>
      <label for="stop-word">{words.stopType(words.stopWord)}</label>
      <input
        id="stop-word"
        type="text"
        autocomplete="off"
        autocapitalize="characters"
        spellcheck={false}
        value={typed.value}
        onInput={(event) => (typed.value = event.currentTarget.value)}
      />
      {failed.value && (
        <p class="wrong" role="alert">
          {words.stopFailed[failed.value]}
        </p>
      )}
      <button type="submit" class="main-button danger" disabled={!matches || busy.value}>
        {busy.value ? words.stopping : words.stopNow}
      </button>
      <button type="button" class="second-button" onClick={() => (aside.value = null)}>
        {words.back}
      </button>
    </form>
  );
}
