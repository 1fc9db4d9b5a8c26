/** One patient: the alert first, curves and what is behind each point, the circle's words, the file, the story. */
import { useSignal } from "@preact/signals";
import { ArrowLeft, BellOff, Video } from "lucide-preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { countDown } from "../../alerts/count_down";
import { isNarrow } from "../../alerts/state";
import { doors } from "../http";
import { go, of, onLink } from "../../route";
import { keysShown } from "../../screen/keys";
import { timeOfDay } from "../../format";
import { region, zone } from "../../state";
import { say, t } from "../../words";
import { ageOf } from "../file";
import { unlock } from "../privacy";
import { answersOf, brokeGlass, confirms, isAhead, OVER } from "../rows";
import { ruleText } from "../rules";
import { act, busy, doing, hasBoard, isUnread, me, now, opened, openPatient, rights, rowOf, sittings, unreadWhy, type Unread } from "../state";
import type { PatientPage, Row, SlotShown } from "../wire";
import { ruleWords, tp } from "../words";
import { AlertBox } from "./alert";
import { Curves } from "./curves";
import { zoneText } from "./fields";
import { Circle, FilePanel, Moves } from "./file";
import { Choice, Field, Name, NobodyRung, Outcome, PatientChip, Shell, ShowNames, SimilarFiles, Ticking, timeText, who } from "./parts";
import { AllSlots, SlotDetail, SlotStrip } from "./slots";
import { Story } from "./story";
import { Memos, Thread } from "./talk";

type Pane = "follow" | "talk" | "file" | "story";
const PANES: Pane[] = ["follow", "talk", "file", "story"];

export function Patient() {
  const words = tp.value;
  const page = opened.value;
  if (page === null) {
    const why = unreadWhy.value ?? "loading";
    if (why === "unknown" && rights.value.has("break_glass")) return <BreakGlass key={of.value} id={of.value} />;
    if (why === "unknown" && rights.value.has("circle")) return <OnCall key={of.value} id={of.value} />;
    if (why === "unknown" && sittings.value.length > 0) return <OfResident />;
    const row = rowOf(of.value);
    if (row && isUnread(why)) return <Unopened key={row.id} row={row} why={why} />;
    return (
      <div class="narrow-page">
        {hasBoard.value && <Back />}
        <p class="sum empty" role={why === "loading" ? "status" : "alert"}>
          {why === "loading" ? words.loadingPatient : why === "unknown" ? words.unknownPatient : unreadText(why)}
        </p>
      </div>
    );
  }
  return <Opened key={page.row.id} page={page} />;
}

/** Staff of an EHPAD are told of a resident by this address, and have no file: their place is the sitting. */
function OfResident() {
  const words = tp.value;
  return (
    <div class="narrow-page">
      <section class="panel">
        <h2>{words.residentTitle}</h2>
        <p>{words.residentWhy}</p>
        {sittings.value.map((finess) => (
          <p key={finess}>
            <a class="act main" href={`/sitting/${encodeURIComponent(finess)}`} onClick={onLink}>
              {words.residentOpen(sittings.value.length > 1 ? finess : "")}
            </a>
          </p>
        ))}
      </section>
    </div>
  );
}

function unreadText(why: Unread): string {
  const words = tp.value;
  return { unreadable: words.fileUnreadable, keys: words.keysAway, trail: words.trailAway, failed: words.failed }[why];
}

/** A patient whose file can't be read: what is in clear, and the alert, which somebody has to answer for all the same. */
function Unopened({ row, why }: { row: Row; why: Unread }) {
  const words = tp.value;
  return (
    <div class="patient-page narrow-page" data-patient={row.id} data-unread={why}>
      <header class="patient-head">
        <div class="patient-head-top">{hasBoard.value && <Back />}</div>
        <div class="patient-who">
          <PatientChip row={row} range={null} />
          <h2>{words.fileClosed}</h2>
          <p class="soft">
            {words.reference}
            {words.colon}
            <code>{row.id}</code>
          </p>
        </div>
      </header>
      <p class="banner-warn" role="alert">
        {unreadText(why)}
      </p>
      <AlertBox page={null} row={row} />
      <Circle row={row} />
    </div>
  );
}

function Back() {
  const words = tp.value;
  return (
    <a class="back" href="/patients" onClick={onLink}>
      <ArrowLeft size={18} aria-hidden="true" />
      {words.back}
    </a>
  );
}

