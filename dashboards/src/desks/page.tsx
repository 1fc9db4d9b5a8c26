/** The desks beside the clinicians' pages: an establishment's sitting, the tracing agents' calls, the access trail. */
import { useEffect } from "preact/hooks";
import { followPrivacy } from "../patients/privacy";
import { Frame } from "../patients/screen/frame";
import { of, page } from "../route";
import { Calls } from "./calls";
import "./desks.css";
import { placeName, Sitting } from "./sitting";
import { Trail } from "./trail";
import { td } from "./words";

export function DeskPages() {
  const words = td.value;
  useEffect(followPrivacy, []);
  if (page.value === "sitting") {
    return (
      <Frame name={placeName.value || words.sitting.name}>
        <Sitting key={of.value} finess={of.value} />
      </Frame>
    );
  }
  if (page.value === "calls") {
    return (
      <Frame name={words.calls.name}>
        <Calls />
      </Frame>
    );
  }
  return (
    <Frame name={words.trail.name}>
      <Trail />
    </Frame>
  );
}
