"""docs/driver-evidence.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(test_[a-z0-9_]+)`")
DEFINED = re.compile(r"^\s*def (test_[a-z0-9_]+)\(", re.M)


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "driver-evidence.md").read_text(encoding="utf-8")
    named = set(NAMED.findall(page))
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in DEFINED.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    assert sorted(named - defined) == []
