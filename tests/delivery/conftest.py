"""Folders in memory where the system has one: nothing here depends on a real disk, and a busy one is slow to sync."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.making import folder_in_memory


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of this test's own."""
    with folder_in_memory() as folder:
        yield folder
