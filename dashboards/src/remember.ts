/** Small choices of the reader (language, theme), kept in the browser where it allows that. */

/** Returns the choice kept under a name, or null. */
export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`vigilits.${name}`);
  } catch {
    return null; // storage may be forbidden: then nothing is remembered
  }
}

/** Keeps a choice. */
export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`vigilits.${name}`, value);
  } catch {
    // as above
  }
}

/** What somebody saw of whom, which ends with their session. */
export const VISITS = "visits";

/** Keeps a choice no longer. */
export function forget(name: string): void {
  try {
    localStorage.removeItem(`vigilits.${name}`);
  } catch {
    // as above
  }
}

const UNSENT = "vigilits-answers"; // a patient's own answers on their way, sealed: no sign-in, and not ours to lose

/** Empties all else that this origin keeps in the browser: whoever signs in next finds nothing of whoever signed out. */
export async function emptyStorage(): Promise<void> {
  for (const of of [() => localStorage, () => sessionStorage]) {
    try {
      of().clear();
    } catch {
      // storage may be forbidden: then there is nothing in it
    }
  }
  try {
    const known = await indexedDB.databases();
    await Promise.all(known.map(({ name }) => name && name !== UNSENT && gone(name)));
  } catch {
    // as above
  }
}

function gone(name: string): Promise<void> {
  return new Promise((resolve) => {
    const asked = indexedDB.deleteDatabase(name);
    // Another tab may still hold it open: it is gone once that one lets go.
    asked.onsuccess = asked.onerror = asked.onblocked = () => resolve();
  });
}
