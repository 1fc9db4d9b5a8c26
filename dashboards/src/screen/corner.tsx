/** The choices that every screen has in the same corner: day or night, the language. */
import { Moon, Sun } from "lucide-preact";
import { chooseTheme, theme } from "../state";
import { t, tongue } from "../words";

export function Corner() {
  const words = t.value;
  const isNight = theme.value === "night";
  const other = isNight ? "day" : "night";
  return (
    <>
      <button type="button" class="icon" id="theme" aria-label={words[other]} title={`${words[other]} (n)`} onClick={() => chooseTheme(other)}>
        {isNight ? <Sun size={18} /> : <Moon size={18} />}
      </button>
      <button
        type="button"
        class="icon"
        id="language"
        lang={tongue.value === "fr" ? "en" : "fr"}
        aria-label={words.language}
        title={words.language}
        onClick={() => (tongue.value = tongue.value === "fr" ? "en" : "fr")}
      >
        {tongue.value === "fr" ? "en" : "fr"}
      </button>
    </>
  );
}
