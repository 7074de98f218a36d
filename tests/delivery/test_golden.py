"""A record of every kind has the bytes that are written down, says what stands beside them, and makes a whole chain."""

from __future__ import annotations

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.cose import SEAL_BYTES_MAX
from edge_agent.records import stream_of
from edge_agent.story import kind_name
from edge_agent.wire import ITEM_BYTES_MAX, Stream, SystemKind, chain_start, decode_record, digest, encode_record
from tests.delivery.every_kind import DEVICE, FILE, LOG, golden_lines

LINES = FILE.read_text(encoding="utf-8").splitlines()


def test_every_record_has_the_bytes_that_are_written_down() -> None:
    assert golden_lines() == LINES


@pytest.mark.parametrize("line", LINES, ids=[line.split(" | ")[1] for line in LINES])
def test_the_bytes_say_what_stands_beside_them_and_come_back_the_same(line: str) -> None:
    head, _, text = line.split(" | ")
    data = bytes.fromhex(text)
    record = decode_record(data)
    assert encode_record(record) == data
    assert head == f"{record.kind} {kind_name(record.kind)}"
    assert record.stream is stream_of(record.kind)
    assert len(data) + SEAL_BYTES_MAX <= ITEM_BYTES_MAX


def test_there_is_one_of_every_kind_that_the_box_makes() -> None:
    kinds = {int(line.split(" ")[0]) for line in LINES}
    assert kinds == {int(kind) for kind in (*AlarmKind, *SystemKind)}


def test_together_they_are_a_whole_chain() -> None:
    links = {stream: chain_start(DEVICE, LOG, stream)[:8] for stream in Stream}
    for line in LINES:
        data = bytes.fromhex(line.split(" | ")[2])
        record = decode_record(data)
        assert record.link == links[record.stream]
        links[record.stream] = digest(data)[:8]
