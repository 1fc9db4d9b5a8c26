/** What a device keeps until it was received: sealed with a key that this browser holds and gives to nobody. */

/** `red` is that what was sent asks for the 15, until its slot closes; `row` is of a sitting. */
export type Kept = "asked" | "draft" | "sending" | "red" | "row";

interface Row {
  id: string;
  kind: Kept;
  at: number;
  iv: Uint8Array<ArrayBuffer>;
  sealed: ArrayBuffer;
}

/** One thing that is kept, opened. */
export interface Found<T> {
  id: string;
  at: number;
  value: T;
}

/** A place to keep things; `lasts` where they outlive the page. */
export interface Vault {
  readonly lasts: boolean;
  put(kind: Kept, id: string, value: unknown, at?: number): Promise<void>;
  all<T>(kind: Kept): Promise<Found<T>[]>;
  drop(kind: Kept, id: string): Promise<void>;
  clear(): Promise<void>;
}

/** Where a patient's own answers are. */
export const ANSWERS = "vigilits-answers";
const KEY = "key";
const PATIENCE_MS = 5_000;

/** Returns a vault; where the browser gives no room to one, a vault that lasts as long as the page. */
export async function openVault(name: string): Promise<Vault> {
  try {
    if (!globalThis.crypto?.subtle) return new Memory();
    return new Sturdy(new Sealed(await within(opened(name))));
  } catch {
    return new Memory(); // private windows of some browsers refuse storage
  }
}

/** A vault that holds in memory what the browser does not take: a full disk must not keep an answer from being sent. */
export class Sturdy implements Vault {
  private readonly memory = new Memory();
  private hasFailed = false;

  constructor(private readonly sealed: Vault) {}

  get lasts(): boolean {
    return this.sealed.lasts && !this.hasFailed;
  }
  async put(kind: Kept, id: string, value: unknown, at = Date.now()): Promise<void> {
    if (await this.did(() => this.sealed.put(kind, id, value, at))) await this.memory.drop(kind, id);
    else await this.memory.put(kind, id, value, at);
  }
  async all<T>(kind: Kept): Promise<Found<T>[]> {
    let kept: Found<T>[] = [];
    await this.did(async () => (kept = await this.sealed.all<T>(kind)));
    const held = await this.memory.all<T>(kind);
    return [...kept.filter(({ id }) => !held.some((one) => one.id === id)), ...held].sort((one, other) => one.at - other.at);
  }
  async drop(kind: Kept, id: string): Promise<void> {
    await this.memory.drop(kind, id);
    await this.did(() => this.sealed.drop(kind, id));
  }
  async clear(): Promise<void> {
    await this.memory.clear();
    await this.did(() => this.sealed.clear());
  }

  private async did(does: () => Promise<unknown>): Promise<boolean> {
    try {
      await within(does());
      return true;
    } catch {
      this.hasFailed = true;
      return false;
    }
  }
}

/** Returns what something comes to; it fails where that takes too long: storage that hangs is storage that failed. */
function within<T>(does: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the browser's storage does not answer")), PATIENCE_MS);
    does.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

class Memory implements Vault {
  readonly lasts = false;
  private readonly rows = new Map<string, { kind: Kept; found: Found<unknown> }>();

  async put(kind: Kept, id: string, value: unknown, at = Date.now()): Promise<void> {
    this.rows.set(`${kind}/${id}`, { kind, found: { id, at, value } });
  }
  async all<T>(kind: Kept): Promise<Found<T>[]> {
    return [...this.rows.values()].filter((row) => row.kind === kind).map(({ found }) => found as Found<T>);
  }
  async drop(kind: Kept, id: string): Promise<void> {
    this.rows.delete(`${kind}/${id}`);
  }
  async clear(): Promise<void> {
    this.rows.clear();
  }
}

class Sealed implements Vault {
  readonly lasts = true;
  // One thing after the other: a draft that is still being sealed must not come after what took it away.
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly database: IDBDatabase) {}

  put(kind: Kept, id: string, value: unknown, at = Date.now()): Promise<void> {
    return this.next(async () => {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const plain = new TextEncoder().encode(JSON.stringify(value));
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: about(kind, id) }, await this.key(), plain);
      await done(this.kept("readwrite").put({ id: `${kind}/${id}`, kind, at, iv, sealed } satisfies Row));
    });
  }

  all<T>(kind: Kept): Promise<Found<T>[]> {
    return this.next(async () => {
      const rows = (await done(this.kept("readonly").getAll())) as Row[];
      const found: Found<T>[] = [];
      for (const row of rows.filter((one) => one.kind === kind)) {
        const id = row.id.slice(kind.length + 1);
        try {
          const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: row.iv, additionalData: about(kind, id) }, await this.key(), row.sealed);
          found.push({ id, at: row.at, value: JSON.parse(new TextDecoder().decode(plain)) as T });
        } catch {
          await done(this.kept("readwrite").delete(row.id)); // sealed by a key that is gone: nobody will ever read it
        }
      }
      return found.sort((one, other) => one.at - other.at);
    });
  }

  drop(kind: Kept, id: string): Promise<void> {
    return this.next(async () => {
      await done(this.kept("readwrite").delete(`${kind}/${id}`));
      // A disk may remember what was on it: without the key it remembers nothing.
      if ((await done(this.kept("readonly").count())) === 0) await done(this.keys("readwrite").delete(KEY));
    });
  }

  clear(): Promise<void> {
    return this.next(async () => {
      await done(this.kept("readwrite").clear());
      await done(this.keys("readwrite").delete(KEY));
    });
  }

  private next<T>(does: () => Promise<T>): Promise<T> {
    // Two tabs have one store: what the one takes away must not be a key that the other is about to use.
    const alone = () => (navigator.locks ? (navigator.locks.request(this.database.name, does) as Promise<T>) : does());
    const now = this.last.then(alone, alone);
    this.last = now.catch(() => undefined);
    return now;
  }

  private async key(): Promise<CryptoKey> {
    const held = (await done(this.keys("readonly").get(KEY))) as CryptoKey | undefined;
    if (held) return held;
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    await done(this.keys("readwrite").put(made, KEY));
    return made;
  }

  private kept(mode: IDBTransactionMode): IDBObjectStore {
    return this.database.transaction("kept", mode).objectStore("kept");
  }
  private keys(mode: IDBTransactionMode): IDBObjectStore {
    return this.database.transaction("keys", mode).objectStore("keys");
  }
}

function about(kind: Kept, id: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${kind}/${id}`);
}

async function opened(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("kept", { keyPath: "id" });
    request.result.createObjectStore("keys");
  };
  const database = await done(request);
  database.onversionchange = () => database.close(); // whoever deletes it must not wait for this page to be closed
  return database;
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage failed"));
  });
}

/** Returns a name for a link in the vault, which does not give the link away. */
export async function nameOf(link: string): Promise<string> {
  if (!globalThis.crypto?.subtle) return "this"; // a page's memory has one link
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(link));
  return [...new Uint8Array(hash).slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
