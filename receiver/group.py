"""The rows that a group of batches needs: read at once before they are judged, written at once afterwards.

In: the boxes of the group, then the places of its records. Out: rows in the tables, a statement a table and not a
statement a record. Whatever the batches of one group say about one box, they see here in order, as if each had its own
transaction. Every call is part of the transaction of its caller, which holds the locks of these boxes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, bindparam, literal, select, text, union_all, update

from edge_agent.wire_sealing import PublicKey
from edge_agent.wire_values import Batch, Record, Stream
from receiver import tables as t
from receiver.database import execute_all
from receiver.evidence import EvidenceState
from receiver.spans import Streams

Place = tuple[bytes, int, int, int]
"""Where a record lies: (dev, log, stream, seqno)."""

PLACES_AT_ONCE = 1_024
"""In one question: SQLite takes 32,766 values, four a place. A power of two. Our choice."""

_T = TypeVar("_T")

_R, _D, _C = t.record, t.device, t.contact
_ASKED: BindParameter[Any] = bindparam("devs", expanding=True)
_DEVICES = select(_D).where(_D.c.dev.in_(_ASKED))
_KEYS = select(t.device_key.c.dev, t.device_key.c.raw, t.device_key.c.shared).where(t.device_key.c.dev.in_(_ASKED))
_PRUNED = select(t.pruned).where(t.pruned.c.dev.in_(_ASKED))
_KEPT = (
    "SELECT r.dev, r.log, r.stream, r.seqno, r.digest, r.body FROM {places} JOIN record AS r "
    "ON r.dev = p.dev AND r.log = p.log AND r.stream = p.stream AND r.seqno = p.seqno"
)
_KEPT_POSTGRESQL = text(
    _KEPT.format(
        places="unnest(CAST(:devs AS bytea[]), CAST(:logs AS bigint[]), CAST(:streams AS int[]), "
        "CAST(:seqnos AS bigint[])) AS p(dev, log, stream, seqno)"
    )
)
"""A list of rows with IN makes PostgreSQL plan as many scans and SQLite read the whole table; a join does neither."""

_WITH_NOTICES, _WITH_WANT, _WITH_ALARM = range(3)
_STANDS = union_all(
    select(literal(_WITH_NOTICES), _D.c.dev)
    .join(t.notice, (t.notice.c.dev == _D.c.dev) & (t.notice.c.number > _D.c.acted_notice))
    .where(_D.c.dev.in_(_ASKED))
    .distinct(),
    select(literal(_WITH_WANT), t.evidence.c.dev)
    .where(t.evidence.c.dev.in_(_ASKED), t.evidence.c.state == int(EvidenceState.ASKED))
    .distinct(),
    select(literal(_WITH_ALARM), t.incident.c.dev)
    .where(t.incident.c.dev.in_(_ASKED), t.incident.c.is_open == 1, t.incident.c.is_alarm == 1)
    .distinct(),
)
# As text: SQLAlchemy compiles its own form of ON CONFLICT anew each time. It is the same in both engines.
_PUT_DEVICE = text(
    "INSERT INTO device (dev, log, last_contact_ms, acted_notice, heard_notice) "
    "VALUES (:dev, :log, :last_contact_ms, :acted_notice, :heard_notice) ON CONFLICT (dev) DO UPDATE "
    "SET log = excluded.log, last_contact_ms = excluded.last_contact_ms, "
    "acted_notice = excluded.acted_notice, heard_notice = excluded.heard_notice"
)
_PUT_CONTACT = text(
    "INSERT INTO contact (dev, log, boot, first_up_ms, first_arrived_ms, last_up_ms, last_arrived_ms) "
    "VALUES (:dev, :log, :boot, :first_up_ms, :first_arrived_ms, :last_up_ms, :last_arrived_ms) "
    "ON CONFLICT (dev, log, boot) DO UPDATE "
    "SET last_up_ms = excluded.last_up_ms, last_arrived_ms = excluded.last_arrived_ms "
    "WHERE contact.last_up_ms < excluded.last_up_ms"
)
_NAMED = (
    update(_D)
    .where(_D.c.dev == bindparam("at_dev"))
    .values(lift_no=bindparam("lift_no"), firmware=bindparam("firmware"))
)
_TESTED = update(_D).where(_D.c.dev == bindparam("at_dev")).values(test_ms=bindparam("test_ms"))


@dataclass(slots=True)
class BoxRow:
    """One box while a group is taken. is_known: it has sent something that its key opened."""

    device: bytes
    raw: bytes | None = None
    shared: bytes | None = None
    is_known: bool = False
    log: int = 0
    acted: int = 0
    heard: int = 0
    lift_no: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for the boxes of a group once everything is written: for which of them a look is worth it."""

    with_notices: frozenset[bytes]
    with_want: frozenset[bytes]
    with_alarm: frozenset[bytes]


