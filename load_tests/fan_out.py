"""Frames a second to 500 sockets from one core: our push path beside `websockets.broadcast()`, picows and bare writes.

The server has one core, and this process, which reads, the other. Counted is by second of the server's processor time:
a share of its core that others took is not held against it. Two frames: 200 bytes, and the changes that a batch of
eight reports makes (for ours each flush takes it in, draws it and encodes it, as it does for people).
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from launch import child
from launch.embedded import free_port
from load_tests import mirror
from load_tests.crowd import Crowd, masked, upgrade
from load_tests.finding import Run, arguments, processor_s

SERVERS = ("vigilits", "websockets", "picows", "bare")
STARTS_WITHIN_S = 60.0  # a busy machine is no defect
WARM_S = 0.5
# People's browsers are elsewhere: here, a reader that wakes for every frame would be paid for by the server's core.
READ_AT_LEAST = 16 * 1024
BUDGET_BROADCAST, BUDGET_PICOWS = 1.5, 0.9
BUDGET_FRAME = "200"  # of a frame of 11 kB most of the time goes to copying it, for whoever sends it
CHANNEL = "capacity:occitanie"


class Sent(NamedTuple):
    """Frames by second of the server's processor time (one core's worth), and by second of the wall's."""

    frames: float
    by_wall: float


def measure(name: str, frame: str, size: int, sockets: int, seconds: float, log: Path, *, short: bool = False) -> Sent:
    """Return what one server sends to so many sockets; `size` is a frame's, its head included."""
    port = free_port()
    env = {**os.environ, "PORT": str(port), "COUNT": str(sockets), "FRAME": frame}
    command = [sys.executable, "-m", "load_tests.fan_out_server", name]
    if len(cores()) > 1:
        command = ["taskset", "--cpu-list", str(cores()[0]), *command]
    process = child.spawn(command, log=log, env=env)
    try:
        listening(port, process, log)
        subscribe = masked(msgspec.msgpack.encode({"type": "subscribe", "channel": CHANNEL}))
        ours = name == "vigilits"
        request = upgrade("/ws", ["Sec-WebSocket-Protocol: vigilits.v1+msgpack"] if ours else [])
        then = subscribe if ours else b""
        crowd = Crowd("127.0.0.1", port, sockets, request, then, at_least=1 if short else READ_AT_LEAST)
        received = 0

        def count(_: int, data: memoryview) -> None:
            nonlocal received
            received += len(data)

        crowd.read_for(WARM_S, count)
        received, started, used = 0, time.perf_counter(), processor_s(process.pid)
        crowd.read_for(seconds, count)
        took = time.perf_counter() - started
        used = processor_s(process.pid) - used
        if len(crowd) < sockets:
            raise RuntimeError(f"{name} closed {sockets - len(crowd)} sockets")
        crowd.close()
        return Sent(received / size / used, received / size / took)
    finally:
        child.kill(process)


def cores() -> list[int]:
    """Return the cores that we may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server listens."""
    give_up_at = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")


async def sizes() -> dict[str, int]:
    """Return how large each kind of frame is, its head included."""
    hub, changes = await mirror.filled()
    size = len(mirror.message(hub, changes[0]))
    return {"200": 200 + 4, "changes": size + (4 if size < 1 << 16 else 10)}


def main() -> None:
    """Measure, and say what was found."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    told = parser.parse_args()
    run = Run("fan_out", told)
    sockets, rounds, seconds = (10, 1, 0.3) if told.short else (told.sockets, told.rounds, told.seconds)
    found: dict[str, dict[str, list[Sent]]] = {}
    frame_sizes = asyncio.run(sizes())
    with tempfile.TemporaryDirectory(prefix="vigilits-load-") as directory:
        if len(cores()) > 1:
            os.sched_setaffinity(0, {cores()[1]})
        for _ in range(rounds):
            for frame, size in frame_sizes.items():
                for name in SERVERS:
                    log = Path(directory) / f"{name}.log"
                    sent = measure(name, frame, size, sockets, seconds, log, short=run.short)
                    found.setdefault(frame, {}).setdefault(name, []).append(sent)
    figures: dict[str, object] = {"sockets": sockets, "frame_bytes": frame_sizes}
    words = []
    met = False
    for frame, by_name in found.items():
        # Whatever else the machine does only ever takes away: of each, the round that was least disturbed.
        rate = {name: max(one.frames for one in by_name[name]) for name in SERVERS}
        beside = {name: rate["vigilits"] / rate[name] for name in SERVERS[1:]}
        if frame == BUDGET_FRAME:
            met = beside["websockets"] >= BUDGET_BROADCAST and beside["picows"] >= BUDGET_PICOWS
        words.append(
            f"{frame if frame != '200' else '200-byte'} frames: {rate['vigilits']:,.0f}/s, broadcast "
            f"{rate['websockets']:,.0f}, picows {rate['picows']:,.0f}, bare write(2) {rate['bare']:,.0f}; ratios "
            f"{beside['websockets']:.2f}, {beside['picows']:.2f} and {beside['bare']:.2f}"
        )
        figures[frame] = {
            "frames_per_core_s": {name: round(value) for name, value in rate.items()},
            "frames_per_s": {name: round(max(s.by_wall for s in by_name[name])) for name in SERVERS},
            "ratio_to_broadcast": round(beside["websockets"], 3),
            "ratio_to_picows": round(beside["picows"], 3),
            "ratio_to_bare": round(beside["bare"], 3),
            "rounds": {name: [round(one.frames) for one in by_name[name]] for name in SERVERS},
        }
    run.found(
        f"{'; '.join(words)} (budget {BUDGET_BROADCAST} and {BUDGET_PICOWS}, of the 200-byte ones)",
        figures,
        budget=f"200-byte frames ≥ {BUDGET_BROADCAST} × broadcast, ≥ {BUDGET_PICOWS} × picows",
        met=met,
        beside=("picows",),
    )


if __name__ == "__main__":
    main()
