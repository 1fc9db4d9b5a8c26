/** Whether alarms were worth raising: per rule, what was raised, taken in and came of it; the load of teams, and one's own. */
import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { age, count, percent } from "../../format";
import { region } from "../../state";
import { say, t } from "../../words";
import { doors } from "../http";
import { hasCell } from "../state";
import type { RuleWorth, WorthPicture } from "../wire";
import { ta } from "../words";
import { spelled } from "./forms";
import { byNeed, plainTitle, shareOfTime, verdicts } from "../worth";

const PERIODS = [1, 7, 30];
const days = signal(30);

export function Worth() {
  const words = ta.value;
  const picture = useSignal<WorthPicture | "failed" | null>(null);
  const code = region.value;
  useEffect(() => {
    let current = true;
    doors.worth(code, days.value).then(
      (answer) => current && (picture.value = answer),
      () => current && (picture.value = "failed"),
    );
    return () => {
      current = false;
    };
  }, [code, days.value]);
  const held = picture.value;
  return (
    <main class="worth plain" id="alerts">
      <div class="worth-head">
        <p class="sum">{words.worthWhy}</p>
        <div class="segments" role="group" aria-label={words.worthTitle}>
          {PERIODS.map((length) => (
            <button key={length} type="button" aria-pressed={days.value === length} onClick={() => (days.value = length)}>
              {length === 1 ? words.worthToday : words.worthDays(length)}
            </button>
          ))}
        </div>
      </div>
      {held === null && <p class="sum empty">{words.arriving}</p>}
      {held === "failed" && <p class="sum empty">{words.worthFailed}</p>}
      {held !== null && held !== "failed" && <Picture held={held} />}
    </main>
  );
}

function Picture({ held }: { held: WorthPicture }) {
  const words = ta.value;
  const rules = byNeed(held.rules);
  const most = Math.max(1, ...rules.map(({ raised, notified }) => Math.max(raised, notified)));
  return (
    <>
      <div class="worth-loads">
        {held.me && (
          <section>
            <h2>{words.myLoad}</h2>
            <p>{words.load(held.me.notices)}</p>
          </section>
        )}
        {(held.teams?.length ?? 0) > 0 && (
          <section>
            <h2>{words.teams}</h2>
            <ul>
              {held.teams!.map(({ team, people, notices }) => (
                <li key={team}>
                  <strong>{spelled(team)}</strong> {words.teamOf(people, notices)}
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
      {!hasCell.value ? null : rules.length === 0 ? (
        <p class="sum empty">{words.worthNone}</p>
      ) : (
        <table class="rules">
          <caption class="hidden">{words.worthTitle}</caption>
          <thead>
            <tr>
              <th scope="col">{words.rule}</th>
              <th scope="col">{words.raised}</th>
              <th scope="col">{words.notified}</th>
              <th scope="col">{words.taken}</th>
              <th scope="col">{words.escalated}</th>
              <th scope="col">{words.took}</th>
              <th scope="col">
                {words.actionable}
                <span class="worth-legend">
                  <i class="part-acted" /> {words.outcomes.acted} <i class="part-none" /> {words.outcomes.no_action_needed}{" "}
                  <i class="part-wrong" /> {words.outcomes.wrong}
                </span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rules.map((rule) => (
              <RuleRow key={rule.rule} rule={rule} most={most} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function RuleRow({ rule, most }: { rule: RuleWorth; most: number }) {
  const words = ta.value;
  const share = rule.actionable === null ? "" : percent(rule.actionable, false, t.value);
  return (
    <tr class={rule.proposed ? "proposed" : ""} data-rule={rule.rule}>
      <th scope="row">
        {rule.title ? plainTitle(say(rule.title)) : spelled(rule.rule)}
        {rule.title && <code>{rule.rule}</code>}
        {rule.proposed && (
          <>
            {" "}
            <span class="badge">▲ {words.proposed}</span>
            <small>{words.proposedWhy(share)}</small>
          </>
        )}
      </th>
      <Count n={rule.raised} most={most} label={words.raised} />
      <Count n={rule.notified} most={most} label={words.notified} />
      <Count n={rule.taken} most={most} label={words.taken} />
      <Count n={rule.escalated} most={most} label={words.escalated} />
      <td data-label={words.took} class="wide">
        {rule.p50_s === null ? (
          "–"
        ) : (
          <span class="times">
            <Time seconds={rule.p50_s} />
            {rule.p90_s !== null && <Time seconds={rule.p90_s} soft />}
          </span>
        )}
      </td>
      <td data-label={words.actionable} class="wide">
        <Share rule={rule} text={share} />
      </td>
    </tr>
  );
}

function Count({ n, most, label }: { n: number; most: number; label: string }) {
  return (
    <td class="n" data-label={label}>
      {count(n, t.value)}
      <Line share={n / most} name="bar-count" />
    </td>
  );
}

function Time({ seconds, soft = false }: { seconds: number; soft?: boolean }) {
  return (
    <span class={`time ${soft ? "time-soft" : ""}`}>
      <Line share={shareOfTime(seconds)} name="bar-time" />
      <b>{age(seconds * 1000, t.value)}</b>
    </span>
  );
}

/** A bar whose length says a share; drawn, since a policy without inline styles lets only scripts set widths. */
function Line({ share, name }: { share: number; name: string }) {
  return (
    <span class={`mini ${name}`} aria-hidden="true">
      <span style={{ width: `${100 * Math.min(1, share)}%` }} />
    </span>
  );
}

function Share({ rule, text }: { rule: RuleWorth; text: string }) {
  const words = ta.value;
  const { all, unsaid } = verdicts(rule);
  if (all === 0) return <span class="sum">{words.unjudged}</span>;
  const part = (n: number) => ({ width: `${(100 * n) / all}%` });
  return (
    <span class="share-of" title={words.actionableOf(rule.acted, all, unsaid)}>
      <span class="mini parts" aria-hidden="true">
        <span class="part-acted" style={part(rule.acted)} />
        <span class="part-none" style={part(rule.no_action_needed)} />
        <span class="part-wrong" style={part(rule.wrong)} />
      </span>
      <b>{text}</b> <small>{words.actionableOf(rule.acted, all, unsaid)}</small>
    </span>
  );
}
