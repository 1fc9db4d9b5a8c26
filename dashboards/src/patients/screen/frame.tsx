/** The frame of the clinicians' pages and of the desks beside them: where one is, whether it is live, the way to the others. */
import { BellRing, ClipboardList, Keyboard, LogOut, Map as MapIcon, PhoneCall, ScrollText, Settings as Cog, UserPlus, Users } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";
import { isNarrow } from "../../alerts/state";
import { counted, tally } from "../../bell";
import type { Verdict } from "../../live";
import { of, onLink, page, type Page } from "../../route";
import { Bell } from "../../screen/bell";
import { Corner } from "../../screen/corner";
import { Keys, keysShown } from "../../screen/keys";
import { Live, NotLive, TimeNow } from "../../screen/live";
import { chooseTheme, directory, hasPatients, home, oneKey, region, signOut, theme } from "../../state";
import { t } from "../../words";
import "../../alerts/alerts.css";
import "../patients.css";
import { now, rights, sittings } from "../state";
import { tp } from "../words";

interface Way {
  to: string;
  text: string;
  icon: typeof Users;
  here: boolean;
}

/** Returns the pages that the reader's roles open, in the order in which they are offered. */
function ways(): Way[] {
  const words = tp.value;
  const on = (wanted: Page, which = "") => page.value === wanted && (which === "" || of.value === which);
  const found: Way[] = [];
  if (hasPatients.value) found.push({ to: "/patients", text: words.patients, icon: Users, here: on("patients") || on("patient") });
  if (rights.value.has("enrol") || rights.value.has("open")) found.push({ to: "/patients/new", text: words.enrol, icon: UserPlus, here: on("enrol") });
  for (const finess of sittings.value) {
    found.push({ to: `/sitting/${encodeURIComponent(finess)}`, text: words.sitting, icon: ClipboardList, here: on("sitting", finess) });
  }
  if (rights.value.has("calls")) found.push({ to: "/calls", text: words.calls, icon: PhoneCall, here: on("calls") });
  if (rights.value.has("trail") || rights.value.has("trail_own")) found.push({ to: "/trail", text: words.trail, icon: ScrollText, here: on("trail") });
  return found;
}

interface Framed {
  name: string;
  children: ComponentChildren;
  /** Whether what is shown is live; a page that has no channel of its own says nothing of it. */
  judged?: Verdict | null;
  refusal?: string | null;
  /** What stands between the top and the page: said of the whole. */
  banner?: ComponentChildren;
  keys?: [string, string][];
  skipTo?: string;
}

export function Frame({ name, children, judged = null, refusal = null, banner, keys, skipTo = "#main" }: Framed) {
  const words = tp.value;
  const lost = judged?.is === "lost";
  useEffect(() => {
    document.title = `${lost ? `⚠ ${t.value.notLive} · ` : ""}${counted(tally.value)}${name} · vigilits`;
  }, [lost, name, tally.value, t.value]);
  useEffect(() => {
    document.documentElement.dataset.live = judged?.is ?? "live";
  }, [judged?.is]);
  useEffect(() => {
    performance.mark("usable");
  }, []);
  useCommonKeys();
  return (
    <div class="cell follow-up">
      <a
        class="skip"
        href={skipTo}
        onClick={(event) => {
          event.preventDefault();
          const to = document.querySelector<HTMLElement>(skipTo);
          (to?.querySelector<HTMLElement>("a, button, input, select, textarea") ?? to)?.focus();
        }}
      >
        {words.skip}
      </a>
      {judged && <NotLive judged={judged} refusal={refusal} />}
      <header class="top">
        <h1>
          <span class="wide-only">{directory.value?.name ?? region.value} · </span>
          {name}
        </h1>
        <nav class="links wide-only" aria-label={words.pages}>
          {ways().map(({ to, text, here }) => (
            <a key={to} href={to} aria-current={here ? "page" : undefined} onClick={onLink}>
              {text}
            </a>
          ))}
          <a href="/alerts?mine" onClick={onLink}>
            {words.alerts}
          </a>
          {home.value === null && (
            <a href="/" onClick={onLink}>
              {words.map}
            </a>
          )}
        </nav>
        <span class="grow" />
        {judged && <Live judged={judged} />}
        <TimeNow now={now} />
        <Bell />
        {keys && (
          <button
            type="button"
            class="icon wide-only"
            aria-label={t.value.keysTitle}
            title={`${t.value.keysTitle} (?)`}
            onClick={() => (keysShown.value = true)}
          >
            <Keyboard size={18} />
          </button>
        )}
        {!isNarrow.value && <Corner />}
        <button type="button" class="icon wide-only" aria-label={words.signOut} title={words.signOut} onClick={() => void signOut()}>
          <LogOut size={18} />
        </button>
      </header>
      {banner && <div class="banners">{banner}</div>}
      <main class="follow-main" id="main" tabIndex={-1}>
        {children}
        <div class="leave">
          {isNarrow.value && <Corner />}
          <button type="button" class="act" onClick={() => void signOut()}>
            <LogOut size={18} aria-hidden="true" />
            {words.signOut}
          </button>
        </div>
        <p class="not-a-device">{words.notADevice}</p>
      </main>
      <PhoneTabs />
      {keys && keysShown.value && <Keys list={keys} />}
    </div>
  );
}

function PhoneTabs() {
  const words = tp.value;
  const waiting = tally.value ? tally.value.critical + tally.value.warning : 0;
  const shown = ways().slice(0, 3);
  return (
    <nav class="phone-tabs" aria-label={words.pages} data-tabs={shown.length + (home.value === null ? 3 : 2)}>
      <a href="/alerts?mine" onClick={onLink}>
        <BellRing size={20} aria-hidden="true" />
        {words.alerts}
        {waiting > 0 && <b>{waiting}</b>}
      </a>
      {shown.map(({ to, text, icon: Icon, here }) => (
        <a key={to} href={to} aria-current={here ? "page" : undefined} onClick={onLink}>
          <Icon size={20} aria-hidden="true" />
          {text}
        </a>
      ))}
      {home.value === null && (
        <a href="/" onClick={onLink}>
          <MapIcon size={20} aria-hidden="true" />
          {words.map}
        </a>
      )}
      <a href="/alerts?settings" onClick={onLink}>
        <Cog size={20} aria-hidden="true" />
        {words.settings}
      </a>
    </nav>
  );
}

function useCommonKeys(): void {
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !oneKey.value || keysShown.value) return;
      if (event.target instanceof Element && event.target.matches("input:not([type=checkbox]), textarea, select")) return;
      if (event.key === "?") keysShown.value = true;
      else if (event.key === "n") chooseTheme(theme.value === "night" ? "day" : "night");
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}
