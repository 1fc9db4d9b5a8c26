/** Where practice software leads: to the one of the reader's own patients whom it names after the #, which no log sees. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem } from "../../http";
import { onLink, turn } from "../../route";
import { region } from "../../state";
import { doors } from "../http";
import { tp } from "../words";
import { refusalText } from "./parts";

const pageOf = (id: string): string => `/patients/${encodeURIComponent(id)}`;

export function Find() {
  const words = tp.value;
  const said = useSignal<string | null>(null);
  const found = useSignal<readonly string[]>([]);
  useEffect(() => {
    const look = () => {
      const told = new URLSearchParams(location.hash.slice(1));
      const [id, matricule] = [told.get("id") ?? "", told.get("ins") ?? ""];
      // Neither history nor whoever looks over a shoulder keeps what somebody is known by.
      history.replaceState(null, "", location.pathname);
      found.value = [];
      if (id !== "") turn(pageOf(id));
      else if (matricule === "") said.value = words.findLinkOnly;
      else void search(matricule);
    };
    const search = async (matricule: string) => {
      said.value = null;
      try {
        const { patients } = await doors.search(region.peek(), { matricule });
        if (patients.length === 1) return turn(pageOf(patients[0]!));
        found.value = patients;
        said.value = patients.length === 0 ? words.foundNoneByIns : words.foundSome(patients.length);
      } catch (error) {
        said.value = refusalText(error instanceof Problem ? error : new Problem(0));
      }
    };
    look();
    // Software that uses one tab again changes nothing but what is after the #.
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  return (
    <div class="narrow-page">
      <p class="sum empty" role="status">
        {said.value ?? words.loadingPatient}
      </p>
      <ul class="found">
        {found.value.map((one, i) => (
          <li key={one}>
            <a class="act" href={pageOf(one)} onClick={onLink}>
              {words.foundOne(i + 1)}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}
