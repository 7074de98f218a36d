"""Photos of an installation: JPEG or PNG by their own bytes, bounded in bytes, pixels and number."""

from __future__ import annotations

import hashlib
import struct

from calibration.report_blocks import Photo
from calibration.words import CalibrationError

PHOTOS_MAX = 6
PHOTO_BYTES_MAX = 2 << 20
SIDE_PIXELS_MAX = 6_000
"""What a phone makes at its smaller size; six of them still go by mail. Ours."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # markers with height and width. Source: ITU-T T.81 B.2


def photo_of(data: bytes, caption: str) -> Photo:
    """A photo that may stand in a report. Raises CalibrationError for any other file; `caption` names it."""
    if len(data) > PHOTO_BYTES_MAX:
        problem, hint = f"{len(data) >> 10} KiB; at most {PHOTO_BYTES_MAX >> 10}", "Make it smaller before"
        raise CalibrationError(problem, subject=caption, hint=hint)
    found = _png_size(data) or _jpeg_size(data)
    if found is None:
        raise CalibrationError("no JPEG or PNG, or a damaged one", subject=caption, hint="Save it as JPEG")
    media, width, height = found
    if not (0 < width <= SIDE_PIXELS_MAX and 0 < height <= SIDE_PIXELS_MAX):
        problem, hint = f"{width} by {height} pixels; at most {SIDE_PIXELS_MAX} a side", "Make it smaller before"
        raise CalibrationError(problem, subject=caption, hint=hint)
    return Photo(caption, media, width, height, data)


def photo_digest(photo: Photo) -> str:
    """SHA-256 of its bytes, as hexadecimal."""
    return hashlib.sha256(photo.data).hexdigest()


def _png_size(data: bytes) -> tuple[str, int, int] | None:
    if not data.startswith(_PNG) or data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return "image/png", width, height


def _jpeg_size(data: bytes) -> tuple[str, int, int] | None:
    """Walks the segments to the frame header."""
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _SIZES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return "image/jpeg", width, height
        if marker == 0xDA or length < 2:
            return None
        at += 2 + length
    return None
