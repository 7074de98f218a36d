"""Places for a store: a folder with a SQLite file, and a database of a real PostgreSQL server."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from receiver.database import Place
from tests.receiver.postgresql import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One server for all tests of a run."""
    running = Cluster()
    yield running
    running.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Gives an empty place of one kind each time it is called."""
    if request.param == "sqlite":
        numbers = itertools.count()
        return lambda: tmp_path if (number := next(numbers)) == 0 else tmp_path / str(number)
    running: Cluster = request.getfixturevalue("cluster")
    return running.new_database


@pytest.fixture
def place(places: Callable[[], Place]) -> Place:
    """An empty place."""
    return places()
