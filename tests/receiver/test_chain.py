"""Records that do not follow each other, or are not those that a checkpoint names, are kept and told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.wire import Checkpoint, Head, Record, Stream, SystemKind, digest, encode_record
from receiver import chain
from receiver.board import BoardReader
from receiver.store import Store
from receiver.taken import Arrival
from tests.receiver.making import DEVICE, NOW_MS, alarm, batch, chained, known_to, system


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = known_to(Store(tmp_path))
    yield store
    store.close()


def said(store: Store, *records: Record) -> list[str]:
    """What is said about a broken chain."""
    (taken,) = store.take_all([Arrival(batch(*records), NOW_MS)])
    assert all(verdict.name == "STORED" for verdict in taken.receipt.verdicts)
    return [sentence for sentence in taken.said if sentence.startswith("CHAIN BROKEN")]


def five() -> tuple[Record, ...]:
    return chained(*(alarm(number) for number in range(1, 6)))


def test_a_whole_chain_is_nothing_to_tell_in_any_order(store: Store) -> None:
    records = list(five())
    random.Random(3).shuffle(records)
    assert [said(store, record) for record in records] == [[]] * 5


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)])
def test_an_altered_record_is_told_once_in_whatever_order_it_comes(store: Store, order: tuple[int, ...]) -> None:
    records = list(five())
    records[2] = replace(records[2], percent=1)
    told = [sentence for index in order for sentence in said(store, records[index])]
    assert len(told) == 1
    assert "record 4 of stream 0" in told[0]


def test_the_first_record_names_the_log_and_the_box(store: Store) -> None:
    assert len(said(store, replace(alarm(1), link=bytes(8)))) == 1


def checkpoint(record: Record, digest_of_it: bytes) -> Record:
    return replace(
        system(1, SystemKind.CHECKPOINT), detail=Checkpoint((Head(Stream.ALARM, record.seqno, digest_of_it),), 0)
    )


def test_a_checkpoint_agrees_with_what_is_here(store: Store) -> None:
    records = five()
    assert said(store, *records) == []
    assert said(store, checkpoint(records[4], digest(encode_record(records[4])))) == []


def test_a_checkpoint_that_names_another_record_is_told_and_shown(store: Store, tmp_path: Path) -> None:
    records = five()
    said(store, *records)
    (sentence,) = said(store, checkpoint(records[4], bytes(32)))
    assert "record 5 of stream 0" in sentence
    reader = BoardReader(tmp_path)
    (trouble,) = reader.boxes(NOW_MS).troubles
    assert (trouble.kind.value, trouble.device, trouble.stream, trouble.first) == ("break", DEVICE, Stream.ALARM, 5)
    reader.close()


def test_breaks_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BREAKS_MAX", 3)
    loose = [alarm(number) for number in range(1, 9)]
    assert len(said(store, *loose)) == 3
