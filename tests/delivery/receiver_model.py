"""A receiver as small as the specification allows: keyed storage, verdicts, marks, gaps, notices."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.errors import WireError
from edge_agent.wire import (
    Gap,
    Lost,
    Mark,
    Notice,
    Receipt,
    Record,
    Stream,
    Verdict,
    answer_tag,
    decode_batch,
    decode_record,
    encode_receipt,
)
from tests.delivery.making import RECEIVER

AT_MS = 1_795_459_200_000

Key = tuple[bytes, int, int, int]


@dataclass
class ReceiverModel:
    """State: every record by its key. refuses: kinds that get verdict 2."""

    records: dict[Key, bytes] = field(default_factory=dict)
    present: dict[tuple[bytes, int, int], set[int]] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    refuses: frozenset[int] = frozenset()
    stored_count: int = 0
    requests: int = 0

    def take(self, body: bytes) -> bytes:
        """One POST."""
        self.requests += 1
        batch = decode_batch(body)
        verdicts, log = [], 0
        for item in batch.items:
            try:
                record = decode_record(item)
            except WireError:
                verdicts.append(Verdict.MALFORMED)
                continue
            log = record.log
            verdicts.append(self._place(record, item))
        return encode_receipt(
            Receipt(
                device=batch.device,
                log=log,
                verdicts=tuple(verdicts),
                marks=tuple(Mark(stream, self._mark(batch.device, log, stream)) for stream in Stream),
                at_ms=AT_MS,
                receiver=RECEIVER,
                gaps=tuple(gap for stream in Stream for gap in self._gaps(batch.device, log, stream))[:16],
                notices=self._news(batch.acted_notice or 0),
                answers=answer_tag(body),
            )
        )

    def poll(self, device: bytes, after: int) -> bytes:
        """One GET of notices."""
        return encode_receipt(Receipt(device, 0, (), (), AT_MS, RECEIVER, notices=self._news(after)))

    def forget(self, count: int) -> None:
        """The newest `count` records are gone: a backup was restored."""
        for key in list(self.records)[len(self.records) - min(count, len(self.records)) :]:
            del self.records[key]
            self.present[key[:3]].discard(key[3])

    def _news(self, after: int) -> tuple[Notice, ...]:
        return tuple(notice for notice in self.notices if notice.number > after)[:16]

    def _place(self, record: Record, item: bytes) -> Verdict:
        if record.kind in self.refuses:
            return Verdict.MALFORMED
        key = (record.device, record.log, int(record.stream), record.seqno)
        if key in self.records:
            return Verdict.HAD_IT if self.records[key] == item else Verdict.CONFLICT
        self.records[key] = item
        self.stored_count += 1
        self.present.setdefault(key[:3], set()).add(record.seqno)
        if isinstance(record.detail, Lost):
            lost = record.detail
            gone = self.present.setdefault((record.device, record.log, int(lost.stream)), set())
            gone.update(range(lost.first, lost.last + 1))
        return Verdict.STORED

    def _mark(self, device: bytes, log: int, stream: Stream) -> int:
        present = self.present.get((device, log, int(stream)), set())
        upto = 0
        while upto + 1 in present:
            upto += 1
        return upto

    def _gaps(self, device: bytes, log: int, stream: Stream) -> list[Gap]:
        present = self.present.get((device, log, int(stream)), set())
        gaps, expected = [], 1
        for number in sorted(present):
            if number > expected:
                gaps.append(Gap(stream, expected, number - 1))
            expected = number + 1
        return gaps
