"""Judges the items of a batch and puts the good ones in their place, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from edge_agent.errors import WireError
from edge_agent.wire import digest
from edge_agent.wire_sealing import SealRefused
from edge_agent.wire_values import Batch, Identity, KeyChange, Lost, Phase, Record, Stream, SystemKind, Verdict
from receiver import tables as t
from receiver.chain import Break, check
from receiver.decoding import decoded
from receiver.group import Group, place_at
from receiver.incidents import FAULT_KIND_MAX, IncidentKey
from receiver.keyring import Keyring, KeyUnknown, Opened, Opener
from receiver.spans import Streams, runs_of

CONFLICTS_PER_NUMBER_MAX = 16
"""Other records kept under one number. Our choice: more copies of one card than that tell nothing new."""


_FORGOTTEN = (Stream.TELEMETRY, Stream.DIAGNOSTICS)
_NAMES = ("dev", "log", "stream", "seqno")
_OTHERS = select(func.count()).where(*(t.conflict.c[name] == bindparam(name) for name in _NAMES))


@dataclass(frozen=True, slots=True)
class Judged:
    """One item of a batch, as far as it can be judged without the other records. record None: refused, and why."""

    record: Record | None
    opened: Opened | None
    verdict: Verdict
    problem: str = ""


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


def judged(batch: Batch, open_item: Opener) -> tuple[Judged, ...]:
    """Check the seal and form of every item. Touches the database only where a later key of the box is named."""
    found = []
    for item in batch.items:
        try:
            opened = open_item(item)
            record = decoded(opened.body)
        except WireError as error:
            found.append(Judged(None, None, _verdict_on(error), str(error)))
            continue
        if record.device != batch.device:
            problem = f"a record of box {record.device.hex()} in a batch of box {batch.device.hex()}"
            found.append(Judged(None, None, Verdict.NOT_ALLOWED, problem))
            continue
        found.append(Judged(record, opened, Verdict.STORED))
    return tuple(found)


def take_items(group: Group, items: Sequence[Judged], now_ms: int) -> Items:
    """Place what can be stored. A refused item is never stored: it must not take the place of the true record.

    group: has looked up the places that the items name.
    """
    verdicts: list[Verdict] = []
    new: list[Record] = []
    conflicts: list[tuple[Stream, int]] = []
    breaks: list[Break] = []
    log: int | None = None
    for item in items:
        record, opened = item.record, item.opened
        if record is None or opened is None:
            verdicts.append(item.verdict)
            continue
        log = record.log if log is None else log
        verdict = _place(group, record, opened, now_ms)
        verdicts.append(verdict)
        if verdict is Verdict.STORED:
            new.append(record)
            breaks += check(group, record, opened.body, now_ms)
        elif verdict is Verdict.CONFLICT:
            conflicts.append((record.stream, record.seqno))
    _count_present(group.streams, new, now_ms)
    for record in new:
        if isinstance(record.detail, KeyChange):
            Keyring(group.db).learn_later(record.device, record.detail.key)
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
        problems=tuple(item.problem for item in items if item.record is None),
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


def _place(group: Group, record: Record, opened: Opened, now_ms: int) -> Verdict:
    """Put a record into its place, or say what is there."""
    body = opened.body
    place = place_at(record, record.stream, record.seqno)
    found, here = digest(body), group.digest_at(place)
    if here == found:
        return Verdict.HAD_IT
    names = dict(zip(_NAMES, place, strict=True))
    if here is not None:
        if group.db.execute(_OTHERS, names).scalar_one() < CONFLICTS_PER_NUMBER_MAX:
            row = {**names, "digest": found, "body": body, "arrived_ms": now_ms}
            group.db.execute(t.insert_new(t.conflict), row)
        return Verdict.CONFLICT
    if record.stream in _FORGOTTEN and group.is_forgotten(place):
        return Verdict.HAD_IT
    key, phase = IncidentKey.of(record), record.phase
    if phase is None and record.kind <= FAULT_KIND_MAX:
        phase = Phase.RAISED
    row = {
        **names,
        "kind": record.kind,
        "phase": None if phase is None else int(phase),
        "incident": None if key is None else key.seqno,
        "digest": found,
        "body": body,
        "arrived_ms": now_ms,
        "seal": opened.seal,
    }
    group.put(place, row, found, body)
    return Verdict.STORED


def _count_present(streams: Streams, new: Iterable[Record], now_ms: int) -> None:
    """Marks and gaps follow from what is here and from what the box says is lost for good."""
    numbers: dict[tuple[bytes, int, Stream], list[int]] = {}
    for record in new:
        numbers.setdefault((record.device, record.log, record.stream), []).append(record.seqno)
    for (device, log, stream), seqnos in numbers.items():
        for first, last in runs_of(seqnos):
            streams.add(device, log, stream, first, last, now_ms)
    for record in new:
        lost = record.detail
        if isinstance(lost, Lost) and lost.first <= lost.last:
            streams.add(record.device, record.log, lost.stream, lost.first, lost.last, now_ms)


def _walked_the_alarm_path(record: Record) -> bool:
    return record.phase is Phase.TEST or record.kind == SystemKind.PERIODIC_TEST
