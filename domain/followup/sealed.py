"""A patient's content as it may lie on the log, in Redis and in a browser: ciphertext, and what it is about."""

from typing import Annotated

import msgspec
from msgspec import Meta

NONCE_BYTES = 24
MOST_CONTENT = 256 * 1024  # bytes; a record of the log takes twice that

KeyId = Annotated[str, Meta(min_length=1, max_length=64)]


class About(msgspec.Struct, frozen=True, array_like=True):
    """What a ciphertext is about: it opens for this pathway, kind of content and slot, and for no other."""

    pseudonym: str
    kind: str
    slot: str = ""


class Sealed(msgspec.Struct, frozen=True, array_like=True):
    """One piece of a patient's content; once the key that it names is destroyed, it is nobody's any more."""

    key: KeyId
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    content: Annotated[bytes, Meta(min_length=1, max_length=MOST_CONTENT)]
