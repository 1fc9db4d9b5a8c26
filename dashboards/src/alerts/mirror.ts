/** The page's copy of what the desk (or one person) sees of alerts: whole values by key, frame by frame. */
import { changed, replaced } from "../mirror";
import { MAPS, type AlertMaps, type AlertsChanges, type AlertsPicture } from "./wire";

export type Held = { [K in keyof AlertMaps]: Map<string, AlertMaps[K]> };

export class AlertsMirror {
  readonly held: Held = {
    alerts: new Map(),
    groups: new Map(),
    silences: new Map(),
    overrides: new Map(),
    channels: new Map(),
    on_call: new Map(),
    counts: new Map(),
    words: new Map(),
  };
  token: string | null = null;
  rebuilding = false;

  /** Takes a whole picture; returns whether it differs from the one held. */
  snapshot(data: AlertsPicture, token: string | null): boolean {
    let moved = this.rebuilding !== (data.rebuilding ?? false);
    for (const map of MAPS) {
      const values = data[map];
      // A view that leaves a map out shows none of it, but `on_call` may come by its own door.
      if (values === undefined && map === "on_call") continue;
      if (replaced(this.held[map] as Map<string, unknown>, values ?? {}).length > 0) moved = true;
    }
    this.token = token ?? data.token ?? null;
    this.rebuilding = data.rebuilding ?? false;
    return moved;
  }

  /** Takes changed values (null removes); returns whether that altered anything. */
  changes(changes: AlertsChanges, token: string): boolean {
    let moved = changes.rebuilding !== undefined && changes.rebuilding !== this.rebuilding;
    for (const map of MAPS) {
      const values = changes[map];
      if (values && changed(this.held[map] as Map<string, unknown>, values).length > 0) moved = true;
    }
    this.token = token;
    if (changes.rebuilding !== undefined) this.rebuilding = changes.rebuilding;
    return moved;
  }
}
