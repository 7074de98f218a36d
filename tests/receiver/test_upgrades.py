"""A database that an earlier receiver wrote becomes what a new receiver makes, with everything that was in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from edge_agent.wire import Verdict, digest, encode_record
from receiver import tables, upgrades
from receiver.board import BoardReader
from receiver.database import FILE_NAME, FORMAT, open_for_reading
from receiver.errors import ReceiverError
from receiver.journal import entries_after
from receiver.store import Store
from tests.receiver.making import DEVICE, LOG, NOW_MS, alarm, batch, known_to

_OLD_STEPS = (upgrades._TO_2, upgrades._TO_3, upgrades._TO_4, upgrades._TO_5)


def written_by_an_earlier_receiver(folder: Path, fmt: int) -> None:
    """A file of format 1 to 5 with two records and a notice in it."""
    db = sqlite3.connect(folder / FILE_NAME)
    db.executescript(upgrades.FIRST_TABLES + ";".join(_OLD_STEPS[: fmt - 1]))
    db.execute("INSERT INTO meta VALUES ('receiver', x'0102030405060708')")
    if fmt >= 2:
        db.execute("INSERT INTO meta VALUES ('seed', ?)", (bytes(range(32)),))
    db.execute("INSERT INTO device (dev, log, last_contact_ms) VALUES (?,?,?)", (DEVICE, LOG, NOW_MS))
    for number, arrived_ms in ((2, NOW_MS - 9), (1, NOW_MS - 5)):
        body = encode_record(alarm(number))
        row = (DEVICE, LOG, 0, number, 1, 1, number, digest(body), body, arrived_ms)
        columns = "dev, log, stream, seqno, kind, phase, incident, digest, body, arrived_ms"
        db.execute(f"INSERT INTO record ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?)", row)
        db.execute("INSERT INTO incident VALUES (?,?,?,?,1,1,?)", (DEVICE, LOG, 0, number, arrived_ms))
    db.execute("INSERT INTO span VALUES (?,?,0,1,2,?)", (DEVICE, LOG, NOW_MS))
    db.execute("INSERT INTO notice VALUES (?,1,2,?,0,1,?,'Li',15)", (DEVICE, LOG, NOW_MS))
    db.execute(f"PRAGMA user_version={fmt}")
    db.commit()
    db.close()


def shape(path: Path) -> dict[str, object]:
    """Tables with their columns, keys and indexes."""
    engine = create_engine(f"sqlite:///{path}")
    look = inspect(engine)
    found: dict[str, object] = {}
    for table in look.get_table_names():
        columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in look.get_columns(table)}
        keys = set(look.get_pk_constraint(table)["constrained_columns"])
        indexes = {(i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in look.get_indexes(table)}
        found[table] = ({name: (name in keys or not null) for name, (_, null) in columns.items()}, keys, indexes)
    engine.dispose()
    return found


@pytest.mark.parametrize("fmt", [1, 2, 3, 4, 5])
def test_an_older_file_becomes_what_a_new_one_is(tmp_path: Path, fmt: int) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    written_by_an_earlier_receiver(old, fmt)
    Store(old).close()
    Store(new).close()
    assert shape(old / FILE_NAME) == shape(new / FILE_NAME)
    assert set(shape(new / FILE_NAME)) == set(tables.METADATA.tables)


def test_what_an_older_file_held_is_still_there_and_in_the_journal(tmp_path: Path) -> None:
    written_by_an_earlier_receiver(tmp_path, 5)
    store = known_to(Store(tmp_path))
    assert store.receiver_id == bytes.fromhex("0102030405060708")
    receipt = store.take(batch(alarm(1), alarm(2), alarm(3)), NOW_MS)
    store.close()
    assert receipt.verdicts == (Verdict.HAD_IT, Verdict.HAD_IT, Verdict.STORED)
    assert [notice.who for notice in receipt.notices] == ["Li"]
    opened = open_for_reading(tmp_path)
    with opened.snapshot() as db:
        entries = entries_after(db, 0)
    opened.close()
    assert [(entry.position, entry.seqno, entry.notice is not None) for entry in entries] == [
        (1, 2, False),
        (2, 1, False),
        (3, 1, True),
        (4, 3, False),
    ]


def test_a_reader_says_that_a_file_is_an_older_one(tmp_path: Path) -> None:
    written_by_an_earlier_receiver(tmp_path, 4)
    with pytest.raises(ReceiverError, match="format 4 is an older one"):
        BoardReader(tmp_path)


def test_every_format_has_a_step_to_the_next() -> None:
    assert sorted(upgrades.STEPS) == list(range(1, FORMAT))
