"""Master keys, which wrap patients' keys: in a file here, or in a KMS that a command speaks to."""

import base64
import fcntl
import os
import secrets
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FILE = "master-keys.json"
MASTER_BYTES = 32
NONCE_BYTES = 12
LOCKED_WITHIN_S = 10.0
ANSWERS_WITHIN_S = 10.0
MOST_ANSWER = 1 << 20  # bytes
MOST_KEPT = 50_000  # keys that a KMS is not asked for again
KEPT_S = 900.0


class MasterAway(Exception):
    """A master key can't be used now, and why; nothing was wrapped or unwrapped."""


class Wrapped(NamedTuple):
    """A key as it is kept: which master wraps it, and the bytes."""

    master: str
    content: bytes


class Wrapping(Protocol):
    """Whoever holds the master keys. Its methods may block; each raises MasterAway where it can't answer.

    `about` names the key that is wrapped: a wrapped key put in another's place does not open.
    """

    def renew(self) -> str:
        """Return the id of a new master, from now on to be wrapped by; the others still unwrap."""
        ...

    def wrap(self, master: str, keys: Sequence[tuple[bytes, str]]) -> list[Wrapped]:
        """Return (key, about) pairs wrapped by a master."""
        ...

    def unwrap(self, wrapped: Sequence[tuple[Wrapped, str]]) -> list[bytes]:
        """Return the keys of (wrapped, about) pairs."""
        ...

    def retire(self, master: str) -> None:
        """Return once a master is gone: what it wrapped can't be opened any more, here or in a copy."""
        ...


def named(home: Path, path: str = "", command: str = "") -> Wrapping:
    """Return the master keys that the settings name: behind a command, in a file, or in the file of a home."""
    if command:
        return CommandMasters(tuple(shlex.split(command)))
    return FileMasters(Path(path) if path else home / FILE)


class _Kept(msgspec.Struct, frozen=True):
    masters: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class FileMasters:
    """Master keys in a file of mode 600; it is made with the first of them."""

    path: Path
    kept: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def renew(self) -> str:
        """Return the id of a new master; it is on the disk before anything is wrapped by it."""
        with self._locked():
            made = base64.b32encode(secrets.token_bytes(10)).decode().lower()
            self._write(self._read() | {made: secrets.token_bytes(MASTER_BYTES)})
        return made

    def wrap(self, master: str, keys: Sequence[tuple[bytes, str]]) -> list[Wrapped]:
        """Return (key, about) pairs wrapped by a master."""
        box = AESGCM(self._master(master))
        wrapped = []
        for key, about in keys:
            nonce = secrets.token_bytes(NONCE_BYTES)
            wrapped.append(Wrapped(master, nonce + box.encrypt(nonce, key, about.encode())))
        return wrapped

    def unwrap(self, wrapped: Sequence[tuple[Wrapped, str]]) -> list[bytes]:
        """Return the keys of (wrapped, about) pairs."""
        boxes = {name: AESGCM(self._master(name)) for name in {one.master for one, _ in wrapped}}
        try:
            return [
                boxes[one.master].decrypt(one.content[:NONCE_BYTES], one.content[NONCE_BYTES:], about.encode())
                for one, about in wrapped
            ]
        except (InvalidTag, ValueError):
            raise MasterAway("a wrapped key does not open: it was changed, or is another's") from None

    def retire(self, master: str) -> None:
        """Return once the file holds this master no more."""
        with self._locked():
            held = self._read()
            if held.pop(master, None) is not None:
                self._write(held)
        self.kept.pop(master, None)

    def _master(self, name: str) -> bytes:
        if name not in self.kept:  # another process has made it since, or this one has just begun
            self.kept.update(self._read())
        try:
            return self.kept[name]
        except KeyError:
            raise MasterAway("the master key is not in its file: it is lost, retired, or in another file") from None

    def _read(self) -> dict[str, bytes]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Kept).masters
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            # The error of a decoder may quote what it read.
            raise MasterAway(f"the file of master keys can't be read: {type(error).__name__}") from None

    def _write(self, masters: dict[str, bytes]) -> None:
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(msgspec.json.encode(_Kept(masters)))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)  # whole or not at all
            _synced(self.path.parent)
        except OSError as error:
            raise MasterAway(f"the file of master keys can't be written: {type(error).__name__}") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        deadline = time.monotonic() + LOCKED_WITHIN_S
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise MasterAway("another process holds the file of master keys") from None
                    time.sleep(0.02)
                else:
                    break
            yield


