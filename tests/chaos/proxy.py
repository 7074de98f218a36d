"""A proxy that refuses, cuts, delays, throttles, duplicates and flips bytes, each connection by its own lot."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections import Counter
from enum import Enum

PIECE = 4_096


class Fate(Enum):
    """What becomes of a connection. The value is its share."""

    PASS = 50
    REFUSE = 10
    CUT = 14  # after some bytes, in either direction
    DELAY = 10  # up to a second each way
    SLOW = 5  # 2 kB/s up
    DUPLICATE = 8  # what went up goes up again by itself afterwards
    FLIP = 3  # one bit of one byte, in either direction


class Proxy:
    """Listens on loopback; `target_port` may change; `is_kind`: everything passes."""

    def __init__(
        self,
        target_port: int,
        seed: int,
        *,
        up_bytes_s: int | None = None,
        lasts_s: tuple[float, float] | None = None,
    ) -> None:
        """up_bytes_s: all connections together are this slow upwards, and all pass.

        lasts_s: each connection is cut after a time between the two, so that one that never ends by itself draws a
        new lot now and then.
        """
        self.target_port = target_port
        self.is_kind = up_bytes_s is not None
        self.counts: Counter[Fate] = Counter()
        self._up_bytes_s = up_bytes_s
        self._lasts_s = lasts_s
        self._link = threading.Lock()  # the one slow link that all share
        self._chance = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            fate = Fate.PASS
            if not self.is_kind:
                fate = self._chance.choices(list(Fate), [fate.value for fate in Fate])[0]
            self.counts[fate] += 1
            lot = self._chance.random(), self._chance.randrange(1, 3_000), self._chance.randrange(8)
            if self._lasts_s is not None and not self.is_kind:
                end = threading.Timer(self._chance.uniform(*self._lasts_s), _hang_up, (client,))
                end.daemon = True
                end.start()
            threading.Thread(target=self._serve, args=(client, fate, *lot), daemon=True).start()

    def _serve(self, client: socket.socket, fate: Fate, share: float, position: int, bit: int) -> None:
        with contextlib.suppress(OSError), client:
            if fate is Fate.REFUSE:
                return
            with socket.create_connection(("127.0.0.1", self.target_port), timeout=5.0) as server:
                is_up = share < 0.6
                up = _Pipe(
                    client, server, fate if is_up else _plain(fate), position, bit, share, self._up_bytes_s, self._link
                )
                down = _Pipe(server, client, _plain(fate) if is_up else fate, position, bit, share, None, self._link)
                pump = threading.Thread(target=down.run, daemon=True)
                pump.start()
                up.run()
                pump.join(timeout=5.0)
            if fate is Fate.DUPLICATE:
                self._send_again(bytes(up.seen))

    def _send_again(self, data: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.target_port), timeout=2.0) as server:
            server.sendall(data)
            server.settimeout(1.0)
            server.recv(PIECE)


def _hang_up(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def _plain(fate: Fate) -> Fate:
    """The other direction of a connection: what concerns both, or nothing."""
    return fate if fate in (Fate.DELAY, Fate.DUPLICATE) else Fate.PASS


class _Pipe:
    """One direction."""

    def __init__(
        self,
        source: socket.socket,
        sink: socket.socket,
        fate: Fate,
        position: int,
        bit: int,
        share: float,
        bytes_s: int | None,
        link: threading.Lock,
    ) -> None:
        self._source, self._sink, self._fate = source, sink, fate
        self._position, self._bit, self._share = position, bit, share
        self._bytes_s = 2_000 if fate is Fate.SLOW else bytes_s
        self._link = threading.Lock() if fate is Fate.SLOW else link
        self.seen = bytearray()

    def run(self) -> None:
        try:
            while piece := self._source.recv(PIECE):
                if not self._forward(piece):
                    break
        except OSError:
            pass
        for end in (self._source, self._sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _forward(self, piece: bytes) -> bool:
        """False: the connection ends here."""
        begin, end = len(self.seen), len(self.seen) + len(piece)
        self.seen += piece
        if self._fate is Fate.DELAY:
            time.sleep(self._share)
        if self._fate is Fate.FLIP and begin <= self._position < end:
            damaged = bytearray(piece)
            damaged[self._position - begin] ^= 1 << self._bit
            piece = bytes(damaged)
        if self._fate is Fate.CUT and self._position < end:
            self._sink.sendall(piece[: max(0, self._position - begin)])
            return False
        if self._bytes_s is None:
            self._sink.sendall(piece)
            return True
        step = max(1, self._bytes_s // 20)
        for start in range(0, len(piece), step):
            with self._link:
                self._sink.sendall(piece[start : start + step])
                time.sleep(len(piece[start : start + step]) / self._bytes_s)
            time.sleep(0.0005)  # let the other connection have its turn
        return True
