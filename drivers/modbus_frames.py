"""RTU frames on a noisy line: finds the expected answer among a few bytes that are none. Pure.

pymodbus reads noise before an answer as the answer's head and then drops both. A transceiver that switches on makes a
byte or three of noise on many lines, so the expected frame is cut out before pymodbus sees it. More than that is left
as it came: it might hide another answer.
"""

from __future__ import annotations

NOISE_BYTES_MAX = 3  # the shortest frame, a refusal, has 5
REFUSAL = 0x80


def expected_frame(received: bytes, unit: int, function: int, data_bytes: int) -> bytes | None:
    """The answer (or refusal) to a read in what was received so far; None if it is not there, or not there yet."""
    for length, code in ((5 + data_bytes, function), (5, function | REFUSAL)):
        surplus = len(received) - length
        if not 0 <= surplus <= NOISE_BYTES_MAX:
            continue
        for at in range(surplus + 1):
            frame = received[at : at + length]
            if frame[:2] == bytes([unit, code]) and crc(frame[:-2]) == frame[-2:]:
                return frame
    return None


def crc(frame: bytes) -> bytes:
    """CRC-16 of Modbus, low byte first. Source: Modbus over serial line V1.02, 6.2.2: 0xA001, start 0xFFFF."""
    value = 0xFFFF
    for octet in frame:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")
