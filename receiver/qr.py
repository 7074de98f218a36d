"""The QR code of an invitation as rows of modules, for a page that draws it and for whoever prints it."""

from __future__ import annotations

import segno

QUIET = 4
"""Modules of white around a code. Source: ISO/IEC 18004, section 6.3.8."""


def modules_of(text: str) -> list[str]:
    """One text of "0" and "1" a row, the white around it included."""
    code = segno.make(text, error="m", micro=False)
    return ["".join("1" if dark else "0" for dark in row) for row in code.matrix_iter(border=QUIET)]
