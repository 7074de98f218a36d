"""Frames around Modbus questions and answers, TCP and RTU, and the ways in which an answer can come wrong. Pure.

Written apart from `drivers.modbus_frames`, so that a mistake there does not cancel out here.
Source: Modbus messaging on TCP/IP V1.0b, 3.1.3; Modbus over serial line V1.02, 2.5 (both from memory, unverified).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

_TCP_HEAD_BYTES = 7
_TCP_LENGTH_MAX = 254
_RTU_READ_BYTES = 8  # a question for functions 1 to 6
_RTU_FRAME_MAX = 256
_RTU_SHORT = frozenset({7, 11, 12, 17})  # questions of an address, a function and a checksum
_RTU_COUNTED = {15: 6, 16: 6, 23: 10}  # function: where the count of the bytes that follow stands
_UNITS = 247


class Mishap(Enum):
    """What is wrong with the answers of a unit; the word of the command."""

    SILENT = "silent"  # none comes
    LATE = "late"  # they come `amount` seconds late, one after the other
    BAD_CRC = "bad_crc"  # the checksum is wrong; on Modbus TCP, which has none, the number of the question
    WRONG_UNIT = "wrong_unit"  # they come from another unit
    WRONG_FUNCTION = "wrong_function"  # they answer another function
    SHORT_REPLY = "short_reply"  # a register is missing, everything else is right
    HALF_REPLY = "half_reply"  # the end does not come


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A mishap, and how late answers come with it."""

    mishap: Mishap
    late_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """One question as it came. number: of the transaction; 0 with RTU frames, which carry none."""

    unit: int
    body: bytes
    number: int = 0


class Framing(Protocol):
    """Cuts questions out of a stream and puts frames around answers. One for each connection."""

    def questions(self, received: bytes) -> list[Question]:
        """The questions that these bytes complete. ValueError if the stream cannot be understood any more."""
        ...

    def pause(self) -> None:
        """Nothing came for a while: what is held will not be finished."""
        ...

    def frame(self, question: Question, unit: int, body: bytes, *, is_check_wrong: bool = False) -> bytes:
        """An answer as it goes on the line."""
        ...


class TcpFraming:
    """Modbus TCP: a head with number, length and unit."""

    def __init__(self) -> None:
        self._held = b""

    def questions(self, received: bytes) -> list[Question]:
        self._held += received
        found: list[Question] = []
        while len(self._held) >= _TCP_HEAD_BYTES:
            head = self._held[:_TCP_HEAD_BYTES]
            protocol, length = int.from_bytes(head[2:4], "big"), int.from_bytes(head[4:6], "big")
            if protocol != 0 or not 2 <= length <= _TCP_LENGTH_MAX:
                raise ValueError("this is no Modbus TCP")
            end = 6 + length
            if len(self._held) < end:
                break
            found.append(Question(head[6], self._held[_TCP_HEAD_BYTES:end], int.from_bytes(head[:2], "big")))
            self._held = self._held[end:]
        return found

    def pause(self) -> None:
        """A stream has no pauses."""

    def frame(self, question: Question, unit: int, body: bytes, *, is_check_wrong: bool = False) -> bytes:
        number = question.number ^ 0x0101 if is_check_wrong else question.number
        return number.to_bytes(2, "big") + bytes(2) + (len(body) + 1).to_bytes(2, "big") + bytes([unit]) + body


class RtuFraming:
    """Modbus RTU: unit in front, checksum behind; a damaged question gets no answer."""

    def __init__(self) -> None:
        self._held = b""

    def questions(self, received: bytes) -> list[Question]:
        self._held += received
        found: list[Question] = []
        while (length := self._length()) is not None and len(self._held) >= length:
            frame = self._held[:length]
            if crc(frame[:-2]) == frame[-2:]:
                found.append(Question(frame[0], frame[1:-2]))
                self._held = self._held[length:]
            else:
                self._held = self._held[1:]  # noise before a question
        return found

    def pause(self) -> None:
        self._held = b""

    def frame(self, question: Question, unit: int, body: bytes, *, is_check_wrong: bool = False) -> bytes:
        check = crc(bytes([unit]) + body)
        if is_check_wrong:
            check = bytes([check[0] ^ 0x55, check[1]])
        return bytes([unit]) + body + check

    def _length(self) -> int | None:
        """Bytes of the question that the held ones begin with; None if too few have come to tell."""
        if len(self._held) < 2:
            return None
        function = self._held[1]
        if function in _RTU_SHORT:
            return 4
        if function in _RTU_COUNTED:
            at = _RTU_COUNTED[function]
            return None if len(self._held) <= at else min(at + 1 + self._held[at] + 2, _RTU_FRAME_MAX)
        return 10 if function == 22 else _RTU_READ_BYTES


def answered(framing: Framing, question: Question, body: bytes, spoiled: Spoiled | None) -> bytes:
    """The frame that goes out for `body`, spoiled or not; empty: nothing goes out."""
    match spoiled.mishap if spoiled is not None else None:
        case None | Mishap.LATE:
            return framing.frame(question, question.unit, body)
        case Mishap.SILENT:
            return b""
        case Mishap.BAD_CRC:
            return framing.frame(question, question.unit, body, is_check_wrong=True)
        case Mishap.WRONG_UNIT:
            return framing.frame(question, question.unit % _UNITS + 1, body)
        case Mishap.WRONG_FUNCTION:
            other = body[0] & 0x80 | (body[0] & 0x7F) % 4 + 1
            return framing.frame(question, question.unit, bytes([other]) + body[1:])
        case Mishap.SHORT_REPLY:
            return framing.frame(question, question.unit, _shortened(body))
        case Mishap.HALF_REPLY:
            whole = framing.frame(question, question.unit, body)
            return whole[: len(whole) - 3]


def _shortened(body: bytes) -> bytes:
    """One register (or eight bits) less, as if fewer had been asked for; a refusal has none to lose."""
    if body[0] & 0x80:
        return body
    lost = 2 if body[0] in (3, 4) else 1
    return bytes([body[0], body[1] - lost]) + body[2:-lost]


def crc(frame: bytes) -> bytes:
    """CRC-16 of Modbus, low byte first: polynomial 0x8005 reflected, start 0xFFFF."""
    value = 0xFFFF
    for octet in frame:
        value ^= octet
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")
