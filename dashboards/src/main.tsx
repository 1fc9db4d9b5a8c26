/** Opens the web app. */
import { render } from "preact";
import { followRoute, isByLink, page } from "./route";
import { App } from "./screen/app";
import { enter, follow } from "./state";
import { followTongue } from "./words";

follow();
followTongue();
followRoute();
render(<App />, document.getElementById("app")!);
// Who comes by a link of a message need not be signed in: the link says all.
if (!isByLink(page.peek())) void enter();
