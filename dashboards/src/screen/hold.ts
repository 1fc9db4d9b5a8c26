/** Keeps a list still while someone points at it or reads it with the keyboard. */
import { signal, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";
import { heldStill, moves } from "../order";

/** After a finger leaves, the list waits this long before it moves. */
const AFTER_TOUCH_MS = 2_500;

/** Returns whether the element is being pointed at, touched, or holds a visible focus (in those of its parts named). */
export function useHold(element: RefObject<HTMLElement>, parts = "*"): ReadonlySignal<boolean> {
  const held = useMemo(() => signal(false), []);
  useEffect(() => {
    const list = element.current;
    if (!list) return;
    let pointed = false;
    let focused = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const say = () => (held.value = pointed || focused);
    const enter = (event: PointerEvent) => {
      clearTimeout(timer);
      pointed = true;
      say();
      if (event.pointerType !== "mouse") timer = setTimeout(() => ((pointed = false), say()), AFTER_TOUCH_MS);
    };
    const leave = (event: PointerEvent) => {
      if (event.pointerType !== "mouse") return;
      pointed = false;
      say();
    };
    const focusIn = (event: FocusEvent) => {
      focused = event.target instanceof Element && event.target.matches(":focus-visible") && event.target.closest(parts) !== null;
      say();
    };
    const focusOut = (event: FocusEvent) => {
      if (event.relatedTarget instanceof Node && list.contains(event.relatedTarget)) return;
      focused = false;
      say();
    };
    list.addEventListener("pointerenter", enter);
    list.addEventListener("pointerdown", enter);
    list.addEventListener("pointerleave", leave);
    list.addEventListener("focusin", focusIn);
    list.addEventListener("focusout", focusOut);
    return () => {
      clearTimeout(timer);
      list.removeEventListener("pointerenter", enter);
      list.removeEventListener("pointerdown", enter);
      list.removeEventListener("pointerleave", leave);
      list.removeEventListener("focusin", focusIn);
      list.removeEventListener("focusout", focusOut);
    };
  }, [element, held, parts]);
  return held;
}

/** Returns the order to draw now, how many moves wait, and what applies them at once. */
export function useStillOrder(fresh: string[], held: boolean, list: string): { order: string[]; waiting: number; apply(): void } {
  const kept = useRef<{ list: string; order: string[] }>({ list, order: fresh });
  const [, again] = useState(0);
  // Another list (another kind, another sort) is what the reader just asked for: no reason to hold it back.
  if (!held || kept.current.list !== list) kept.current = { list, order: fresh };
  const order = heldStill(kept.current.order, fresh);
  // What came has its place now too: the next one to come goes behind it, and not before it.
  kept.current = { list, order };
  return {
    order,
    waiting: held ? moves(order, fresh) : 0,
    apply: () => {
      kept.current = { list, order: fresh };
      again((n) => n + 1);
    },
  };
}

/** Moves the focus between the elements that match, by arrows, Home and End; returns whether the key was one of those. */
export function walk(event: KeyboardEvent, matching: string): boolean {
  const list = event.currentTarget as HTMLElement;
  const stops = [...list.querySelectorAll<HTMLElement>(matching)];
  const at = stops.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
  if (to === undefined || stops.length === 0) return false;
  event.preventDefault();
  stops[Math.max(0, Math.min(stops.length - 1, to))]?.focus();
  return true;
}