/** Returns the slots in their order, those not due yet left out. */
function told(page: PatientPage): SlotShown[] {
  const at = ({ state, sent }: SlotShown) => state?.due_at ?? sent?.[0]?.at ?? 0;
  return [...page.slots].filter(({ state, sent }) => state !== null || (sent?.length ?? 0) > 0).sort((a, b) => at(a) - at(b));
}

function Opened({ page }: { page: PatientPage }) {
  const words = tp.value;
  // The socket's row is the newer of the two where it has moved on; content follows in a moment.
  const live = rowOf(page.row.id);
  const row = live && (live.changed ?? 0) >= (page.row.changed ?? 0) ? live : page.row;
  const isBehind = isAhead(row, answersOf(page.row));
  const why = unreadWhy.value;
  const pane = useSignal<Pane>("follow");
  const slots = told(page);
  const latest = [...slots].reverse().find(({ answers }) => answers && Object.keys(answers).length > 0) ?? slots.at(-1);
  const chosen = useSignal("");
  const shown = slots.find(({ slot }) => slot === chosen.value) ?? latest;
  const choose = (slot: string) => void (chosen.value = slot);
  const result = latest?.result ?? null;
  const walk = (event: KeyboardEvent) => {
    const at = PANES.indexOf(pane.peek());
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    pane.value = PANES.at(to % PANES.length)!;
    document.getElementById(`pane-${pane.peek()}`)?.focus();
  };
  // A wide page has all of them at once, and no tabs.
  const panel = (one: Pane) => ({ "data-of": one, id: `part-${one}`, ...(isNarrow.value ? { role: "tabpanel" as const, "aria-labelledby": `pane-${one}` } : {}) });
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented || keysShown.value || !hasBoard.value) return;
      if (event.target instanceof Element && event.target.matches("input, textarea, select")) return;
      go("/patients");
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
  return (
    <div class="patient-page" data-patient={page.row.id} data-pane={pane.value}>
      <Head page={page} row={row} latest={isBehind ? undefined : latest} />
      {isUnread(why) && (
        <p class="banner-warn" role="alert">
          {unreadText(why)}
        </p>
      )}
      {isBehind && (
        <p class="banner-warn" role="status">
          {words.notReadYet}
        </p>
      )}
      <div class="pane-tabs" role="tablist" aria-label={words.patient} onKeyDown={walk}>
        {PANES.map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            id={`pane-${one}`}
            aria-controls={`part-${one}`}
            aria-selected={pane.value === one}
            tabIndex={pane.value === one ? 0 : -1}
            onClick={() => (pane.value = one)}
          >
            {words.sections[one]}
          </button>
        ))}
      </div>
      <div class="patient-columns">
        <div class="patient-main" {...panel("follow")}>
          <AlertBox page={page} row={row} />
          <Muted page={page} row={row} />
          {result?.suggestion && !isBehind && (
            <section class="suggestion">
              <h2>{words.suggestionTitle}</h2>
              <p>
                <strong>{words.cares[result.suggestion.care]}</strong> · {words.suggestionWhy(ruleText(result.suggestion.rule, page.pathway, ruleWords.value))}
                {latest?.sent?.length ? <span class="soft"> · {words.answeredAt(timeText(latest.sent.at(-1)!.at))}</span> : null}
              </p>
              <p class="sum">{words.suggestionHonest}</p>
            </section>
          )}
          <Teleconsultation page={page} />
          <section class="panel">
            <h2>{words.curves}</h2>
            <Curves page={page} slots={slots} chosen={shown?.slot ?? ""} choose={choose} />
            {slots.length > 0 && <SlotStrip slots={slots} chosen={shown?.slot ?? ""} choose={choose} />}
            {shown && <SlotDetail page={page} slot={shown} />}
            <AllSlots page={page} slots={slots} />
          </section>
        </div>
        <div class="patient-side">
          <div {...panel("talk")}>
            <Thread page={page} row={row} />
            <Memos page={page} row={row} />
          </div>
          <div {...panel("file")}>
            <Circle row={row} read={page.row} />
            <FilePanel page={page} />
            <Moves page={page} row={row} />
          </div>
          <div {...panel("story")}>
            <Story page={page} />
          </div>
        </div>
      </div>
    </div>
  );
}

