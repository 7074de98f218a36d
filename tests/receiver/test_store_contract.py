"""The contract of whatever takes records (`receiver.takes_records`). Another engine joins with one line in STORES."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import Table, func, select

from edge_agent.wire import Gap, Mark, Phase, Record, Stream, Verdict
from edge_agent.wire_sealing import SigningKey
from receiver import tables as t
from receiver.board import BoardReader
from receiver.database import Place, open_for_reading, open_for_writing
from receiver.store import Store
from receiver.taken import Arrival, Taken
from tests.receiver.making import (
    DEVICE,
    KEY,
    NOW_MS,
    OTHER_DEVICE,
    OTHER_KEY,
    alarm,
    batch,
    chained,
    lost,
    raw_batch,
    sealed,
)
from tests.receiver.postgresql import Cluster
from tests.receiver.stream_front import StreamFront


class Opened(Protocol):
    """What takes records, and can be closed."""

    def take_all(self, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Kind:
    """How to open one kind of store on a place. is_server: the place is a database of a PostgreSQL server."""

    open: Callable[[Place, Path], Opened]
    is_server: bool = False


STORES = {
    "sqlite": Kind(lambda place, _: Store(place)),
    "postgresql": Kind(lambda place, _: Store(place), is_server=True),
    "stream in front": Kind(lambda place, folder: StreamFront(folder / "stream", Store(place))),
}


@dataclass
class Bench:
    """One place, and what takes records into it."""

    kind: Kind
    place: Place
    folder: Path
    taking: Opened

    def take(self, *records: Record, device: bytes = DEVICE) -> Taken:
        """One batch, with the key of its box, in a group of its own."""
        return self.group((records, device))[0]

    def group(self, *batches: tuple[Sequence[Record], bytes]) -> tuple[Taken, ...]:
        """Batches that share a commit."""
        return self.taking.take_all([Arrival(batch(*rs, device=d), NOW_MS, key_of(d).public) for rs, d in batches])

    def open_again(self) -> None:
        """As after a restart."""
        self.taking.close()
        self.taking = self.kind.open(self.place, self.folder)

    def count(self, table: Table) -> int:
        """Rows of a table."""
        opened = open_for_reading(self.place)
        with opened.snapshot() as db:
            found = db.execute(select(func.count()).select_from(table)).scalar_one()
        opened.close()
        return int(found)


def key_of(device: bytes) -> SigningKey:
    return OTHER_KEY if device == OTHER_DEVICE else KEY


def marked(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.system) if STORES[name].is_server else name


@pytest.fixture(params=[marked(name) for name in STORES])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    kind = STORES[request.param]
    place: Place = tmp_path
    if kind.is_server:
        cluster: Cluster = request.getfixturevalue("cluster")
        place = cluster.new_database()
    found = Bench(kind, place, tmp_path, kind.open(place, tmp_path))
    yield found
    found.taking.close()


def test_what_was_answered_is_there_for_whoever_opens_the_place_next(bench: Bench) -> None:
    assert bench.take(alarm(1)).receipt.verdicts == (Verdict.STORED,)
    bench.open_again()
    assert bench.take(alarm(1)).receipt.verdicts == (Verdict.HAD_IT,)
    assert bench.count(t.record) == 1


def test_the_same_bytes_twice_in_one_group_are_stored_once(bench: Bench) -> None:
    first, second = bench.group(([alarm(1)], DEVICE), ([alarm(1)], DEVICE))
    assert first.receipt.verdicts == (Verdict.STORED,)
    assert second.receipt.verdicts == (Verdict.HAD_IT,)
    assert bench.count(t.record) == 1
    assert bench.count(t.journal) == 1
    assert (first.new, second.new) == ((alarm(1),), ())


def test_other_bytes_under_one_number_are_a_conflict_in_one_group_and_in_two(bench: Bench) -> None:
    verdicts = [
        taken.receipt.verdicts[0] for taken in bench.group(([alarm(1)], DEVICE), ([alarm(1, percent=1)], DEVICE))
    ]
    assert verdicts == [Verdict.STORED, Verdict.CONFLICT]
    assert bench.take(alarm(1, percent=2)).receipt.verdicts == (Verdict.CONFLICT,)
    assert bench.take(alarm(1)).receipt.verdicts == (Verdict.HAD_IT,)
    assert bench.count(t.conflict) == 2


def test_marks_and_gaps_are_those_after_the_group(bench: Bench) -> None:
    first, second = bench.group(([alarm(1), alarm(4)], DEVICE), ([alarm(2)], DEVICE))
    assert first.receipt.marks == second.receipt.marks == (Mark(Stream.ALARM, 2),)
    assert second.receipt.gaps == (Gap(Stream.ALARM, 3, 3),)
    assert bench.take(lost(1, Stream.ALARM, 3, 3)).receipt.marks == (Mark(Stream.ALARM, 4), Mark(Stream.FAULT, 1))


def test_boxes_of_one_group_know_nothing_of_each_other(bench: Bench) -> None:
    mine, others = bench.group(([alarm(1)], DEVICE), ([alarm(1, device=OTHER_DEVICE)], OTHER_DEVICE))
    assert (mine.receipt.device, others.receipt.device) == (DEVICE, OTHER_DEVICE)
    assert mine.receipt.marks == others.receipt.marks == (Mark(Stream.ALARM, 1),)
    assert (mine.receipt.ask_again_s, others.receipt.ask_again_s) == (5, 5)


def test_a_strange_seal_is_refused_in_a_group_with_good_ones_and_never_stored(bench: Bench) -> None:
    forged = Arrival(raw_batch([sealed(alarm(1), OTHER_KEY)]), NOW_MS, OTHER_KEY.public)
    keyless = Arrival(raw_batch([sealed(alarm(1))]), NOW_MS, None)
    taken = bench.taking.take_all([keyless, forged, Arrival(batch(alarm(2)), NOW_MS, KEY.public)])
    assert [one.receipt.verdicts[0] for one in taken] == [Verdict.LATER, Verdict.LATER, Verdict.STORED]
    (again,) = bench.taking.take_all([forged])
    assert again.receipt.verdicts == (Verdict.NOT_ALLOWED,)
    assert bench.count(t.record) == 1


def test_a_record_in_the_place_of_another_in_the_same_group_is_said(bench: Bench) -> None:
    one, two, three = chained(alarm(1), alarm(2), alarm(3))
    assert not any(
        "FOLLOW" in words.upper() for taken in bench.group(([two], DEVICE), ([one], DEVICE)) for words in taken.said
    )
    assert bench.count(t.chain_break) == 0
    bench.take(alarm(4))
    assert bench.take(three).receipt.marks == (Mark(Stream.ALARM, 4),)
    assert bench.count(t.chain_break) == 1


def test_any_order_duplication_and_grouping_ends_in_the_same_marks_and_the_same_incidents(bench: Bench) -> None:
    story = chained(
        alarm(1),
        alarm(2, phase=Phase.UPDATED, incident=1, percent=97),
        alarm(3, phase=Phase.CONDITION_GONE, incident=1),
        alarm(4),
        alarm(5, phase=Phase.ENDED, incident=1),
    )
    chance = random.Random(11)
    sent = [*story, *chance.choices(story, k=6)]
    chance.shuffle(sent)
    while sent:
        some = [sent.pop() for _ in range(min(len(sent), chance.randint(1, 4)))]
        receipts = [taken.receipt for taken in bench.group(*(([record], DEVICE) for record in some))]
    assert receipts[-1].marks == (Mark(Stream.ALARM, 5),)
    reader = BoardReader(bench.place)
    views = {view.incident.key.seqno: view.incident for view in reader.board(NOW_MS).incidents}
    reader.close()
    assert (views[1].is_open, views[4].is_open) == (False, True)
    assert (bench.count(t.record), bench.count(t.conflict), bench.count(t.chain_break)) == (5, 0, 0)
    assert bench.count(t.journal) == 5


def test_a_group_that_could_not_be_stored_is_answered_to_nobody_and_taken_when_sent_again(bench: Bench) -> None:
    bench.take(alarm(1))
    opened = open_for_writing(bench.place)
    broken = "ALTER TABLE incident RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO incident"
    with opened.transaction() as db:
        db.exec_driver_sql(broken[0])
    with pytest.raises(Exception, match="incident"):
        bench.group(([alarm(2)], DEVICE), ([alarm(3)], DEVICE))
    with opened.transaction() as db:
        db.exec_driver_sql(broken[1])
    opened.close()
    assert bench.count(t.record) == 1
    bench.open_again()
    verdicts = {taken.receipt.verdicts[0] for taken in bench.group(([alarm(2)], DEVICE), ([alarm(3)], DEVICE))}
    assert verdicts <= {Verdict.STORED, Verdict.HAD_IT}
    assert (bench.count(t.record), bench.count(t.conflict)) == (3, 0)
