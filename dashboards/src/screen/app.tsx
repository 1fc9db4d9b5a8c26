/** The crisis cell's screen: totals, map or list, what changes, the chosen site; the same on a phone, one at a time. */
import { effect } from "@preact/signals";
import { BedDouble, Contact, Keyboard, List as ListIcon, LogOut, Map as MapIcon, Monitor, Rss, X } from "lucide-preact";
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { counted, tally } from "../bell";
import { count, longDate } from "../format";
import { spoken } from "../names";
import { isByLink, isDesk, isFollowUp, onLink, page, turn } from "../route";
import {
  away,
  chooseTheme,
  chosenKind,
  departement,
  departementName,
  directory,
  directoryOld,
  facilityOf,
  feed,
  hasPatients,
  home,
  kindOf,
  now,
  oneKey,
  pane,
  phase,
  rebuilding,
  refusal,
  region,
  regions,
  scenario,
  scopeTotal,
  signOut,
  site,
  sortBy,
  theme,
  verdict,
  view,
  wall,
} from "../state";
import { say, t } from "../words";
import { Bell } from "./bell";
import { ChangesFeed } from "./changes";
import { Corner } from "./corner";
import { Gate } from "./gate";
import { openDepartement, show } from "./goto";
import { Keys, keysShown } from "./keys";
import { Late } from "./late";
import { SiteList } from "./list";
import { Live, NotLive, TimeNow } from "./live";
import { SearchBox } from "./search";
import { SitePanel } from "./site";
import { Honest, Line, Totals } from "./totals";

/** So long after the first figures that the alerts' code competes with nothing of theirs. */
const AFTER_PAINT_MS = 300;

export function App() {
  // A page of alerts needs neither the directory nor the beds to be read: only to know who looks.
  const away = phase.value === "sign-in" || phase.value === "no-region" || phase.value === "forbidden";
  useEffect(loadAlerts, []);
  const elsewhere = page.value === "map" ? home.value : null;
  useEffect(() => {
    if (elsewhere !== null) turn(elsewhere);
  }, [elsewhere]);
  if (page.value === "seen") return <Lazy key="seen" load={() => import("../alerts/screen/seen").then((module) => module.Seen)} />;
  if (page.value === "answer") return <Lazy key="answer" load={() => import("../answer/page").then((module) => module.AnswerPage)} />;
  if (isFollowUp(page.value) && region.value !== "" && phase.value !== "sign-in" && phase.value !== "no-region") {
    // Who works here may have no right to the beds: that refusal is not of these pages.
    if (isDesk(page.value)) return <Lazy key="desks" load={() => import("../desks/page").then((module) => module.DeskPages)} />;
    return <Lazy key="patients" load={() => import("../patients/screen/pages").then((module) => module.PatientPages)} />;
  }
  if ((page.value === "alerts" || page.value === "worth") && region.value !== "" && !away) {
    return <Lazy key="alerts" load={() => import("../alerts/screen/pages").then((module) => module.AlertPages)} />;
  }
  return phase.value === "ready" ? <Cell /> : <Gate />;
}

/** A page whose code comes when it is gone to. */
function Lazy({ load }: { load(): Promise<ComponentType> }) {
  const [Loaded, setLoaded] = useState<ComponentType | "failed" | null>(null);
  useEffect(() => {
    load().then(
      (component) => setLoaded(() => component),
      () => setLoaded("failed"),
    );
  }, []);
  const words = t.value;
  if (Loaded === "failed") {
    return (
      <p class="gate" role="alert">
        {words.failedTitle}
      </p>
    );
  }
  return Loaded === null ? (
    <p class="gate" role="status">
      {words.arriving}
    </p>
  ) : (
    <Loaded />
  );
}

/** The bell comes after the picture: alerts are read in by the way, or at once where they are what was asked for. */
function loadAlerts(): () => void {
  let started = false;
  return effect(() => {
    const code = region.value;
    if (started || code === "" || isByLink(page.value) || (page.value === "map" && phase.value !== "ready")) return;
    started = true;
    const start = () => void import("../alerts/state").then((module) => module.start(code), () => undefined);
    if (page.peek() === "map") setTimeout(start, AFTER_PAINT_MS);
    else start();
  });
}

function Cell() {
  const words = t.value;
  useKeys();
  useEffect(() => {
    performance.mark("usable");
  }, []);
  const place = directory.value?.name ?? region.value;
  const lost = verdict.value.is === "lost";
  useEffect(() => {
    document.title = `${lost ? `⚠ ${words.notLive} · ` : ""}${counted(tally.value)}${place} · vigilits`;
  }, [lost, place, words, tally.value]);
  return (
    <div class={`cell ${wall.value ? "wall" : ""}`} data-pane={pane.value} data-view={view.value} data-site={site.value ?? undefined}>
      <a
        class="skip"
        href="#sites"
        onClick={(event) => {
          event.preventDefault();
          show("list");
          setTimeout(() => document.querySelector<HTMLElement>("#sites button")?.focus());
        }}
      >
        {words.skip}
      </a>
      <NotLive judged={verdict.value} refusal={refusal.value} />
      <Top />
      <Banners />
      <main id="main">
        <div class="column left" data-column="beds">
          <Totals />
          {!wall.value && <Late />}
          <Sources />
          <button type="button" class="quiet narrow-only" onClick={() => void signOut()}>
            {words.signOut}
          </button>
        </div>
        <Centre />
        <div class="column right" data-column="feed">
          <SitePanel />
          <ChangesFeed />
        </div>
      </main>
      <PhoneTabs />
      <Sources />
      <Announcer />
      {keysShown.value && <Keys list={words.keys} />}
    </div>
  );
}

