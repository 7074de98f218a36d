"""Wire format 1: records, batches, receipts, notices and short forms to and from deterministic CBOR.

`encode_*` and `decode_*` put a value through the same checks, those of `alarm.cddl`, and raise `WireError`; foreign
bytes pass `gate` before the decoder sees them. decode(encode(x)) == x, and what decodes encodes to the same bytes.
"""

from __future__ import annotations

import hashlib

from edge_agent import record_form as form
from edge_agent.gate import BODY_BYTES_MAX, read_item, write_item
from edge_agent.schema import array, keyed, octets, one_of, text, whole
from edge_agent.wire_values import (
    DEVICE_ID_BYTES,
    LINK_BYTES,
    Act,
    Batch,
    Checkpoint,
    ClockFix,
    ClockSource,
    Commissioned,
    Detail,
    Gap,
    Head,
    Identity,
    IncidentRef,
    KeyChange,
    LaterField,
    Lost,
    LostReason,
    Mark,
    Measure,
    Measured,
    Notice,
    Part,
    Phase,
    Receipt,
    Record,
    Short,
    Stamp,
    Stream,
    SystemKind,
    Verdict,
    Visit,
    VisitAct,
    Want,
    WirePlace,
)

__all__ = [
    "ANSWER_BYTES_MAX",
    "BATCH_BYTES_MAX",
    "BATCH_ITEMS_MAX",
    "BATCH_TYPE",
    "DEVICE_ID_BYTES",
    "ITEM_BYTES_MAX",
    "KEY_HEADER",
    "LINK_BYTES",
    "NOTICES_MAX",
    "PART_BYTES_MAX",
    "PART_TYPE",
    "Act",
    "Batch",
    "Checkpoint",
    "ClockFix",
    "ClockSource",
    "Commissioned",
    "Detail",
    "Gap",
    "Head",
    "Identity",
    "IncidentRef",
    "KeyChange",
    "LaterField",
    "Lost",
    "LostReason",
    "Mark",
    "Measure",
    "Measured",
    "Notice",
    "Part",
    "Phase",
    "Receipt",
    "Record",
    "Short",
    "Stamp",
    "Stream",
    "SystemKind",
    "Verdict",
    "Visit",
    "VisitAct",
    "Want",
    "WirePlace",
    "answer_tag",
    "chain_start",
    "decode_batch",
    "decode_notice",
    "decode_part",
    "decode_receipt",
    "decode_record",
    "decode_short",
    "digest",
    "encode_batch",
    "encode_notice",
    "encode_part",
    "encode_receipt",
    "encode_record",
    "encode_short",
]

KEY_HEADER = "Lift-Key"  # the public key of the box in base64url: its id is the digest of this key
BATCH_TYPE = "application/vnd.lift-batch+cbor"
PART_TYPE = "application/vnd.lift-part+cbor"
# Limits. Source: design/alarm.cddl and design/wire.md section 7.2.
BATCH_BYTES_MAX = BODY_BYTES_MAX
BATCH_ITEMS_MAX = 64
ITEM_BYTES_MIN, ITEM_BYTES_MAX = 16, 1_024
ANSWER_BYTES_MAX = 8_192
NOTICES_MAX = 16
GAPS_MAX = 16
ASK_AGAIN_S_MAX = 3_600
WHO_BYTES_MAX = 32
ETA_MIN_MAX = 1_440
AGE_S_MAX = (1 << 24) - 1
FILE_BYTES_MAX = 1 << 26
FILE_DIGEST_BYTES = 16
PART_BYTES_MAX = 1 << 14
LIST_MAX = 2_048  # the gate's bound on items; the schema itself sets none on verdicts and marks

_RECORD_DOMAIN = b"lift/1"


def encode_record(record: Record) -> bytes:
    """The bytes that are stored, chained and sent, the same on every retry."""
    tree = form.record_to_tree(record)
    form.record_from_tree(tree)
    return write_item(tree)


def decode_record(data: bytes) -> Record:
    """The record in `data`, as stored; on the wire it is inside a seal."""
    return form.record_from_tree(read_item(data, "record", bytes_max=ITEM_BYTES_MAX))


def digest(record: bytes) -> bytes:
    """SHA-256 over the bytes of a record; its first 8 bytes are the link of the next one."""
    return hashlib.sha256(record).digest()


def chain_start(device: bytes, log: int, stream: Stream) -> bytes:
    """What stands for the digest of the record before the first. Source: design/wire.md section 1.3, rule 1."""
    return hashlib.sha256(_RECORD_DOMAIN + device + log.to_bytes(4, "big") + bytes([stream])).digest()


