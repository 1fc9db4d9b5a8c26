"""Patients' content sealed with the patient's own key, and bound to what it is about."""

import hmac
import secrets
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.followup.sealed import MOST_CONTENT, NONCE_BYTES, About, Sealed

KEY_BYTES = 32
TAG_BYTES = 16
STEP_BYTES = 64  # lengths are told in these steps alone: else "yes" and "no" could be told apart by theirs
MOST_PLAINTEXT = MOST_CONTENT - TAG_BYTES - STEP_BYTES

# Every message has a key of its own, derived with a random nonce of 192 bits, as XChaCha20 does it: so a patient's key
# can seal as often as it likes, from any number of processes, and AES-GCM's own short nonce is used once a message key.
_PURPOSE = b"vigilits seal 1\x00"
_ONCE = bytes(12)


class NotOpened(Exception):
    """A ciphertext that does not open: another key's, moved, or changed. Which of them is not told."""

    def __init__(self) -> None:
        super().__init__("a ciphertext does not open")


class TooLong(Exception):
    """Content longer than may be sealed in one piece."""


@dataclass(frozen=True, slots=True)
class Key:
    """A patient's key; only the id may be shown or leave the process."""

    id: str
    secret: bytes = field(repr=False)


def seal(key: Key, plaintext: bytes, about: About) -> Sealed:
    """Return the content as ciphertext that opens with this key, about this."""
    if len(plaintext) > MOST_PLAINTEXT:
        raise TooLong(f"content has {len(plaintext)} bytes, at most {MOST_PLAINTEXT} are sealed in one piece")
    nonce = secrets.token_bytes(NONCE_BYTES)
    content = _of_message(key, nonce).encrypt(_ONCE, _padded(plaintext), _bound(key.id, about))
    return Sealed(key.id, nonce, content)


def open_(key: Key, sealed: Sealed, about: About) -> bytes:
    """Return what was sealed; raise NotOpened for another's key, another thing that it is about, or a changed byte."""
    try:
        padded = _of_message(key, sealed.nonce).decrypt(_ONCE, sealed.content, _bound(sealed.key, about))
    except (InvalidTag, ValueError):  # a content shorter than its tag is a ValueError
        padded = b""
    body, mark, rest = padded.rpartition(b"\x80")
    if not mark or rest.strip(b"\x00") or sealed.key != key.id:
        raise NotOpened
    return body


def _of_message(key: Key, nonce: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key.secret, _PURPOSE + nonce, "sha256"))


def _bound(key_id: str, about: About) -> bytes:
    return msgspec.msgpack.encode((key_id, about.pseudonym, about.kind, about.slot))


def _padded(plaintext: bytes) -> bytes:
    marked = plaintext + b"\x80"
    return marked + bytes(-len(marked) % STEP_BYTES)
