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