function Top() {
  const words = t.value;
  const place = directory.value?.name ?? region.value;
  return (
    <header class="top">
      <h1>
        {regions.value.length > 1 ? (
          <select
            aria-label={words.region}
            value={region.value}
            onChange={(event) => {
              location.search = `?region=${encodeURIComponent((event.currentTarget as HTMLSelectElement).value)}`;
            }}
          >
            {regions.value.map(({ code, name }) => (
              <option key={code} value={code}>
                {name ?? (code === region.value ? place : code)}
              </option>
            ))}
          </select>
        ) : (
          place
        )}
      </h1>
      {departement.value && (
        <button type="button" class="crumb" onClick={() => openDepartement(null)} title={words.backToRegion(place)}>
          {departementName(departement.value)} <X size={14} aria-hidden="true" />
          <span class="hidden">{words.backToRegion(place)}</span>
        </button>
      )}
      <SearchBox />
      <span class="grow" />
      <Live judged={verdict.value} />
      <TimeNow now={now} />
      {hasPatients.value && (
        <a class="bell" href="/patients" aria-label={words.patients} title={words.patients} onClick={onLink}>
          <Contact size={18} aria-hidden="true" />
        </a>
      )}
      <Bell />
      <button
        type="button"
        class="icon wide-only"
        aria-pressed={wall.value}
        aria-label={wall.value ? words.wallLeave : words.wall}
        title={`${wall.value ? words.wallLeave : words.wall} (m)`}
        onClick={() => (wall.value = !wall.value)}
      >
        <Monitor size={18} />
      </button>
      <button
        type="button"
        class="icon wide-only"
        aria-label={words.keysTitle}
        title={`${words.keysTitle} (?)`}
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

function Banners() {
  const words = t.value;
  const played = scenario.value;
  return (
    <div class="banners">
      {played && (
        <p class="scenario" id="scenario">
          {say(played.label)}
          {played.date ? ` · ${longDate(played.date, words)}` : ""}
        </p>
      )}
      {rebuilding.value && (
        <p class="rebuilding" role="status">
          {words.rebuilding}
        </p>
      )}
      {directoryOld.value && <p class="rebuilding">{words.directoryOld}</p>}
    </div>
  );
}

/** On a phone the chosen kind's number stays in sight above map and list. */
function Summary() {
  const words = t.value;
  const known = chosenKind.value;
  if (!known) return null;
  const total = scopeTotal(known.code).value;
  return (
    <button type="button" class="summary" onClick={() => (pane.value = "beds")}>
      <span class="name">{say(known.label)}</span>
      {total?.available !== undefined && (
        <span class="free">
          <strong>{count(total.available, words)}</strong> {words.freeOf(total.available ?? 2)}
        </span>
      )}
      <Line total={total} />
      <Honest total={total} />
    </button>
  );
}

function Centre() {
  const words = t.value;
  const known = chosenKind.value;
  const place = departement.value ? departementName(departement.value) : (directory.value?.name ?? "");
  const tabs = ["map", "list"] as const;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    view.value = view.value === "map" ? "list" : "map";
    document.getElementById(`tab-${view.value}`)?.focus();
  };
  return (
    <section class="centre" data-column="centre" aria-label={known ? words.listOf(say(known.label), place) : place}>
      <div class="centre-head">
        <div role="tablist" aria-label={words.views} onKeyDown={onKeyDown}>
          {tabs.map((tab) => (
            <button
              key={tab}
              type="button"
              role="tab"
              id={`tab-${tab}`}
              aria-selected={view.value === tab}
              aria-controls={`panel-${tab}`}
              tabIndex={view.value === tab ? 0 : -1}
              onClick={() => (view.value = tab)}
            >
              {tab === "map" ? <MapIcon size={16} aria-hidden="true" /> : <ListIcon size={16} aria-hidden="true" />}
              {words[tab]}
            </button>
          ))}
        </div>
        <p class="centre-title">{known ? words.listOf(say(known.label), place) : ""}</p>
      </div>
      <Summary />
      <div role="tabpanel" id="panel-map" aria-labelledby="tab-map" hidden={view.value !== "map"} class="panel-map">
        <LazyMap />
      </div>
      <div role="tabpanel" id="panel-list" aria-labelledby="tab-list" hidden={view.value !== "list"} class="panel-list">
        {view.value === "list" && <SiteList />}
      </div>
    </section>
  );
}

/** The map's code is larger than all the rest: it comes once the figures are drawn, and only when it is to be seen. */
function LazyMap() {
  const words = t.value;
  const [Loaded, setLoaded] = useState<ComponentType | "failed" | null>(null);
  const wanted = view.value === "map" && (pane.value === "centre" || matchMedia("(min-width: 1000px)").matches);
  useEffect(() => {
    if (!wanted || Loaded !== null) return;
    import("./map").then(
      (module) => setLoaded(() => module.MapView),
      () => setLoaded("failed"),
    );
  }, [wanted, Loaded]);
  if (Loaded === "failed") return <p class="sum empty">{words.mapAway}</p>;
  if (Loaded === null) return <p class="sum empty">{words.mapLoading}</p>;
  return <Loaded />;
}

function PhoneTabs() {
  const words = t.value;
  const is = (wanted: "beds" | "map" | "list" | "feed") =>
    wanted === "beds" || wanted === "feed" ? pane.value === wanted : pane.value === "centre" && view.value === wanted;
  const missed = away.value?.changes ?? 0;
  return (
    <nav class="phone-tabs" aria-label={words.views}>
      <button type="button" aria-current={is("beds") ? "page" : undefined} onClick={() => (pane.value = "beds")}>
        <BedDouble size={20} aria-hidden="true" />
        {words.bedsTab}
      </button>
      <button type="button" aria-current={is("map") ? "page" : undefined} onClick={() => show("map")}>
        <MapIcon size={20} aria-hidden="true" />
        {words.map}
      </button>
      <button type="button" aria-current={is("list") ? "page" : undefined} onClick={() => show("list")}>
        <ListIcon size={20} aria-hidden="true" />
        {words.list}
      </button>
      <button type="button" aria-current={is("feed") ? "page" : undefined} onClick={() => (pane.value = "feed")}>
        <Rss size={20} aria-hidden="true" />
        {words.feedTab}
        {missed > 0 && <b>{missed}</b>}
      </button>
    </nav>
  );
}

function Sources() {
  const words = t.value;
  const known = directory.value?.sources ?? [];
  if (known.length === 0) return null;
  return (
    <footer class="sources">
      {words.sources} :{" "}
      {known.map((source, i) => (
        <span key={source.name}>
          {i > 0 && " · "}
          {source.url ? (
            <a href={source.url} rel="noreferrer" target="_blank">
              {source.name}
            </a>
          ) : (
            source.name
          )}{" "}
          ({source.licence})
        </span>
      ))}
    </footer>
  );
}

const ANNOUNCE_EVERY_MS = 10_000;

/** Says in words, not more often than one can listen to, that the page is live again and what became full or free. */
function Announcer() {
  const [text, setText] = useState("");
  const told = useRef(feed.value[0]?.id ?? 0);
  const wasLost = useRef(false);
  const is = verdict.value.is;
  useEffect(() => {
    if (is === "lost") wasLost.current = true;
    else if (is === "live" && wasLost.current) {
      wasLost.current = false;
      setText(t.value.backLive);
    }
  }, [is]);
  useEffect(() => {
    const timer = setInterval(() => {
      const words = t.value;
      const code = chosenKind.value?.code;
      const fresh = feed.value.filter((line) => line.id > told.current && line.kind === code && line.reason === "figure");
      told.current = feed.value[0]?.id ?? told.current;
      if (fresh.length === 0) return;
      const said = fresh.slice(0, 3).map((line) => {
        const facility = facilityOf.value.get(line.facility);
        const where = `${facility ? spoken(facility.name) : line.facility}, ${say(kindOf.value.get(line.kind)!.short)}`;
        return line.state === "full" ? words.saidFull(where) : words.saidFree(where, count(line.to, words));
      });
      setText(`${words.pending(fresh.length)}. ${said.join(". ")}`);
    }, ANNOUNCE_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class="hidden" role="status" aria-live="polite" id="announcer">
      {text}
    </div>
  );
}

/** The keys that work anywhere but where one types; they can be turned off (WCAG 2.1.4). */
function useKeys(): void {
  useEffect(() => {
    const focus = (selector: string) => setTimeout(() => document.querySelector<HTMLElement>(selector)?.focus());
    const does: Record<string, () => void> = {
      "/": () => focus("#search"),
      "?": () => (keysShown.value = true),
      c: () => {
        show("map");
        focus("#tab-map");
      },
      l: () => {
        show("list");
        focus("#sites button");
      },
      p: () => {
        sortBy.value = "near";
        show("list");
        focus(".near button");
      },
      k: () => {
        pane.value = "beds";
        focus('[role="radio"][aria-checked="true"]');
      },
      f: () => {
        pane.value = "feed";
        focus("#changes button.row");
      },
      n: () => chooseTheme(theme.value === "night" ? "day" : "night"),
      m: () => (wall.value = !wall.value),
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const typing = event.target instanceof Element && event.target.matches("input:not([type=checkbox]), textarea, select");
      if (event.key === "Escape" && !keysShown.value) {
        if (site.value) site.value = null;
        else if (departement.value) openDepartement(null);
        return;
      }
      if (typing || !oneKey.value || keysShown.value) return;
      const act = does[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}