class Group:
    """See the module."""

    def __init__(self, db: Connection, devices: Collection[bytes]) -> None:
        """Read what is known of the boxes."""
        self.db = db
        self._asked = {"devs": padded(sorted(set(devices)))}
        self._boxes = {device: BoxRow(device) for device in devices}
        for row in db.execute(_KEYS, self._asked):
            box = self._boxes[bytes(row.dev)]
            box.raw, box.shared = bytes(row.raw), None if row.shared is None else bytes(row.shared)
        for row in db.execute(_DEVICES, self._asked):
            box = self._boxes[bytes(row.dev)]
            box.is_known, box.log, box.lift_no = True, row.log, row.lift_no
            box.acted, box.heard = row.acted_notice, row.heard_notice
        self._pruned: dict[tuple[bytes, int, int], int] = {}
        for row in db.execute(_PRUNED, self._asked):
            self._pruned[bytes(row.dev), row.log, row.stream] = row.upto
        self.streams = Streams(db, self._asked["devs"])
        self._kept: dict[Place, tuple[bytes, bytes]] = {}
        self._keys: list[dict[str, object]] = []
        self._records: list[dict[str, object]] = []
        self._contacts: list[dict[str, object]] = []
        self._devices: dict[bytes, dict[str, object]] = {}
        self._names: dict[bytes, dict[str, object]] = {}
        self._tests: dict[bytes, dict[str, object]] = {}

    def box(self, device: bytes) -> BoxRow:
        """One of the boxes of the group."""
        return self._boxes[device]

    def learn(self, device: bytes, key: PublicKey, now_ms: int) -> None:
        """Pin the first key of a box; one that does not give its id, and any later one, changes nothing."""
        box = self._boxes[device]
        if box.raw is None and key.fingerprint == device:
            box.raw = key.raw
            self._keys.append({"dev": device, "raw": key.raw, "since_ms": now_ms})

    def look_up(self, places: Iterable[Place]) -> None:
        """Read what lies at these places, once for all questions about them."""
        wanted = [place for place in dict.fromkeys(places) if place not in self._kept]
        for first in range(0, len(wanted), PLACES_AT_ONCE):
            for row in _kept_at(self.db, wanted[first : first + PLACES_AT_ONCE]):
                self._kept[bytes(row.dev), row.log, row.stream, row.seqno] = bytes(row.digest), bytes(row.body)

    def digest_at(self, place: Place) -> bytes | None:
        """Of the record there; None: there is none. Only for places that were looked up."""
        kept = self._kept.get(place)
        return None if kept is None else kept[0]

    def body_at(self, place: Place) -> bytes | None:
        """The record there; None: there is none. Only for places that were looked up."""
        kept = self._kept.get(place)
        return None if kept is None else kept[1]

    def is_forgotten(self, place: Place) -> bool:
        """It was here once, and was old enough to go."""
        return self._pruned.get(place[:3], 0) >= place[3]

    def put(self, place: Place, row: dict[str, object], digest: bytes, body: bytes) -> None:
        """A record where none was."""
        self._kept[place] = digest, body
        self._records.append(row)

    def note_contact(self, batch: Batch, log: int, now_ms: int) -> None:
        """A batch of this box has arrived; the first one makes its row."""
        box = self._boxes[batch.device]
        box.is_known, box.log = True, log
        self._note_device(box, now_ms)
        up_ms = batch.stamp.up_ms
        contact = {
            "dev": batch.device,
            "log": log,
            "boot": batch.stamp.boot,
            "first_up_ms": up_ms,
            "first_arrived_ms": now_ms,
            "last_up_ms": up_ms,
            "last_arrived_ms": now_ms,
        }
        self._contacts.append(contact)

    def note_acted(self, device: bytes, claim: int, now_ms: int) -> None:
        """The box has acted on notices up to this number."""
        box = self._boxes[device]
        box.acted, box.heard = claim, max(box.heard, claim)
        self._note_device(box, now_ms)

    def note_name(self, device: bytes, lift_no: str, firmware: str | None) -> None:
        """The box says at which lift it is."""
        self._boxes[device].lift_no = lift_no
        self._names[device] = {"at_dev": device, "lift_no": lift_no, "firmware": firmware}

    def note_test(self, device: bytes, now_ms: int) -> None:
        """Its test alarm arrived."""
        self._tests[device] = {"at_dev": device, "test_ms": now_ms}

    def write(self) -> None:
        """Everything so far, into the tables."""
        db = self.db
        execute_all(db, t.insert_new(t.device_key), self._keys)
        execute_all(db, _R.insert(), self._records)
        execute_all(db, _PUT_CONTACT, self._contacts)
        execute_all(db, _PUT_DEVICE, list(self._devices.values()))
        execute_all(db, _NAMED, list(self._names.values()))
        execute_all(db, _TESTED, list(self._tests.values()))
        self.streams.write()

    def waiting(self) -> Waiting:
        """What waits for the boxes, after everything is written."""
        found: tuple[set[bytes], ...] = (set(), set(), set())
        for what, dev in self.db.execute(_STANDS, self._asked):
            found[what].add(bytes(dev))
        return Waiting(*(frozenset(each) for each in found))

    def _note_device(self, box: BoxRow, now_ms: int) -> None:
        self._devices[box.device] = {
            "dev": box.device,
            "log": box.log,
            "last_contact_ms": now_ms,
            "acted_notice": box.acted,
            "heard_notice": box.heard,
        }


