/** The clinicians' pages: the board, one patient, and enrolment, each in the common frame. */
import { useEffect } from "preact/hooks";
import { page } from "../../route";
import { region } from "../../state";
import { t } from "../../words";
import { hasBoard, rebuilding, refusal, start, verdict } from "../state";
import { tp } from "../words";
import { Board } from "./board";
import { Enrol } from "./enrol";
import { Find } from "./find";
import { Frame } from "./frame";
import { Patient } from "./patient";

export function PatientPages() {
  const words = tp.value;
  useEffect(start, [region.value]);
  const on = page.value;
  const name = on === "enrol" ? words.enrolTitle : on === "patient" || on === "find" ? words.patient : words.boardTitle;
  const judged = hasBoard.value && on !== "enrol" ? verdict.value : null;
  const banner = rebuilding.value && (
    <p class="rebuilding" role="status">
      {t.value.rebuilding}
    </p>
  );
  return (
    <Frame name={name} judged={judged} refusal={refusal.value} keys={words.keys} skipTo={on === "patients" ? "#patients" : "#main"} banner={banner}>
      {on === "enrol" ? <Enrol /> : on === "find" ? <Find /> : on === "patient" ? <Patient /> : <Board />}
    </Frame>
  );
}
