/** The search box: sites, towns, départements and kinds of bed, by name; arrows and Enter, or a click. */
import { computed, signal } from "@preact/signals";
import { Search as Lens } from "lucide-preact";
import { useRef } from "preact/hooks";
import { stateOf } from "../figures";
import { count } from "../format";
import { folded, spoken } from "../names";
import { search, type Found } from "../order";
import { chosenKind, departementName, directory, kind, kinds, total } from "../state";
import { say, t } from "../words";
import type { Facility } from "../wire";
import { Glyph } from "./glyphs";
import { openDepartement, openSite } from "./goto";

type Item = { is: "site"; facility: Facility } | { is: "departement"; code: string; name: string } | { is: "kind"; code: string };

const asked = signal("");
const isOpen = signal(false);
const at = signal(0);

const among = computed<Found<Item>[]>(() => {
  const known = directory.value;
  if (!known) return [];
  return [
    ...known.departements.map(({ code, name }) => ({ item: { is: "departement" as const, code, name }, text: folded(`${name} ${code}`) })),
    ...kinds.value.map(({ code, label, short }) => ({
      item: { is: "kind" as const, code },
      text: folded(`${label.fr} ${label.en} ${short.fr} ${short.en}`),
    })),
    ...known.facilities.map((facility) => ({
      item: { is: "site" as const, facility },
      text: folded(
        `${spoken(facility.name)} ${facility.name} ${facility.commune} ${departementName(facility.departement)} ${facility.finess_et} ${facility.finess_ej}`,
      ),
    })),
  ];
});
const found = computed<Item[]>(() => search(asked.value, among.value, 12));

function choose(item: Item): void {
  if (item.is === "site") openSite(item.facility.finess_et);
  else if (item.is === "departement") openDepartement(item.code);
  else kind.value = item.code;
  asked.value = "";
  isOpen.value = false;
}

export function SearchBox() {
  const words = t.value;
  const box = useRef<HTMLInputElement>(null);
  const items = found.value;
  const shown = isOpen.value && asked.value.trim() !== "";
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      if (asked.value) asked.value = "";
      else box.current?.blur();
      return;
    }
    if (!shown || items.length === 0) return;
    if (event.key === "ArrowDown") at.value = (at.value + 1) % items.length;
    else if (event.key === "ArrowUp") at.value = (at.value - 1 + items.length) % items.length;
    else if (event.key === "Enter") choose(items[Math.min(at.value, items.length - 1)]!);
    else return;
    event.preventDefault();
  };
  return (
    <div class="search" role="search">
      <Lens size={16} aria-hidden="true" />
      <input
        ref={box}
        id="search"
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        aria-label={words.searchLabel}
        placeholder={words.searchHint}
        aria-expanded={shown}
        aria-controls="search-found"
        aria-autocomplete="list"
        aria-activedescendant={shown && items.length ? `found-${Math.min(at.value, items.length - 1)}` : undefined}
        value={asked.value}
        onInput={(event) => {
          asked.value = (event.currentTarget as HTMLInputElement).value;
          at.value = 0;
          isOpen.value = true;
        }}
        onFocus={() => (isOpen.value = true)}
        onBlur={() => (isOpen.value = false)}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
      <ul id="search-found" role="listbox" aria-label={words.searchLabel} hidden={!shown || items.length === 0}>
        {shown &&
          items.map((item, i) => (
            <li
              key={i}
              id={`found-${i}`}
              role="option"
              aria-selected={i === at.value}
              // The box must keep its focus until the click has chosen.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => choose(item)}
            >
              <Result item={item} />
            </li>
          ))}
      </ul>
      {shown && items.length === 0 && <p class="search-none">{words.searchNone}</p>}
      <span class="hidden" role="status">
        {shown ? words.searchFound(items.length) : ""}
      </span>
    </div>
  );
}

function Result({ item }: { item: Item }) {
  const words = t.value;
  const code = chosenKind.value?.code ?? "";
  if (item.is === "kind") {
    const known = kinds.value.find((one) => one.code === item.code)!;
    return <span class="who">{say(known.label)}</span>;
  }
  if (item.is === "departement") {
    return (
      <>
        <span class="who">{item.name}</span>
        <span class="where">
          {words.departement} {item.code}
        </span>
      </>
    );
  }
  const sum = total("facility", item.facility.finess_et, code).value;
  return (
    <>
      <span class="who">{spoken(item.facility.name)}</span>
      <span class="where">
        {spoken(item.facility.commune)} ({item.facility.departement})
      </span>
      {sum && (
        <span class={`figure state-${stateOf(sum)}`}>
          <Glyph state={stateOf(sum)} size={14} /> {count(sum.available, words)}
        </span>
      )}
    </>
  );
}
