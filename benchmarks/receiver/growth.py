"""How many bytes a record takes on the disk: boxes send batches of their own records, then the database is measured."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from benchmarks.receiver.boxes import Box, Load
from benchmarks.receiver.rig import Engine, server
from edge_agent.wire import decode_batch
from receiver.database import Place, open_for_writing
from receiver.store import Store
from receiver.taken import Arrival

FIRST_BOX = 90_000_000
BOXES, EACH = 50, 20
NOW_MS = 1_795_459_200_000


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes of one record, with its row in the journal, its indexes and its share of everything else."""

    load: Load
    records: int
    record_bytes: float


def measured(engine: Engine, load: Load, records: int) -> Growth:
    """Store so many records in batches of 20, in an order in which boxes take turns. Raises BenchmarkTrouble."""
    with tempfile.TemporaryDirectory() as folder:
        if engine is Engine.SQLITE:
            return _grown(Path(folder), load, records)
        with server() as cluster:
            return _grown(cluster.new_database(), load, records)


def _grown(place: Place, load: Load, records: int) -> Growth:
    boxes = [Box(FIRST_BOX + number) for number in range(BOXES)]
    store = Store(place)
    for box in boxes:
        _take(store, box, load)
    before = _size(place)
    rounds = max(1, records // (BOXES * EACH))
    for _ in range(rounds):
        for box in boxes:
            _take(store, box, load)
    after = _size(place)
    store.close()
    stored = rounds * BOXES * EACH
    return Growth(load, stored, (after - before) / stored)


def _take(store: Store, box: Box, load: Load) -> None:
    body = box.request(load, EACH).partition(b"\r\n\r\n")[2]
    store.take_all([Arrival(decode_batch(body), NOW_MS, box.key)])


def _size(place: Place) -> int:
    opened = open_for_writing(place)
    try:
        with opened.transaction() as db:
            if opened.is_postgresql:
                return int(db.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
            pages = int(db.exec_driver_sql("PRAGMA page_count").scalar_one())
            return pages * int(db.exec_driver_sql("PRAGMA page_size").scalar_one())
    finally:
        opened.close()
