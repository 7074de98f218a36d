"""The log says each change once, counts what is too fast, and always says the last one."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from edge_agent.journal import Journal

S = 1_000_000_000


class Lines(logging.Handler):
    """Keeps what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.fixture
def lines() -> Iterator[Lines]:
    kept = Lines()
    logger = logging.getLogger("test.journal")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(kept)
    yield kept
    logger.removeHandler(kept)


@pytest.fixture
def journal(lines: Lines) -> Journal:
    return Journal(logging.getLogger("test.journal"), quiet_s=5.0)


def test_the_same_state_is_said_once(journal: Journal, lines: Lines) -> None:
    for second in range(100):
        journal.change(second * S, logging.INFO, "firm", "reached")
    assert lines.said == ["reached"]


def test_a_change_after_a_pause_is_said_at_once(journal: Journal, lines: Lines) -> None:
    journal.change(0, logging.INFO, "firm", "reached")
    journal.change(5 * S, logging.WARNING, "firm", "silent")
    assert lines.said == ["reached", "silent"]


def test_quick_changes_wait_and_the_last_one_is_said(journal: Journal, lines: Lines) -> None:
    journal.change(0, logging.INFO, "firm", "reached")
    journal.change(1 * S, logging.WARNING, "firm", "silent")
    journal.change(2 * S, logging.INFO, "firm", "refused")
    journal.settle(4 * S)
    assert lines.said == ["reached"]
    journal.settle(5 * S)
    assert lines.said == ["reached", "refused (1 changes before it were left out)"]


def test_a_state_that_came_back_within_the_pause_is_not_said_again(journal: Journal, lines: Lines) -> None:
    journal.change(0, logging.INFO, "firm", "reached")
    journal.change(1 * S, logging.WARNING, "firm", "silent")
    journal.change(2 * S, logging.INFO, "firm", "reached")
    journal.settle(60 * S)
    assert lines.said == ["reached"]


def test_topics_do_not_silence_one_another(journal: Journal, lines: Lines) -> None:
    journal.change(0, logging.INFO, "firm", "reached")
    journal.change(0, logging.INFO, "city", "silent")
    assert lines.said == ["reached", "silent"]
