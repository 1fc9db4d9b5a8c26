/** Call 15 for somebody: the width of their row, with why where the page knows. */
import type { ComponentChildren } from "preact";
import { Phone } from "lucide-preact";

export function Call15({ children }: { children: ComponentChildren }) {
  return (
    <span class="row-15-said" role="alert">
      <a class="row-15" href="tel:15">
        <Phone size={16} aria-hidden="true" /> {children}
      </a>
    </span>
  );
}
