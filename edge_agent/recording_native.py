"""Reads the native form `.liftrec`: a CBOR sequence of one header and blocks, each behind its checksum.

Frame: array of two byte strings, the content and the CRC-32 of the content (big-endian). The length of the content
always takes four bytes, so that a frame can be found and checked without trusting a decoder:
`82 5a <length 4> <content> 44 <crc 4>`.
Header content: map {0: format, 1: text of meta.toml, 2: run (8 bytes), 3: part}. A run that was cut into parts by a
byte cap has the same run in each; parts count from 0. Block content: see `recording_blocks`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from edge_agent.errors import RecordingError, WireError
from edge_agent.gate import read_item, write_item
from edge_agent.readings import Reading
from edge_agent.recording_blocks import BLOCK_BYTES_MAX, BlockProblem, readings_in
from edge_agent.recording_meta import META_BYTES_MAX, Found, RecordingMeta, meta_from

SUFFIX = ".liftrec"
FORMAT = 1
PARTS_MAX = 999_999

_START = b"\x82\x5a\x00"  # the length of a content has three bytes at most
_HEAD_BYTES = 6
_TAIL_BYTES = 5
_CONTENT_BYTES_MAX = (1 << 24) - 1
_SEARCH_BYTES_MAX = 4 << 20
_CANDIDATES_MAX = 64
_NUMBERED = re.compile(r"(?P<stem>.+)-(?P<number>\d{6})")
_HINT = "The file was damaged, or is no recording of this agent"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says before its first block."""

    meta_text: str
    run: bytes
    part: int

    def content(self) -> bytes:
        """Encode."""
        return write_item({0: FORMAT, 1: self.meta_text, 2: self.run, 3: self.part})


def frame_bytes(content: bytes) -> bytes:
    """One frame of the file."""
    return b"\x82\x5a" + len(content).to_bytes(4, "big") + content + b"\x44" + zlib.crc32(content).to_bytes(4, "big")


def read_header(path: Path) -> Header:
    """The header of a file. Raises RecordingError."""
    try:
        with path.open("rb") as file:
            content = _next_content(file)
    except OSError as error:
        raise _unreadable(path, error) from error
    if content is None:
        raise RecordingError("no whole header", subject=f"{path}:byte 0", hint=_HINT)
    return _header_of(content, path)


def is_last_part(path: Path, among: tuple[Path, ...]) -> bool:
    """False where a later part of the same run is among the files; a file that cannot be read stands for itself."""
    try:
        own = read_header(path)
    except RecordingError:
        return True
    for other in among:
        try:
            header = read_header(other)
        except RecordingError:
            continue
        if header.run == own.run and header.part > own.part:
            return False
    return True


class NativeForm:
    """A `.liftrec` file, together with the earlier parts of its run beside it."""

    def __init__(self, path: Path) -> None:
        header = read_header(path)
        self._parts = (*_earlier_parts(path, header), path)
        found = Found(has_pressure=False, has_controller=False, signals=frozenset())
        meta = meta_from(header.meta_text, f"{path} meta", found)
        missing = header.part + 1 - len(self._parts)
        if missing:
            warning = (
                f"{path}: of {header.part + 1} parts of the run the first {missing} are gone, it begins in the middle"
            )
            meta = replace(meta, warnings=(*meta.warnings, warning))
        self.meta: RecordingMeta = meta
        self.torn_tail_bytes = 0

    def readings(self, *, is_joined: bool = False) -> Iterator[Reading]:
        """All readings as they were stored, ticks included. Raises RecordingError behind the last one before a break.

        is_joined: the samples of each stored block, a second at most, in one frame.
        What cannot be read at the end of the last part is a torn tail and no break: it is counted.
        """
        last_ns: int | None = None
        for path in self._parts:
            for at, content in self._blocks(path):
                try:
                    readings = readings_in(content, is_joined=is_joined)
                except BlockProblem as problem:
                    raise RecordingError(str(problem), subject=f"{path}:byte {at}", hint=_HINT) from problem
                if last_ns is not None and readings[0].t_ns < last_ns:
                    raise RecordingError("time goes back", subject=f"{path}:byte {at}", hint=_HINT)
                last_ns = readings[-1].t_ns
                yield from readings

    def _blocks(self, path: Path) -> Iterator[tuple[int, bytes]]:
        try:
            with path.open("rb") as file:
                is_header = True
                while True:
                    at = file.tell()
                    content = _next_content(file)
                    if content is None:
                        break
                    if not is_header:
                        yield at, content
                    is_header = False
                self._judge_end(path, file, at)
        except OSError as error:
            raise _unreadable(path, error) from error

    def _judge_end(self, path: Path, file: BinaryIO, at: int) -> None:
        """The end of the file, a torn tail, or a break: damage with whole blocks behind it."""
        size = file.seek(0, 2)
        if at == size:
            return
        file.seek(at)
        if path != self._parts[-1] or _has_whole_frame(file.read(_SEARCH_BYTES_MAX)) or size - at > _SEARCH_BYTES_MAX:
            raise RecordingError("the checksum does not fit", subject=f"{path}:byte {at}", hint=_HINT)
        self.torn_tail_bytes = size - at


