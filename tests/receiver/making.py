"""Records and batches for the tests, as a box would make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_agent.alarms import DoorState
from edge_agent.wire import (
    Batch,
    Identity,
    Lost,
    LostReason,
    Measure,
    Measured,
    Phase,
    Record,
    Stamp,
    Stream,
    SystemKind,
    WirePlace,
    chain_start,
    digest,
    encode_batch,
    encode_record,
)
from edge_agent.wire_sealing import SigningKey, Use
from receiver.store import Store

KEY = SigningKey(b"box key for the tests, 32 bytes!")
OTHER_KEY = SigningKey(b"other key for tests, 32 bytes!!!")
DEVICE = bytes.fromhex("faa34e693dafa441")  # the digest of KEY
OTHER_DEVICE = bytes.fromhex("a5d6862b4f635f7a")  # the digest of OTHER_KEY
LOG = 2_654_435_769
NOW_MS = 1_795_459_200_000
LINK = bytes(8)
ENTRAPMENT = 1
SENSOR_FAULT = 56
UP_MS = 600_000
STUCK = WirePlace(floor=4, door=DoorState.CLOSED, moving=0, height_mm=13_480)


def alarm(
    seqno: int = 1,
    *,
    phase: Phase = Phase.RAISED,
    incident: int | None = None,
    kind: int = ENTRAPMENT,
    device: bytes = DEVICE,
    log: int = LOG,
    percent: int | None = 93,
    note: str | None = "between_landings=yes",
    up_ms: int = UP_MS,
    place: WirePlace | None = STUCK,
) -> Record:
    """An entrapment, or another kind of alarm or fault, in the stream of its kind."""
    return Record(
        device=device,
        log=log,
        stream=Stream.ALARM if kind < 32 else Stream.FAULT,
        seqno=seqno,
        kind=kind,
        stamp=Stamp(boot=3, up_ms=up_ms),
        link=first_link(device, log, Stream.ALARM if kind < 32 else Stream.FAULT) if seqno == 1 else LINK,
        phase=phase,
        incident=incident,
        place=place,
        measures=(Measured(Measure.STILL_S, 62),),
        percent=percent,
        evidence=0b11,
        note=note,
    )


def system(
    seqno: int,
    kind: SystemKind,
    detail: Identity | Lost | None = None,
    *,
    stream: Stream = Stream.FAULT,
    log: int = LOG,
) -> Record:
    """A record of the box itself."""
    link = first_link(DEVICE, log, stream) if seqno == 1 else LINK
    return Record(DEVICE, log, stream, seqno, kind, Stamp(3, UP_MS), link, detail=detail)


def first_link(device: bytes, log: int, stream: Stream) -> bytes:
    """What the first record of a stream names; later ones name nothing real here unless a test chains them."""
    return chain_start(device, log, stream)[:8]


def chained(*records: Record) -> tuple[Record, ...]:
    """The same records, each naming the one before it."""
    linked = list(records[:1])
    for record in records[1:]:
        linked.append(replace(record, link=digest(encode_record(linked[-1]))[:8]))
    return tuple(linked)


def identity(seqno: int, lift_no: str = "31104403532019060007") -> Record:
    """The box says which lift it is at."""
    return system(seqno, SystemKind.STARTED, Identity(lift_no, "0.1.0", bytes(8)))


def lost(seqno: int, stream: Stream, first: int, last: int) -> Record:
    """The box says that some records will never come."""
    return system(seqno, SystemKind.RECORDS_LOST, Lost(stream, first, last, LostReason.NO_ROOM))


def batch(
    *records: Record,
    device: bytes = DEVICE,
    up_ms: int = UP_MS + 500,
    acted: int | None = None,
    boot: int = 3,
    key: SigningKey | None = None,
) -> Batch:
    """One request of these records."""
    key = OTHER_KEY if device == OTHER_DEVICE else KEY if key is None else key
    return raw_batch([sealed(record, key) for record in records], device=device, up_ms=up_ms, acted=acted, boot=boot)


def sealed(record: Record, key: SigningKey = KEY) -> bytes:
    """A batch item."""
    return key.seal(encode_record(record), Use.RECORD)


def known_to(store: Store) -> Store:
    """A store that has the keys of both boxes."""
    for device, key in ((DEVICE, KEY), (OTHER_DEVICE, OTHER_KEY)):
        store.learn(device, key.public, NOW_MS)
    return store


def raw_batch(
    items: Sequence[bytes],
    *,
    device: bytes = DEVICE,
    up_ms: int = UP_MS + 500,
    acted: int | None = None,
    boot: int = 3,
) -> Batch:
    """One request of these bytes, good or bad."""
    return Batch(device, tuple(items), Stamp(boot, up_ms), acted)


def body(*records: Record, acted: int | None = None) -> bytes:
    """A request body."""
    return encode_batch(batch(*records, acted=acted))
