"""Short messages as the modem takes and gives them in PDU mode: SUBMIT out, DELIVER in, 8-bit data, long ones in parts.

Pure. Any bytes may come in: what is no message of ours is None or raises `WireError`.
Source: 3GPP TS 23.040 (GSM 03.40) sections 9.2.2.1, 9.2.2.2, 9.2.3 and 9.1.2.5 (numbers), 9.2.3.24.1 (parts), TS 23.038
section 4 (data coding). From memory, unverified but for the worked examples in the tests.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from edge_agent.schema import refuse

MESSAGE_BYTES_MAX = 140
PART_BYTES_MAX = 134  # behind the six bytes that say which part it is
PARTS_MAX = 4
WAITING_MAX = 16  # messages whose other parts have not come

_SUBMIT, _HAS_HEADER, _RELATIVE_VALIDITY = 0x01, 0x40, 0x10
_VALID_A_DAY = 0xA7  # Source: TS 23.040 9.2.3.12.1: 144 to 167 stand for 12.5 to 24 h in half hours
_DATA_8_BIT = 0x04
_INTERNATIONAL, _UNKNOWN_TYPE = 0x91, 0x81
_PART_TAG, _PART_LENGTH = 0x00, 3
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_SPARE = "*#abc"  # Source: TS 23.040 9.1.2.3: 10 to 14 of a semi-octet


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that came. part: (reference, how many, which), of a long one."""

    sender: str
    data: bytes
    part: tuple[int, int, int] | None = None


def submits(number: str, data: bytes, reference: int) -> tuple[bytes, ...]:
    """The transport data units that carry `data` to `number`. reference: 0..255, another one for each long message.

    Raises `WireError` for a number that is none, and for more than fits into four messages.
    """
    if len(data) <= MESSAGE_BYTES_MAX:
        return (_submit(number, data, b""),)
    pieces = [data[start : start + PART_BYTES_MAX] for start in range(0, len(data), PART_BYTES_MAX)]
    if len(pieces) > PARTS_MAX:
        refuse("message", f"{len(data)} bytes, at most {PARTS_MAX * PART_BYTES_MAX}")
    return tuple(
        _submit(number, piece, bytes([5, _PART_TAG, _PART_LENGTH, reference & 0xFF, len(pieces), which]))
        for which, piece in enumerate(pieces, start=1)
    )


def _submit(number: str, data: bytes, header: bytes) -> bytes:
    first = _SUBMIT | _RELATIVE_VALIDITY | (_HAS_HEADER if header else 0)
    content = header + data
    return bytes([first, 0]) + _address(number) + bytes([0, _DATA_8_BIT, _VALID_A_DAY, len(content)]) + content


def _address(number: str) -> bytes:
    if _NUMBER.fullmatch(number) is None:
        refuse("telephone number", f"{number!r} is none; write it like +8613800138000")
    digits = number.removeprefix("+")
    kind = _INTERNATIONAL if number.startswith("+") else _UNKNOWN_TYPE
    padded = digits + "F" * (len(digits) % 2)
    swapped = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
    return bytes([len(digits), kind]) + bytes.fromhex(swapped)


def delivered(pdu: bytes) -> Delivered | None:
    """The message in what a modem lists, its service centre in front; None: no 8-bit message, or damaged."""
    try:
        return _delivered(pdu)
    except (IndexError, ValueError):
        return None


def _delivered(pdu: bytes) -> Delivered | None:
    at = 1 + pdu[0]
    first = pdu[at]
    if first & 0x03 != 0:
        return None  # not a DELIVER
    digits, kind = pdu[at + 1], pdu[at + 2]
    address_end = at + 3 + (digits + 1) // 2
    sender = _digits(pdu[at + 3 : address_end], digits)
    coding = pdu[address_end + 1]
    length_at = address_end + 2 + 7  # the stamp of the service centre between
    length = pdu[length_at]
    content = pdu[length_at + 1 :]
    if not _is_8_bit(coding) or len(content) != length or length > MESSAGE_BYTES_MAX:
        return None
    sender = f"+{sender}" if kind & 0x70 == 0x10 else sender
    if not first & _HAS_HEADER:
        return Delivered(sender, content)
    header, data = content[1 : 1 + content[0]], content[1 + content[0] :]
    return Delivered(sender, data, _part_in(header))


def _digits(packed: bytes, count: int) -> str:
    semi = [half for byte in packed for half in (byte & 0x0F, byte >> 4)][:count]
    return "".join(str(half) if half < 10 else _SPARE[half - 10] for half in semi)


def _is_8_bit(coding: int) -> bool:
    """General group without compression, or the group with a message class."""
    return (coding & 0xEC == 0x04) or (coding & 0xF4 == 0xF4)


def _part_in(header: bytes) -> tuple[int, int, int] | None:
    at = 0
    while at + 2 <= len(header):
        tag, length = header[at], header[at + 1]
        if tag == _PART_TAG and length == _PART_LENGTH:
            reference, count, which = header[at + 2 : at + 5]
            return reference, count, which
        at += 2 + length
    return None


class Joiner:
    """Puts the parts of long messages together. State: at most `WAITING_MAX` messages that are not whole."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, int, int], dict[int, bytes]] = OrderedDict()

    def take(self, message: Delivered) -> bytes | None:
        """The whole data, once it is here."""
        if message.part is None:
            return message.data
        reference, count, which = message.part
        if not 1 <= which <= count <= PARTS_MAX:
            return None
        key = (message.sender, reference, count)
        parts = self._waiting.setdefault(key, {})
        parts[which] = message.data
        if len(parts) == count:
            del self._waiting[key]
            return b"".join(parts[number] for number in range(1, count + 1))
        while len(self._waiting) > WAITING_MAX:
            self._waiting.popitem(last=False)
        return None
