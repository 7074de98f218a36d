"""Keeps what the core learns: now and then and at an orderly end it goes to the file; its readiness goes to the log."""

from __future__ import annotations

import logging

from edge_agent.baselines_file import BaselinesFile
from edge_agent.catalogue_readiness import STATES
from edge_agent.detect.baselines import Baselines
from edge_agent.detect.detector import Detector
from edge_agent.installation import Installation
from edge_agent.journal import Journal

NS_PER_S = 1_000_000_000
LOOK_NS = NS_PER_S
WRITE_NS = 30 * 60 * NS_PER_S
"""Every half hour, where something has changed: 48 small writes a day wear no card. A crash costs so much learning."""

FIRST_WRITE_NS = 5 * 60 * NS_PER_S  # a box that is switched off every evening learns something on its first day


class BaselinesKeeper:
    """See the module. Trouble with the disk loses learning, never an alarm."""

    def __init__(
        self,
        file: BaselinesFile,
        installation: Installation,
        journal: Journal,
        now_ns: int,
        written: Baselines | None = None,
    ) -> None:
        """written: what the file holds."""
        self._file = file
        self._installation = installation
        self._journal = journal
        self._written = written
        self._look_ns = now_ns
        self._write_ns = now_ns + FIRST_WRITE_NS

    def work(self, detector: Detector, now_ns: int) -> None:
        """Look once a second; write when it is time."""
        if now_ns < self._look_ns:
            return
        self._look_ns = now_ns + LOOK_NS
        state = detector.readiness().state
        self._journal.change(now_ns, logging.INFO, "readiness", f"What the core knows of this lift: {STATES[state][0]}")
        if now_ns >= self._write_ns:
            self._write_ns = now_ns + WRITE_NS
            self.write(detector, now_ns)

    def write(self, detector: Detector, now_ns: int) -> None:
        """Write what has changed since the last time. Never raises."""
        baselines = detector.baselines()
        if baselines is None or baselines == self._written:
            return
        try:
            self._file.write(baselines, self._installation)
        except OSError as error:
            problem = f"What was learned cannot be kept: {self._file.path}: {error.strerror or error}"
            self._journal.change(now_ns, logging.WARNING, "baselines", problem)
            return
        self._written = baselines
        self._journal.change(now_ns, logging.INFO, "baselines", f"What was learned is kept in {self._file.path}")