def places_of(record: Record) -> list[Place]:
    """Where a record goes, and its neighbours in the chain."""
    stream = int(record.stream)
    return [(record.device, record.log, stream, record.seqno + step) for step in (-1, 0, 1)]


def place_at(record: Record, stream: Stream, seqno: int) -> Place:
    """Another number in the log of a record."""
    return record.device, record.log, int(stream), seqno


def padded(items: Sequence[_T]) -> list[_T]:
    """The last one repeated up to a power of two: few lengths are few statements to prepare."""
    size = 1 << max(0, len(items) - 1).bit_length()
    return [*items, *(items[-1] for _ in range(size - len(items)))]


def _kept_at(db: Connection, places: Sequence[Place]) -> Iterable[Any]:
    if db.dialect.name == "postgresql":
        devs, logs, streams, seqnos = (list(column) for column in zip(*places, strict=True))
        return db.execute(_KEPT_POSTGRESQL, {"devs": devs, "logs": logs, "streams": streams, "seqnos": seqnos})
    asked = padded(places)
    return db.exec_driver_sql(_kept_sqlite(len(asked)), tuple(value for place in asked for value in place))


@cache
def _kept_sqlite(count: int) -> str:
    """CROSS JOIN: the places are read first, whatever SQLite thinks of them. Source: its manual, "The SQLite Query
    Optimizer Overview", section on CROSS JOIN."""
    values = ", ".join(["(?, ?, ?, ?)"] * count)
    kept = _KEPT.format(places="p CROSS")
    return f"WITH p(dev, log, stream, seqno) AS (VALUES {values}) {kept}"
