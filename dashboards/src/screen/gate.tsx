/** What stands before the picture: loading, signing in, no right, no answer. */
import { query } from "../route";
import { linkExpired, phase, session, signInUrl, signOut } from "../state";
import { t } from "../words";
import { Corner } from "./corner";

export function Gate() {
  const words = t.value;
  // Back to what is asked for when one signs in: a tapped notification may have led somewhere else meanwhile.
  query.value;
  const url = signInUrl.value && `${signInUrl.value}?to=${encodeURIComponent(location.pathname + location.search)}`;
  return (
    <div class="gate">
      <div class="gate-corner">
        <Corner />
      </div>
      <main>
        <p class="brand">vigilits</p>
        {phase.value === "loading" && <p role="status">{words.loading}</p>}
        {phase.value === "sign-in" && (
          <>
            <h1>{words.signInTitle}</h1>
            {linkExpired.value && <p role="alert">{words.signInExpired}</p>}
            <p>{url ? words.signInWhy : words.signInLinkOnly}</p>
            {url && (
              <a class="primary" href={url}>
                {words.signInButton}
              </a>
            )}
          </>
        )}
        {(phase.value === "forbidden" || phase.value === "no-region") && (
          <>
            <h1>{words.forbiddenTitle}</h1>
            <p>{phase.value === "forbidden" ? words.forbiddenWhy : words.noRegion}</p>
            {session.value && (
              <button type="button" onClick={() => void signOut()}>
                {words.signOut}
              </button>
            )}
          </>
        )}
        {(phase.value === "failed" || phase.value === "not-ready") && (
          <>
            <h1>{phase.value === "failed" ? words.failedTitle : words.notReadyTitle}</h1>
            <p role="status">{phase.value === "failed" ? words.failedWhy : words.notReadyWhy}</p>
          </>
        )}
      </main>
    </div>
  );
}
