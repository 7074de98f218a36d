"""A report as one page: everything inside, nothing asked of any network, laid out to be printed on A4."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from typing import assert_never

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
)
from calibration.report_plots import HEIGHT, WIDTH, Drawing, Stroke, Word

_STYLE = """\
@page { size: A4; margin: 15mm }
body { font: 14px/1.45 "Noto Sans CJK SC", "WenQuanYi Micro Hei", "PingFang SC", "Microsoft YaHei", sans-serif;
 color: #111; max-width: 180mm; margin: 8mm auto; padding: 0 4mm }
h1 { font-size: 22px } h2 { font-size: 17px; border-bottom: 1px solid #999; margin-top: 9mm; break-after: avoid }
h3 { font-size: 14px; break-after: avoid; margin-bottom: 2mm }
table { border-collapse: collapse; width: 100%; margin: 2mm 0; break-inside: auto }
th, td { border: 1px solid #aaa; padding: 1mm 2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: #eee } tr, figure { break-inside: avoid }
.pairs th { width: 34% } .good { color: #1b6b2a } .doubt { color: #8a5a00 } .bad { color: #b00020; font-weight: bold }
.quiet { color: #555; font-size: 12px } figure { margin: 3mm 0 } figcaption { font-size: 12px; color: #333 }
svg, img { width: 100%; height: auto } img { max-height: 110mm; object-fit: contain }
.write { border-bottom: 1px solid #666; height: 8mm } .sign td { height: 12mm } .new { break-before: page }
"""


def page_of(document: Document) -> str:
    """The whole page; the same document gives the same text."""
    body = "\n".join(part for block in document.blocks for part in _block(block))
    sealed = f'<script type="text/plain" id="sealed">\n{document.sealed}</script>\n' if document.sealed else ""
    language = "zh-CN" if document.language == "zh" else "en"
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">\n'
        f"<title>{escape(document.title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        f'<p class="quiet">{escape(document.foot)}</p>\n{sealed}</body>\n</html>\n'
    )


def svg_of(drawing: Drawing) -> str:
    """A plot as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="11" '
        'font-family="sans-serif" role="img">'
    ]
    parts += [_stroke(stroke) for stroke in drawing.strokes if stroke.points]
    parts += [_word(word) for word in drawing.words if word.text]
    return "\n".join([*parts, "</svg>"])


def _stroke(stroke: Stroke) -> str:
    if len(stroke.points) == 1:
        x, y = stroke.points[0]
        return f'<circle cx="{x:g}" cy="{y:g}" r="2.5" fill="{stroke.colour}"/>'
    points = " ".join(f"{x:g},{y:g}" for x, y in stroke.points)
    dash = f' stroke-dasharray="{stroke.dash}"' if stroke.dash else ""
    return f'<polyline fill="none" stroke="{stroke.colour}" stroke-width="{stroke.width:g}"{dash} points="{points}"/>'


def _word(word: Word) -> str:
    turned = "" if word.is_upright else f' transform="rotate(-90 {word.x:g} {word.y:g})"'
    return f'<text x="{word.x:g}" y="{word.y:g}" text-anchor="{word.anchor}"{turned}>{escape(word.text)}</text>'


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield f"<h{block.level}>{escape(block.text)}</h{block.level}>"
        case Paragraph():
            yield f'<p class="{block.tone.value}">{escape(block.text)}</p>'
        case Pairs():
            rows = "\n".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in block.rows)
            yield f'<table class="pairs">\n{rows}\n</table>'
        case Grid():
            yield from _grid(block)
        case Picture():
            yield f"<figure>\n{svg_of(block.drawing)}\n<figcaption>{escape(block.caption)}</figcaption>\n</figure>"
        case Photo():
            data = base64.b64encode(block.data).decode("ascii")
            yield f'<figure>\n<img alt="{escape(block.caption)}" src="data:{block.media};base64,{data}">'
            yield f"<figcaption>{escape(block.caption)}</figcaption>\n</figure>"
        case Lines():
            yield f"<h3>{escape(block.label)}</h3>"
            yield from ['<div class="write"></div>'] * block.count
        case Signatures():
            heads = "".join(f"<th>{escape(name)}</th>" for name in ("", *block.columns))
            empty = "<td></td>" * len(block.columns)
            rows = "\n".join(f"<tr><th>{escape(role)}</th>{empty}</tr>" for role in block.roles)
            yield f'<table class="sign">\n<tr>{heads}</tr>\n{rows}\n</table>'
        case NewPage():
            yield '<div class="new"></div>'
        case _:
            assert_never(block)


def _grid(grid: Grid) -> Iterator[str]:
    yield "<table>\n<tr>" + "".join(f"<th>{escape(name)}</th>" for name in grid.columns) + "</tr>"
    for row, tone in zip(grid.rows, grid.tones, strict=True):
        yield f'<tr class="{tone.value}">' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</table>"
