"""`edge-agent run` whose core also calls every change of the controller's fault code an alarm, as a gateway would.

`python -m benchmarks.peers.every_change run --config FILE`. A real box debounces and judges, and would say nothing of
a value that stands for a tenth of a second. Everything else is the agent as it is: driver, order, core, commit, seal.
After each commit of such an alarm a line `NS VALUE` goes into `commits` in the working folder (CLOCK_MONOTONIC).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Conclusion, Evidence, Severity
from edge_agent.detect.detector import Detector
from edge_agent.outbox import Outbox
from edge_agent.readings import ControllerReport, Reading
from edge_agent.records import RecordDraft, StoredRecord
from edge_agent.wire import Stamp

KIND = AlarmKind.ALARM_BUTTON  # of the lane of alarms: committed one by one, sent at once
NAME = "fault_code"
COMMITS = "commits"


class EveryChange(Detector):
    """The core, and one more conclusion for each change."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        known = [each.incident for each in named.get("resumed", ()) if each.kind is KIND]
        self._incident = known[0] if known else named["first_incident"] + 1_000
        self._state = AlarmState.UPDATED if known else AlarmState.RAISED
        self._code: int | None = None

    def step(self, reading: Reading) -> tuple[Conclusion, ...]:
        """See the class."""
        conclusions = super().step(reading)
        if not isinstance(reading, ControllerReport) or reading.fault in (None, 0, self._code):
            return conclusions
        self._code = reading.fault
        alarm = Alarm(
            t_ns=reading.t_ns,
            kind=KIND,
            state=self._state,
            severity=Severity.MAJOR,
            incident=self._incident,
            evidence=(Evidence(NAME, int(self._code or 0)),),
        )
        self._state = AlarmState.UPDATED
        return (*conclusions, alarm)


class WitnessedOutbox(Outbox):
    """Tells of each commit when it is over."""

    def append(self, draft: RecordDraft, stamp: Stamp) -> StoredRecord | None:
        """See the class."""
        stored = super().append(draft, stamp)
        if stored is not None and stored.kind == KIND:
            line = f"{time.monotonic_ns()} {draft.note.partition(NAME + '=')[2]}\n"
            with Path(COMMITS).open("a", encoding="ascii") as witness:
                witness.write(line)
        return stored


if __name__ == "__main__":
    import edge_agent.cli.run
    import edge_agent.outbox_volatile

    vars(edge_agent.cli.run)["Detector"] = EveryChange
    vars(edge_agent.outbox_volatile)["Outbox"] = WitnessedOutbox
    from edge_agent.__main__ import main

    sys.exit(main())
