"""The shape of a report: headings, tables, pictures, photos, signatures; `report_html` and `report_pdf` draw it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from calibration.report_plots import Drawing


class Tone(Enum):
    """How a line is meant."""

    PLAIN = "plain"
    GOOD = "good"
    DOUBT = "doubt"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Heading:
    """level: 1 the title, 2 a section, 3 within it."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names and values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. tones: one for each row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    tones: tuple[Tone, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot."""

    caption: str
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as it was given. media: "image/jpeg" or "image/png"."""

    caption: str
    media: str
    width: int  # pixels
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Lines:
    """Empty lines to write on."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Signatures:
    """Who signs: a line each with name, signature and date."""

    columns: tuple[str, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewPage:
    """The next block begins a page when printed."""


Block = Heading | Paragraph | Pairs | Grid | Picture | Photo | Lines | Signatures | NewPage


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. made_utc_s: of its content, None: not known; foot: stands at the end of each page."""

    title: str
    language: str
    blocks: tuple[Block, ...]
    foot: str = ""
    made_utc_s: int | None = None
    sealed: str = ""  # the sealed block, "" where nothing is sealed
    page_words: str = ""  # with {page} and {pages}
