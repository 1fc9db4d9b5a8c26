/** What follows sending: *pas encore transmis* until it was received, what is missing asked for once, and *Merci*. */
import { useSignal } from "@preact/signals";
import { Check, CloudOff, CloudUpload } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { say } from "../words";
import { at, spokenValue } from "./format";
import type { Answers } from "./questionnaire";
import { goOn, Questions } from "./question";
import {
  correct,
  heldBack,
  items,
  lacking,
  lasts,
  leaveLacking,
  lostDraft,
  notTakenKind,
  opened,
  othersLost,
  othersWaiting,
  receivedAt,
  saidEmpty,
  send,
  step,
  stopped,
  tryNow,
  unfit,
  unreadUntil,
  waiting,
} from "./state";
import { tw } from "./words";

export function After() {
  const words = tw.value;
  const missing = lacking.value;
  const waits = waiting.value !== null;
  const canCorrect = opened.value?.slot != null;
  const isOpen = !waits && receivedAt.value === null && (opened.value?.lacks ?? 0) > 0;
  const wrong = missing.filter((link) => unfit.value.includes(link)).length;
  return (
    <>
      {waits ? (
        <NotSent />
      ) : missing.length > 0 ? null : isOpen ? (
        <div class="notice">
          <Title text={words.again(opened.value!.lacks!)} />
          <p role="status">{words.lacksWhy}</p>
          <Unread />
          <button type="button" class="main-button" onClick={correct}>
            {words.complete}
          </button>
          <p>{words.worse}</p>
        </div>
      ) : (
        <div class="thanks">
          <p class="thanks-mark">
            <Check size={64} aria-hidden="true" />
          </p>
          <Title text={words.thanks} />
          <p role="status">{receivedAt.value !== null ? words.receivedAt(at(receivedAt.value)) : words.alreadyAnswered}</p>
          <Unread />
          <p>{words.worse}</p>
          {canCorrect && opened.value?.closes_at != null && <p class="soft">{words.correctUntil(at(opened.value.closes_at))}</p>}
        </div>
      )}
      {missing.length > 0 && opened.value ? (
        <form
          class="again"
          noValidate
          onKeyDown={goOn}
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <Title text={[missing.length > wrong && words.again(missing.length - wrong), wrong > 0 && words.toCheck(wrong)].filter(Boolean).join(" · ")} key={missing.join()} />
          {wrong > 0 && <p class="wrong">{words.toCheckWhy(wrong)}</p>}
          <p>{waits ? words.againWhyWaits(wrong > 0) : words.againWhy(wrong > 0)}</p>
          <Questions items={opened.value.questionnaire.items} only={new Set(missing)} />
          {saidEmpty.value && (
            <p class="wrong" role="alert">
              {words.nothingYet}
            </p>
          )}
          <button type="submit" class="main-button">
            {words.sendThese}
          </button>
          <button type="button" class="second-button" onClick={leaveLacking}>
            {words.againNo}
          </button>
        </form>
      ) : (
        canCorrect &&
        !isOpen && (
          <button type="button" class="second-button" onClick={correct}>
            {waits ? words.change : words.correct}
          </button>
        )
      )}
    </>
  );
}

/** A heading that takes the focus: what has changed is read out, and the page is at its top. */
export function Title({ text }: { text: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    scrollTo({ top: 0 });
    heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {text}
    </h1>
  );
}

function NotSent() {
  const words = tw.value;
  const why = waiting.value;
  if (why === null) return null;
  return (
    <div class="not-sent" role="status">
      <p class="not-sent-title">
        {why === "sending" ? <CloudUpload size={28} aria-hidden="true" /> : <CloudOff size={28} aria-hidden="true" />}
        <strong>{why === "sending" ? words.sending : words.notSent}</strong>
      </p>
      {why !== "sending" && (
        <>
          <p>{words.notSentWhy[why]}</p>
          {!lasts.value && <p>{words.keepOpen}</p>}
          <p>{words.notSentUnwell}</p>
          <button type="button" class="second-button" onClick={tryNow}>
            {words.tryNow}
          </button>
        </>
      )}
    </div>
  );
}

export function NotTaken() {
  const words = tw.value;
  return (
    <div class="not-taken">
      <Title text={words.notTaken} />
      <p role="alert">{words.notTakenWhy[notTakenKind.value] ?? words.notTakenWhy.other}</p>
      <p>{words.notTakenGone}</p>
      <p class="unwell">{words.unwell}</p>
      {opened.value?.slot != null && (
        <button type="button" class="second-button" onClick={() => (step.value = "form")}>
          {words.seeAnswers}
        </button>
      )}
    </div>
  );
}

/** A link that opens nothing; what was answered by it is here, for the next link or to be read out. */
export function NoLink() {
  const words = tw.value;
  const kept = heldBack.value;
  const isShown = useSignal(false);
  return (
    <div class="notice">
      <Title text={words.noLink} />
      <p role="alert">{words.noLinkWhy}</p>
      {kept.length > 0 && (
        <section class="held-back">
          <p>
            <strong>{words.held}</strong>
          </p>
          <p>{words.heldWhy}</p>
          {!lasts.value && <p>{words.keepOpen}</p>}
          {isShown.value ? (
            kept.map((told, place) => <Told key={place} told={told} />)
          ) : (
            <button type="button" class="second-button" onClick={() => (isShown.value = true)}>
              {words.seeAnswers}
            </button>
          )}
        </section>
      )}
      <p class="unwell">{words.unwell}</p>
    </div>
  );
}

/** Answers as they are read out on the telephone. */
function Told({ told }: { told: Answers }) {
  return (
    <dl>
      {Object.entries(told).map(([link, value]) => {
        const item = items.value.get(link);
        return (
          <div key={link}>
            <dt>{item ? say(item.text) : link}</dt>
            <dd>{spokenValue(item, value)}</dd>
          </div>
        );
      })}
    </dl>
  );
}

export function StoppedNote() {
  const words = tw.value;
  const told = stopped.value;
  return (
    <div class="thanks">
      <Title text={words.stopped} />
      {told?.erased_by != null && <p>{words.stoppedErased(at(told.erased_by))}</p>}
      {told?.waits && <p>{words.stoppedWaits}</p>}
      <p class="unwell">{words.unwell}</p>
    </div>
  );
}

/** Says until when nobody reads what is sent, and what to do where that is too late. */
export function Unread() {
  const words = tw.value;
  const until = unreadUntil.value;
  if (until === undefined) return null;
  return (
    <p class="nobody" role="status">
      {until === null ? words.nobody : words.nobodyUntil(at(until))} <a href="tel:15">{words.call15Button}</a>
    </p>
  );
}

/** What was sent by another link of this device, and has not been received. */
export function Others() {
  const words = tw.value;
  return (
    <>
      {othersWaiting.value > 0 && <p class="other-day">{words.otherDay(othersWaiting.value)}</p>}
      {lostDraft.value && (
        <p class="other-day" role="status">
          {words.draftLost}
        </p>
      )}
      {othersLost.value && <p class="other-day">{words.otherDayLost}</p>}
    </>
  );
}
