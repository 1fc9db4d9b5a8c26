"""The signing key: made once whoever comes first, told to whoever verifies, and an operator's own in its place."""

import stat
from base64 import b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, RSAKey

from people.signing import FILE, NoSigning, Signing

DOCUMENT = b'{"resourceType":"Bundle"}'


def verified(signature: str, content: bytes, key: ECKey | RSAKey) -> bool:
    """Return whether anybody's JOSE library takes the signature for the content's."""
    head, middle, end = signature.split(".")
    assert middle == ""
    whole = f"{head}.{urlsafe_b64encode(content).rstrip(b'=').decode()}.{end}"
    try:
        jws.deserialize_compact(whole, key, algorithms=["ES256", "RS256"])
    except BadSignatureError:
        return False
    return True


def own(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, of: object = None) -> bytes:
    """Return a PEM as an operator puts it there."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ARS")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key() if of is None else of.public_key())  # type: ignore[attr-defined]
        .serial_number(7)
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .sign(private, hashes.SHA256())
    )
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(
        Encoding.PEM
    )


def test_a_document_is_ours_and_no_changed_one_is(tmp_path: Path) -> None:
    signing = Signing(tmp_path)
    key = ECKey.import_key({name: signing.public()[name] for name in ("kty", "crv", "x", "y")})
    assert verified(signing.jws(DOCUMENT), DOCUMENT, key)
    assert not verified(signing.jws(DOCUMENT), DOCUMENT + b" ", key)


def test_the_key_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = {signing.public()["kid"] for signing in pool.map(lambda _: Signing(tmp_path), range(16))}
    assert len(made) == 1
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_what_is_told_of_it_is_public(tmp_path: Path) -> None:
    told = Signing(tmp_path).public()
    assert "d" not in told
    assert (
        x509.load_der_x509_certificate(b64decode(told["x5c"][0])).public_key() == Signing(tmp_path).private.public_key()
    )


def test_an_operator_s_own_key_stands_in_its_place(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(own(rsa.generate_private_key(65537, 2048)))
    signing = Signing(tmp_path)
    told = signing.public()
    assert (told["alg"], told["kty"]) == ("RS256", "RSA")
    assert verified(
        signing.jws(DOCUMENT), DOCUMENT, RSAKey.import_key({name: told[name] for name in ("kty", "n", "e")})
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"canary",
        own(ec.generate_private_key(ec.SECP384R1())),
        own(ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())),
        own(ec.generate_private_key(ec.SECP256R1())).split(b"-----BEGIN CERTIFICATE")[0],
    ],
    ids=["empty", "no PEM", "another curve", "another's certificate", "no certificate"],
)
def test_a_file_that_is_no_such_key_is_named_and_nothing_of_it_repeated(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(NoSigning, match=FILE) as raised:
        Signing(tmp_path)
    assert "canary" not in str(raised.value)