def _synced(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Answer(msgspec.Struct, frozen=True):
    master: str | None = None
    wrapped: list[bytes] = []
    keys: list[bytes] = []


@dataclass(frozen=True, slots=True)
class CommandMasters:
    """Master keys in a KMS, behind a command of the operator's: one run a question, JSON in and JSON out.

    The last word of the command line is `renew`, `wrap`, `unwrap` or `retire`; the rest is on its standard
    input, never on the command line, which other users of the machine can read. What it answers is kept in memory for a
    quarter of an hour, so that a KMS is asked once for a key and not once for each answer of a patient.
    """

    command: Sequence[str]
    within_s: float = ANSWERS_WITHIN_S
    _kept: dict[tuple[Wrapped, str], tuple[float, bytes]] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def renew(self) -> str:
        """Return the id of a new master."""
        made = self._ask("renew", {}).master
        if not made:
            raise MasterAway("the command of the KMS named no master key")
        return made

    def wrap(self, master: str, keys: Sequence[tuple[bytes, str]]) -> list[Wrapped]:
        """Return (key, about) pairs wrapped by a master."""
        told = self._ask("wrap", {"master": master, "keys": [{"key": key, "about": about} for key, about in keys]})
        return [Wrapped(master, content) for content in self._whole(told.wrapped, len(keys))]

    def unwrap(self, wrapped: Sequence[tuple[Wrapped, str]]) -> list[bytes]:
        """Return the keys of (wrapped, about) pairs; only those not kept are asked for."""
        now = time.monotonic()
        with self._lock:
            while self._kept and next(iter(self._kept.values()))[0] <= now:  # the oldest are first
                del self._kept[next(iter(self._kept))]
            known = {pair: self._kept[pair][1] for pair in wrapped if pair in self._kept}
        asked = [pair for pair in dict.fromkeys(wrapped) if pair not in known]
        if asked:
            items = [{"master": one.master, "wrapped": one.content, "about": about} for one, about in asked]
            known |= zip(asked, self._whole(self._ask("unwrap", {"keys": items}).keys, len(asked)), strict=True)
            with self._lock:
                self._kept.update({pair: (now + KEPT_S, known[pair]) for pair in asked})
                for oldest in list(self._kept)[: max(0, len(self._kept) - MOST_KEPT)]:
                    del self._kept[oldest]
        return [known[pair] for pair in wrapped]

    def retire(self, master: str) -> None:
        """Return once the KMS unwraps nothing more with a master."""
        self._ask("retire", {"master": master})

    @staticmethod
    def _whole(told: list[bytes], wanted: int) -> list[bytes]:
        if len(told) != wanted:
            raise MasterAway(f"the command of the KMS answered {len(told)} keys, {wanted} were asked for")
        return told

    def _ask(self, what: str, told: dict[str, Any]) -> _Answer:
        # Neither what the command wrote nor what it was told is repeated: both hold keys.
        try:
            done = subprocess.run(
                [*self.command, what],
                input=msgspec.json.encode(told),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self.within_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MasterAway(f"the command of the KMS did not answer within {self.within_s:g} s") from None
        except OSError as error:
            raise MasterAway(f"the command of the KMS can't be run: {type(error).__name__}") from None
        if done.returncode:
            raise MasterAway(f"the command of the KMS ended with status {done.returncode}")
        try:
            return msgspec.json.decode(done.stdout[:MOST_ANSWER], type=_Answer)
        except msgspec.MsgspecError:
            raise MasterAway("the command of the KMS answered something else than it should") from None
