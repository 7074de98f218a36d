"""A stand-in for a stream in front of the store, as docs/streams.md describes it: written durably first, answered last.

A file of batches with a flush after each group is the stream; the store behind it is the one consumer. What was
written and not consumed when the process died is consumed when it is opened again. No stream product is used here: the
stand-in shows that the plug is wide enough and that the contract can be kept with two durable places instead of one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.wire import decode_batch, encode_batch
from edge_agent.wire_sealing import PublicKey
from receiver.store import Store
from receiver.taken import Arrival, Taken

_HEAD = struct.Struct(">QBI")  # at_ms, bytes of the key, bytes of the body


class StreamFront:
    """Keeps the contract of `receiver.takes_records`."""

    def __init__(self, stream: Path, store: Store) -> None:
        """Consume what was written before, then take more."""
        self._store = store
        self._file = stream.open("a+b")
        self._file.seek(0)
        left = list(_read(self._file.read()))
        if left:
            self._store.take_all(left)
        self._forget()

    def take_all(self, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
        """See `TakesRecords`."""
        for arrival in arrivals:
            key, body = b"" if arrival.key is None else arrival.key.raw, encode_batch(arrival.batch)
            self._file.write(_HEAD.pack(arrival.at_ms, len(key), len(body)) + key + body)
        self._file.flush()
        os.fsync(self._file.fileno())  # the acknowledged durable write
        taken = self._store.take_all(arrivals)
        self._forget()
        return taken

    def close(self) -> None:
        """Close stream and store."""
        self._file.close()
        self._store.close()

    def _forget(self) -> None:
        """The consumer has committed: its place in the stream moves."""
        self._file.truncate(0)


def _read(kept: bytes) -> Iterator[Arrival]:
    at = 0
    while at + _HEAD.size <= len(kept):
        at_ms, key_bytes, body_bytes = _HEAD.unpack_from(kept, at)
        at += _HEAD.size
        key, body = kept[at : at + key_bytes], kept[at + key_bytes : at + key_bytes + body_bytes]
        if len(body) < body_bytes:
            return  # the write that was cut off: nobody was answered
        at += key_bytes + body_bytes
        yield Arrival(decode_batch(body), at_ms, PublicKey(key) if key else None)
