"""An alarm receiving centre on a TCP port, written from the words of SIA DC-09 and without the encoder under test.

A frame is LF, four hexadecimal digits of CRC-16 over the body, four of its length, the body, CR. It answers ACK with
the number, receiver, line and account of the frame; to a wrong CRC nothing; to a wrong time NAK with its own; to what
it does not understand DUH.
"""

from __future__ import annotations

import asyncio
import datetime
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEAD = re.compile(r'"(\*?)(ADM-CID|SIA-DCS|NULL)"(\d{4})(R[0-9A-F]{1,6})?(L[0-9A-F]{1,6})#([0-9A-F]{3,16})\[(.*)')
TIME = re.compile(r"_(\d\d:\d\d:\d\d,\d\d-\d\d-\d{4})$")


def remainder(body: bytes) -> int:
    """CRC-16 by long division of the reflected bits: another way than the encoder's."""
    bits = "".join(f"{byte:08b}"[::-1] for byte in body) + "0" * 16
    rest = 0
    for bit in bits:
        rest = (rest << 1) | int(bit)
        if rest >> 16:
            rest ^= 0x18005
    return int(f"{rest:016b}"[::-1], 2)


@dataclass(frozen=True)
class Heard:
    """One frame that was good."""

    token: str
    sequence: int
    account: str
    data: str
    extras: tuple[str, ...]
    time: str | None


@dataclass
class Centre:
    """does: what it does with the next frames instead: silent, nak, duh, other, garbage, hang up, open."""

    port: int = 0
    key: bytes | None = None
    ahead_s: int = 0
    now_s: int = 0
    does: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    bad: int = 0
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                frame = await reader.readuntil(b"\r")
                if not await self.answer(frame, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def answer(self, frame: bytes, writer: asyncio.StreamWriter) -> bool:
        body = frame[9:-1]
        is_good = frame[:1] == b"\n" and int(frame[1:5], 16) == remainder(body) and int(frame[5:9], 16) == len(body)
        found = HEAD.fullmatch(body.decode("utf-8")) if is_good else None
        if found is None:
            self.bad += 1
            return True
        star, token, sequence, receiver, line, account, rest = found.groups()
        rest = self.decrypted(rest) if star else rest
        data, _, tail = rest.partition("]")
        said = TIME.search(tail)
        extras = tuple(re.findall(r"\[([^\]]*)\]", tail))
        doing = self.does.pop(0) if self.does else "ack"
        place = f"{receiver or ''}{line}#{account}"
        if doing == "silent":
            return True
        if doing == "other":
            self.send(writer, f'"ACK"{int(sequence) % 9999 + 1:04d}{place}[]')
            return True
        if doing == "hang up":
            return False
        if doing == "garbage":
            writer.write(b"\n0000ZZZZ nonsense\r")
            return True
        if doing == "duh":
            self.send(writer, f'"DUH"{sequence}{place}[]')
            return True
        if doing == "nak" or (said is not None and abs(seconds(said[1]) - self.now_s - self.ahead_s) > 40):
            self.send(writer, f'"NAK"0000R0L0A0[]{stamp(self.now_s + self.ahead_s)}')
            return True
        data = data.partition("|")[2] if star else data
        self.heard.append(Heard(token, int(sequence), account, data, extras, None if said is None else said[1]))
        if star and doing != "open":
            self.send(writer, f'"*ACK"{sequence}{place}[' + self.encrypted(f"]{stamp(self.now_s)}"))
        else:
            self.send(writer, f'"ACK"{sequence}{place}[]')
        return True

    def send(self, writer: asyncio.StreamWriter, body: str) -> None:
        raw = body.encode()
        writer.write(f"\n{remainder(raw):04X}{len(raw):04X}".encode() + raw + b"\r")

    def decrypted(self, rest: str) -> str:
        assert self.key is not None
        cipher = Cipher(algorithms.AES(self.key), modes.CBC(bytes(16))).decryptor()
        return (cipher.update(bytes.fromhex(rest)) + cipher.finalize()).decode()

    def encrypted(self, words: str) -> str:
        assert self.key is not None
        padded = "P" * (16 + -len(words) % 16) + words
        cipher = Cipher(algorithms.AES(self.key), modes.CBC(bytes(16))).encryptor()
        return (cipher.update(padded.encode()) + cipher.finalize()).hex().upper()


def stamp(at_s: int) -> str:
    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).strftime("_%H:%M:%S,%m-%d-%Y")


def seconds(words: str) -> int:
    moment = datetime.datetime.strptime(words, "%H:%M:%S,%m-%d-%Y")
    return int(moment.replace(tzinfo=datetime.UTC).timestamp())


@asynccontextmanager
async def a_centre(now_s: int, key: bytes | None = None) -> AsyncIterator[Centre]:
    """It listens on loopback."""
    centre = Centre(key=key, now_s=now_s)
    server = await asyncio.start_server(centre.talk, "127.0.0.1", 0)
    centre.port = server.sockets[0].getsockname()[1]
    try:
        yield centre
    finally:
        server.close()
        for writer in centre.writers:
            writer.close()
        await server.wait_closed()
