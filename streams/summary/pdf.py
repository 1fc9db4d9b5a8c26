"""A summary as a page to read and print: PDF, signed as PAdES by our own key."""

import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Final

import font_source_sans_pro
from asn1crypto import keys, x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import Align, TableBordersLayout, VAlign, XPos, YPos
from fpdf.fonts import FontFace
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import CertificateStore, SimpleCertificateStore

from people.signing import Signing
from streams.summary.content import DASH, Section, Table, Told, clean, day_of, local, paragraphs, sections, title

FONT: Final = "SourceSans"
FONTS = Path(font_source_sans_pro.__file__).parent / "files"
REGULAR, BOLD = FONTS / "SourceSansPro-Regular.ttf", FONTS / "SourceSansPro-Semibold.ttf"
MARGIN_MM, BODY_PT, SMALL_PT, TITLE_PT, HEAD_PT = 15, 9.5, 8, 16, 11.5
NOT_THERE = "?"  # stands for a sign that the font lacks
MOST_CELL, MOST_LINES = 400, 20  # of one row's cell: it has to fit a page, so what is longer goes on in the next row
MOST_HEAD = 120
LACKING = "Certains signes ne peuvent être imprimés ici (« ? ») : le document FHIR joint les porte."
INK, GREY, HEAD_FILL = (20, 30, 40), (90, 100, 110), (232, 236, 240)
# A word and a bar of it: a colour alone says nothing to whoever prints in black.
FILL = {"vert": (224, 242, 228), "jaune": (255, 245, 204), "orange": (255, 224, 190), "rouge": (252, 212, 208)}
WIDTHS = {
    "days": (18, 34, 17, 12, 57),
    "answers": (62, 40, 36),
    "alerts": (22, 16, 24, 46, 30),
    "story": (22, 28, 30, 58),
}

