/** What the circle says to one another, who has read it, and what is to be thought of. */
import { useSignal } from "@preact/signals";
import { Check, ListTodo } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { readersOf } from "../readers";
import { act, busy, me, now, read as markRead } from "../state";
import type { PatientPage, Row } from "../wire";
import { tp } from "../words";
import { isFull } from "./file";
import { Field, Outcome, Shell, timeText, who } from "./parts";

export function Thread({ page, row }: { page: PatientPage; row: Row }) {
  const words = tp.value;
  const text = useSignal("");
  const end = useRef<HTMLDivElement>(null);
  const messages = page.story.filter(({ what }) => what === "message").sort((a, b) => a.at - b.at);
  const last = messages.at(-1);
  const read = row.read ?? {};
  const unread = last !== undefined && (read[me.value] ?? 0) < last.at && last.by !== me.value;
  const mayRead = page.row.circle.some(({ subject }) => subject === me.value);
  useEffect(() => {
    // Read is what was in sight, on a page that somebody looks at.
    if (!unread || !mayRead || !end.current) return;
    const watch = new IntersectionObserver(([entry]) => {
      if (entry!.isIntersecting && !document.hidden) {
        watch.disconnect();
        markRead(last.at);
      }
    });
    watch.observe(end.current);
    return () => watch.disconnect();
  }, [unread, mayRead, last?.at]);
  const send = async () => {
    if (await act({ act: "message", text: text.value.trim() })) text.value = "";
  };
  const readings = page.story.filter(({ what }) => what === "read");
  return (
    <section class="panel" aria-label={words.thread}>
      <h2>{words.thread}</h2>
      {messages.length === 0 ? (
        <p class="sum">{words.threadNone}</p>
      ) : (
        <ol class="thread">
          {messages.map((message) => {
            const by = readersOf(message, readings);
            return (
              <li key={message.id} class={message.by === me.value ? "is-mine" : ""} data-message={message.id}>
                <p class="thread-by">
                  <b>{who(message.by ?? "")}</b> <time>{timeText(message.at)}</time>
                </p>
                <p class="thread-text">{message.text ?? "–"}</p>
                <p class="thread-read">
                  {by.length > 0 ? words.readBy(by.map(([subject, at]) => words.readAt(who(subject), timeText(at))).join(", ")) : words.readByNone}
                </p>
              </li>
            );
          })}
        </ol>
      )}
      <div ref={end} class="thread-end" />
      <Outcome of={["message"]} />
      <form
        class="thread-write"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.value.trim() !== "" && busy.value === null) void send();
        }}
      >
        <Field label={words.message} long max={4000} value={text.value} onInput={(value) => (text.value = value)} />
        <button type="submit" class="act main" disabled={text.value.trim() === "" || busy.value !== null}>
          {busy.value === "message" ? words.busy : words.send}
        </button>
      </form>
    </section>
  );
}

/** Returns an instant as a field for local date and time has it. */
function local(at: number): string {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function Memos({ page, row }: { page: PatientPage; row: Row }) {
  const words = tp.value;
  const isOpen = useSignal(false);
  const text = useSignal("");
  const due = useSignal("");
  const mayAct = isFull(row);
  const texts = new Map(page.story.filter(({ what }) => what === "memo").map((line) => [line.id, line]));
  const open = Object.entries(row.memos ?? {}).sort((a, b) => a[1] - b[1]);
  const send = async () => {
    if (await act({ act: "memo", text: text.value.trim(), due_at: new Date(due.value).getTime() })) {
      isOpen.value = false;
      text.value = "";
    }
  };
  return (
    <section class="panel" aria-label={words.memos}>
      <h2>{words.memos}</h2>
      {open.length === 0 && <p class="sum">{words.memosNone}</p>}
      <ul class="memos">
        {open.map(([id, at]) => {
          const late = at <= (now.value ?? 0);
          return (
            <li key={id} class={late ? "is-late" : ""} data-memo={id}>
              <ListTodo size={18} aria-hidden="true" />
              <span>
                {texts.get(id)?.text ?? "–"}{" "}
                <small class="soft">
                  {words.dueAt(timeText(at))} {texts.get(id)?.by && `· ${who(texts.get(id)!.by!)}`}
                </small>
                {late && <b class="overdue"> {words.memoOverdue}</b>}
              </span>
              {mayAct && (
                <button type="button" class="act" disabled={busy.value !== null} onClick={() => void act({ act: "memo_done", memo: id })}>
                  <Check size={18} aria-hidden="true" />
                  {words.memoDone}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      <Outcome of={["memo", "memo_done"]} />
      {isOpen.value ? (
        <Shell act="memo" onSend={() => void send()} onClose={() => (isOpen.value = false)} ready={text.value.trim() !== "" && due.value !== ""}>
          <Field label={words.memoText} value={text.value} onInput={(value) => (text.value = value)} max={4000} />
          <Field label={words.memoDue} type="datetime-local" value={due.value} onInput={(value) => (due.value = value)} />
        </Shell>
      ) : (
        mayAct && (
          <button
            type="button"
            class="act"
            onClick={() => {
              due.value = local((now.value ?? Date.now()) + 4 * 3_600_000);
              isOpen.value = true;
            }}
          >
            <ListTodo size={18} aria-hidden="true" />
            {words.memo}
          </button>
        )
      )}
    </section>
  );
}
