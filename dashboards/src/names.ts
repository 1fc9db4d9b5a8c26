/** Names as people write them: the registers shout, and leave out the accents. */

const AS_IS = new Set([
  "CH", "CHU", "CHR", "CHRU", "CHI", "CHIC", "CHIVA", "CHS", "HAD", "SSR", "SMR", "USLD", "MCO", "HL", "CRF", "GCS", "ICM",
  "IUCT", "UGECAM", "MGEN", "LADAPT", "ASEI", "AIDER", "USSAP", "KORIAN", "ORPEA", "II", "III", "IV", "EJ", "ET", "SA", "SAS",
  "SARL", "EPS", "APF", "CTRE", "PEP", "SIH", "CMPR", "CRFS", "MRC", "CLS", "EHPAD", "CSSR",
]);
const SMALL = new Set(["de", "du", "des", "la", "le", "les", "l", "d", "et", "en", "sur", "sous", "aux", "au", "à", "lès", "site"]);
const SHORT: Record<string, string> = { CL: "Clinique", HOP: "Hôpital", HOPITAL: "Hôpital", CTRE: "Centre", POLYCL: "Polyclinique", ST: "Saint", STE: "Sainte" };

/** Returns "CL ST JEAN DU LANGUEDOC" as "Clinique Saint Jean du Languedoc"; a name with small letters is left as it is. */
export function spoken(name: string): string {
  if (/\p{Ll}/u.test(name)) return name;
  let first = true;
  return name.replace(/[\p{L}\p{N}.]+/gu, (word) => {
    const begins = first;
    first = false;
    const long = SHORT[word];
    if (long) return long;
    if (AS_IS.has(word)) return word;
    const small = word.toLocaleLowerCase("fr");
    if (!begins && SMALL.has(small)) return small;
    return word.charAt(0) + small.slice(1);
  });
}

/** Returns a text without accents, case or punctuation: what is compared when one searches. */
export function folded(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/\bst\b/g, "saint")
    .replace(/\bste\b/g, "sainte")
    .replace(/[^a-z0-9]+/g, " ")
    .trim();
}
