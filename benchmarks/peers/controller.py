"""A Modbus TCP controller whose register 0 takes unique values: `python -m benchmarks.peers.controller PORT`.

Lines on standard input: `change LEAST MOST` (a new value after so many seconds, by chance between the two), `hold`,
`end`. For each value that is over it prints `value NUMBER SET_NS SERVED_NS`: when it was set and when the first answer
that carried it was about to go out, on CLOCK_MONOTONIC; 0: nobody asked while it stood. `hold` prints the last one too.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import sys
import threading
import time

VALUES = range(20_011, 64_000, 7)
"""No other number of a message equals one of these."""
_HEAD = struct.Struct(">HHHBBHH")
_REGISTERS_MAX = 125


class Controller:
    """One value at a time. Served by a thread a client, changed by one of its own."""

    def __init__(self) -> None:
        self._values = iter(VALUES)
        self._value, self._set_ns, self._served_ns = 0, 0, 0
        self._lock = threading.Lock()
        self._gaps_s: tuple[float, float] | None = None
        self._wake = threading.Event()

    def change(self, least_s: float, most_s: float) -> None:
        """From now on a new value after so many seconds."""
        self._gaps_s = least_s, most_s
        self._wake.set()

    def hold(self) -> None:
        """Leave the value as it is."""
        self._gaps_s = None

    def run(self) -> None:
        """Change the value for ever, at set times, so that a late turn does not put off the others."""
        chance, due_s = random.Random(3), time.monotonic()
        while True:
            gaps_s = self._gaps_s
            if gaps_s is None:
                self._tell(0)
                self._wake.wait()
                self._wake.clear()
                due_s = time.monotonic()
                continue
            self._tell(next(self._values))
            due_s += chance.uniform(*gaps_s)
            time.sleep(max(0.0, due_s - time.monotonic()))

    def answer(self, request: bytes) -> bytes:
        """The answer to one read of registers. Source: Modbus messaging on TCP/IP, section 3.1."""
        number, _, _, unit, function, _, count = _HEAD.unpack(request)
        count = min(count, _REGISTERS_MAX)
        with self._lock:
            words = struct.pack(f">{count}H", self._value, *[0] * (count - 1))
            if not self._served_ns:
                self._served_ns = time.monotonic_ns()
        return struct.pack(">HHHBBB", number, 0, 3 + len(words), unit, function, len(words)) + words

    def _tell(self, value: int) -> None:
        """What became of the old value, and the new one; 0: the old one stays and has been told."""
        with self._lock:
            old = self._value, self._set_ns, self._served_ns
            if value:
                self._value, self._set_ns, self._served_ns = value, time.monotonic_ns(), 0
        if value and old[1]:
            print("value", *old, flush=True)


def _serve(controller: Controller, client: socket.socket) -> None:
    with client, contextlib.suppress(ConnectionError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while len(request := client.recv(_HEAD.size, socket.MSG_WAITALL)) == _HEAD.size:
            client.sendall(controller.answer(request))


def _accept(controller: Controller, listener: socket.socket) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve, args=(controller, client), daemon=True).start()


def main() -> None:
    """Serve until told to end."""
    controller = Controller()
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print(f"listening on {listener.getsockname()[1]}", flush=True)
    for target, arguments in ((controller.run, ()), (_accept, (controller, listener))):
        threading.Thread(target=target, args=arguments, daemon=True).start()
    for line in sys.stdin:
        match line.split():
            case ["change", least, most]:
                controller.change(float(least), float(most))
            case ["hold"]:
                controller.hold()
            case ["end"]:
                return


if __name__ == "__main__":
    main()