# fpdf2 and its subsetter log which letters of a text they set: these are patients' names.
for _name in ("fpdf", "fontTools"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def signed_page(told: Told, signing: Signing) -> bytes:
    """Return the page, signed. It asks no clock but its own for the time of signing; call it off the loop."""
    return sign(page(told), signing)


# --- the page --------------------------------------------------------------------------------------------------------


class _Page(FPDF):
    """A4, with whose it is, the document's name and the page's number at the foot."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(True, MARGIN_MM + 5)
        self.add_font(FONT, "", REGULAR)
        self.add_font(FONT, "B", BOLD)

    def footer(self) -> None:
        """Set the foot of a page."""
        self.set_y(-MARGIN_MM)
        self.set_font(FONT, "", SMALL_PT)
        self.set_text_color(*GREY)
        self.cell(0, 5, self._foot, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.TOP)
        self.cell(0, 5, f"page {self.page_no()} sur {{nb}}", align=Align.R)


def page(told: Told) -> bytes:
    """Return the page, unsigned."""
    parts = sections(told)
    name = ", ".join(filter(None, (clean(told.file.birth_name), clean(" ".join(told.file.first_names)))))
    # Of whom it is stands on each page: printed ones get mixed.
    made = _Page(printable(f"{name[:60]}, {day_of(told.file.birth_date)} {DASH} {title(told)}")[:110])
    made.set_lang("fr")
    made.set_title(printable(title(told)))
    made.set_author("vigilits")
    made.set_creator("vigilits")
    made.set_creation_date(local(told.patient.zone, told.made_at))
    made.add_page()
    _say(made, printable(title(told)), TITLE_PT, bold=True)
    _say(made, printable(name)[:200], HEAD_PT, bold=True)
    _say(made, f"établi le {told.when(told.made_at)} par vigilits", SMALL_PT, colour=GREY)
    for part in parts:
        _part(made, part)
    if any(printable(text) != text.replace("\t", " ") for text in (name, *paragraphs(parts))):
        _say(made, LACKING, SMALL_PT, colour=GREY)
    return bytes(made.output())


def _say(
    made: FPDF, text: str, size: float, *, bold: bool = False, colour: tuple[int, int, int] = INK, before: float = 0
) -> None:
    made.set_font(FONT, "B" if bold else "", size)
    made.set_text_color(*colour)
    made.ln(before)
    made.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align=Align.L)


def _part(made: FPDF, part: Section) -> None:
    if made.will_page_break(30):  # a title alone at the foot of a page leads nowhere
        made.add_page()
    _say(made, printable(part.title), HEAD_PT, bold=True, before=4)
    made.ln(1)
    for line in part.lines:
        _say(made, printable(line), BODY_PT)
    for table in part.tables:
        if table.rows:
            _set(made, table, WIDTHS.get(part.name, _even(table)))
            made.ln(2)


def _even(table: Table) -> Sequence[int]:
    """Return the widths of a table's columns: of two, a name and what it is; of more, the date a little wider."""
    return (28, 82) if len(table.head) == 2 else (24, *[18] * (len(table.head) - 1))


def _set(made: FPDF, table: Table, widths: Sequence[int]) -> None:
    headed = any(table.head)
    made.set_font(FONT, "", BODY_PT if not headed else SMALL_PT + 0.5)
    made.set_text_color(*INK)
    made.set_draw_color(*HEAD_FILL)
    with made.table(
        col_widths=tuple(widths),
        text_align=Align.L,
        v_align=VAlign.T,
        line_height=made.font_size * 1.3,
        padding=0.8,
        first_row_as_headings=headed,
        headings_style=FontFace(emphasis="BOLD", fill_color=HEAD_FILL),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
    ) as rows:
        if headed:
            rows.row([printable(cell)[:MOST_HEAD] for cell in table.head])
        for each in (some for whole in table.rows for some in fitting(whole)):
            row = rows.row()
            for place, cell in enumerate(each):
                fill = FILL.get(cell.split(",")[0]) if headed and place else None
                bold = not headed and place == 0
                style = FontFace(fill_color=fill) if fill else FontFace(emphasis="BOLD") if bold else None
                row.cell(printable(cell), style=style)


def fitting(row: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield a row in as many rows as it takes, so that none is higher than a page."""
    yield from zip_longest(*(_pieces(cell) for cell in row), fillvalue="")


def _pieces(text: str) -> Iterator[str]:
    lines = text.split("\n")
    for start in range(0, len(lines), MOST_LINES):
        some = "\n".join(lines[start : start + MOST_LINES])
        while len(some) > MOST_CELL:
            end = some.rfind(" ", 1, MOST_CELL) if " " in some[1:MOST_CELL] else MOST_CELL
            yield some[:end]
            some = some[end:].lstrip(" ")
        yield some


def printable(text: str) -> str:
    """Return a text in signs that the font has."""
    known = _signs()
    return "".join(sign if sign in "\n\t" or ord(sign) in known else NOT_THERE for sign in text).replace("\t", " ")


@cache
def _signs() -> frozenset[int]:
    signs: list[Iterable[int]] = [TTFont(path, lazy=True).getBestCmap() for path in (REGULAR, BOLD)]
    return frozenset(signs[0]).intersection(*signs[1:])


# --- its signature ---------------------------------------------------------------------------------------------------


def sign(content: bytes, signing: Signing) -> bytes:
    """Return a PDF with a signature over the whole of it (PAdES B-B), that allows no change."""
    private = signing.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    own, *others = [x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in signing.certificates]
    store: CertificateStore = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(others)
    signer = signers.SimpleSigner(own, keys.PrivateKeyInfo.load(private), store)
    meta = signers.PdfSignatureMetadata(
        field_name="vigilits",
        md_algorithm="sha256",
        name="vigilits",
        reason="Compte rendu de suivi à domicile",
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        subfilter=fields.SigSeedSubFilter.PADES,
    )
    made = signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(content)), meta, signer)
    return bytes(made.getvalue())
