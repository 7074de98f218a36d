"""A lift controller that talks by itself: a report to the frames of a serial protocol, and when they are sent. Pure."""

from __future__ import annotations

from drivers.register_map import Feed, Meaning
from drivers.serial_protocol import ChecksumKind, FieldKind, FrameField, SerialProtocol
from edge_agent.readings import ControllerReport
from sim.modbus_frames import Mishap, Spoiled, crc

_REPEAT_PART = 1 / 6  # of the time after which the protocol calls a line silent
_CHANGES_PER_S_MAX = 5.0
_WORD_KINDS = (FieldKind.UINT16, FieldKind.UINT16_LOW_FIRST)


class Talker:
    """Says what changed, at most five times a second, and everything again often enough not to seem silent.

    Fields that share bits, as the messages of an announcer do, are said in frames of their own, one after the other.
    """

    def __init__(self, protocol: SerialProtocol) -> None:
        self.protocol = protocol
        self._groups = _groups(protocol)
        self._said: list[bytes] = [b""] * len(self._groups)
        self._said_s = [float("-inf")] * len(self._groups)

    def due(self, report: ControllerReport | None, now_s: float) -> list[bytes]:
        """The frames to be sent now; a dark controller (None) says nothing."""
        if report is None:
            return []
        frames: list[bytes] = []
        for index, group in enumerate(self._groups):
            age_s = now_s - self._said_s[index]
            if age_s < 1.0 / _CHANGES_PER_S_MAX:
                continue
            frame = _frame(self.protocol, group, report)
            if frame and (frame != self._said[index] or age_s >= self.protocol.silent_s * _REPEAT_PART):
                self._said[index], self._said_s[index] = frame, now_s
                frames.append(frame)
        return frames


def spoiled_frame(frame: bytes, protocol: SerialProtocol, spoiled: Spoiled | None) -> bytes:
    """The frame as it goes out with a mishap; those of questions and answers do not concern a talker."""
    match spoiled.mishap if spoiled is not None else None:
        case Mishap.SILENT:
            return b""
        case Mishap.BAD_CRC:
            at = protocol.checksum.at % len(frame)
            return frame[:at] + bytes([frame[at] ^ 0x01]) + frame[at + 1 :]
        case Mishap.HALF_REPLY:
            return frame[: len(frame) // 2]
        case _:
            return frame


def _groups(protocol: SerialProtocol) -> tuple[tuple[FrameField, ...], ...]:
    """Fields that feed a report, by frames in which no two of them share a bit."""
    groups: list[list[FrameField]] = []
    for field in protocol.fields:
        if field.feeds is None:
            continue
        home = next((group for group in groups if not any(_overlap(field, other) for other in group)), None)
        if home is None:
            groups.append([field])
        else:
            home.append(field)
    return tuple(tuple(group) for group in groups)


def _overlap(one: FrameField, other: FrameField) -> bool:
    if one.at is None or other.at is None:
        return one.part is not None and one.part == other.part
    return bool(_places(one) & _places(other))


def _places(field: FrameField) -> set[tuple[int, int]]:
    """Byte and bit of each bit that the field takes."""
    assert field.at is not None
    if field.kind in _WORD_KINDS:
        return {(byte, bit) for byte in (field.at, field.at + 1) for bit in range(8)}
    return {(field.at, bit) for bit in range(field.bit_first, field.bit_first + field.bit_count)}


def _frame(protocol: SerialProtocol, group: tuple[FrameField, ...], report: ControllerReport) -> bytes:
    """One frame; empty if nothing of it can be said. Bits that are always set in the checksum are set in all bytes."""
    said = {field: text for field in group if (text := _code(field, report)) is not None}
    if not said:
        return b""
    if protocol.shape.separator:
        return _text_frame(protocol, said)
    return _binary_frame(protocol, said)


def _value(feed: Feed, report: ControllerReport) -> Meaning | None:
    value: Meaning | None = getattr(report, feed.value)
    return value


def _code(field: FrameField, report: ControllerReport) -> int | str | None:
    """The code or text with which a field says its value; None if it cannot."""
    assert field.feeds is not None
    value = _value(field.feeds, report)
    if value is None:
        return None
    match field.kind:
        case FieldKind.WORD:
            return next((word for word, meaning in field.words if meaning == value and word), None)
        case FieldKind.ENUM:
            return next((code for code, meaning in field.codes if meaning == value), None)
        case FieldKind.BIT:
            return int(bool(value) is not field.is_inverted)
        case FieldKind.TEXT:
            return str(value)
        case _:
            if not isinstance(value, int | float | str):
                return None
            raw = round(float(value) / field.scale, 9)
            return f"{raw:g}" if field.kind is FieldKind.NUMBER else max(0, round(raw))


def _text_frame(protocol: SerialProtocol, said: dict[FrameField, int | str]) -> bytes:
    shape, checksum = protocol.shape, protocol.checksum
    count = 1 + max(field.part for field in protocol.fields if field.part is not None)
    parts = [""] * count
    for field, text in said.items():
        assert field.part is not None
        parts[field.part] = str(text)
    body = shape.separator.join(part.encode("ascii", errors="replace") for part in parts)
    room = bytes(checksum.byte_count)
    return _proven(protocol, bytearray(shape.start + body + checksum.mark + room + shape.end))


def _binary_frame(protocol: SerialProtocol, said: dict[FrameField, int | str]) -> bytes:
    shape, checksum = protocol.shape, protocol.checksum
    used = max((field.at + 2 for field in protocol.fields if field.at is not None), default=0)
    length = shape.length or max(used, len(shape.start)) + checksum.byte_count + len(shape.end)
    frame = bytearray([checksum.set_bits] * length)
    frame[: len(shape.start)] = shape.start
    if shape.end:
        frame[-len(shape.end) :] = shape.end
    if shape.length_at is not None:
        frame[shape.length_at] = length - shape.length_adds
    for field, code in said.items():
        assert field.at is not None
        if field.kind in _WORD_KINDS:
            order = "big" if field.kind is FieldKind.UINT16 else "little"
            frame[field.at : field.at + 2] = min(int(code), 0xFFFF).to_bytes(2, order)  # type: ignore[arg-type]
        else:
            mask = (1 << field.bit_count) - 1
            frame[field.at] = (
                frame[field.at] & ~(mask << field.bit_first) & 0xFF | min(int(code), mask) << field.bit_first
            )
    return _proven(protocol, frame)


def _proven(protocol: SerialProtocol, frame: bytearray) -> bytes:
    """The frame with its checksum in place."""
    checksum = protocol.checksum
    if checksum.kind is ChecksumKind.NONE:
        return bytes(frame)
    covered = bytes(frame[checksum.first % len(frame) : checksum.last % len(frame) + 1])
    match checksum.kind:
        case ChecksumKind.SUM:
            value = bytes([sum(covered) & 0xFF | checksum.set_bits])
        case ChecksumKind.LRC:
            value = bytes([-sum(covered) & 0xFF | checksum.set_bits])
        case ChecksumKind.CRC16:
            value = crc(covered)
        case _:
            xor = 0
            for octet in covered:
                xor ^= octet
            value = bytes([xor | checksum.set_bits])
    if checksum.is_hex:
        value = value.hex().upper().encode("ascii")
    at = checksum.at % len(frame)
    frame[at : at + len(value)] = value
    return bytes(frame)