function Head({ page, row, latest }: { page: PatientPage; row: Row; latest: SlotShown | undefined }) {
  const words = tp.value;
  const { file } = page;
  const name = `${file.first_names[0] ?? ""} ${file.used_name || file.birth_name}`;
  const age = ageOf(file.birth_date, now.value ?? Date.now());
  const news2 = latest?.result?.news2;
  const mine = row.circle.find(({ subject }) => subject === me.value);
  const heading = useRef<HTMLHeadingElement>(null);
  // Whoever came by the keyboard goes on from here; who was typing already is left there.
  useLayoutEffect(() => {
    if (document.activeElement === null || document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <header class="patient-head">
      <div class="patient-head-top">
        {hasBoard.value && <Back />}
        <ShowNames />
      </div>
      <div class="patient-who">
        <PatientChip row={row} range={news2 ? [news2.low, news2.high] : null} />
        <h2 ref={heading} tabIndex={-1}>
          <Name name={name} />
        </h2>
        <p class="soft">
          {age === null ? words.ageUnknown : words.years(age)} · {say(page.pathway.title)}
          {row.slot && ` · ${words.day(row.slot.day)}`}
          {row.status !== "followed" && ` · ${words.status[row.status]}`}
          {row.answered_at && ` · ${words.answeredAt(timeText(row.answered_at))}`}
          {page.zone && page.zone !== zone.value && ` · ${words.zoneThere(zoneText(page.zone), timeOfDay(now.value ?? Date.now(), page.zone, t.value))}`}
        </p>
      </div>
      {mine?.until && (
        <p class="glass-left" role="status">
          {brokeGlass(mine) ? words.glassLeft : words.onCallLeft}{" "}
          <b class="count-down">
            <GlassDown until={mine.until} id={row.id} />
          </b>
        </p>
      )}
      {page.similar && <SimilarFiles similar={page.similar} />}
      {page.rings === false && !OVER.includes(row.status) && <NobodyRung />}
      {OVER.includes(row.status) && <Ended row={row} />}
    </header>
  );
}

/** Counts the opened file's minutes down, and asks again when they are over: then it closes. */
function GlassDown({ until, id }: { until: number; id: string }) {
  const over = now.value !== null && now.value >= until;
  useEffect(() => {
    if (over) void openPatient(id);
  }, [over]);
  return <Ticking text={(clock) => (clock === null ? "–:––" : countDown(until - clock))} />;
}

function Ended({ row }: { row: Row }) {
  const words = tp.value;
  const told = [
    ...(row.stopped_by_patient ? [words.ends.stoppedByPatient] : []),
    ...(row.summary ? [{ due: words.ends.summaryDue, sent: words.ends.summarySent, received: words.ends.summaryReceived }[row.summary]] : []),
    ...(row.erase_at ? [words.ends.erase(timeText(row.erase_at))] : []),
  ];
  if (told.length === 0) return null;
  return (
    <div class="ended">
      <p>{told.join(" · ")}</p>
      {confirms(row, me.value) && (
        <button type="button" class="act" disabled={busy.value !== null} onClick={() => void act({ act: "summary_received" })}>
          {words.summaryReceived}
        </button>
      )}
      <Outcome of={["summary_received"]} />
    </div>
  );
}

// --- muting one rule ----------------------------------------------------------------------------------------------------------

const LENGTHS = [30, 60, 120, 240];

function Muted({ page, row }: { page: PatientPage; row: Row }) {
  const words = tp.value;
  const isOpen = useSignal(false);
  const rule = useSignal("");
  const minutes = useSignal("60");
  const reason = useSignal("");
  const clock = now.value ?? 0;
  const inForce = page.mutes.filter(({ until }) => (until ?? 0) > clock);
  // What speaks can be muted; the parts of a sum have no alert of their own.
  const latest = told(page).at(-1)?.result?.findings ?? [];
  const offered = [...new Set([...page.why, ...latest].filter(({ colour }) => colour !== "green").map((finding) => finding.rule))];
  const send = async () => {
    if (await act({ act: "mute", rule: rule.value, minutes: Number(minutes.value), reason: reason.value.trim() })) isOpen.value = false;
  };
  const isMember = row.circle.some((member) => member.subject === me.value && !brokeGlass(member));
  return (
    <>
      {inForce.map((mute) => (
        <p key={mute.rule} class="muted" role="status">
          <BellOff size={16} aria-hidden="true" />
          <span>
            {words.muteNow(ruleText(mute.rule, page.pathway, ruleWords.value), who(mute.by ?? ""), timeText(mute.until ?? 0))} {words.quoted(mute.reason)}
          </span>
        </p>
      ))}
      <Outcome of={["mute"]} />
      {isMember && offered.length > 0 && !isOpen.value && (
        <button
          type="button"
          class="quiet mute-open"
          onClick={() => {
            rule.value = offered[0]!;
            isOpen.value = true;
          }}
        >
          <BellOff size={16} aria-hidden="true" /> {words.mute}
        </button>
      )}
      {isOpen.value && (
        <Shell act="mute" onSend={() => void send()} onClose={() => (isOpen.value = false)} ready={reason.value.trim() !== "" && rule.value !== ""}>
          <Choice label={words.muteRule} value={rule.value} onChange={(value) => (rule.value = value)} options={offered.map((one) => [one, ruleText(one, page.pathway, ruleWords.value)])} />
          <Choice label={words.muteFor} value={minutes.value} onChange={(value) => (minutes.value = value)} options={LENGTHS.map((n) => [String(n), words.inMinutes(n)])} />
          <Field label={words.muteReason} long value={reason.value} onInput={(value) => (reason.value = value)} max={4000} />
        </Shell>
      )}
    </>
  );
}

// --- acting beyond the screen ---------------------------------------------------------------------------------------------------

function Teleconsultation({ page }: { page: PatientPage }) {
  const words = tp.value;
  // Only an address that a browser opens as a page; whatever else stood there would run in ours.
  const providers = page.providers.filter(({ url }) => /^https:\/\//.test(url));
  const isMember = page.row.circle.some((member) => member.subject === me.value && !brokeGlass(member));
  if (providers.length === 0 || !isMember || OVER.includes(page.row.status)) return null;
  return (
    <section class="teleconsult" aria-label={words.teleconsult}>
      {providers.map(({ id, name, url }) => (
        <a
          key={id}
          class="act"
          href={url}
          target="_blank"
          rel="noopener noreferrer"
          title={words.teleconsultHint}
          data-provider={id}
          onClick={() => void act({ act: "teleconsultation", provider: id })}
        >
          <Video size={18} aria-hidden="true" />
          {providers.length === 1 ? `${words.teleconsult} (${name})` : words.teleconsultWith(name)}
        </a>
      ))}
      <Outcome of={["teleconsultation"]} />
    </section>
  );
}

/** Told of an alert while on call, one is not in the circle yet: of any other patient it is not told whether there is one. */
function OnCall({ id }: { id: string }) {
  const words = tp.value;
  const open = async () => {
    if (await doing("on_call", () => doors.joinOnCall(region.value, id))) await openPatient(id);
  };
  return (
    <div class="narrow-page">
      {hasBoard.value && <Back />}
      <section class="panel">
        <h2>{words.onCallTitle}</h2>
        <p>{words.onCallWhy}</p>
        <button type="button" class="act main" disabled={busy.value !== null} onClick={() => void open()}>
          {busy.value === "on_call" ? words.busy : words.onCallJoin}
        </button>
        <Outcome of={["on_call"]} />
      </section>
    </div>
  );
}

function BreakGlass({ id }: { id: string }) {
  const words = tp.value;
  const reason = useSignal("");
  const open = async () => {
    if (!(await doing("break_glass", () => doors.breakGlass(region.value, id, reason.value.trim())))) return;
    unlock(); // who says why they open a file now does not ask once more for its name
    await openPatient(id);
  };
  return (
    <div class="narrow-page">
      <section class="panel glass">
        <h2>{words.glassTitle}</h2>
        <p>{words.glassWhy}</p>
        <form
          class="fields"
          onSubmit={(event) => {
            event.preventDefault();
            if (reason.value.trim() !== "" && busy.value === null) void open();
          }}
        >
          <Field label={words.glassReason} long required max={4000} value={reason.value} onInput={(value) => (reason.value = value)} />
          <button type="submit" class="act danger" disabled={reason.value.trim() === "" || busy.value !== null}>
            {busy.value === "break_glass" ? words.busy : words.glassOpen}
          </button>
        </form>
        <Outcome of={["break_glass"]} />
      </section>
    </div>
  );
}
