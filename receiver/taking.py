"""One batch into the tables, and the receipt from what the tables then hold. Inside the transaction of its caller."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from edge_agent.wire import GAPS_MAX
from edge_agent.wire_sealing import PublicKey
from edge_agent.wire_values import Batch, Receipt, Stream
from receiver import device_rows as rows
from receiver import sentences
from receiver.evidence import EvidenceTable
from receiver.intake import Items, take_items
from receiver.keyring import Keyring
from receiver.spans import standing
from receiver.taken import Taken


def take_batch(db: Connection, receiver: bytes, batch: Batch, now_ms: int, key: PublicKey | None) -> Taken:
    """Store one batch. receiver: the id for the receipt; key: of the box, as it came with the request."""
    device, keyring = batch.device, Keyring(db)
    if key is not None:
        keyring.learn(device, key, now_ms)
    before = rows.device_row(db, device)
    acted, heard, log = (0, 0, 0) if before is None else (before.acted_notice, before.heard_notice, before.log)
    lift_no_before = None if before is None else before.lift_no
    items = take_items(db, batch, now_ms, keyring.opener(device))
    upto = acted
    if items.log is not None:  # only a right seal shows that this box has spoken at all
        log = items.log
        rows.note_contact(db, batch, log, now_ms)
        _note_items(db, device, items, now_ms)
        upto = rows.note_acted(db, batch, acted, heard)
    for incident in items.touched:
        rows.refold(db, incident, now_ms)
    receipt = _receipt(db, receiver, batch, log, items, upto, now_ms)
    is_new_box = before is None and items.log is not None
    return Taken(
        receipt,
        tuple(dict.fromkeys(items.touched + rows.about(db, device, heard, upto))),
        tuple(_said(device, is_new_box, items, items.lift_no or lift_no_before, upto if upto > heard else None)),
        is_renamed=items.lift_no is not None and items.lift_no != lift_no_before,
        has_box_news=is_new_box or bool(items.conflicts or items.breaks or receipt.gaps),
        new=items.new,
    )


def _receipt(db: Connection, receiver: bytes, batch: Batch, log: int, items: Items, acted: int, now_ms: int) -> Receipt:
    found = [standing(db, batch.device, log, stream) for stream in Stream]
    standings = [one for one in found if one is not None]
    return Receipt(
        device=batch.device,
        log=log,
        verdicts=items.verdicts,
        marks=tuple(one.mark for one in standings),
        at_ms=now_ms,
        receiver=receiver,
        gaps=tuple(gap for one in standings for gap in one.gaps)[:GAPS_MAX],
        notices=rows.pending(db, batch.device, acted),
        ask_again_s=rows.ask_again_s(db, batch.device),
        want=EvidenceTable(db).want(batch.device),
    )


def _note_items(db: Connection, device: bytes, items: Items, now_ms: int) -> None:
    if items.lift_no is not None:
        rows.change_device(db, device, lift_no=items.lift_no, firmware=items.firmware)
    if items.tests:
        rows.change_device(db, device, test_ms=now_ms)


def _said(device: bytes, is_first: bool, items: Items, lift_no: str | None, heard: int | None) -> Iterator[str]:
    if is_first:
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
    if heard is not None:
        yield sentences.heard(device, lift_no, heard)
