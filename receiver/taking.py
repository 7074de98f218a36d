"""A group of batches into the tables, and the receipts from what the tables then hold. Inside its caller's transaction.

The group is read, judged, written and answered as one: a statement a table, however many boxes share the commit. Every
receipt says what is here after the whole group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edge_agent.wire import GAPS_MAX
from edge_agent.wire_values import Receipt, Stream
from receiver import device_rows as rows
from receiver import revocation, sentences
from receiver.chain import named_by
from receiver.evidence import EvidenceTable
from receiver.group import Group, Waiting
from receiver.incidents import IncidentKey
from receiver.intake import Items, Judged, judged, take_items
from receiver.keyring import Keyring
from receiver.taken import Arrival, Taken


@dataclass(frozen=True, slots=True)
class _Placed:
    """One batch whose records are in their places. log: for its receipt; heard, upto: notices before and now."""

    arrival: Arrival
    items: Items
    log: int
    heard: int
    upto: int
    is_new_box: bool
    lift_no_before: str | None


def take_group(db: Connection, receiver: bytes, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
    """Store some batches, in order; those of revoked boxes are left out. receiver: the id for the receipts."""
    revoked = revocation.among(db, (arrival.batch.device for arrival in arrivals))
    heard = iter(_take_heard(db, receiver, [arrival for arrival in arrivals if arrival.batch.device not in revoked]))
    return tuple(
        _unheard(receiver, arrival) if arrival.batch.device in revoked else next(heard) for arrival in arrivals
    )


def _unheard(receiver: bytes, arrival: Arrival) -> Taken:
    receipt = Receipt(arrival.batch.device, 0, (), (), arrival.at_ms, receiver)
    return Taken(receipt, (), (), is_renamed=False, has_box_news=False, is_revoked=True)


def _take_heard(db: Connection, receiver: bytes, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
    if not arrivals:
        return ()
    group, keyring = Group(db, {arrival.batch.device for arrival in arrivals}), Keyring(db)
    found = [_judged(group, keyring, arrival) for arrival in arrivals]
    records = [item.record for items in found for item in items if item.record is not None]
    group.look_up(place for record in records for place in named_by(record))
    placed = [_placed(group, arrival, items) for arrival, items in zip(arrivals, found, strict=True)]
    group.write()
    touched: dict[IncidentKey, int] = {}
    for one in placed:
        for incident in one.items.touched:
            touched.setdefault(incident, one.arrival.at_ms)
    for incident, at_ms in touched.items():
        rows.refold(db, incident, at_ms)
    waiting = group.waiting()
    return tuple(_taken(group, receiver, one, waiting) for one in placed)


def _judged(group: Group, keyring: Keyring, arrival: Arrival) -> tuple[Judged, ...]:
    device = arrival.batch.device
    if arrival.key is not None:
        group.learn(device, arrival.key, arrival.at_ms)
    box = group.box(device)
    return judged(arrival.batch, keyring.opener_with(device, box.raw, box.shared))


def _placed(group: Group, arrival: Arrival, found: Sequence[Judged]) -> _Placed:
    batch, now_ms = arrival.batch, arrival.at_ms
    box = group.box(batch.device)
    was_known, heard, lift_no = box.is_known, box.heard, box.lift_no
    items = take_items(group, found, now_ms)
    if items.log is not None:  # only a right seal shows that this box has spoken at all
        group.note_contact(batch, items.log, now_ms)
        if items.lift_no is not None:
            group.note_name(batch.device, items.lift_no, items.firmware)
        if items.tests:
            group.note_test(batch.device, now_ms)
        if rows.is_believed(batch.acted_notice, box.acted):
            group.note_acted(batch.device, batch.acted_notice or 0, now_ms)
    is_new_box = not was_known and box.is_known
    return _Placed(arrival, items, box.log, heard, box.acted, is_new_box, lift_no)


def _taken(group: Group, receiver: bytes, one: _Placed, waiting: Waiting) -> Taken:
    device, items = one.arrival.batch.device, one.items
    receipt = _receipt(group, receiver, one, waiting)
    return Taken(
        receipt,
        tuple(dict.fromkeys(items.touched + rows.about(group.db, device, one.heard, one.upto))),
        tuple(_said(one, items.lift_no or one.lift_no_before)),
        is_renamed=items.lift_no is not None and items.lift_no != one.lift_no_before,
        has_box_news=one.is_new_box or bool(items.conflicts or items.breaks or receipt.gaps),
        new=items.new,
    )


def _receipt(group: Group, receiver: bytes, one: _Placed, waiting: Waiting) -> Receipt:
    device, db = one.arrival.batch.device, group.db
    found = [group.streams.standing(device, one.log, stream) for stream in Stream]
    here = [each for each in found if each is not None]
    return Receipt(
        device=device,
        log=one.log,
        verdicts=one.items.verdicts,
        marks=tuple(each.mark for each in here),
        at_ms=one.arrival.at_ms,
        receiver=receiver,
        gaps=tuple(gap for each in here for gap in each.gaps)[:GAPS_MAX],
        notices=rows.pending(db, device, one.upto) if device in waiting.with_notices else (),
        ask_again_s=rows.ASK_AGAIN_S if device in waiting.with_alarm else None,
        want=EvidenceTable(db).want(device) if device in waiting.with_want else None,
    )


def _said(one: _Placed, lift_no: str | None) -> Iterator[str]:
    device, items = one.arrival.batch.device, one.items
    if one.is_new_box:
        yield sentences.first_contact(device)
    for record in items.incident_records:
        yield sentences.stored(record, lift_no)
    for record in items.tests:
        yield sentences.tested(record, lift_no)
    for stream, seqno in items.conflicts:
        yield sentences.conflict(device, lift_no, stream, seqno)
    for broken in items.breaks:
        yield sentences.broken(device, lift_no, broken.stream, broken.seqno)
    if items.problems:
        yield sentences.refused(device, lift_no, len(items.problems), items.problems[0])
    if one.upto > one.heard:
        yield sentences.heard(device, lift_no, one.upto)
