/** The pages of alerts in their common frame: where one is, whether it is live, the way to the others. */
import { ChartColumn, Contact, Keyboard, LogOut, Map as MapIcon, Settings as Cog, UserRound, Users } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { counted, tally } from "../../bell";
import { Bell } from "../../screen/bell";
import { Corner } from "../../screen/corner";
import { Keys, keysShown } from "../../screen/keys";
import { Live, NotLive, TimeNow } from "../../screen/live";
import { onLink, page, query } from "../../route";
import { chooseTheme, directory, hasPatients, oneKey, region, signOut, theme } from "../../state";
import { say, t } from "../../words";
import "../alerts.css";
import { startWorker } from "../push";
import { isPressing } from "../rows";
import { arrived, asCards, denied, hasCell, hasDesk, isNarrow, now, onlyMine, rebuilding, refusal, rows, shape, unfolded, verdict } from "../state";
import { ta } from "../words";
import { Desk } from "./desk";
import { Feed } from "./feed";
import { useTitle } from "./parts";
import { Settings } from "./settings";
import { Worth } from "./worth";

export function AlertPages() {
  const words = ta.value;
  const onWorth = page.value === "worth";
  const lost = verdict.value.is === "lost";
  const settings = shape.value === "settings" && !onWorth;
  const name = onWorth ? (isNarrow.value ? words.worth : words.worthTitle) : settings ? words.settings : onlyMine.value ? words.mine : words.desk;
  useTitle(`${lost ? `⚠ ${t.value.notLive} · ` : ""}${counted(tally.value)}${name} · vigilits`);
  useEffect(() => {
    document.documentElement.dataset.live = verdict.value.is;
  }, [verdict.value.is]);
  useEffect(() => {
    performance.mark("usable");
    startWorker();
  }, []);
  const named = query.value.text.includes("group=");
  useEffect(() => {
    // Whoever comes by a message comes for one alert: it is in sight, whatever stands above it.
    if (!named || !arrived.value || !unfolded.value) return;
    document.querySelector(`[data-group="${CSS.escape(unfolded.value)}"]`)?.scrollIntoView({ block: "start" });
  }, [query.value, arrived.value]);
  useCommonKeys();
  return (
    <div class={`cell alerts ${asCards.value && !onWorth ? "as-cards" : ""}`}>
      <a
        class="skip"
        href="#alerts"
        onClick={(event) => {
          event.preventDefault();
          document.querySelector<HTMLElement>("#alerts button, #alerts a")?.focus();
        }}
      >
        {words.skip}
      </a>
      {!denied.value && <NotLive judged={verdict.value} refusal={refusal.value} />}
      <Top name={name} />
      {rebuilding.value && (
        <div class="banners">
          <p class="rebuilding" role="status">
            {t.value.rebuilding}
          </p>
        </div>
      )}
      {denied.value ? (
        <main class="plain">
          <p class="sum empty">{words.denied}</p>
        </main>
      ) : onWorth ? (
        <Worth />
      ) : asCards.value ? (
        settings && isNarrow.value ? ( // elsewhere they stand beside the cards
          <main class="cards-page" id="alerts">
            <Settings />
          </main>
        ) : (
          <Feed />
        )
      ) : (
        <Desk />
      )}
      <PhoneTabs settings={settings} />
      <Announcer />
      {keysShown.value && <Keys list={words.keys} />}
    </div>
  );
}

function Top({ name }: { name: string }) {
  const words = ta.value;
  const onAlerts = page.value === "alerts";
  const links: [string, string, boolean][] = [["/", words.map, false]];
  if (hasPatients.value) links.push(["/patients", t.value.patients, false]);
  if (hasDesk.value) links.push(["/alerts", words.desk, onAlerts && !onlyMine.value]);
  links.push(["/alerts?mine", words.mine, onAlerts && onlyMine.value]);
  if (hasCell.value) links.push(["/alerts/worth", words.worth, page.value === "worth"]);
  return (
    <header class="top">
      <h1>
        <span class="wide-only">{directory.value?.name ?? region.value} · </span>
        {name}
      </h1>
      <nav class="links wide-only" aria-label={words.pages}>
        {links.map(([to, text, here]) => (
          <a key={to} href={to} aria-current={here ? "page" : undefined} onClick={onLink}>
            {text}
          </a>
        ))}
      </nav>
      <span class="grow" />
      <Live judged={verdict.value} />
      <TimeNow now={now} />
      <Bell />
      <button
        type="button"
        class="icon wide-only"
        aria-label={t.value.keysTitle}
        title={`${t.value.keysTitle} (?)`}
        onClick={() => (keysShown.value = true)}
      >
        <Keyboard size={18} />
      </button>
      <Corner />
      <button type="button" class="icon wide-only" aria-label={words.signOut} title={words.signOut} onClick={() => void signOut()}>
        <LogOut size={18} />
      </button>
    </header>
  );
}

function PhoneTabs({ settings }: { settings: boolean }) {
  const words = ta.value;
  const onAlerts = page.value === "alerts" && !settings;
  const waiting = tally.value ? tally.value.critical + tally.value.warning : 0;
  return (
    <nav class="phone-tabs" aria-label={words.pages} data-tabs={(hasCell.value ? 5 : hasDesk.value ? 4 : 3) + (hasPatients.value ? 1 : 0)}>
      <a href="/alerts?mine" aria-current={onAlerts && onlyMine.value ? "page" : undefined} onClick={onLink}>
        <UserRound size={20} aria-hidden="true" />
        {words.mine}
      </a>
      {hasDesk.value && (
        <a href="/alerts?desk" aria-current={onAlerts && !onlyMine.value ? "page" : undefined} onClick={onLink}>
          <Users size={20} aria-hidden="true" />
          {words.region}
          {waiting > 0 && <b>{waiting}</b>}
        </a>
      )}
      {hasPatients.value && (
        <a href="/patients" onClick={onLink}>
          <Contact size={20} aria-hidden="true" />
          {t.value.patientsShort}
        </a>
      )}
      {hasCell.value && (
        <a href="/alerts/worth" aria-current={page.value === "worth" ? "page" : undefined} onClick={onLink}>
          <ChartColumn size={20} aria-hidden="true" />
          {words.worth}
        </a>
      )}
      <a href="/" onClick={onLink}>
        <MapIcon size={20} aria-hidden="true" />
        {words.map}
      </a>
      <a href="/alerts?settings" aria-current={settings ? "page" : undefined} onClick={onLink}>
        <Cog size={20} aria-hidden="true" />
        {words.settings}
      </a>
    </nav>
  );
}

/** Says in words what is critical and new, once. */
function Announcer() {
  const [text, setText] = useState("");
  const known = useRef<Set<string> | null>(null);
  const pressing = rows.value.filter(isPressing);
  useEffect(() => {
    // What was there when the page opened is read, not announced.
    if (!arrived.value) return;
    const fresh = known.current ? pressing.filter(({ id }) => !known.current!.has(id)) : [];
    known.current = new Set(pressing.map(({ id }) => id));
    if (!fresh[0]) return;
    const said = ta.value.announce.came(t.value.severities[fresh[0].severity], say(fresh[0].title));
    setText(fresh.length > 1 ? `${said}, ${ta.value.andOthers(fresh.length - 1)}` : said);
  }, [rows.value, arrived.value]);
  return (
    <div class="hidden" role="status" aria-live="assertive" id="announcer">
      {text}
    </div>
  );
}

function useCommonKeys(): void {
  useEffect(() => {
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

