/** Opens the web app. */
import { render } from "preact";
import { App } from "./screen/app";
import { enter, follow } from "./state";
import { followTongue } from "./words";

follow();
followTongue();
render(<App />, document.getElementById("app")!);
void enter();
