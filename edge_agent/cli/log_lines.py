"""The log of the running agent: one line a sentence, for a terminal or for the journal of systemd."""

from __future__ import annotations

import logging
import os
import sys

from edge_agent.journal import LOGGER

_JOURNALD_LEVELS = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


class _PlainLines(logging.Formatter):
    """One line a sentence: with a time for a terminal, with a level for the journal of systemd."""

    def __init__(self, *, for_journald: bool) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._for_journald = for_journald

    def format(self, record: logging.LogRecord) -> str:
        sentence = " ".join(record.getMessage().splitlines())
        if self._for_journald:
            return f"<{_JOURNALD_LEVELS.get(record.levelno, 6)}>{sentence}"
        return f"{self.formatTime(record, self.datefmt)} {record.levelname.lower():8} {sentence}"


def start_log(level: str) -> None:
    """Let the agent's words out from this level on."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(_PlainLines(for_journald="JOURNAL_STREAM" in os.environ))
    LOGGER.addHandler(lines)
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False
    logging.getLogger().addHandler(logging.NullHandler())  # libraries have their own words for what sources report
