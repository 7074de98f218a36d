"""What can be read off a receipt: which records it means, what the receiver has lost, its clock, words for people."""

from __future__ import annotations

from edge_agent.delivery_steps import ReceiverClock, RecordKey
from edge_agent.errors import WireError
from edge_agent.records import StoredRecord
from edge_agent.wire import Gap, Lost, Receipt, Stream, SystemKind, Verdict, decode_receipt, decode_record

MS_NS = 1_000_000


def receipt_in(opened: bytes, device_id: bytes) -> Receipt:
    """The receipt in what a seal held, for this box. Raises `WireError`."""
    receipt = decode_receipt(opened)
    if receipt.device != device_id:
        raise WireError("it is for another box", subject="receipt", hint="Check which receiver answers here")
    return receipt


def key_of(record: StoredRecord) -> RecordKey:
    """Its place in the log."""
    return RecordKey(record.stream, record.seqno)


def gaps_in(receipt: Receipt, confirmed: tuple[int, ...]) -> tuple[Gap, ...]:
    """What a receiver had confirmed before we asked and has no more, on any stream: it was set back."""
    tails = [Gap(mark.stream, mark.upto + 1, confirmed[mark.stream]) for mark in receipt.marks]
    clipped = [Gap(gap.stream, gap.first, min(gap.last, confirmed[gap.stream])) for gap in receipt.gaps]
    return tuple(dict.fromkeys(gap for gap in (*clipped, *tails) if gap.first <= gap.last))


def reach_of(record: StoredRecord) -> tuple[tuple[Stream, int], ...]:
    """Up to where a mark may come once this is sent: a record that names others as lost stands for them too."""
    own = (record.stream, record.seqno)
    if record.kind != SystemKind.RECORDS_LOST:
        return (own,)
    detail = decode_record(record.body).detail
    return (own, (detail.stream, detail.last)) if isinstance(detail, Lost) else (own,)


def clock_of(sent_ns: int, receipt: Receipt, now_ns: int) -> ReceiverClock:
    """The receiver's clock was read somewhere between sending and now."""
    half_ns = max(0, now_ns - sent_ns) // 2
    return ReceiverClock(sent_ns + half_ns, receipt.at_ms, half_ns // MS_NS + 1)


def words_on(verdicts: tuple[tuple[RecordKey, Verdict], ...]) -> str:
    """What the receiver did not take, for people; "" where it took everything."""
    taken = (Verdict.STORED, Verdict.HAD_IT)
    words = [
        f"stream {int(key.stream)} number {key.seqno}: {verdict.name.lower().replace('_', ' ')}"
        for key, verdict in verdicts
        if verdict not in taken
    ]
    return "" if not words else f"not taken: {'; '.join(words[:3])}" + (" ..." if len(words) > 3 else "")
