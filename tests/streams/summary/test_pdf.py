"""A summary as a page: what is set can be read again, accents and all, and its signature covers all of it."""

import io
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as but
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader

from people.signing import Signing
from streams.summary.content import Told
from streams.summary.pdf import MOST_CELL, fitting, page, printable, sign
from tests.streams.summary.small_followup import FILE, TOLD
from tests.streams.summary.test_document import strange


def text_of(content: bytes) -> str:
    """Return what a reader finds in a PDF, in one line."""
    return " ".join(" ".join(each.extract_text() for each in PdfReader(io.BytesIO(content)).pages).split())


def signed(told: Told, home: Path) -> tuple[bytes, ValidationContext]:
    """Return a signed page, and what trusts the key it is signed with."""
    signing = Signing(home)
    root = x509.Certificate.load(signing.certificates[0].public_bytes(Encoding.DER))
    return sign(page(told), signing), ValidationContext(trust_roots=[root], allow_fetching=False)


def test_what_is_set_can_be_read_again_accents_and_all() -> None:
    told = text_of(page(TOLD))
    for words in (
        "Compte rendu de suivi à domicile – Suivi médical COVID",
        "Lœwenbrück-Canary",
        "D’Açaï",
        "BPCO connue : « sature » à 93 % d’habitude",
        "Très fatiguée ; « ça tourne » <b>beaucoup</b>",
        "Dr Élodie Martin",
        "Jeanne Œillet",
        "SAMU appelé ; O₂",
        "37,2 (d’abord 36,6 °C)",
        "28/02/1951",
        "11 demandés, 10 remplis, 1 sans réponse",
        "n’est pas un dispositif médical certifié",
        "au plus tard le 02/05/2020 21:00",
    ):
        assert words in told
    assert TOLD.patient.id not in told


def test_the_signature_covers_all_and_one_changed_byte_breaks_it(tmp_path: Path) -> None:
    content, trusting = signed(TOLD, tmp_path)
    [signature] = PdfFileReader(io.BytesIO(content)).embedded_signatures
    status = validate_pdf_signature(signature, trusting)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.modification_level is ModificationLevel.NONE
    at = content.index(b"/Title")
    changed = content[: at + 10] + bytes([content[at + 10] ^ 1]) + content[at + 11 :]
    [signature] = PdfFileReader(io.BytesIO(changed)).embedded_signatures
    assert not validate_pdf_signature(signature, trusting).intact


@settings(max_examples=8)
@given(st.text(min_size=1, max_size=60), st.text(max_size=3_000))
def test_whatever_people_are_called_and_type_it_is_set(name: str, text: str) -> None:
    assert page(strange(name, text)).startswith(b"%PDF")


@pytest.mark.parametrize(
    "text", ["W" * 4_000, "\n".join("abc" * 20), "W " * 2_000, "é" * 399 + " " + "x" * 10, "\n" * 4_000]
)
def test_a_text_longer_than_a_page_goes_on_on_the_next_whole(text: str) -> None:
    pieces = list(fitting(("a", text)))
    assert all(len(cell) <= MOST_CELL for piece in pieces for cell in piece)
    assert "".join("".join(piece[1].split()) for piece in pieces) == "".join(text.split())
    told = replace(TOLD, story=[(line, text) for line, _ in TOLD.story])
    assert text_of(page(told)).count("W") >= text.count("W")


def test_every_page_says_whose_it_is() -> None:
    pages = PdfReader(io.BytesIO(page(TOLD))).pages
    assert len(pages) > 1
    for number, each in enumerate(pages, 1):
        told = " ".join(each.extract_text().split())
        assert "Lœwenbrück-Canary, Zoé Marie-Françoise, 28/02/1951" in told
        assert f"page {number} sur {len(pages)}" in told


def test_signs_that_the_font_lacks_are_seen_to_be_lacking() -> None:
    assert printable("محمد Łódź") == "???? Łódź"
    told = text_of(page(replace(TOLD, file=but(FILE, birth_name="محمد Łódź"))))
    assert "???? Łódź" in told
    assert "le document FHIR joint les porte" in told
    assert "le document FHIR joint les porte" not in text_of(page(TOLD))


def test_what_is_set_is_in_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """The library warns of letters that it lacks by quoting them, and its subsetter of all that it keeps."""
    with caplog.at_level(logging.DEBUG):
        page(replace(TOLD, file=but(FILE, birth_name="Canary 名前")))
    assert not caplog.records
