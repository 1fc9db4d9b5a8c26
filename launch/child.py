"""Child processes that end when we do, even when we are killed, and that leave the terminal's Ctrl-C to us."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PR_SET_PDEATHSIG = 1

# Linux sends the signal when the *thread* that made the child ends, so one that lives as long as we do makes them all.
_maker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="children")


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Return the started child, its output appended to the log.

    It has a session of its own: Ctrl-C reaches only us, who then stop our children in order.
    """
    return _maker.submit(_spawn, list(command), log, env, cwd).result()


def _spawn(command: list[str], log: Path, env: Mapping[str, str] | None, cwd: Path | None) -> subprocess.Popen[bytes]:
    if sys.platform == "linux":
        # By a second exec and not in a preexec_fn, which may deadlock in a process with threads.
        command = [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], within_s: float) -> bool:
    """Return whether the child ended by itself when asked to; after the time given it is killed."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        kill(process)
        return False
    return True


def kill(process: subprocess.Popen[bytes]) -> None:
    """Return once the child and what it started are gone."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _become(parent: int, command: list[str]) -> None:
    """Return never: bind our life to the parent's and turn into the command."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
