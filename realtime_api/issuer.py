"""The local issuer: tokens for the demo and the tests, signed with a key of this home; never on where OIDC is set."""

import os
import secrets
import time
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

KEY_FILE = "issuer.key"
NAME = "vigilits-local"
ALGORITHM = "Ed25519"
AUDIENCE = "vigilits"


class LocalIssuer:
    """Issues tokens that say who, with the key in VIGILITS_HOME (made where there is none, readable by its owner)."""

    def __init__(self, home: Path) -> None:
        self._key = _key(home)

    @property
    def keys(self) -> KeySet:
        """Return the public keys by which its tokens are known."""
        return KeySet([OKPKey.import_key(self._key.as_dict(private=False))])

    def issue(self, subject: str, minutes: float = 60.0) -> str:
        """Return a token that says, for so many minutes, that its bearer is the subject."""
        now = int(time.time())
        claims = {
            "iss": NAME,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + round(minutes * 60),
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": self._key.kid}, claims, self._key, algorithms=[ALGORITHM])


def _key(home: Path) -> OKPKey:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / KEY_FILE
    fresh = home / f"{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    if not path.exists():
        made = OKPKey.generate_key("Ed25519", private=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.as_pem(private=True))
        try:
            os.link(fresh, path)  # whoever comes first makes the key for all: a second one would void its tokens
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    key = OKPKey.import_key(path.read_bytes())
    key.ensure_kid()
    return key
