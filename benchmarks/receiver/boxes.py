"""Boxes as they send: sealed, chained batches, made before the clock runs so that their making is not measured."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from edge_agent.alarms import AlarmKind
from edge_agent.wire import BATCH_TYPE, KEY_HEADER, chain_start, digest, encode_batch, encode_record
from edge_agent.wire_sealing import SigningKey, Use
from edge_agent.wire_values import Batch, Measure, Measured, Phase, Record, Stamp, Stream, SystemKind

LOG = 2_654_435_769
UP_MS = 600_000
STEP_MS = 300_000


class Load(Enum):
    """What the records are. The value is its name in tables and on the command line."""

    HEARTBEAT = "heartbeat"
    ALARM = "alarm"


class Box:
    """One box: its key, and how far its streams have come."""

    def __init__(self, number: int) -> None:
        """number: gives its key, the same every time."""
        self._key = SigningKey(number.to_bytes(32, "big"))
        self.key = self._key.public
        self.device = self.key.fingerprint
        self._link: dict[Stream, bytes] = {}
        self._seqno: dict[Stream, int] = {}

    def request(self, load: Load, records: int) -> bytes:
        """The next batch as one HTTP request with keep-alive: a length-prefixed body, and the key of the box."""
        body = encode_batch(Batch(self.device, tuple(self._items(load, records)), Stamp(3, UP_MS + STEP_MS)))
        head = (
            f"POST /v1/records HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {BATCH_TYPE}\r\n"
            f"{KEY_HEADER}: {self.key.text}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body

    def _items(self, load: Load, records: int) -> Iterator[bytes]:
        stream = Stream.ALARM if load is Load.ALARM else Stream.TELEMETRY
        for _ in range(records):
            seqno = self._seqno.get(stream, 0) + 1
            link = self._link.get(stream, chain_start(self.device, LOG, stream)[:8])
            record = _alarm(self.device, seqno, link) if load is Load.ALARM else _heartbeat(self.device, seqno, link)
            body = encode_record(record)
            self._seqno[stream], self._link[stream] = seqno, digest(body)[:8]
            yield self._key.seal(body, Use.RECORD)


def _heartbeat(device: bytes, seqno: int, link: bytes) -> Record:
    measures = (Measured(Measure.TEMPERATURE, 4_150), Measured(Measure.VOLTAGE, 5_050))
    stamp = Stamp(3, UP_MS + seqno)
    return Record(device, LOG, Stream.TELEMETRY, seqno, int(SystemKind.HEARTBEAT), stamp, link, measures=measures)


def _alarm(device: bytes, seqno: int, link: bytes) -> Record:
    stamp = Stamp(3, UP_MS + seqno)
    kind = int(AlarmKind.ENTRAPMENT)
    return Record(device, LOG, Stream.ALARM, seqno, kind, stamp, link, phase=Phase.RAISED, percent=93, evidence=3)
