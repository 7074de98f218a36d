"""A report as PDF on A4, by fpdf2, with the glyphs used of a Chinese font; the same document gives the same bytes.

The font comes from the system: none of those that hold Chinese is small enough to travel with this program.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import assert_never

from fontTools.ttLib import TTLibError  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import Align, WrapMode, XPos, YPos
from fpdf.fonts import FontFace

from calibration.report_blocks import (
    Block,
    Document,
    Grid,
    Heading,
    Lines,
    NewPage,
    Pairs,
    Paragraph,
    Photo,
    Picture,
    Signatures,
    Tone,
)
from calibration.report_plots import HEIGHT, WIDTH, Drawing, Stroke
from calibration.words import CalibrationError

FONT_PACKAGE = "fonts-wqy-microhei"
FONTS = (
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc"),
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),
)
"""Source: file lists of Debian's fonts-wqy-microhei, fonts-wqy-zenhei, fonts-noto-cjk, fonts-droid-fallback; the first
is tried in the tests, the others are from memory, unverified."""

MARGIN_MM, PAGE_MM = 15.0, 210.0
INNER_MM = PAGE_MM - 2 * MARGIN_MM
SIZES_PT = {1: 18.0, 2: 13.0, 3: 10.5}
TEXT_PT, SMALL_PT, LINE = 9.5, 8.0, 1.45
PT_MM = 0.3528
ATTACHMENT = "sealed-report.txt"
UNKNOWN_DATE = datetime(2000, 1, 1, tzinfo=UTC)  # of a report whose time is not known: PDF wants one
_INK = {
    Tone.PLAIN: (17, 17, 17),
    Tone.GOOD: (27, 107, 42),
    Tone.DOUBT: (138, 90, 0),
    Tone.BAD: (176, 0, 32),
    Tone.QUIET: (85, 85, 85),
}


def find_font(given: Path | None = None) -> Path:
    """A font with Chinese. given: the one to take. Raises CalibrationError that names the Debian package."""
    for path in FONTS if given is None else (given,):
        if path.is_file():
            return path
    raise CalibrationError(
        "a PDF needs a font that holds Chinese, and there is none here",
        subject=str(given or FONTS[0]),
        hint=f"Install it: apt install {FONT_PACKAGE}; or name a font file with --font; or write HTML only",
    )


def pdf_of(document: Document, font: Path) -> bytes:
    """The whole file. Raises CalibrationError for a font that cannot be used."""
    sheet = _Sheet(document, font)
    for block in document.blocks:
        sheet.draw(block)
    return sheet.finish()


@dataclass(frozen=True, slots=True)
class _Scale:
    """A drawing's place on the page, mm."""

    x: float
    y: float
    factor: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        return self.x + x * self.factor, self.y + y * self.factor