def _next_content(file: BinaryIO) -> bytes | None:
    """Content of the frame that begins here; None where there is no whole one."""
    head = file.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES or not head.startswith(_START):
        return None
    length = int.from_bytes(head[2:], "big")
    rest = file.read(length + _TAIL_BYTES)
    return rest[:length] if _is_whole(rest, length) else None


def _is_whole(rest: bytes, length: int) -> bool:
    checksum = zlib.crc32(rest[:length]).to_bytes(4, "big")
    return len(rest) == length + _TAIL_BYTES and rest[length:] == b"\x44" + checksum


def _has_whole_frame(data: bytes) -> bool:
    """True if a whole frame begins anywhere behind the first byte (or if too much looks like one)."""
    at = 0
    for _ in range(_CANDIDATES_MAX):
        at = data.find(_START, at + 1)
        if at < 0:
            return False
        length = int.from_bytes(data[at + 2 : at + _HEAD_BYTES], "big")
        end = at + _HEAD_BYTES + length + _TAIL_BYTES
        if end <= len(data) and _is_whole(data[at + _HEAD_BYTES : end], length):
            return True
    return True


def _header_of(content: bytes, path: Path) -> Header:
    subject = f"{path}:byte 0"
    try:
        tree = read_item(content, "header", bytes_max=META_BYTES_MAX)
    except WireError as error:
        raise RecordingError(f"the header is not understood ({error.problem})", subject=subject, hint=_HINT) from error
    match tree:
        case {0: int(number), 1: str(text), 2: bytes(run), 3: int(part)} if number == FORMAT and part >= 0:
            return Header(text, run, part)
        case {0: int(number)} if number != FORMAT:
            raise RecordingError(f"format {number}", subject=subject, hint=f"This agent reads format {FORMAT}")
        case _:
            raise RecordingError("the header is not understood", subject=subject, hint=_HINT)


def part_path(path: Path, number: int) -> Path:
    """Where the file of `path` goes when a later one takes its place."""
    return path.with_name(f"{path.stem}-{number:06d}{SUFFIX}")


def earlier_files(path: Path) -> tuple[tuple[int, Path], ...]:
    """Files that stood at `path` before, by number."""
    found: list[tuple[int, Path]] = []
    for other in path.parent.glob(f"*{SUFFIX}"):
        numbered = _NUMBERED.fullmatch(other.stem)
        if numbered is not None and numbered["stem"] == path.stem:
            found.append((int(numbered["number"]), other))
    return tuple(sorted(found))


def _earlier_parts(path: Path, header: Header) -> tuple[Path, ...]:
    """Files beside this one that hold the parts before it without a gap, oldest first."""
    numbered = _NUMBERED.fullmatch(path.stem)
    current = path.with_name(numbered["stem"] + SUFFIX) if numbered is not None else path
    limit = int(numbered["number"]) if numbered is not None else PARTS_MAX + 1
    parts: list[Path] = []
    wanted = header.part - 1
    for number, other in reversed(earlier_files(current)):
        if number >= limit or wanted < 0:
            continue
        try:
            candidate = read_header(other)
        except RecordingError:
            break
        if candidate.run != header.run or candidate.part != wanted:
            break
        parts.append(other)
        wanted -= 1
    return tuple(reversed(parts))


def _unreadable(path: Path, error: OSError) -> RecordingError:
    return RecordingError(f"cannot be read: {error.strerror}", subject=str(path), hint="Check the path and its rights")


assert BLOCK_BYTES_MAX <= _CONTENT_BYTES_MAX
