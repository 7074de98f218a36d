"""Spans, marks and gaps against a plain set of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from edge_agent.wire import Gap, Mark, Stream
from receiver import tables as t
from receiver.database import open_for_writing
from receiver.spans import Standing, add_span, runs_of, standing
from tests.receiver.making import DEVICE, LOG


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    opened = open_for_writing(tmp_path)
    with opened.transaction() as connection:
        yield connection
    opened.close()


def expected(present: set[int]) -> Standing | None:
    if not present:
        return None
    mark = 0
    while mark + 1 in present:
        mark += 1
    gaps = runs_of(set(range(1, max(present))) - present)
    return Standing(Mark(Stream.ALARM, mark), tuple(Gap(Stream.ALARM, first, last) for first, last in gaps)[:16])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=25))
def test_marks_and_gaps_are_those_of_the_numbers_that_came(db: Connection, pieces: list[tuple[int, int]]) -> None:
    db.execute(t.span.delete())
    present: set[int] = set()
    for first, more in pieces:
        add_span(db, DEVICE, LOG, Stream.ALARM, first, first + more, 0)
        present |= set(range(first, first + more + 1))
        assert standing(db, DEVICE, LOG, Stream.ALARM) == expected(present)
    rows = db.execute(select(func.count()).select_from(t.span)).scalar_one()
    assert rows == len(list(runs_of(present)))


def test_streams_and_logs_are_numbered_by_themselves(db: Connection) -> None:
    add_span(db, DEVICE, LOG, Stream.ALARM, 1, 3, 0)
    add_span(db, DEVICE, LOG, Stream.FAULT, 2, 2, 0)
    add_span(db, DEVICE, LOG + 1, Stream.ALARM, 4, 4, 0)
    assert standing(db, DEVICE, LOG, Stream.ALARM) == Standing(Mark(Stream.ALARM, 3), ())
    assert standing(db, DEVICE, LOG, Stream.FAULT) == Standing(Mark(Stream.FAULT, 0), (Gap(Stream.FAULT, 1, 1),))
    assert standing(db, DEVICE, LOG, Stream.TELEMETRY) is None


def test_the_largest_lost_range_costs_one_row(db: Connection) -> None:
    add_span(db, DEVICE, LOG, Stream.TELEMETRY, 1, 4_294_967_295, 0)
    found = standing(db, DEVICE, LOG, Stream.TELEMETRY)
    assert found == Standing(Mark(Stream.TELEMETRY, 4_294_967_295), ())