def answer_tag(batch: bytes) -> bytes:
    """What a receipt says to name the batch it answers."""
    return hashlib.sha256(batch).digest()[:8]


def encode_batch(batch: Batch) -> bytes:
    """The body of one request."""
    tree: dict[int, object] = {
        0: form.VERSION,
        1: batch.device,
        2: list(batch.items),
        3: form.stamp_to_tree(batch.stamp),
    }
    if batch.acted_notice is not None:
        tree[4] = batch.acted_notice
    _batch_from_tree(tree)
    return write_item(tree)


def decode_batch(data: bytes) -> Batch:
    """The batch in a request body; its items are not looked into."""
    return _batch_from_tree(read_item(data, "batch", bytes_max=BATCH_BYTES_MAX))


def _batch_from_tree(tree: object) -> Batch:
    fields = keyed(tree, frozenset(range(4)), frozenset({4}), "batch")
    form.version(fields[0], "batch version")
    return Batch(
        device=form.device_id(fields[1], "batch device id"),
        items=tuple(
            octets(item, ITEM_BYTES_MIN, ITEM_BYTES_MAX, f"batch item {index}")
            for index, item in enumerate(array(fields[2], 1, BATCH_ITEMS_MAX, "batch items"))
        ),
        stamp=form.stamp_from_tree(fields[3], "batch stamp"),
        acted_notice=whole(fields[4], 0, form.WORD_MAX, "batch notice number") if 4 in fields else None,
    )


def encode_receipt(receipt: Receipt) -> bytes:
    """The answer to a batch, or (without verdicts) to a request for notices."""
    tree: dict[int, object] = {
        0: form.VERSION,
        1: receipt.device,
        2: receipt.log,
        3: [int(verdict) for verdict in receipt.verdicts],
        4: [[int(mark.stream), mark.upto] for mark in receipt.marks],
    }
    if receipt.gaps:
        tree[5] = [[int(gap.stream), gap.first, gap.last] for gap in receipt.gaps]
    tree[6] = receipt.at_ms
    if receipt.notices:
        tree[7] = [_notice_to_tree(notice) for notice in receipt.notices]
    if receipt.ask_again_s is not None:
        tree[8] = receipt.ask_again_s
    tree[9] = receipt.receiver
    if receipt.answers is not None:
        tree[10] = receipt.answers
    if receipt.want is not None:
        tree[11] = [receipt.want.digest, receipt.want.offset]
    _receipt_from_tree(tree)
    return write_item(tree)


def decode_receipt(data: bytes) -> Receipt:
    """The receipt in an answer."""
    return _receipt_from_tree(read_item(data, "receipt", bytes_max=ANSWER_BYTES_MAX))


def _receipt_from_tree(tree: object) -> Receipt:
    fields = keyed(tree, frozenset({0, 1, 2, 3, 4, 6, 9}), frozenset({5, 7, 8, 10, 11}), "receipt")
    form.version(fields[0], "receipt version")
    gaps = array(fields[5], 1, GAPS_MAX, "receipt gaps") if 5 in fields else ()
    notices = array(fields[7], 1, NOTICES_MAX, "receipt notices") if 7 in fields else ()
    return Receipt(
        device=form.device_id(fields[1], "receipt device id"),
        log=form.log_id(fields[2], "receipt log id"),
        verdicts=tuple(one_of(verdict, Verdict, "verdict") for verdict in array(fields[3], 0, LIST_MAX, "verdicts")),
        marks=tuple(_mark_from_tree(mark) for mark in array(fields[4], 0, LIST_MAX, "marks")),
        at_ms=form.unix_ms(fields[6], "receipt time"),
        receiver=octets(fields[9], 8, 8, "receiver id"),
        gaps=tuple(_gap_from_tree(gap) for gap in gaps),
        notices=tuple(_notice_from_tree(notice) for notice in notices),
        ask_again_s=whole(fields[8], 1, ASK_AGAIN_S_MAX, "ask-again") if 8 in fields else None,
        answers=octets(fields[10], 8, 8, "answers") if 10 in fields else None,
        want=_want_from_tree(fields[11]) if 11 in fields else None,
    )


def _want_from_tree(tree: object) -> Want:
    digest16, offset = array(tree, 2, 2, "want")
    return Want(
        octets(digest16, FILE_DIGEST_BYTES, FILE_DIGEST_BYTES, "want digest"),
        whole(offset, 0, FILE_BYTES_MAX, "want offset"),
    )


