"""Judges the items of one batch and puts the good ones in their place, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from edge_agent.errors import WireError
from edge_agent.wire import digest
from edge_agent.wire_sealing import SealRefused
from edge_agent.wire_values import Batch, Identity, KeyChange, Lost, Phase, Record, Stream, SystemKind, Verdict
from receiver import tables as t
from receiver.chain import Break, check
from receiver.decoding import decoded
from receiver.incidents import FAULT_KIND_MAX, IncidentKey
from receiver.keyring import Keyring, KeyUnknown, Opened, Opener
from receiver.spans import add_span, runs_of

CONFLICTS_PER_NUMBER_MAX = 16
"""Other records kept under one number. Our choice: more copies of one card than that tell nothing new."""


_NAMES = ("dev", "log", "stream", "seqno")
_KEPT = select(t.record.c.digest).where(*(t.record.c[name] == bindparam(name) for name in _NAMES))
_FORGOTTEN = (Stream.TELEMETRY, Stream.DIAGNOSTICS)
_PRUNED = select(t.pruned.c.upto).where(*(t.pruned.c[name] == bindparam(name) for name in _NAMES[:3]))
_OTHERS = select(func.count()).where(*(t.conflict.c[name] == bindparam(name) for name in _NAMES))


@dataclass(frozen=True, slots=True)
class Items:
    """What became of the items of a batch, in order. Only what was new is in the other fields."""

    verdicts: tuple[Verdict, ...]
    new: tuple[Record, ...]  # in the order of the batch
    log: int | None  # of the first readable item; None: nothing was readable
    touched: tuple[IncidentKey, ...]
    incident_records: tuple[Record, ...]
    tests: tuple[Record, ...]
    conflicts: tuple[tuple[Stream, int], ...]
    breaks: tuple[Break, ...]
    problems: tuple[str, ...]
    lift_no: str | None
    firmware: str | None


def take_items(db: Connection, batch: Batch, now_ms: int, open_item: Opener) -> Items:
    """Store what can be stored. A refused item is never stored: it must not take the place of the true record."""
    verdicts: list[Verdict] = []
    new: list[Record] = []
    conflicts: list[tuple[Stream, int]] = []
    breaks: list[Break] = []
    problems: list[str] = []
    log: int | None = None
    for item in batch.items:
        try:
            opened = open_item(item)
            record = decoded(opened.body)
        except WireError as error:
            problems.append(str(error))
            verdicts.append(_verdict_on(error))
            continue
        if record.device != batch.device:
            problems.append(f"a record of box {record.device.hex()} in a batch of box {batch.device.hex()}")
            verdicts.append(Verdict.NOT_ALLOWED)
            continue
        log = record.log if log is None else log
        verdict = _place(db, record, opened, now_ms)
        verdicts.append(verdict)
        if verdict is Verdict.STORED:
            new.append(record)
            breaks += check(db, record, opened.body, now_ms)
        elif verdict is Verdict.CONFLICT:
            conflicts.append((record.stream, record.seqno))
    _count_present(db, new, now_ms)
    for record in new:
        if isinstance(record.detail, KeyChange):
            Keyring(db).learn_later(record.device, record.detail.key)
    identities = [record.detail for record in new if isinstance(record.detail, Identity)]
    keys = [(record, IncidentKey.of(record)) for record in new]
    return Items(
        verdicts=tuple(verdicts),
        new=tuple(new),
        log=log,
        touched=tuple(dict.fromkeys(key for _, key in keys if key is not None)),
        incident_records=tuple(record for record, key in keys if key is not None),
        tests=tuple(record for record in new if _walked_the_alarm_path(record)),
        conflicts=tuple(conflicts),
        breaks=tuple(breaks),
        problems=tuple(problems),
        lift_no=t.storable(identities[-1].lift_no) if identities else None,
        firmware=t.storable(identities[-1].firmware) if identities else None,
    )


def _verdict_on(error: WireError) -> Verdict:
    match error:
        case KeyUnknown():
            return Verdict.LATER
        case SealRefused():
            return Verdict.NOT_ALLOWED
        case _:
            return Verdict.MALFORMED


def _place(db: Connection, record: Record, opened: Opened, now_ms: int) -> Verdict:
    """Insert a record, or say what is in its place."""
    body = opened.body
    place = {"dev": record.device, "log": record.log, "stream": int(record.stream), "seqno": record.seqno}
    found = digest(body)
    key = IncidentKey.of(record)
    phase = record.phase
    if phase is None and record.kind <= FAULT_KIND_MAX:
        phase = Phase.RAISED
    row = {
        **place,
        "kind": record.kind,
        "phase": None if phase is None else int(phase),
        "incident": None if key is None else key.seqno,
        "digest": found,
        "body": body,
        "arrived_ms": now_ms,
        "seal": opened.seal,
    }
    if record.stream in _FORGOTTEN and (db.execute(_PRUNED, place).scalar_one_or_none() or 0) >= record.seqno:
        kept_digest = db.execute(_KEPT, place).scalar_one_or_none()
        if kept_digest is None:
            return Verdict.HAD_IT
    inserted = db.execute(t.insert_new(t.record), row)
    if inserted.rowcount == 1:
        return Verdict.STORED
    if bytes(db.execute(_KEPT, place).scalar_one()) == found:
        return Verdict.HAD_IT
    if db.execute(_OTHERS, place).scalar_one() < CONFLICTS_PER_NUMBER_MAX:
        db.execute(t.insert_new(t.conflict), {**place, "digest": found, "body": body, "arrived_ms": now_ms})
    return Verdict.CONFLICT


def _count_present(db: Connection, new: Iterable[Record], now_ms: int) -> None:
    """Marks and gaps follow from what is here and from what the box says is lost for good."""
    numbers: dict[tuple[bytes, int, Stream], list[int]] = {}
    for record in new:
        numbers.setdefault((record.device, record.log, record.stream), []).append(record.seqno)
    for (device, log, stream), seqnos in numbers.items():
        for first, last in runs_of(seqnos):
            add_span(db, device, log, stream, first, last, now_ms)
    for record in new:
        lost = record.detail
        if isinstance(lost, Lost) and lost.first <= lost.last:
            add_span(db, record.device, record.log, lost.stream, lost.first, lost.last, now_ms)


def _walked_the_alarm_path(record: Record) -> bool:
    return record.phase is Phase.TEST or record.kind == SystemKind.PERIODIC_TEST
