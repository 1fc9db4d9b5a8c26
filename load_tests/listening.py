"""So many dashboards in one process of its own: subscribes, notes when each frame reached each, tells it at the end.

Run by `load_tests.latency`: HOST, PORT, COUNT, CHANNEL and TOKEN come from the environment. It writes `ready` once all
have their snapshot, reads until a line comes in, and then writes what it saw as msgpack to the file that OUT names.
"""

import os
import select
import sys
import time
from array import array
from pathlib import Path

import msgspec

from load_tests.crowd import Crowd, Frames, masked, upgrade

NAMES_IT = 200  # bytes from the start, in which a message's type, channel and token are
READY_WITHIN_S = 30.0
CLOSE, PING = 8, 9


class Seen(msgspec.Struct, array_like=True):
    """One message, and when each client got it (of the monotonic clock, in seconds; 0: never)."""

    message: bytes
    at: list[float]


def main() -> None:
    """Listen until told to stop."""
    count = int(os.environ["COUNT"])
    headers = ["Sec-WebSocket-Protocol: vigilits.v1+msgpack", f"Authorization: Bearer {os.environ['TOKEN']}"]
    subscribe = masked(msgspec.msgpack.encode({"type": "subscribe", "channel": os.environ["CHANNEL"]}))
    crowd = Crowd(os.environ["HOST"], int(os.environ["PORT"]), count, upgrade("/ws", headers), subscribe)
    streams = [Frames(early) for early in crowd.early]
    seen: dict[tuple[int, bytes], tuple[bytes, array[float]]] = {}
    came = bytearray(count)

    def note(place: int, data: memoryview) -> None:
        now = time.monotonic()
        came[place] = 1
        for opcode, payload in streams[place].feed(data):
            if opcode == PING:
                crowd.pong(place, bytes(payload))
                continue
            if opcode == CLOSE:
                raise RuntimeError(f"client {place} was closed: {bytes(payload)!r}")
            name = (len(payload), bytes(payload[:NAMES_IT]))
            held = seen.get(name)
            if held is None:
                held = seen[name] = (bytes(payload), array("d", bytes(8 * count)))
            if not held[1][place]:
                held[1][place] = now

    give_up_at = time.monotonic() + READY_WITHIN_S
    while not all(came):
        crowd.read_once(0.1, note)
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"{count - sum(came)} clients got no snapshot in {READY_WITHIN_S:g} s")
    crowd.read_for(0.5, note)
    print("ready", flush=True)
    stop = select.poll()
    stop.register(sys.stdin, select.POLLIN)
    while not stop.poll(0):
        crowd.read_for(0.25, note)
    told = [Seen(message, list(at)) for message, at in seen.values()]
    Path(os.environ["OUT"]).write_bytes(msgspec.msgpack.encode(told))
    crowd.close()


if __name__ == "__main__":
    main()
