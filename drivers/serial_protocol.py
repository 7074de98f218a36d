"""A framed serial protocol as data: where a frame begins and ends, what proves it whole, what its bytes mean. Pure.

Bytes go in as they come, frames come out. Noise, half frames and damaged ones are dropped and counted by reason, and
the next start is looked for inside what was dropped, so that one lost byte costs one frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from drivers.modbus_frames import crc
from drivers.register_map import Evidence, Feed, Meaning, report_of
from drivers.serial_line import Parity
from edge_agent.readings import ControllerReport

FRAME_BYTES_MAX = 512
# A frame whose next byte does not come for so long will not be finished. Source: chosen: 20 times 1.5 characters at
# 9600 baud; USB adapters hold bytes back for 16 ms.
GAP_NS = 50_000_000


class ChecksumKind(Enum):
    """How a frame proves that it is whole."""

    NONE = "none"
    SUM = "sum8"  # all bytes added, the lowest 8 bits
    XOR = "xor8"
    LRC = "lrc8"  # two's complement of the sum
    CRC16 = "crc16_modbus"  # low byte first


@dataclass(frozen=True, slots=True)
class Checksum:
    """Over bytes `first` to `last`, found at `at`; negative places count from the end. `is_hex`: as ASCII digits.

    mark: what stands right before it, such as "*" in text frames.
    """

    kind: ChecksumKind = ChecksumKind.NONE
    first: int = 0
    last: int = -1
    at: int = -1
    is_hex: bool = False
    set_bits: int = 0  # bits that the sender always sets in it
    mark: bytes = b""

    @property
    def byte_count(self) -> int:
        """Bytes that it takes in the frame."""
        match self.kind:
            case ChecksumKind.NONE:
                return 0
            case ChecksumKind.CRC16:
                return 4 if self.is_hex else 2
            case ChecksumKind.SUM | ChecksumKind.XOR | ChecksumKind.LRC:
                return 2 if self.is_hex else 1
            case _:
                assert_never(self.kind)

    def is_right(self, frame: bytes) -> bool:
        """True if the frame proves itself."""
        if self.kind is ChecksumKind.NONE:
            return True
        start = self.at % len(frame)
        if frame[max(0, start - len(self.mark)) : start] != self.mark:
            return False
        found = frame[start : start + self.byte_count]
        wanted = self._value(frame[self.first % len(frame) : self.last % len(frame) + 1])
        return found.upper() == wanted.hex().upper().encode("ascii") if self.is_hex else found == wanted

    def _value(self, covered: bytes) -> bytes:
        match self.kind:
            case ChecksumKind.SUM:
                value = sum(covered) & 0xFF
            case ChecksumKind.LRC:
                value = -sum(covered) & 0xFF
            case ChecksumKind.XOR:
                value = 0
                for octet in covered:
                    value ^= octet
            case ChecksumKind.CRC16:
                return crc(covered)
            case ChecksumKind.NONE:
                return b""
            case _:
                assert_never(self.kind)
        return bytes([value | self.set_bits])


@dataclass(frozen=True, slots=True)
class FrameShape:
    """Where a frame begins and ends.

    It ends by a fixed `length`, by a length byte at `length_at` plus `length_adds`, or by its `end`; with a length an
    `end` is checked too.
    """

    start: bytes
    end: bytes = b""
    length: int | None = None
    length_at: int | None = None
    length_adds: int = 0
    bytes_max: int = FRAME_BYTES_MAX
    separator: bytes = b""  # between the parts of a text frame


class FieldKind(Enum):
    """How the bytes of a field are read."""

    UINT8 = "uint8"
    UINT16 = "uint16"  # high byte first
    UINT16_LOW_FIRST = "uint16_low_first"
    BIT = "bit"
    BITS = "bits"
    ENUM = "enum"  # a code in the byte, or in a range of its bits
    NUMBER = "number"  # decimal digits of a text frame
    WORD = "word"  # a part of a text frame that stands for a value
    TEXT = "text"  # a part of a text frame as it is, up to 4 characters


@dataclass(frozen=True, slots=True)
class FrameField:
    """One quantity in a frame, at byte `at` or in part `part` of a text frame.

    A number is `raw * scale`; outside `minimum`..`maximum`, and a code or word that is not listed, is not said.
    """

    name: str
    kind: FieldKind
    at: int | None = None
    part: int | None = None
    bit_first: int = 0
    bit_count: int = 8
    scale: float = 1.0
    minimum: float | None = None
    maximum: float | None = None
    codes: tuple[tuple[int, Meaning], ...] = ()
    words: tuple[tuple[str, Meaning], ...] = ()
    feeds: Feed | None = None
    is_inverted: bool = False
    note: str = ""

    def value(self, frame: bytes, parts: tuple[bytes, ...]) -> Meaning | None:
        """What the frame says of this quantity; None if it says nothing that can be understood."""
        if self.part is not None:
            return self._of_text(parts[self.part]) if self.part < len(parts) else None
        assert self.at is not None, "a field stands at a byte or in a part"
        width = 2 if self.kind in (FieldKind.UINT16, FieldKind.UINT16_LOW_FIRST) else 1
        raw = frame[self.at : self.at + width]
        if len(raw) < width:
            return None
        order = "little" if self.kind is FieldKind.UINT16_LOW_FIRST else "big"
        return self._of_number(int.from_bytes(raw, order))  # type: ignore[arg-type]

    def _of_text(self, part: bytes) -> Meaning | None:
        text = part.decode("ascii", errors="replace").strip()
        match self.kind:
            case FieldKind.WORD:
                return next((meaning for word, meaning in self.words if word == text), None)
            case FieldKind.TEXT:
                return text if 1 <= len(text) <= 4 and text.isprintable() and text.isascii() else None
            case _:
                try:
                    return self._in_bounds(float(text))
                except ValueError:
                    return None

    def _of_number(self, word: int) -> Meaning | None:
        match self.kind:
            case FieldKind.BIT:
                return bool(word >> self.bit_first & 1) is not self.is_inverted
            case FieldKind.ENUM:
                code = word >> self.bit_first & ((1 << self.bit_count) - 1)
                return next((meaning for known, meaning in self.codes if known == code), None)
            case FieldKind.BITS:
                return self._in_bounds(word >> self.bit_first & ((1 << self.bit_count) - 1))
            case _:
                return self._in_bounds(word)

    def _in_bounds(self, raw: float) -> Meaning | None:
        number = round(raw * self.scale, 9)
        if not (self.minimum is None or number >= self.minimum) or not (self.maximum is None or number <= self.maximum):
            return None
        if abs(number) > 1e9 or number != number:
            return None
        match self.feeds:
            case Feed.FLOOR:
                return str(int(number)) if len(str(int(number))) <= 4 else None
            case Feed.FAULT:
                return int(number)
            case _:
                return float(number)


@dataclass(frozen=True, slots=True)
class SerialProtocol:
    """One way of talking. `silent_s`: a line without a frame for so long is silent."""

    name: str
    maker: str
    model: str
    evidence: Evidence
    source: str
    note: str
    baud_rate: int
    data_bits: int
    parity: Parity
    stop_bits: int
    silent_s: float
    shape: FrameShape
    checksum: Checksum
    fields: tuple[FrameField, ...]

    def decode(self, frame: bytes, t_ns: int, *, is_suspect: bool = False) -> ControllerReport:
        """The report that a whole frame makes. Never raises, whatever the frame is."""
        parts = self._parts(frame)
        said: Mapping[Feed, Meaning | None] = {
            field.feeds: field.value(frame, parts) for field in self.fields if field.feeds is not None
        }
        return report_of(said, t_ns, is_suspect=is_suspect)

    def _parts(self, frame: bytes) -> tuple[bytes, ...]:
        if not self.shape.separator:
            return ()
        checksum = self.checksum
        is_at_end = checksum.kind is not ChecksumKind.NONE and checksum.at < 0
        tail = len(checksum.mark) - checksum.at if is_at_end else len(self.shape.end)
        body = frame[len(self.shape.start) : len(frame) - tail]
        return tuple(body.split(self.shape.separator))


class Drop(Enum):
    """Why bytes were dropped."""

    NOISE = "noise"  # no frame begins there
    HALF = "half frames"  # the rest did not come
    CHECKSUM = "damaged frames"
    END = "frames without their end"


class FrameCutter:
    """Cuts the frames out of a stream of bytes. State: one frame's bytes at most, and counts of what was dropped."""

    def __init__(self, shape: FrameShape, checksum: Checksum) -> None:
        self._shape, self._checksum = shape, checksum
        self._buffer = b""
        self._last_ns = 0
        self.dropped: dict[Drop, int] = dict.fromkeys(Drop, 0)
        self.dropped_since_frame = 0

    def restart(self) -> None:
        """The line was interrupted: what is held will not be finished."""
        if self._buffer:
            self._drop(Drop.HALF, len(self._buffer))

    def feed(self, data: bytes, t_ns: int) -> tuple[tuple[bytes, bool], ...]:
        """The frames that `data` completes; with each, whether bytes were dropped since the one before."""
        if self._buffer and t_ns - self._last_ns > GAP_NS:
            self.restart()
        if data:
            self._last_ns = t_ns
        self._buffer += data
        frames: list[tuple[bytes, bool]] = []
        while (frame := self._next()) is not None:
            frames.append((frame, self.dropped_since_frame > 0))
            self.dropped_since_frame = 0
        return tuple(frames)

    def _next(self) -> bytes | None:
        """The next whole frame; None if more bytes are needed."""
        while self._buffer:
            at = self._start()
            if at > 0:
                self._drop(Drop.NOISE, at)
                continue
            length = self._length()
            if length is None:
                return None
            frame = self._buffer[:length]
            reason = self._reason_against(frame)
            if reason is None:
                self._buffer = self._buffer[length:]
                return frame
            self._drop(reason, 1)  # the next start may lie inside of it
        return None

    def _start(self) -> int:
        """Where a frame may begin: at its start, or at the first part of it at the end of the buffer."""
        start = self._shape.start
        at = self._buffer.find(start)
        if at >= 0:
            return at
        for tail in range(min(len(start) - 1, len(self._buffer)), 0, -1):
            if start.startswith(self._buffer[-tail:]):
                return len(self._buffer) - tail
        return len(self._buffer)

    def _length(self) -> int | None:
        """Length of the frame that begins the buffer; None if it is not all there. Too long ones are cut."""
        shape, buffer = self._shape, self._buffer
        if len(buffer) < len(shape.start):
            return None
        if shape.length is not None:
            length = shape.length
        elif shape.length_at is not None:
            if len(buffer) <= shape.length_at:
                return None
            length = buffer[shape.length_at] + shape.length_adds
        else:
            at = buffer.find(shape.end, len(shape.start))
            if at < 0:
                return len(buffer) if len(buffer) >= shape.bytes_max else None
            length = at + len(shape.end)
        length = min(max(length, len(shape.start) + 1), shape.bytes_max)
        return length if len(buffer) >= length else None

    def _reason_against(self, frame: bytes) -> Drop | None:
        if not frame.endswith(self._shape.end):
            return Drop.END
        least = len(self._shape.start) + len(self._shape.end) + self._checksum.byte_count
        if len(frame) < least or not self._checksum.is_right(frame):
            return Drop.CHECKSUM
        return None

    def _drop(self, reason: Drop, byte_count: int) -> None:
        self._buffer = self._buffer[byte_count:]
        self.dropped[reason] += byte_count if reason is Drop.NOISE else 1
        self.dropped_since_frame += byte_count
