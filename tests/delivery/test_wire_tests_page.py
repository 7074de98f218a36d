"""Every test that docs/wire-tests.md names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "wire-tests.md"


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    there: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        there.update(re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8")))
    assert len(named) > 100
    assert sorted(named - there) == []
