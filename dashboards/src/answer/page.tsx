/** The page on which a patient answers; whoever has the link needs no signing in. */
import { Moon, Sun } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { remember, remembered } from "../remember";
import { chooseTheme, theme } from "../state";
import { say, tongue, type Tongue } from "../words";
import { After, NoLink, NotTaken, Others, StoppedNote, Title, Unread } from "./after";
import { Alarm, CallBar } from "./alarm";
import "./answer.css";
import { at } from "./format";
import { isKept, keepPage } from "./offline";
import { goOn, Questions } from "./question";
import { Read } from "./read";
import { silence } from "./speech";
import {
  alarm,
  aside,
  away,
  by,
  chooseBy,
  dontCorrect,
  enrolledIn,
  followPage,
  isCorrecting,
  isOnline,
  isRed,
  lasts,
  opened,
  progress,
  receivedAt,
  rung,
  saidEmpty,
  send,
  start,
  step,
} from "./state";
import { Stop } from "./stop";
import { tw } from "./words";

const OVER = ["stopped", "ended", "refused"]; // nothing is left to be stopped
const KEPT_TONGUE = "answer-tongue";

export function AnswerPage() {
  const words = tw.value;
  useEffect(() => {
    const leave = followPage();
    void start();
    void keepPage();
    return () => {
      silence();
      leave();
    };
  }, []);
  useEffect(() => {
    // Neither the task switcher nor the history needs to know more.
    document.title = words.title;
  }, [words]);
  const language = enrolledIn.value ?? opened.value?.language;
  useEffect(() => {
    const chosen = remembered(KEPT_TONGUE) ?? language;
    if (chosen === "fr" || chosen === "en") tongue.value = chosen;
  }, [language]);
  const isAside = aside.value !== null;
  return (
    <div class="answer" data-step={step.value} data-kept={isKept.value || undefined}>
      <Head />
      <main id="main">
        {aside.value === "stop" && <Stop />}
        {aside.value === "read" && <Read />}
        {!isAside && <Body />}
      </main>
      {!isAside && opened.value && step.value !== "stopped" && step.value !== "no-link" && <Foot />}
      {isAlarming() && <Alarm flags={alarm.value} />}
    </div>
  );
}

const isAlarming = (): boolean => alarm.value.length > 0 || rung.value;

function Head() {
  const words = tw.value;
  const other: Tongue = tongue.value === "fr" ? "en" : "fr";
  const { done, all } = progress.value;
  const asks = step.value === "form" && aside.value === null && all > 0;
  return (
    <header class="head">
      <div class="head-row">
        <p class="head-title">{opened.value ? say(opened.value.questionnaire.title) : words.title}</p>
        <button
          type="button"
          id="language"
          lang={other}
          onClick={() => {
            tongue.value = other;
            remember(KEPT_TONGUE, other);
          }}
        >
          {words.english}
        </button>
        <button
          type="button"
          id="theme"
          aria-label={theme.value === "night" ? words.day : words.night}
          title={theme.value === "night" ? words.day : words.night}
          onClick={() => chooseTheme(theme.value === "night" ? "day" : "night")}
        >
          {theme.value === "night" ? <Sun size={22} aria-hidden="true" /> : <Moon size={22} aria-hidden="true" />}
        </button>
      </div>
      {isRed.value && !isAlarming() && <CallBar />}
      {asks && (
        <div class="progress">
          <progress max={all} value={done} aria-label={words.progress(done, all)} />
          <span aria-hidden="true">{words.progress(done, all)}</span>
        </div>
      )}
    </header>
  );
}

function Body() {
  const words = tw.value;
  switch (step.value) {
    case "opening":
      return <p role="status">{words.opening}</p>;
    case "unreachable":
      return (
        <div class="notice">
          <Title text={words.unreachable} />
          <p role="status">{words.unreachableWhy[away.value]}</p>
          <p class="unwell">{words.unwell}</p>
          <a class="call quiet-call" href="tel:15">
            {words.call15Button}
          </a>
        </div>
      );
    case "no-link":
      return <NoLink />;
    case "nothing":
      return <Nothing />;
    case "form":
      return <Form />;
    case "after":
      return (
        <>
          <After />
          <Others />
        </>
      );
    case "not-taken":
      return <NotTaken />;
    case "stopped":
      return <StoppedNote />;
  }
}

function Nothing() {
  const words = tw.value;
  const now = opened.value;
  const why = now ? words.is[now.status] : undefined;
  const isOver = OVER.includes(now?.status ?? "");
  return (
    <div class="notice">
      <Title text={isOver && why ? why : words.nothing} />
      {why && !isOver && <p>{why}</p>}
      {now?.status === "followed" && <p>{now.opens_at != null && now.opens_at > Date.now() ? words.nothingUntil(at(now.opens_at)) : words.nothingSoon}</p>}
      <p class="unwell">{words.unwell}</p>
      <Others />
    </div>
  );
}

function Form() {
  const words = tw.value;
  const now = opened.value;
  if (!now) return null;
  return (
    <form
      noValidate
      onKeyDown={goOn}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <h1 class="hidden">{say(now.questionnaire.title)}</h1>
      {!isOnline.value && (
        <p class="no-network" role="status">
          {lasts.value ? words.offline : words.offlineFleeting}
        </p>
      )}
      <Unread />
      <Others />
      {isCorrecting.value && <p>{receivedAt.value === null && (now.lacks ?? 0) > 0 ? words.completing : words.correcting}</p>}
      {now.closes_at != null && !isCorrecting.value && <p class="soft">{words.until(at(now.closes_at))}</p>}
      <label class="pick caregiver" data-picked={by.value === "caregiver" || undefined}>
        <input type="checkbox" checked={by.value === "caregiver"} onChange={(event) => chooseBy(event.currentTarget.checked ? "caregiver" : "patient")} />
        <span>{words.caregiver}</span>
      </label>
      {by.value === "caregiver" && <p class="soft">{words.caregiverNote}</p>}
      <Questions items={now.questionnaire.items} />
      {saidEmpty.value && (
        <p class="wrong" role="alert">
          {words.nothingYet}
        </p>
      )}
      <button type="submit" class="main-button">
        {words.send}
      </button>
      {isCorrecting.value && (
        <button type="button" class="second-button" onClick={dontCorrect}>
          {words.cancel}
        </button>
      )}
    </form>
  );
}

function Foot() {
  const words = tw.value;
  return (
    <footer class="foot">
      <button type="button" onClick={() => (aside.value = "read")}>
        {words.read}
      </button>
      {!OVER.includes(opened.value?.status ?? "") && (
        <button type="button" onClick={() => (aside.value = "stop")}>
          {words.stop}
        </button>
      )}
    </footer>
  );
}
