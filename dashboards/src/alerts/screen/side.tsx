/** Beside the desk: who is on call and by which calendar, who stands in, what is silenced, which channel is down. */
import { signal, useSignal } from "@preact/signals";
import { PhoneCall, TriangleAlert } from "lucide-preact";
import { Problem } from "../../http";
import { moment, timeOfDay } from "../../format";
import { region, zone } from "../../state";
import { t } from "../../words";
import { countDown } from "../count_down";
import { doors } from "../http";
import { hasCell, map, now } from "../state";
import type { OnCallNow } from "../wire";
import { ta } from "../words";
import { Patients } from "./counts";
import { PersonChoice, scheduleText, valueText } from "./forms";
import { sinceText, Ticking, who } from "./parts";

/** A calendar that was not read for so long is said to be old. */
const OLD_CALENDAR_MS = 6 * 3_600_000;

/** The schedule for which somebody is being stood in. */
const standingIn = signal<string | null>(null);

export function Side() {
  const words = ta.value;
  const silenced = map("silences").size;
  const down = [...map("channels")].filter(([, state]) => !state.up);
  const schedules = [...map("on_call")].sort(([a], [b]) => a.localeCompare(b, "fr"));
  return (
    <aside class="side">
      {down.length > 0 && (
        <section class="down" aria-labelledby="down-title">
          <h2 id="down-title">
            <TriangleAlert size={16} aria-hidden="true" /> {words.channelsDown}
          </h2>
          <ul>
            {down.map(([name, state]) => (
              <li key={name}>
                <strong>{words.channels[name] ?? name}</strong>{" "}
                <span>
                  <Ticking text={(clock) => words.downSince(sinceText(state.at)(clock))} />
                </span>
                {state.why && <small>{words.whys[state.why] ?? state.why}</small>}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section aria-labelledby="on-call-title">
        <h2 id="on-call-title">
          <PhoneCall size={16} aria-hidden="true" /> {words.onCall}
        </h2>
        {schedules.length === 0 && <p class="sum">{words.onCallNone}</p>}
        <ul>
          {schedules.map(([name, on]) => (
            <Schedule key={name} name={name} on={on} />
          ))}
        </ul>
        <StandIns />
      </section>
      <Patients />
      <section aria-labelledby="silences-title" id="silences">
        <h2 id="silences-title">{words.silences}</h2>
        {silenced === 0 && <p class="sum">{words.silencesNone}</p>}
        <Silences />
      </section>
    </aside>
  );
}

function Schedule({ name, on }: { name: string; on: OnCallNow }) {
  const words = ta.value;
  const isOpen = standingIn.value === name;
  const isOld = on.read_at != null && now.value !== null && now.value - on.read_at > OLD_CALENDAR_MS;
  return (
    <li class="schedule">
      <span class="schedule-name">{scheduleText(name)}</span>
      <span class="schedule-who">
        {on.person ? <strong>{who(on.person)}</strong> : <strong class="nobody">{words.onCallNobody}</strong>}
        {on.until != null && <small> {words.untilTime(moment(on.until, now.value, zone.value, t.value))}</small>}
      </span>
      {on.read_at != null && (
        <small class={isOld ? "stale" : "sum"}>
          <Ticking text={(clock) => words.readAgo(sinceText(on.read_at!)(clock), on.source ?? "")} />
        </small>
      )}
      {on.trouble && <small class="trouble">▲ {on.trouble}</small>}
      {hasCell.value && (
        <button type="button" class="quiet" aria-expanded={isOpen} onClick={() => (standingIn.value = isOpen ? null : name)}>
          {words.standIn}
        </button>
      )}
      {isOpen && <StandInForm schedule={name} />}
    </li>
  );
}

/** Returns the value of a datetime-local field for an instant, in the reader's own zone, which such fields are in. */
function localValue(at: number): string {
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function StandInForm({ schedule }: { schedule: string }) {
  const words = ta.value;
  const start = now.peek() ?? Date.now();
  const person = useSignal("");
  const since = useSignal(localValue(start));
  const until = useSignal(localValue(start + 8 * 3_600_000));
  const problem = useSignal("");
  const isBusy = useSignal(false);
  const send = async () => {
    isBusy.value = true;
    problem.value = "";
    try {
      await doors.standIn(region.value, {
        schedule,
        person: person.value,
        since: new Date(since.value).getTime(),
        until: new Date(until.value).getTime(),
      });
      standingIn.value = null;
    } catch (error) {
      problem.value = error instanceof Problem && error.status ? words.refusedWhy(error.message) : words.failed;
    }
    isBusy.value = false;
  };
  return (
    <form
      class="side-form"
      aria-label={words.standInFor(scheduleText(schedule))}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <PersonChoice label={words.who} value={person.value} onChange={(subject) => (person.value = subject)} />
      <label class="field">
        <span>{words.fromTime}</span>
        <input type="datetime-local" value={since.value} onInput={(event) => (since.value = (event.currentTarget as HTMLInputElement).value)} />
      </label>
      <label class="field">
        <span>{words.toTime}</span>
        <input type="datetime-local" value={until.value} onInput={(event) => (until.value = (event.currentTarget as HTMLInputElement).value)} />
      </label>
      {problem.value && (
        <p class="said said-refused" role="alert">
          {problem.value}
        </p>
      )}
      <button type="submit" class="act main" disabled={isBusy.value || person.value === "" || until.value <= since.value}>
        {isBusy.value ? words.busy : words.make}
      </button>
    </form>
  );
}

function StandIns() {
  const words = ta.value;
  const overrides = [...map("overrides").values()].sort((a, b) => a.since - b.since);
  if (overrides.length === 0) return null;
  return (
    <>
      <h3>{words.standIns}</h3>
      <ul>
        {overrides.map((one) => (
          <li key={one.id} class="stand-in">
            <span>
              <strong>{who(one.person)}</strong> · {scheduleText(one.schedule)}
            </span>
            <small>
              {moment(one.since, now.value, zone.value, t.value)} – {moment(one.until, now.value, zone.value, t.value)} · {words.by(who(one.author))}
            </small>
            {hasCell.value && <EndButton label={words.end + words.colon + who(one.person)} end={() => doors.endStandIn(region.value, one.id)} />}
          </li>
        ))}
      </ul>
    </>
  );
}

function Silences() {
  const words = ta.value;
  const silences = [...map("silences").values()].sort((a, b) => a.until - b.until);
  return (
    <ul>
      {silences.map((one) => (
        <li key={one.id} class="silence" data-silence={one.id}>
          <span class="matchers">
            {Object.entries(one.matchers).map(([label, values]) => (
              <span key={label} class="matcher">
                <small>{words.labels[label] ?? label}</small> {values.map((value) => valueText(label, value)).join(", ")}
              </span>
            ))}
          </span>
          <span class="silence-why">{words.quoted(one.reason)}</span>
          <small class="sum">
            {words.by(who(one.author))} ·{" "}
            <Ticking
              text={(clock) =>
                clock !== null && one.since > clock
                  ? words.begins(timeOfDay(one.since, zone.value, t.value))
                  : words.endsIn(clock === null ? "–" : countDown(one.until - clock))
              }
            />
          </small>
          {hasCell.value && <EndButton label={words.end + words.colon + one.reason} end={() => doors.endSilence(region.value, one.id)} />}
        </li>
      ))}
    </ul>
  );
}

/** Ends something: it goes once the frame that says so has come, not before. */
function EndButton({ label, end }: { label: string; end(): Promise<unknown> }) {
  const words = ta.value;
  const state = useSignal<"idle" | "busy" | "failed">("idle");
  return (
    <button
      type="button"
      class="quiet end"
      aria-label={label}
      disabled={state.value === "busy"}
      onClick={() => {
        state.value = "busy";
        end().then(
          () => setTimeout(() => (state.value = "idle"), 3_000), // by then the frame has come
          () => (state.value = "failed"),
        );
      }}
    >
      {state.value === "busy" ? words.busy : state.value === "failed" ? words.failed : words.end}
    </button>
  );
}
