"""Hears everything at a broker: `python -m benchmarks.peers.mqtt_tap PORT` prints `NS TOPIC HEX` for each message.

The moment is CLOCK_MONOTONIC when the bytes were read. MQTT 3.1.1 on a bare socket, QoS 0, so that nothing stands
between the kernel and the clock. It also answers what a gateway of ThingsBoard asks its platform at the start.
Source: MQTT 3.1.1, sections 2.2, 3.1, 3.3 and 3.8; the answer: ThingsBoard's documentation of session limits.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator

_ASKED, _ANSWER = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
_LIMITS = (
    b'{"maxPayloadSize":65536,"maxInflightMessages":100,"rateLimits":{},"gatewayRateLimits":{}}'  # none that matter
)
_PUBLISH, _SUBACK = 0x30, 0x90


def packet(kind: int, body: bytes) -> bytes:
    """One control packet."""
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


def text(words: str) -> bytes:
    """A string with its length before it."""
    raw = words.encode()
    return len(raw).to_bytes(2, "big") + raw


def packets(received: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take whole packets off the front: first byte and body."""
    while True:
        size, at = 0, 1
        while True:
            if at >= len(received):
                return
            size |= (received[at] & 0x7F) << 7 * (at - 1)
            at += 1
            if not received[at - 1] & 0x80:
                break
        if len(received) < at + size:
            return
        yield received[0], bytes(received[at : at + size])
        del received[: at + size]


def message_in(first: int, body: bytes) -> tuple[str, bytes]:
    """Topic and payload of a PUBLISH."""
    end = 2 + int.from_bytes(body[:2], "big")
    return body[2:end].decode(errors="replace"), body[end + (2 if first & 0x06 else 0) :]


def main() -> None:
    """Listen until ended."""
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as broker:
        broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        broker.sendall(packet(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text("benchmark-tap")))
        broker.sendall(packet(0x82, b"\x00\x01" + text("#") + b"\x00"))
        received = bytearray()
        while piece := broker.recv(65_536):
            t_ns = time.monotonic_ns()
            received += piece
            for first, body in packets(received):
                if first & 0xF0 == _SUBACK:
                    print("ready", flush=True)
                if first & 0xF0 != _PUBLISH:
                    continue
                topic, payload = message_in(first, body)
                print(t_ns, topic, payload.hex() or "-", flush=True)
                if topic.startswith(_ASKED):
                    broker.sendall(packet(_PUBLISH, text(_ANSWER + topic.removeprefix(_ASKED)) + _LIMITS))


if __name__ == "__main__":
    main()
