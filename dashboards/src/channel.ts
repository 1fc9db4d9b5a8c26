/** Live channels of one region on one socket: keeps it open, hears frames, comes back by itself from where it was. */
import { decode, encode } from "@msgpack/msgpack";
import { afterClose, DEAD_AFTER_MS, PING_AFTER_MS } from "./live";

const OPEN_WITHIN_MS = 10_000;

/** What every frame has, whatever its channel tells. */
interface AnyFrame {
  type: string;
  channel?: string;
}

export interface Ears<Frame> {
  frame(frame: Frame): void;
  open(isOpen: boolean): void;
  /** The session ended (4401) or the right is gone (4403). */
  refused(why: "sign-in" | "forbidden"): void;
  /** The token from which a channel's picture can go on, null for a whole one. */
  token(channel: string): string | null;
  forgetToken(): void;
}

export class Channel<Frame extends AnyFrame> {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private heardAt = 0;
  private pingedAt: number | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly pulse: ReturnType<typeof setInterval>;
  private stopped = false;
  private readonly names: readonly string[];

  constructor(
    private readonly url: string,
    names: string | readonly string[],
    private readonly ears: Ears<Frame>,
    private readonly random: () => number = Math.random,
  ) {
    this.names = typeof names === "string" ? [names] : names;
    this.pulse = setInterval(() => this.feelPulse(), 1_000);
    addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.hurry);
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.pulse);
    clearTimeout(this.timer);
    removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.hurry);
    this.abandon();
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.heardAt = performance.now();
    this.pingedAt = null;
    const socket = new WebSocket(this.url, ["vigilits.v1+msgpack"]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.heardAt = performance.now();
      this.ears.open(true);
      for (const channel of this.names) {
        const since = this.ears.token(channel);
        this.send({ type: "subscribe", channel, ...(since === null ? {} : { since }) });
      }
    };
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
      this.heardAt = performance.now();
      this.pingedAt = null;
      const frame = (typeof data === "string" ? JSON.parse(data) : decode(new Uint8Array(data))) as Frame;
      if (frame.channel !== undefined && !this.names.includes(frame.channel)) return;
      // Only a picture proves that coming back worked; an open socket may be closed again at once.
      if (frame.type === "snapshot" || frame.type === "changes" || frame.type === "live") this.attempt = 0;
      this.ears.frame(frame);
    };
    socket.onclose = ({ code, reason }) => this.closed(socket, code, reason);
  }

  private closed(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.socket || this.stopped) return;
    this.socket = null;
    this.ears.open(false);
    const next = afterClose(code, reason, this.attempt, this.random);
    this.attempt += 1;
    if (next.does !== "retry") {
      this.stop();
      this.ears.refused(next.does);
      return;
    }
    if (next.fromSnapshot) this.ears.forgetToken();
    this.timer = setTimeout(() => this.connect(), next.afterMs);
  }

  /** A socket can be dead without a word (a sleeping laptop, a lost route): ask, and give up when nobody answers. */
  private feelPulse(): void {
    const socket = this.socket;
    if (socket === null) return;
    const silent = performance.now() - this.heardAt;
    if (socket.readyState === WebSocket.CONNECTING) {
      if (silent > OPEN_WITHIN_MS) this.drop(socket);
    } else if (this.pingedAt !== null) {
      if (performance.now() - this.pingedAt > DEAD_AFTER_MS) this.drop(socket);
    } else if (silent > PING_AFTER_MS) {
      this.pingedAt = performance.now();
      this.send({ type: "ping" });
    }
  }

  private drop(socket: WebSocket): void {
    this.abandon();
    this.socket = socket; // closed() judges only the socket in force
    this.closed(socket, 1006, "");
  }

  private abandon(): void {
    const socket = this.socket;
    this.socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private readonly hurry = (): void => {
    // The network is back, or someone looks again: no reason to wait out the backoff.
    if (this.timer !== undefined && !document.hidden) this.connect();
  };

  private send(message: Record<string, unknown>): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(encode(message) as Uint8Array<ArrayBuffer>);
  }
}
