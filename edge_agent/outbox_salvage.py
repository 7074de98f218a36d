"""Records of a damaged outbox that SQLite cannot reach any more: read page by page, believed only if their digest fits.

A file that was cut off, or whose root page is damaged, is refused by SQLite as a whole; its other pages are sound.
Source: SQLite, "Database File Format", sections 1.6 (b-tree pages), 2.1 (record format), 4.1 (write-ahead log).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edge_agent.errors import WireError
from edge_agent.wire import LINK_BYTES, Record, Stream, decode_record, digest

_INTERIOR, _LEAF = 2, 10  # page types of a table without row ids; both hold rows
_COLUMNS = 5  # stream, seq, kind, digest8, body
_ZERO, _ONE = 8, 9  # how a row says that its stream is 0 (alarms) or 1 (faults)
_BODY_BYTES_MAX = 4_096  # no record is nearly as long: a longer one is damage
_WAL_HEAD_BYTES, _FRAME_HEAD_BYTES = 32, 24


def salvaged(path: Path, page_bytes: int) -> Iterator[Record]:
    """Sound alarms and faults of a file and of its write-ahead log, in any order, some more than once.

    Also some that were deleted: the caller knows which are still wanted. Never raises.
    """
    log = path.with_name(path.name + "-wal")
    for name, head_bytes, step in ((path, 0, page_bytes), (log, _WAL_HEAD_BYTES, _FRAME_HEAD_BYTES + page_bytes)):
        try:
            with name.open("rb") as file, path.open("rb") as database:
                file.seek(head_bytes)
                while block := file.read(step):
                    yield from _records_in(block[step - page_bytes :], page_bytes, database)
        except OSError:
            continue


def _records_in(page: bytes, page_bytes: int, database: BinaryIO) -> Iterator[Record]:
    if len(page) < 12 or page[0] not in (_INTERIOR, _LEAF):
        return
    head_bytes, child_bytes = (12, 4) if page[0] == _INTERIOR else (8, 0)
    for cell in range(int.from_bytes(page[3:5], "big")):
        pointer = head_bytes + 2 * cell
        if pointer + 2 > len(page):
            return
        at = int.from_bytes(page[pointer : pointer + 2], "big") + child_bytes
        try:
            record = _record_of(_payload(page, at, page_bytes, database))
        except (IndexError, ValueError, WireError):
            continue
        if record is not None and record.stream in (Stream.ALARM, Stream.FAULT):
            yield record


def _payload(page: bytes, at: int, page_bytes: int, database: BinaryIO) -> bytes:
    """The row at a place of a page, with what overflowed into pages of its own."""
    size, at = _varint(page, at)
    if size > _BODY_BYTES_MAX:
        raise ValueError(size)
    most, least = (page_bytes - 12) * 64 // 255 - 23, (page_bytes - 12) * 32 // 255 - 23
    if size <= most:
        return page[at : at + size]
    local = least + (size - least) % (page_bytes - 4)
    local = local if local <= most else least
    payload, following = page[at : at + local], int.from_bytes(page[at + local : at + local + 4], "big")
    while len(payload) < size and following > 0:
        database.seek((following - 1) * page_bytes)
        block = database.read(page_bytes)
        if len(block) < page_bytes:
            raise ValueError(following)
        payload, following = payload + block[4:], int.from_bytes(block[:4], "big")
    return payload[:size]


def _record_of(payload: bytes) -> Record | None:
    """None: a row of another table. Raises IndexError, WireError where it is damaged."""
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if (
        len(kinds) != _COLUMNS
        or kinds[0] not in (_ZERO, _ONE)
        or kinds[3] != 12 + 2 * LINK_BYTES
        or kinds[4] < 12
        or kinds[4] % 2
    ):
        return None
    body_bytes = (kinds[4] - 12) // 2
    body, digest8 = payload[-body_bytes:], payload[-body_bytes - LINK_BYTES : -body_bytes]
    return decode_record(body) if digest(body)[:LINK_BYTES] == digest8 else None


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of up to three bytes and the place after it. Raises IndexError, ValueError."""
    value = 0
    for place in range(at, at + 3):
        value = value << 7 | content[place] & 0x7F
        if content[place] < 0x80:
            return value, place + 1
    raise ValueError("no small number")
