"""The key by which summaries are ours: a detached JWS for a document, and a certificate for a signed PDF."""

import os
import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

FILE = "summary-signing.pem"
VALID_FOR = timedelta(days=3653)
NAME = "vigilits, summaries of home follow-ups"


class NoSigning(Exception):
    """The file of the signing key can't be used, and why; nothing is signed."""


class Signing:
    """The key in VIGILITS_HOME, made where there is none: P-256, which readers of signed PDFs know too.

    Who runs vigilits may put their own there before: one private key (P-256 or RSA), then its certificates, the key's
    own first. What was signed stays verifiable with the certificate that goes with it.
    """

    def __init__(self, home: Path) -> None:
        path = home / FILE
        try:
            if not path.exists():
                _make(path)
            content = path.read_bytes()
        except OSError as error:
            raise NoSigning(f"{FILE}: {type(error).__name__}") from None
        try:
            private = load_pem_private_key(content, None)
            self.certificates = tuple(x509.load_pem_x509_certificates(content))
        except (ValueError, TypeError):  # a TypeError is a key that wants a password
            raise NoSigning(f"{FILE}: must be a private key without a password, and its certificates") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) or (
            isinstance(private, ec.EllipticCurvePrivateKey) and not isinstance(private.curve, ec.SECP256R1)
        ):
            raise NoSigning(f"{FILE}: the key must be one of P-256 or RSA")
        if self.certificates[0].public_key() != private.public_key():
            raise NoSigning(f"{FILE}: the first certificate is another key's")
        self.private = private

    def jws(self, content: bytes) -> str:
        """Return a detached signature: a compact JWS whose middle part, the content in base64url, is left out."""
        header = {"alg": self.algorithm, "kid": self._key.thumbprint()}
        head, _, signature = jws.serialize_compact(header, content, self._key, algorithms=[self.algorithm]).split(".")
        return f"{head}..{signature}"

    @property
    def algorithm(self) -> Literal["ES256", "RS256"]:
        """Return how the JWS is signed."""
        return "RS256" if isinstance(self.private, rsa.RSAPrivateKey) else "ES256"

    def public(self) -> dict[str, Any]:
        """Return the public key as a JWK, with its certificates: what whoever verifies must be given."""
        told = self._key.as_dict(private=False)
        return {**told, "kid": self._key.thumbprint(), "use": "sig", "alg": self.algorithm, "x5c": self._chain}

    @cached_property
    def _key(self) -> ECKey | RSAKey:
        kind = RSAKey if isinstance(self.private, rsa.RSAPrivateKey) else ECKey
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return kind.import_key(pem)

    @cached_property
    def _chain(self) -> list[str]:
        return [b64encode(each.public_bytes(Encoding.DER)).decode() for each in self.certificates]


def _make(path: Path) -> None:
    """Return once there is a key: whoever comes first has made it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(private, hashes.SHA256())
    )
    made = path.with_name(f"{FILE}.{secrets.token_hex(8)}")
    made.touch(mode=0o600)
    made.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    try:
        os.link(made, path)  # unlike a rename it never puts one key in another's place
    except FileExistsError:
        pass
    finally:
        made.unlink()
