"""A disk with a write cache that forgets: an NBD server for QEMU, and the states that a power cut can leave it in.

What the machine writes is in the cache until the machine says flush. When the power goes, of the cache there stays
nothing, a beginning, or any part, and a write may be torn at a sector. Everything written, flushed and told is logged
in order. Commands are served one by one, so a flush covers what was answered before it and nothing else.
Source of the protocol: github.com/NetworkBlockDevice/nbd, doc/proto.md (fixed newstyle, simple replies).
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECTOR_BYTES = 512
_OPTION_MAGIC = b"IHAVEOPT"
_ANSWER_MAGIC = 0x3E889045565A9
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_GO, _ABORT = 7, 2
_ACK, _INFO, _UNSUPPORTED = 1, 3, (1 << 31) + 1
_HAS_FLAGS, _SEND_FLUSH = 1, 4
_READ, _WRITE, _LEAVE, _FLUSH = 0, 1, 2, 3
_IO_ERROR, _BAD_REQUEST = 5, 22


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes that the machine wrote; in the cache until the next `Flushed`."""

    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Flushed:
    """All that was written before is on the disk."""


@dataclass(frozen=True, slots=True)
class Told:
    """A line that had come out of the machine by now."""

    line: str


Entry = Written | Flushed | Told


class Disk:
    """The disk; its log begins anew with each `serve`."""

    def __init__(self, content: bytes) -> None:
        self._content = bytearray(content)  # as the machine reads it
        self._lock = threading.Lock()
        self.before = bytes(content)  # as it was when the log began
        self.log: list[Entry] = []
        self.refuses_next = False  # the next write is an error, and nothing of it is kept
        self.refused = 0
        self.on_command: Callable[[], None] = lambda: None  # called after each command that was answered

    def serve(self, path: Path) -> None:
        """Wait for one machine on a socket, in a thread of its own, until the machine is gone."""
        self.log, self.before = [], bytes(self._content)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        listening.listen(1)
        threading.Thread(target=self._serve, args=(listening,), daemon=True).start()

    def told(self, line: str) -> None:
        """Put a line into the log, where it was heard."""
        with self._lock:
            self.log.append(Told(line))

    def lose_power(self, chance: random.Random) -> None:
        """What the next machine finds."""
        with self._lock:
            content, cache = bytearray(self.before), list[Written]()
            for entry in self.log:
                take(entry, content, cache)
            keep_some(content, cache, chance)
            self._content = content

    def _serve(self, listening: socket.socket) -> None:
        machine, _ = listening.accept()
        listening.close()
        try:
            self._greet(machine)
            while self._command(machine):
                self.on_command()
        except (ConnectionError, EOFError):
            return  # the machine is gone, as it should be
        finally:
            machine.close()

    def _greet(self, machine: socket.socket) -> None:
        machine.sendall(b"NBDMAGIC" + _OPTION_MAGIC + struct.pack(">H", 3))
        _receive(machine, 4)
        while True:
            magic, option, length = struct.unpack(">8sII", _receive(machine, 16))
            if magic != _OPTION_MAGIC or option == _ABORT:
                raise EOFError
            _receive(machine, length)
            if option == _GO:
                export = struct.pack(">HQH", 0, len(self._content), _HAS_FLAGS | _SEND_FLUSH)
                machine.sendall(struct.pack(">QIII", _ANSWER_MAGIC, option, _INFO, len(export)) + export)
                machine.sendall(struct.pack(">QIII", _ANSWER_MAGIC, option, _ACK, 0))
                return
            machine.sendall(struct.pack(">QIII", _ANSWER_MAGIC, option, _UNSUPPORTED, 0))

    def _command(self, machine: socket.socket) -> bool:
        """False: the machine says goodbye."""
        magic, _, command, handle, offset, length = struct.unpack(">IHHQQI", _receive(machine, 28))
        content = _receive(machine, length) if command == _WRITE else b""
        if magic != _REQUEST_MAGIC or command == _LEAVE:
            return False
        error, answer = 0, b""
        with self._lock:
            if command == _WRITE and self.refuses_next:
                self.refuses_next, self.refused, error = False, self.refused + 1, _IO_ERROR
            elif command == _WRITE:
                self._content[offset : offset + length] = content
                self.log.append(Written(offset, content))
            elif command == _FLUSH:
                self.log.append(Flushed())
            elif command == _READ:
                answer = bytes(self._content[offset : offset + length])
            else:
                error = _BAD_REQUEST
        machine.sendall(struct.pack(">IIQ", _REPLY_MAGIC, error, handle) + answer)
        return True


def take(entry: Entry, content: bytearray, cache: list[Written]) -> None:
    """Follow the log by one entry. content: what is surely on the disk; cache: what is not."""
    if isinstance(entry, Written):
        cache.append(entry)
    elif isinstance(entry, Flushed):
        for written in cache:
            _put(content, written.offset, written.content)
        cache.clear()


def keep_some(content: bytearray, cache: list[Written], chance: random.Random) -> None:
    """Put into `content` what a disk may have kept of its cache when the power went."""
    for written in list(_kept(cache, chance)):
        _put(content, written.offset, written.content)


def _kept(cache: list[Written], chance: random.Random) -> Iterator[Written]:
    manner = chance.randrange(4)
    if manner == 0:
        return
    if manner == 1:
        yield from cache[: chance.randrange(len(cache) + 1)]
        return
    for written in cache:
        luck = chance.random()
        if luck < 0.5:
            yield written
        elif luck < 0.7:
            sectors = chance.randrange(len(written.content) // SECTOR_BYTES + 1)
            yield Written(written.offset, written.content[: sectors * SECTOR_BYTES])


def _put(content: bytearray, offset: int, written: bytes) -> None:
    content[offset : offset + len(written)] = written


def _receive(machine: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        piece = machine.recv(count - len(received))
        if not piece:
            raise EOFError
        received += piece
    return bytes(received)
