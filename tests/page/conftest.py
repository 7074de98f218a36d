"""A browser for the tests of this folder, started once; they skip by name where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.page.browser import Browser, why_no_browser
from tests.page.material import Told, told_by_simulator
from tests.page.site import Site


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The entrapment of a story, and what was felt around it."""
    return told_by_simulator(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def windows() -> Iterator[Callable[[str], Browser]]:
    """Gives a window by the name of who looks; the same name gives the same window."""
    why = why_no_browser()
    if why:
        pytest.skip(why)
    opened: dict[str, Browser] = {}

    def window(who: str) -> Browser:
        if who not in opened:
            opened[who] = Browser()
        return opened[who]

    yield window
    for browser in opened.values():
        browser.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A receiver that knows nothing yet."""
    running = Site(tmp_path / "receiver")
    yield running
    running.close()
