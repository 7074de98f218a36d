"""Frames of SIA DC-09 as bytes: events as Contact ID or SIA, link tests, and what a receiver answers. Pure.

A frame is LF, CRC, length, body, CR; the CRC is CRC-16 (reflected 0x8005, start 0) over the body, the length counts its
bytes, both as four hexadecimal digits. Encrypted, what follows "[" is hexadecimal AES-CBC with a zero start over pad,
"|", data, "]", extra data and the time. Source: SIA DC-09 as `siadc09` 1.0.1 (edition 2026) and `pysiaalarm` 3.2.2
read and write it; both judge these frames in `make oracle`. The standard's own text was not read.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BODY_BYTES_MAX = 0xFFF
SEQUENCE_MAX = 9_999
NULL_SEQUENCE = 0  # a link test has no number of its own
KEY_BYTES = (16, 24, 32)
PAD_BYTES_MIN = 16
TEXT_BYTES_MAX = 400
BLOCK_BYTES = 16
_POLYNOMIAL = 0xA001
_TIME = "%H:%M:%S,%m-%d-%Y"
_FORBIDDEN = re.compile(r"[\[\]|\"\x00-\x1f\x7f]")
_BODY = re.compile(
    rb'"(\*?)([A-Z0-9-]{2,10})"([0-9]{4})(?:R([0-9A-F]{1,6}))?L([0-9A-F]{1,6})[#A]([0-9A-F]{1,16})\[(.*)', re.S
)
_STAMP = re.compile(r"_([0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{2}-[0-9]{2}-[0-9]{4})$")


class Dc09Error(Exception):
    """These bytes are no frame, or not one for us; the message says why."""


class Form(Enum):
    """How an event is written. The value is the token of the frame."""

    CONTACT_ID = "ADM-CID"
    SIA = "SIA-DCS"


class Reply(Enum):
    """What a receiver can answer."""

    ACK = "ACK"  # it has the event
    RSP = "RSP"  # it has the event and says more
    NAK = "NAK"  # it does not take it like this; it says its time
    DUH = "DUH"  # it does not understand


@dataclass(frozen=True, slots=True)
class Line:
    """Who speaks to whom: account, receiver and line numbers, as hexadecimal digits. key: of AES, or None."""

    account: str
    receiver: str | None = None
    prefix: str = "0"
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What is told. zone: 0..999. occurred_ms: Unix time. text: for people."""

    is_restoral: bool
    cid: str
    sia: str
    area: int
    zone: int
    occurred_ms: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer. at_s: Unix time at the receiver, where it says it."""

    reply: Reply
    sequence: int
    account: str
    is_encrypted: bool
    at_s: int | None


def crc16(body: bytes) -> int:
    """CRC-16 as DC-09 wants it."""
    crc = 0
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ _POLYNOMIAL if crc & 1 else crc >> 1
    return crc


def event_frame(
    line: Line, sequence: int, form: Form, event: Event, now_s: int, pad: bytes, *, has_extras: bool = True
) -> bytes:
    """One event. pad: 31 random bytes, used where the line has a key. has_extras: time of occurrence and text, too."""
    if form is Form.CONTACT_ID:
        qualifier = 3 if event.is_restoral else 1
        data = f"#{line.account}|{qualifier}{event.cid} {event.area:02d} {event.zone:03d}"
    else:
        data = f"#{line.account}|Nri{event.area}/{event.sia}{event.zone:03d}"
    extras = _extras(event) if has_extras else ()
    return _frame(line, sequence, form.value, data, extras, now_s, pad)


def link_test(line: Line, now_s: int, pad: bytes) -> bytes:
    """The line lives."""
    return _frame(line, NULL_SEQUENCE, "NULL", "", (), now_s, pad)


def answer_in(frame: bytes, key: bytes | None) -> Answer:
    """What came back, LF to CR. key: where our frames are encrypted, so must a good answer be. Raises `Dc09Error`."""
    body = _body_in(frame)
    found = _BODY.fullmatch(body)
    if found is None:
        raise Dc09Error("the answer is no frame of DC-09")
    try:
        reply = Reply(found[2].decode())
    except ValueError:
        raise Dc09Error(f"the answer is a {found[2].decode()}") from None
    rest = found[7]
    is_encrypted = found[1] == b"*"
    if is_encrypted:
        if key is None:
            raise Dc09Error("the answer is encrypted and no key is set")
        rest = _decrypted(rest, key)
    if b"]" not in rest:
        raise Dc09Error("the answer cannot be read: another key, or damaged")
    at_s = _time_in(rest)
    if is_encrypted and at_s is None:
        raise Dc09Error("the encrypted answer has no time: another key, or damaged")
    if key is not None and not is_encrypted and reply in (Reply.ACK, Reply.RSP):
        raise Dc09Error("an answer in the open to an encrypted message proves nothing")
    return Answer(reply, int(found[3]), found[6].decode(), is_encrypted, at_s)


def _frame(line: Line, sequence: int, token: str, data: str, extras: Sequence[str], now_s: int, pad: bytes) -> bytes:
    receiver = "" if line.receiver is None else f"R{line.receiver}"
    star = "" if line.key is None else "*"
    head = f'"{star}{token}"{sequence:04d}{receiver}L{line.prefix}#{line.account}['.encode("ascii")
    moment = datetime.datetime.fromtimestamp(now_s, datetime.UTC).strftime(_TIME)
    tail = f"]{''.join(f'[{extra}]' for extra in extras)}_{moment}".encode()
    if line.key is None:
        body = head + data.encode("ascii") + tail
    else:
        body = head + _encrypted(line.key, data.encode("ascii"), tail, pad)
    if len(body) > BODY_BYTES_MAX:
        raise Dc09Error(f"a frame of {len(body)} bytes, at most {BODY_BYTES_MAX}")
    return b"\n%04X%04X%s\r" % (crc16(body), len(body), body)


def _extras(event: Event) -> tuple[str, ...]:
    """[H] time of occurrence, [I] text; what could end a field is left out of the text."""
    found = []
    if event.occurred_ms is not None:
        moment = datetime.datetime.fromtimestamp(event.occurred_ms // 1000, datetime.UTC)
        found.append(f"H{moment.strftime(_TIME)}")
    text = _FORBIDDEN.sub(" ", event.text).encode()[:TEXT_BYTES_MAX].decode("utf-8", "ignore").strip()
    if text:
        found.append(f"I{text}")
    return tuple(found)


def _encrypted(key: bytes, data: bytes, tail: bytes, pad: bytes) -> bytes:
    rest = (b"|" + data if data else b"") + tail
    count = PAD_BYTES_MIN + -len(rest) % BLOCK_BYTES
    if len(pad) < count:
        raise Dc09Error(f"{len(pad)} bytes of pad, {count} are needed")
    letters = bytes(b"0123456789ABCDEFGHIJKLMNOPQRSTUV"[byte & 31] for byte in pad[:count])
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(BLOCK_BYTES))).encryptor()
    return (cipher.update(letters + rest) + cipher.finalize()).hex().upper().encode()


def _decrypted(rest: bytes, key: bytes) -> bytes:
    try:
        sealed = bytes.fromhex(rest.decode("ascii"))
    except ValueError as error:
        raise Dc09Error("the encrypted answer is not hexadecimal") from error
    if not sealed or len(sealed) % BLOCK_BYTES:
        raise Dc09Error("the encrypted answer is no whole number of blocks")
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(BLOCK_BYTES))).decryptor()
    return cipher.update(sealed) + cipher.finalize()


def _body_in(frame: bytes) -> bytes:
    if len(frame) < 10 or frame[:1] != b"\n" or frame[-1:] != b"\r":
        raise Dc09Error("the answer does not begin with LF and end with CR")
    head, body = frame[1:9], frame[9:-1]
    try:
        crc, length = int(head[:4], 16), int(head[4:], 16)
    except ValueError as error:
        raise Dc09Error("the answer has no CRC and length") from error
    if length != len(body):
        raise Dc09Error(f"the answer says {length} bytes and has {len(body)}")
    if crc != crc16(body):
        raise Dc09Error("the CRC of the answer is wrong")
    return body


def _time_in(rest: bytes) -> int | None:
    found = _STAMP.search(rest.decode("ascii", "replace"))
    if found is None:
        return None
    try:
        moment = datetime.datetime.strptime(found[1], _TIME)
    except ValueError:
        return None
    return int(moment.replace(tzinfo=datetime.UTC).timestamp())
