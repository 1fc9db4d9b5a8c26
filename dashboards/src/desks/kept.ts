/** What was typed in a sitting and was not received: kept over a reload, sealed, and given back to who typed it alone. */
import { openVault, type Vault } from "../answer/vault";
import type { Row } from "./rows";

/** A row, and whose it is: enough to say so when its round is over, or the resident is on the list no more. */
export interface KeptRow {
  who: string;
  finess: string;
  patient: string;
  name: string;
  room: string;
  pathway: string;
  row: Row;
}

const NAME = "vigilits-sitting"; // signing out deletes it, as all but a patient's own answers (`remember.ts`)
const MOST_KEPT_MS = 72 * 3_600_000;

/** Returns what a row of a round is called. */
export const idOf = ({ patient, row }: KeptRow): string => `${patient}/${row.slot}`;

export class KeptRows {
  private vault: Promise<Vault> | null = null;

  /** Whether what is kept outlives the page. */
  lasts = true;

  /** Returns what somebody typed at a facility, oldest first; what is older than three days is dropped, whose it may be. */
  async of(who: string, finess: string): Promise<KeptRow[]> {
    const vault = await this.open();
    const found: KeptRow[] = [];
    for (const { id, at, value } of await vault.all<KeptRow>("row")) {
      if (Date.now() - at > MOST_KEPT_MS) await vault.drop("row", id);
      else if (value.who === who && value.finess === finess) found.push(value);
    }
    return found;
  }

  async put(kept: KeptRow): Promise<void> {
    const vault = await this.open();
    await vault.put("row", idOf(kept), kept);
    this.lasts = vault.lasts;
  }

  async drop(kept: KeptRow): Promise<void> {
    await (await this.open()).drop("row", idOf(kept));
  }

  /** Lets go of what is open: somebody else is here, or nobody. */
  close(): void {
    this.vault = null;
  }

  private open(): Promise<Vault> {
    return (this.vault ??= openVault(NAME));
  }
}