class _Pages(FPDF):
    """FPDF with a foot on each page."""

    def __init__(self, foot: str, page_words: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self._page_words = page_words

    def footer(self) -> None:
        """The box, the digest, the number of the page."""
        self.set_y(-11.0)
        self.set_font("report", size=SMALL_PT)
        self.set_text_color(*_INK[Tone.QUIET])
        words = self._page_words.replace("{page}", str(self.page_no())).replace("{pages}", "{nb}")
        self.cell(INNER_MM / 2, 5.0, self._foot)
        self.cell(INNER_MM / 2, 5.0, words, align=Align.R)


class _Sheet:
    """One PDF under way."""

    def __init__(self, document: Document, font: Path) -> None:
        self._document = document
        self._wrap = WrapMode.CHAR if document.language == "zh" else WrapMode.WORD
        logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of each table of each font
        pdf = _Pages(document.foot, document.page_words)
        try:
            pdf.add_font("report", fname=font)
        except (OSError, ValueError, RuntimeError, TTLibError) as error:
            hint = f"Install it: apt install {FONT_PACKAGE}"
            raise CalibrationError(f"this font cannot be used: {error}", subject=str(font), hint=hint) from error
        made = document.made_utc_s
        pdf.set_creation_date(UNKNOWN_DATE if made is None else datetime.fromtimestamp(made, UTC))
        pdf.set_producer("lift-edge-agent")
        pdf.set_title(document.title)
        pdf.set_lang("zh-CN" if document.language == "zh" else "en")
        pdf.set_margins(MARGIN_MM, MARGIN_MM)
        pdf.set_auto_page_break(True, 18.0)
        pdf.add_page()
        self._pdf = pdf

    def finish(self) -> bytes:
        """The bytes, with the sealed block as an attachment."""
        if self._document.sealed:
            self._pdf.embed_file(
                bytes=self._document.sealed.encode("ascii"), basename=ATTACHMENT, mime_type="text/plain", compress=False
            )
        return bytes(self._pdf.output())

    def draw(self, block: Block) -> None:
        """One block at the place reached."""
        match block:
            case Heading():
                self._room(25.0 if block.level > 1 else 10.0)
                self._pdf.ln(1.0 if block.level == 3 else 3.0)
                self._text(block.text, SIZES_PT[block.level], Tone.PLAIN)
            case Paragraph():
                self._text(block.text, SMALL_PT if block.tone is Tone.QUIET else TEXT_PT, block.tone)
            case Pairs():
                self._table((), block.rows, (34.0, 66.0), (Tone.PLAIN,) * len(block.rows))
            case Grid():
                self._table(block.columns, block.rows, _shares(block), block.tones)
            case Picture():
                self._picture(block)
            case Photo():
                self._photo(block)
            case Lines():
                self._lines(block)
            case Signatures():
                self._signatures(block)
            case NewPage():
                self._pdf.add_page()
            case _:
                assert_never(block)

    def _room(self, height_mm: float) -> None:
        """A new page unless so much is left of this one."""
        if self._pdf.will_page_break(height_mm):
            self._pdf.add_page()

    def _ink(self, size_pt: float, tone: Tone) -> None:
        self._pdf.set_font("report", size=size_pt)
        self._pdf.set_text_color(*_INK[tone])

    def _text(self, text: str, size_pt: float, tone: Tone) -> None:
        self._ink(size_pt, tone)
        height = size_pt * PT_MM * LINE
        self._pdf.multi_cell(
            INNER_MM, height, text, align=Align.L, wrapmode=self._wrap, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self._pdf.ln(0.6)

    def _table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        shares: tuple[float, ...],
        tones: Sequence[Tone],
        *,
        height_mm: float | None = None,
    ) -> None:
        self._ink(TEXT_PT - 0.5, Tone.PLAIN)
        self._pdf.set_draw_color(170, 170, 170)
        with self._pdf.table(
            col_widths=shares,
            first_row_as_headings=bool(columns),
            headings_style=FontFace(emphasis=None, fill_color=(238, 238, 238)),
            line_height=TEXT_PT * PT_MM * 1.35,
            padding=0.8,
            align=Align.L,
            text_align=Align.L,
            wrapmode=WrapMode.CHAR if self._wrap is WrapMode.CHAR else WrapMode.WORD,
            width=INNER_MM,
        ) as table:
            if columns:
                table.row(tuple(columns))
            for row, tone in zip(rows, tones, strict=True):
                table.row(tuple(row), style=FontFace(color=_INK[tone]), min_height=height_mm)
        self._pdf.ln(1.5)

    def _picture(self, picture: Picture) -> None:
        factor = INNER_MM / WIDTH
        height = HEIGHT * factor
        self._room(height + 8.0)
        pdf = self._pdf
        place = _Scale(MARGIN_MM, pdf.get_y(), factor)
        self._strokes(picture.drawing, place)
        self._words(picture.drawing, place)
        pdf.set_draw_color(0, 0, 0)
        pdf.set_xy(MARGIN_MM, place.y + height + 1.0)
        self._text(picture.caption, SMALL_PT, Tone.QUIET)

    def _strokes(self, drawing: Drawing, place: _Scale) -> None:
        for stroke in drawing.strokes:
            self._stroke(stroke, place)
        self._pdf.set_dash_pattern()

    def _stroke(self, stroke: Stroke, place: _Scale) -> None:
        pdf = self._pdf
        red, green, blue = (int(stroke.colour[at : at + 2], 16) for at in (1, 3, 5))
        points = [place.point(*point) for point in stroke.points]
        if len(points) == 1:
            pdf.set_fill_color(red, green, blue)
            pdf.circle(*points[0], radius=0.6, style="F")
        elif points:
            pdf.set_draw_color(red, green, blue)
            pdf.set_line_width(stroke.width * place.factor)
            dash = [float(part) * place.factor for part in stroke.dash.split()[:2]]
            pdf.set_dash_pattern(*(dash if dash else ()))
            pdf.polyline(points)
        pdf.set_line_width(0.2)

    def _words(self, drawing: Drawing, place: _Scale) -> None:
        pdf = self._pdf
        self._ink(7.0, Tone.PLAIN)
        for word in drawing.words:
            x, y = place.point(word.x, word.y)
            width = pdf.get_string_width(word.text)
            before = {"start": 0.0, "middle": width / 2, "end": width}[word.anchor]
            if word.is_upright:
                pdf.text(x - before, y, word.text)
            else:
                with pdf.rotation(90, x, y):
                    pdf.text(x - before, y, word.text)

    def _photo(self, photo: Photo) -> None:
        width = INNER_MM
        height = width * photo.height / photo.width
        if height > 110.0:
            width, height = width * 110.0 / height, 110.0
        self._room(height + 8.0)
        if find_spec("PIL") is None:
            hint = "sudo apt install python3-pil; or leave the photographs out, or write the page only with --no-pdf"
            raise CalibrationError("a photograph in a PDF needs Pillow", subject=photo.caption, hint=hint)
        try:
            self._pdf.image(io.BytesIO(photo.data), x=MARGIN_MM, w=width, h=height)
        except (OSError, ValueError) as error:
            raise CalibrationError(
                f"this photo is damaged: {error}", subject=photo.caption, hint="Take another"
            ) from error
        self._text(photo.caption, SMALL_PT, Tone.QUIET)

    def _lines(self, lines: Lines) -> None:
        self._text(lines.label, SIZES_PT[3], Tone.PLAIN)
        for _ in range(lines.count):
            self._pdf.ln(8.0)
            self._pdf.line(MARGIN_MM, self._pdf.get_y(), PAGE_MM - MARGIN_MM, self._pdf.get_y())
        self._pdf.ln(4.0)

    def _signatures(self, form: Signatures) -> None:
        rows = [(role, *("" for _ in form.columns)) for role in form.roles]
        self._table(("", *form.columns), rows, (30.0, 25.0, 27.0, 18.0), (Tone.PLAIN,) * len(rows), height_mm=13.0)


def _shares(grid: Grid) -> tuple[float, ...]:
    """Widths by the longest cell of each column, none too narrow to read."""
    columns = list(zip(grid.columns, *grid.rows, strict=True))
    longest = [
        min(40, max(sum(2 if ord(each) > 0x2E80 else 1 for each in cell) for cell in column)) for column in columns
    ]
    return tuple(float(max(6, each)) for each in longest)
