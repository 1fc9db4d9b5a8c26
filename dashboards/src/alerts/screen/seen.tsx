/** Where a message's link leads: one button that says *vu*, and nothing before it is pressed; nobody need be signed in. */
import { useSignal } from "@preact/signals";
import { Check, Eye } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { Problem } from "../../http";
import { Corner } from "../../screen/corner";
import { say, t } from "../../words";
import "../alerts.css";
import { doors } from "../http";
import { ta } from "../words";
import { useTitle } from "./parts";

type State = "asked" | "busy" | "seen" | "expired" | "failed";

export function Seen() {
  const words = ta.value;
  // Link scanners open pages and follow redirects; they do not press buttons.
  const secret = location.hash.slice(1);
  const state = useSignal<State>("asked");
  const kept = useSignal(secret);
  const title = useSignal("");
  const there = useSignal("");
  useTitle(`${words.seenButton} · vigilits`);
  useEffect(() => {
    performance.mark("usable");
    // A second message's link, opened in the same tab, changes nothing but this.
    const anew = () => {
      const next = location.hash.slice(1);
      if (next === "") return;
      kept.value = next;
      title.value = there.value = "";
      state.value = "asked";
    };
    addEventListener("hashchange", anew);
    return () => removeEventListener("hashchange", anew);
  }, []);
  const press = async () => {
    state.value = "busy";
    try {
      const link = kept.value;
      const answer = await doors.seen(link);
      if (kept.value !== link) return;
      title.value = say(answer.title);
      // A path of this site, whatever was answered.
      there.value = /^\/[^/\\]/.test(answer.link ?? "") ? answer.link! : "";
      state.value = "seen";
      // It has done what it can: it need not stay where a browser keeps addresses.
      history.replaceState(null, "", "/seen");
    } catch (error) {
      const status = error instanceof Problem ? error.status : 0;
      state.value = status >= 400 && status < 500 && status !== 429 ? "expired" : "failed";
    }
  };
  return (
    <div class="gate seen-page">
      <div class="gate-corner">
        <Corner />
      </div>
      <main>
        <p class="brand">{t.value.product}</p>
        {state.value === "seen" ? (
          <>
            <p class="seen-mark">
              <Check size={56} aria-hidden="true" />
            </p>
            <h1 role="status">{words.seenDone}</h1>
            {title.value && <p class="seen-title">{title.value}</p>}
            <p>{words.seenAgain}</p>
            <a class="seen-open" href={there.value || "/alerts?mine"}>
              {words.seenOpen}
            </a>
          </>
        ) : state.value === "expired" || kept.value === "" ? (
          <>
            <h1 role="alert">{kept.value === "" ? words.seenNone : words.seenExpired}</h1>
            <a class="seen-open" href="/alerts?mine">
              {words.seenOpen}
            </a>
          </>
        ) : (
          <>
            <h1>{words.seenTitle}</h1>
            <p>{words.seenWhy}</p>
            <button type="button" class="seen-button" disabled={state.value === "busy"} onClick={() => void press()}>
              <Eye size={28} aria-hidden="true" />
              {state.value === "busy" ? words.busy : words.seenButton}
            </button>
            {state.value === "failed" && <p role="alert">{words.seenFailed}</p>}
          </>
        )}
      </main>
    </div>
  );
}
