"""A Modbus TCP server of a page, in a process of its own: answers every read with zeros and costs next to nothing.

`python -m benchmarks.modbus_far_end` prints its port and serves one client after the other until it is ended.
"""

from __future__ import annotations

import socket
import struct

REGISTERS_MAX = 125


def reply_to(request: bytes) -> bytes:
    """The answer to one read of holding or input registers. Source: Modbus messaging on TCP/IP, section 3.1."""
    transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", request)
    data = bytes(2 * min(count, REGISTERS_MAX))
    return struct.pack(">HHHBBB", transaction, 0, 3 + len(data), unit, function, len(data)) + data


def main() -> None:
    """Serve."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        print(f"listening on {listener.getsockname()[1]}", flush=True)
        while True:
            client, _ = listener.accept()
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while len(request := client.recv(12, socket.MSG_WAITALL)) == 12:
                    client.sendall(reply_to(request))


if __name__ == "__main__":
    main()