def encode_part(part: Part) -> bytes:
    """Some bytes of a recording; they travel inside a seal."""
    tree = {0: form.VERSION, 1: part.device, 2: part.digest, 3: part.size, 4: part.offset, 5: part.data}
    _part_from_tree(tree)
    return write_item(tree)


def decode_part(data: bytes) -> Part:
    """The part in `data`."""
    return _part_from_tree(read_item(data, "part", bytes_max=BODY_BYTES_MAX))


def _part_from_tree(tree: object) -> Part:
    fields = keyed(tree, frozenset(range(6)), frozenset(), "part")
    form.version(fields[0], "part version")
    return Part(
        device=form.device_id(fields[1], "part device id"),
        digest=octets(fields[2], FILE_DIGEST_BYTES, FILE_DIGEST_BYTES, "part digest"),
        size=whole(fields[3], 0, FILE_BYTES_MAX, "part size"),
        offset=whole(fields[4], 0, FILE_BYTES_MAX, "part offset"),
        data=octets(fields[5], 0, PART_BYTES_MAX, "part data"),
    )


def _mark_from_tree(tree: object) -> Mark:
    stream, upto = array(tree, 2, 2, "mark")
    return Mark(one_of(stream, Stream, "mark stream"), whole(upto, 0, form.WORD_MAX, "mark number"))


def _gap_from_tree(tree: object) -> Gap:
    stream, first, last = array(tree, 3, 3, "gap")
    return Gap(one_of(stream, Stream, "gap stream"), form.seqno(first, "gap first"), form.seqno(last, "gap last"))


def encode_notice(notice: Notice) -> bytes:
    """A notice by itself."""
    tree = _notice_to_tree(notice)
    _notice_from_tree(tree)
    return write_item(tree)


def decode_notice(data: bytes) -> Notice:
    """The notice in `data`."""
    return _notice_from_tree(read_item(data, "notice", bytes_max=ITEM_BYTES_MAX))


def _notice_to_tree(notice: Notice) -> dict[int, object]:
    about = notice.incident
    tree: dict[int, object] = {
        0: notice.number,
        1: int(notice.act),
        2: [about.log, int(about.stream), about.seqno],
        3: notice.at_ms,
    }
    if notice.who is not None:
        tree[4] = notice.who
    if notice.eta_min is not None:
        tree[5] = notice.eta_min
    return tree


def _notice_from_tree(tree: object) -> Notice:
    fields = keyed(tree, frozenset(range(4)), frozenset({4, 5}), "notice")
    log, stream, seqno = array(fields[2], 3, 3, "notice incident")
    return Notice(
        number=form.seqno(fields[0], "notice number"),
        act=one_of(fields[1], Act, "notice act"),
        incident=IncidentRef(
            form.log_id(log, "notice log id"),
            one_of(stream, Stream, "notice stream"),
            form.seqno(seqno, "notice incident number"),
        ),
        at_ms=form.unix_ms(fields[3], "notice time"),
        who=text(fields[4], 1, WHO_BYTES_MAX, "notice who") if 4 in fields else None,
        eta_min=whole(fields[5], 0, ETA_MIN_MAX, "notice eta") if 5 in fields else None,
    )


def encode_short(short: Short) -> bytes:
    """The short form, at most 51 bytes with its tag."""
    tree: list[object] = [
        form.VERSION,
        short.device,
        short.log,
        short.seqno,
        int(short.kind),
        int(short.phase),
        short.floor,
        short.age_s,
    ]
    _short_from_tree(tree)
    return write_item(tree)


def decode_short(data: bytes) -> Short:
    """The short form in `data`."""
    return _short_from_tree(read_item(data, "short", bytes_max=ITEM_BYTES_MAX))


def _short_from_tree(tree: object) -> Short:
    version, device, log, seqno, kind, phase, floor, age_s = array(tree, 8, 8, "short")
    form.version(version, "short form")
    return Short(
        device=form.device_id(device, "short device id"),
        log=form.log_id(log, "short log id"),
        seqno=form.seqno(seqno, "short number"),
        kind=whole(kind, 1, form.KIND_MAX, "short kind"),
        phase=one_of(phase, Phase, "short phase"),
        floor=whole(floor, form.FLOOR_MIN, form.FLOOR_MAX, "short floor"),
        age_s=whole(age_s, 0, AGE_S_MAX, "short age"),
    )
